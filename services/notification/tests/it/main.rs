//! The notification service on real Postgres and NATS, with a mail server and a webhook receiver.

#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers end it like the test itself"
)]

mod delivery;
mod hooks;
mod notices;
mod samples;
mod smtp;
mod subscriptions;
mod system;
mod tenants;
mod webhooks;
mod words;
