//! What a notice is, who gets it, and how a delivery ends. Pure: no clock, no I/O.
//!
//! | module | rules |
//! |---|---|
//! | [`address`] | what an e-mail address, a webhook's URL and its secret look like (N4, N5) |
//! | [`subscription`] | who of an audience hears: at most 10 per audience and channel (N4) |
//! | [`cause`] | the public event behind a notice, in this service's words |
//! | [`notices`] | the table: which event tells what to whom (N1, N2, N3) |
//! | [`plan`] | cause and subscriptions → deliveries, once per recipient per cause (N6) |
//! | [`delivery`] | queued → sent or failed, back-off, redrive (N6) |
#![deny(clippy::wildcard_enum_match_arm, clippy::float_arithmetic)]

pub(crate) mod address;
pub(crate) mod cause;
pub(crate) mod delivery;
pub(crate) mod notices;
pub(crate) mod plan;
pub(crate) mod subscription;
