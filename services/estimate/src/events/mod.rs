//! Events out and in.

pub(crate) mod inbound;
pub(crate) mod outbound;
