//! Events of the other services in, facts about deliveries out.

pub(crate) mod inbound;
pub(crate) mod outbound;
