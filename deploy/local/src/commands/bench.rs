//! `bench`: figures, on a release build and a Postgres that syncs, as in production.

use anyhow::Result;

use super::keep_logs;
use crate::bench;
use crate::cli::ServerArgs;
use crate::console::Console;
use crate::environment::{Build, Durability, Environment, Options};

pub(super) async fn run(servers: &ServerArgs, console: &Console) -> Result<()> {
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
