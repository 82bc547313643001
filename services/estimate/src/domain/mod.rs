//! What an estimate is and what may become of it. Values in, values out: nothing here reads a
//! clock, makes an id, or does I/O.
//!
//! | file | rule family |
//! |---|---|
//! | [`estimate`], [`mod@decide`] | the life of an estimate: state, command, event, what happens when (E8) |
//! | [`rejection`] | what is refused, and the stable reason code of each refusal |
//! | [`form`], [`field`], [`check`] | what an author writes, as text, and how it becomes content (E1, E2, E7, E9) |
//! | [`content`] | packages, effort, scope, payment plan: what is true of every version (E1, E2, E7) |
//! | [`policy`], [`uplift`], [`fee`] | the seller's pricing rules and the listing fee, as data (E2, E3) |
//! | [`pricing`] | from content to price, fee, net and margin (E3, E4, E5) |
//! | [`solver`] | from the net that should be kept to the price, and back (E6) |
//! | [`customer_view`] | what the customer may see (E5) |
//! | [`renewal`] | what the estimate of a renewal starts from (E11) |
//! | [`replacement`] | what the estimate starts from that replaces an agreement which is over (E11, O15) |
//! | [`difference`] | in what two versions differ (E8) |

#![deny(clippy::wildcard_enum_match_arm, clippy::float_arithmetic)]

pub mod check;
pub mod content;
pub mod customer_view;
pub mod decide;
pub mod difference;
pub mod estimate;
pub mod fee;
pub mod field;
pub mod form;
pub mod policy;
pub mod pricing;
pub mod rejection;
pub mod renewal;
pub mod replacement;
pub mod solver;
pub mod uplift;

#[cfg(test)]
mod tests;

pub use decide::{Facts, decide};
pub use estimate::{Command, Event, State, evolve};
pub use rejection::Rejection;
