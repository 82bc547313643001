//! A whole running system for the tests, and the checks that must hold of it once it is quiet.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use countersign_local::console::Console;
use countersign_local::deal::{Deal, Player};
use countersign_local::environment::{
    Build, DatabaseRole, Durability, Environment, External, Options, Service,
};
use countersign_local::invariants;
use sqlx::{Connection, PgConnection};

/// A private Postgres and NATS, the five services with their fault points, sandbox and catchers.
///
/// # Errors
/// If anything does not start.
pub async fn start() -> Result<Environment> {
    start_traced(None).await
}

/// The same, with traces sent to a collector (OTLP over gRPC).
///
/// # Errors
/// If anything does not start.
pub async fn start_traced(collector: Option<String>) -> Result<Environment> {
    let options = Options {
        external: External::default(),
        // Postgres is killed in some tests: what it said is committed must be there.
        durability: Durability::Durable,
        build: Build::WithFaults,
        binaries: std::env::var_os("COUNTERSIGN_BIN_DIR").map(PathBuf::from),
        rate_limit: None,
        collector,
    };
    Environment::start(&options, &Console::quiet()).await
}

/// Reads one of `deploy/local/deals`.
///
/// # Errors
/// If the file is not a deal.
pub fn deal(name: &str) -> Result<Deal> {
    let file = format!("../deploy/local/deals/{name}.yaml");
    Deal::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
}

/// Plays a deal to its end; `run` tells this play from every other.
///
/// # Errors
/// At the first step that does not hold.
pub async fn play(environment: &Environment, deal: &Deal, run: &str) -> Result<()> {
    let downloads = tempfile::tempdir().context("making a folder for downloads")?;
    let player = Player::new(deal, environment.endpoints(), run, downloads.path())?;
    player.play(&Console::quiet()).await.map(drop)
}

/// A superuser's connection to the system's database.
///
/// # Errors
/// If Postgres is away.
pub async fn superuser(environment: &Environment) -> Result<PgConnection> {
    let url = environment.database_url_as(Service::Estimate, DatabaseRole::Superuser)?;
    let connected = PgConnection::connect(&url).await;
    connected.context("connecting as superuser")
}

/// Waits until every invariant holds.
///
/// # Errors
/// If one still does not after a minute: which, where, and the first that break it.
pub async fn invariants_hold(environment: &Environment) -> Result<()> {
    let url = environment.database_url_as(Service::Estimate, DatabaseRole::Superuser)?;
    invariants::hold(&url).await
}
