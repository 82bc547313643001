//! The estimate service on real Postgres and NATS, through its gRPC door.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod bad_input;
mod cancel;
mod deals;
mod events_in;
mod events_out;
mod harness;
mod lifecycle;
mod pricing;
mod reading;
mod renewal;
mod start;
mod tenants;
