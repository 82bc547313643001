//! What the offer service decides, as synchronous functions of values. No clock, no I/O.
//!
//! | module | what |
//! |---|---|
//! | [`id`] | names of offers, cases, products, and of what AWS makes |
//! | [`deal`] | the approved deal: what an offer is made from (A4, O3) |
//! | [`listing`] | a product of the seller on AWS Marketplace |
//! | [`intake`] | what must be known before an offer, every wrong item at once (O1) |
//! | [`engagement`] | what is known of a deal: stamp, signature, checklist, intake |
//! | [`offer`] | the offer's states, events and their fold (O8) |
//! | [`command`] | what can be asked of an offer, and [`command::decide`] |
//! | [`association`] | an offer that was made elsewhere, compared and adopted (O12) |
//! | [`cloning`] | a new offer from the terms of another (O12) |
//! | [`import`] | what the seller has at AWS, read page by page (O12) |
//! | [`plan`] | what AWS is sent, as values: pre-flight and change set are made from the same plan |
//! | [`preflight`] | AWS's rules, checked here before AWS is called (O4) |
//! | [`limits`] | what AWS's sources are not sure of, as a seller says it (O4) |
//! | [`portal`] | the sheet for AWS's portal, the check of what was entered, and what is read back (O10, O11) |
//! | [`change_order`], [`unpaid`] | an agreement that another one replaces: cancelled, adjusted, offered anew; what it leaves unpaid (O15) |
//! | [`clock`], [`calendar`] | what must happen by when, and the days that count (O18) |
//! | [`agreement`] | an agreement as AWS shows it (O13) |
//! | [`order`] | what a buyer accepted, and who the buyer is (O14) |
//! | [`payment`] | requests for money under the cap of variable payments (O17) |
//! | [`renewal`], [`milestones`], [`cosell`] | agreements that end, who sees to each and when, and whether what follows grows (O16) |
//! | [`resale`] | resale authorizations, and offers made from them (O5) |
//! | [`rejection`] | the refusals, each with its stable reason code |
#![deny(clippy::wildcard_enum_match_arm, clippy::float_arithmetic)]

pub(crate) mod agreement;
pub(crate) mod association;
pub(crate) mod calendar;
pub(crate) mod change_order;
pub(crate) mod clock;
pub(crate) mod cloning;
pub(crate) mod command;
pub(crate) mod cosell;
pub(crate) mod deal;
pub(crate) mod engagement;
pub(crate) mod id;
pub(crate) mod import;
pub(crate) mod intake;
pub(crate) mod limits;
pub(crate) mod listing;
pub(crate) mod milestones;
pub(crate) mod offer;
pub(crate) mod order;
pub(crate) mod payment;
pub(crate) mod plan;
pub(crate) mod portal;
pub(crate) mod preflight;
pub(crate) mod rejection;
pub(crate) mod renewal;
pub(crate) mod resale;
pub(crate) mod unpaid;

#[cfg(test)]
mod draft_tests;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
