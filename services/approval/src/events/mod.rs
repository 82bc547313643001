//! What others hear, and what is heard from others.

pub mod inbound;
pub(crate) mod outbound;
