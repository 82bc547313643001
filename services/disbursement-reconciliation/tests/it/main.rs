//! The service on real Postgres, through its gRPC door, its event handler and its feeds folder.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends; helpers are outside #[test] functions"
)]

mod csv;
mod database;
mod deals;
mod events;
mod feeds;
mod manufacturer;
mod neighbours;
mod refusals;
mod resale;
mod tenants;
mod world;
