//! The legal document: one unencrypted PDF out of the deal's documents, as AWS's API takes exactly
//! one (O6, facts §0.8).
//!
//! | module | what |
//! |---|---|
//! | [`typeset`] | plain text as A4 pages |
//! | [`merge`] | PDFs one behind the other, the same bytes for the same input |
//! | [`assemble`] | from the documents' bytes to the one PDF, or the reason why not |
//! | [`largest`] | the largest document that there can be, timed |
//! | [`source`] | the documents' bytes, from the approval service |
//! | [`store`] | the merged PDF by its digest, and a URL under which AWS reads it |

pub(crate) mod assemble;
pub(crate) mod largest;
mod merge;
pub(crate) mod source;
pub(crate) mod store;
mod typeset;
