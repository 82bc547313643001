//! P7: the sandbox driven from outside, by both official Rust SDKs and its own `/sandbox` routes.

#![expect(
    clippy::unwrap_used,
    reason = "a precondition that does not hold ends the test there"
)]

mod buyer;
mod by_hand;
mod catalog;
mod clients;
mod deal;
mod entitlements;
mod events;
mod failures;
mod feeds;
mod lists;
mod market;
mod money;
mod process;
mod protocol;
mod reasons;
mod resale;
mod resale_rules;
mod rules;
mod search;
mod tags;
mod terms;
