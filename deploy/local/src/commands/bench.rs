//! `bench`: figures, on a release build and a Postgres that syncs, as in production.
//!
//! What makes the load is built like what bears it: on two cores, a development build of this tool
//! would take more of the machine than the services that it measures.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use super::keep_logs;
use crate::bench;
use crate::cli::ServerArgs;
use crate::console::Console;
use crate::environment::{Binaries, Build, Durability, Environment, Options, TOOL};

pub(super) async fn run(servers: &ServerArgs, console: &Console) -> Result<()> {
    if cfg!(debug_assertions) && servers.bin_dir.is_none() {
        return built_for_release(console).await;
    }
    if cfg!(debug_assertions) {
        console.say("A development build of this tool makes the load: the rates are too low.");
    }
    let options = Options {
        external: servers.external(),
        durability: Durability::Durable,
        build: Build::Release,
        binaries: servers.bin_dir.clone(),
        // A few callers stand for many.
        rate_limit: Some(1_000_000),
        collector: servers.collector.clone(),
    };
    let environment = Environment::start(&options, console).await?;
    let measured = bench::run(&environment, console).await;
    if measured.is_err() {
        keep_logs(&environment, console);
    }
    measured
}

/// Builds this tool with the services, and becomes it. Returns only if that fails.
async fn built_for_release(console: &Console) -> Result<()> {
    let binaries = Binaries::build(Build::Release, console).await?;
    let failed = Command::new(binaries.path(TOOL)?)
        .args(std::env::args_os().skip(1))
        .arg("--bin-dir")
        .arg(binaries.folder()?)
        .exec();
    Err(failed).context("starting this tool as it was built for release")
}
