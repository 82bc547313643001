//! The platform on real Postgres and NATS: one test per promise, and per trap behind it.
//!
//! `sample` publishes what it notes; `reader` notes what it hears. Both are in [`support`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod absent;
mod audit;
mod auth;
mod calls;
mod certificates;
mod commands;
mod consumer;
mod crash;
mod issuer;
mod log;
mod notes;
mod observed;
mod operations;
mod relay;
mod schema;
mod support;
mod tasks;
mod tenants;
mod tls;
mod tls_servers;
