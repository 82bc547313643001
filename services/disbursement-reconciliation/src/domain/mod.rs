//! What is owed, what was paid, and what differs: pure functions of sets of rows.
//!
//! | file | rule family |
//! |---|---|
//! | [`ids`] | AWS's names: agreements, offers, invoices, billing events |
//! | [`policy`] | how AWS pays the seller out, and what counts as a penny (R1, R3) |
//! | [`terms`] | the expected cash of an accepted agreement (R1) |
//! | [`authorization`] | what a reseller's sale of the seller's services lets expect (O2, R1) |
//! | [`billing_event`] | one immutable row of AWS's billing feed and what it means (R2, R3) |
//! | [`intake`] | which rows of a feed are new, repeated or in conflict (R2) |
//! | [`book`] | the set of rows that an agreement is reconciled from: ownership, deposits (R3) |
//! | [`turns`] | which charge a row belongs to (R3) |
//! | [`cash`] | figures and state per charge (R3, R4) |
//! | [`ledger`] | accounts and balanced transactions (R5) |
//! | [`posting`] | what each charge, row and deposit should have posted (R5) |
//! | [`discrepancy`] | differences as cases (R3, R8) |
//! | [`agreement`] | state, command, event, rejection; decide and evolve |
//!
//! Nothing here depends on the order in which rows arrive or on how often: every figure is computed
//! anew from the whole set, and the ledger is brought to what the set says by new entries.
#![deny(clippy::wildcard_enum_match_arm, clippy::float_arithmetic)]

pub(crate) mod agreement;
pub(crate) mod authorization;
pub(crate) mod billing_event;
pub(crate) mod book;
pub(crate) mod cash;
pub(crate) mod discrepancy;
pub(crate) mod ids;
pub(crate) mod intake;
pub(crate) mod ledger;
pub(crate) mod policy;
pub(crate) mod posting;
pub(crate) mod terms;
pub(crate) mod turns;

#[cfg(test)]
mod agreement_tests;
#[cfg(test)]
mod cash_tests;
#[cfg(test)]
mod discrepancy_tests;
#[cfg(test)]
mod end_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod request_tests;
#[cfg(test)]
mod samples;
