//! Everything on one machine: set up, demo, test, play, bench.
//!
//! - [`cli`], [`commands`]: what a newcomer types
//! - [`environment`]: private Postgres and NATS, five services as five processes, the sandbox
//! - [`mail_catcher`], [`webhook_catcher`]: where mail and webhooks end up
//! - `compose`: the same in containers, by deploy/compose
//! - [`invariants`]: what must hold once everything is quiet
//! - [`deal`]: deal files, and the player that plays them over gRPC
//! - `bench`: figures
//! - [`console`]: what a person sees

mod bench;
pub mod cli;
pub mod commands;
mod compose;
pub mod console;
pub mod deal;
pub mod environment;
pub mod invariants;
pub mod mail_catcher;
pub mod webhook_catcher;
