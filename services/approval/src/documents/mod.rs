//! The outside world of documents (A7): what comes in is bounded, looked into, and stored under
//! the SHA-256 of its bytes.
//!
//! | module | what |
//! |---|---|
//! | [`upload`] | chunks → bytes, refused as soon as they are too many |
//! | [`inspect`] | bytes → what they are, whatever their name says |
//! | [`objects`] | bytes by digest: a local folder, or S3 |

pub(crate) mod inspect;
pub(crate) mod objects;
pub(crate) mod upload;

/// The largest document: 10 MB as AWS counts it for its upload, in binary megabytes (A7, O6).
pub(crate) const MAX_DOCUMENT_BYTES: usize = 10 * 1024 * 1024;
