//! The approval service on real Postgres, through its gRPC door and its event handler.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends; helpers are outside #[test] functions"
)]

mod callbacks;
mod deals;
mod documents;
mod events;
mod pdf;
mod refusals;
mod tenants;
mod world;
