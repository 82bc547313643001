//! What an approval is, as values and one synchronous function (A1, A3 to A6, A8).
//!
//! One aggregate per engagement, the [`Dossier`]: the newest submitted estimate, the documents and,
//! once opened, the approval [`Case`]. [`decide`] answers a [`Command`] with [`Event`]s or a
//! [`Rejection`]; [`Dossier::apply`] folds events into state and is the only way to change it.
//!
//! | module | rule family |
//! |---|---|
//! | [`estimate`], [`document`] | the values under approval; how many documents there may be (O6) |
//! | [`subject`] | parts and digests: what exactly an approval binds (A4) |
//! | [`policy`] | steps, what each binds, the checklist: data (A1) |
//! | [`dossier`] | state and its fold |
//! | `intake` | estimates submitted, withdrawn, expired (E8) |
//! | `filing` | documents added and removed (O6) |
//! | `review` | opening the case, deciding steps, voiding and stamping (A1, A3, A4, A5) |
//! | `signing` | routing and signatures in order (A6) |
//! | `checklist` | items done or waived (A8) |
#![deny(clippy::wildcard_enum_match_arm, clippy::float_arithmetic)]

pub mod command;
pub mod document;
pub mod dossier;
pub mod estimate;
pub mod event;
pub mod policy;
pub mod rejection;
pub mod subject;

mod checklist;
mod decide;
mod filing;
mod intake;
mod review;
mod signing;

#[cfg(test)]
pub(crate) mod tests;

pub use command::{Actor, Command, Facts};
pub use decide::decide;
pub use document::{Document, DocumentKind, MediaType};
pub use dossier::{Case, Dossier, Phase};
pub use estimate::Estimate;
pub use event::Event;
pub use policy::Policy;
pub use rejection::Rejection;
pub use subject::{Part, Parts};
