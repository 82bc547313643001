//! What this service tells and hears.

pub(crate) mod inbound;
pub(crate) mod outbound;
