//! The shell: what changes together, in one transaction that the caller commits.
//!
//! | module | commands |
//! |---|---|
//! | [`notify`] | an event → deliveries queued, each with its task (N1, N2, N3) |
//! | [`deliveries`] | what an attempt brought; redrive (N6) |
//! | [`subscriptions`] | put, remove, disable an address (N4) |

pub(crate) mod deliveries;
pub(crate) mod notify;
pub(crate) mod subscriptions;
