//! Events: what goes out, and what is heard.

pub(crate) mod inbound;
pub(crate) mod outbound;
