//! Deal files: a deal from estimate to reconciled cash as a person would tell it, and the player
//! that plays it over gRPC against a running system.
//!
//! A file is a list of steps; each is a gRPC call (any method of any service, by its full name, the
//! request in protobuf's JSON written as YAML), an act in the marketplace sandbox, a feed dropped into
//! the feeds' folder, an event that no service said, a look into the mailbox, or a move of the clock. A step says what must hold
//! after it; the first that does not ends the deal. `deploy/local/deals/` has examples of everything.
//!
//! - `file`: a deal, read from a file; `written`: the file's words, with errors that name the line
//! - `variables`, `duration`, `path`, `expectation`: what is written in values
//! - `wire`: calls without generated code; `refusal`: how a service says no
//! - `act`: what a step does, `event`: one of those things; `player`: one step after the other
//! - `story`, `sheet`: what is left to tell and to show

mod act;
mod duration;
mod event;
mod expectation;
mod file;
mod path;
mod player;
mod refusal;
mod sheet;
mod story;
#[cfg(test)]
mod tenants;
mod variables;
mod webhook;
mod wire;
mod written;

pub use file::Deal;
pub use player::Player;
pub use sheet::{Cell, Sheet};
pub use story::{MoneyLine, Story, grouped};

/// The deals of `deploy/local/deals`, in the order in which they are told one after the other.
pub const DEALS: [&str; 17] = [
    "handbook",
    "rejected",
    "short-paid",
    "installments",
    "portal",
    "associated",
    "public-order",
    "milestones",
    "renewal",
    "change-order",
    "resale",
    "resale-markup",
    "resale-manufacturer",
    "resale-open-ended",
    "refused",
    "refused-feeds",
    "refused-events",
];
/// The one that leaves parked events, after which the invariants cannot hold: so it comes last.
pub const LEAVES_PARKED: &str = "refused-events";
