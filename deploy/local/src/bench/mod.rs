//! `bench`: figures, each as a ratio to what the machine gives in the same run, since machines are
//! noisy. Nothing here is a test: no figure fails a build.
//!
//! - `commands`: commands through one service against pgbench running the same SQL (`same_sql`)
//! - `in_flight`: ten thousand offers that AWS works on, and what else goes on meanwhile
//! - `offer`: the largest offer's pre-flight, and the merging of the five largest annexes
//! - `relay`: the outbox relay against JetStream's own acknowledged rate
//! - `latency`: from the commit in one service to the commit in the next, at a steady rate
//! - `resources`: memory of an idle service, time until a service serves
//! - `report`: the table

mod commands;
mod in_flight;
mod latency;
mod offer;
mod relay;
mod report;
mod resources;
mod same_sql;

use std::time::Instant;

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};

use crate::console::Console;
use crate::deal::{Deal, Player};
use crate::environment::{DatabaseRole, Environment, Service, workspace};
use report::{Figure, Target};

/// Takes every figure and prints the table.
///
/// # Errors
/// If a part of the system fails; figures taken before that are printed.
pub(crate) async fn run(environment: &Environment, console: &Console) -> Result<()> {
    let mut figures = Vec::new();
    let measured = measure(environment, console, &mut figures).await;
    console.heading("Figures");
    console.say(report::table(&figures));
    measured
}

async fn measure(
    environment: &Environment,
    console: &Console,
    figures: &mut Vec<Figure>,
) -> Result<()> {
    prepare(environment).await?;

    console.heading("Measuring");
    let step = console.step("memory and start-up of each service");
    figures.extend(resources::measure(environment).await?);
    step.done("");

    let step = console.step("pre-flight, merging documents");
    figures.extend(offer::measure(environment).await?);
    step.done("");

    let step = console.step("the handbook deal");
    figures.push(handbook(environment).await?);
    step.done("");

    let step = console.step("ten thousand offers in flight");
    figures.extend(in_flight::measure(environment).await?);
    step.done("");

    let step = console.step("commands against pgbench");
    figures.extend(commands::measure(environment).await?);
    step.done("");

    let step = console.step("latency from service to service");
    figures.extend(latency::measure(environment).await?);
    step.done("");

    let step = console.step("relay against JetStream");
    figures.extend(relay::measure(environment).await?);
    step.done("");
    Ok(())
}

/// Makes Postgres note when each transaction committed, which needs a restart.
async fn prepare(environment: &Environment) -> Result<()> {
    let mut connection = superuser(environment).await?;
    sqlx::query("ALTER SYSTEM SET track_commit_timestamp = on")
        .execute(&mut connection)
        .await
        .context("asking Postgres to keep commit times")?;
    drop(connection);
    environment.crash_postgres().await
}

async fn superuser(environment: &Environment) -> Result<PgConnection> {
    let url = environment.database_url_as(Service::Estimate, DatabaseRole::Superuser)?;
    PgConnection::connect(&url)
        .await
        .context("connecting as superuser")
}

/// The wall time of the whole handbook deal.
async fn handbook(environment: &Environment) -> Result<Figure> {
    let deal = Deal::read(&workspace().join("deploy/local/deals/handbook.yaml"))?;
    let downloads = tempfile::tempdir().context("making a folder for downloads")?;
    let player = Player::new(&deal, environment.endpoints(), "bench", downloads.path())?;
    let start = Instant::now();
    player.play(&Console::quiet()).await?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Figure::new("handbook deal, wall time", seconds, "s").target(Target::AtMost(60.0)))
}
