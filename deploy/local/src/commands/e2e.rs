//! `e2e`: the deals and every fault, in containers, from outside.
//!
//! - a start without Postgres, one on a schema of an older release and without NATS, one twice
//! - every deal of the demo
//! - the [`matrix`]: each container dies, stands still, and is cut off, in the middle of a deal
//! - a second container of every service, and a rolling restart of both under load

use std::path::Path;

use anyhow::{Context, Result, ensure};
use countersign_platform::grpc::{EVENTS, LIVENESS, READINESS};
use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};

use super::matrix::{self, Cell};
use super::{doors, lasting_folder, rolling};
use crate::cli::ServerArgs;
use crate::compose::{Containers, POSTGRES, ensure_images};
use crate::console::Console;
use crate::deal::{DEALS, Deal, LEAVES_PARKED, Player, Story};
use crate::environment::{Binaries, Build, Service, run_id, workspace};
use crate::invariants;

/// The deal that the faults befall.
const DISTURBED: &str = "handbook";
/// Deals that do not get into each other's way: of those that come to cash there is only one, since the
/// sandbox's AWS pays everybody at once. Nor one that takes webhooks, which another's move of the clock
/// makes stale.
const SIDE_BY_SIDE: [&str; 3] = [DISTURBED, "rejected", "rejected"];
pub(super) async fn run(given: &ServerArgs, only: &[String], console: &Console) -> Result<()> {
    let cells = matrix::cells(only)?;
    console.say("Countersign in containers: every deal, and every fault in the middle of one.");
    let binaries = match &given.bin_dir {
        Some(folder) => Binaries::in_folder(folder)?,
        None => Binaries::build(Build::Development, console).await?,
    };
    ensure_images(binaries.folder()?, console).await?;
    let mut system = Containers::prepare().await?;
    let played = play_all(&mut system, &cells, console).await;
    if played.is_err() {
        keep_logs(&mut system, console).await;
    }
    let step = console.step("containers, volumes and network are removed");
    let removed = system.down().await;
    if removed.is_ok() {
        step.done("");
    }
    // What went wrong first is what is told.
    played.and(removed)
}

async fn play_all(system: &mut Containers, cells: &[Cell], console: &Console) -> Result<()> {
    console.heading("Starting with something missing");
    without_postgres(system, console).await?;
    older_schema(system, console).await?;
    everything_twice(system, console).await?;
    doors::open_for_tokens_only(system, console).await?;
    doors::show_figures(system, console).await?;
    console.heading("The deals");
    let (last, deals): (Vec<_>, Vec<_>) =
        DEALS.into_iter().partition(|name| *name == LEAVES_PARKED);
    let mut stories = Vec::new();
    for name in deals {
        stories.push(one_line(&deal(name)?, system, console).await?);
    }
    holds(system, console).await?;
    console.heading("Faults, each in the middle of the handbook deal");
    let undisturbed = stories.iter().find(|story| story.deal == DISTURBED);
    let undisturbed = undisturbed.context("the deal to disturb was not played")?;
    for cell in cells {
        matrix::play(*cell, &deal(DISTURBED)?, undisturbed, system, console).await?;
    }
    console.heading("Two containers of every service");
    let step = console.step("a second container of each");
    for service in Service::ALL {
        system.replicate(service).await?;
    }
    step.done("");
    one_line(&deal(DISTURBED)?, system, console).await?;
    let mut rolled = Vec::new();
    for name in SIDE_BY_SIDE {
        let story = stories.iter().find(|story| story.deal == name);
        rolled.push((deal(name)?, story.context("a deal that was not played")?));
    }
    rolling::restart(&rolled, system, console).await?;
    holds(system, console).await?;
    for name in last {
        one_line(&deal(name)?, system, console).await?;
    }
    system.none_ended().await
}

/// Nothing but the services: they live, wait, say so, and do not end.
async fn without_postgres(system: &mut Containers, console: &Console) -> Result<()> {
    let step = console.step("without Postgres and NATS the services wait and say so");
    system.up_alone(&Service::ALL.map(Service::name)).await?;
    system.all_say(LIVENESS, Serving).await?;
    system.all_say(READINESS, NotServing).await?;
    system.all_log("Postgres is away; waiting").await?;
    system.none_ended().await?;
    step.done("five services, none ended");
    Ok(())
}

/// A volume that a release before the last migrations has left; still no NATS.
async fn older_schema(system: &mut Containers, console: &Console) -> Result<()> {
    let step = console.step("on an older schema they wait for `migrate`");
    system.up_alone(&[POSTGRES]).await?;
    system.postgres_is_there().await?;
    system.run_all("provision").await?;
    for service in Service::ALL {
        step.note(service);
        migrate_to_older(&system.owner_url(service)?, service).await?;
    }
    system
        .all_log("migrations are missing; waiting for `migrate`")
        .await?;
    system.none_ended().await?;
    step.done("");
    let step = console.step("`up` on that volume migrates it; without NATS they serve");
    system.down_but_volumes().await?;
    system.up(&Service::ALL.map(Service::name)).await?;
    system.all_say(READINESS, Serving).await?;
    system.all_say(EVENTS, NotServing).await?;
    system.none_ended().await?;
    step.done("");
    Ok(())
}

async fn everything_twice(system: &mut Containers, console: &Console) -> Result<()> {
    let step = console.step("`up` of everything");
    system.up(&[]).await?;
    system.all_say(READINESS, Serving).await?;
    system.all_say(EVENTS, Serving).await?;
    step.done("");
    let step = console.step("`up` once more changes nothing");
    let before = system.ids().await?;
    system.up(&[]).await?;
    ensure!(system.ids().await? == before, "`up` made other containers");
    system.all_say(READINESS, Serving).await?;
    system.none_ended().await?;
    step.done("");
    Ok(())
}

/// Every migration of the platform and the service but the service's last.
async fn migrate_to_older(owner_url: &str, service: Service) -> Result<()> {
    let older = tempfile::tempdir().context("making a folder for migrations")?;
    let mut files = Vec::new();
    for part in ["platform", service.name()] {
        let folder = workspace().join("services").join(part).join("migrations");
        for entry in std::fs::read_dir(&folder).context("looking for migrations")? {
            files.push(entry?.path());
        }
    }
    files.sort_by_key(|file| file.file_name().map(ToOwned::to_owned));
    files.pop();
    for file in &files {
        let name = file.file_name().context("a migration without a name")?;
        std::fs::copy(file, older.path().join(name)).context("copying a migration")?;
    }
    let options: PgConnectOptions = owner_url.parse()?;
    let mut connection = options
        .options([("search_path", service.schema())])
        .connect()
        .await
        .context("connecting as the schema's owner")?;
    let migrator = Migrator::new(older.path()).await?;
    let ran = migrator.run_direct(None, &mut connection, false).await;
    ran.with_context(|| format!("migrating {service}"))
}

/// Plays a deal as one line.
async fn one_line(deal: &Deal, system: &Containers, console: &Console) -> Result<Story> {
    let step = console.step(format!("{}: {}", deal.name, deal.title));
    let downloads = tempfile::tempdir().context("making a folder for downloads")?;
    let player = Player::new(deal, system.endpoints(), &run_id(), downloads.path())?;
    let story = player.play(&Console::quiet()).await?;
    step.done(format_args!("{} steps", story.steps));
    Ok(story)
}

async fn holds(system: &Containers, console: &Console) -> Result<()> {
    let step = console.step("every event has arrived once, nothing is parked or given up");
    invariants::hold(&system.admin_url()?).await?;
    step.done("");
    Ok(())
}

fn deal(name: &str) -> Result<Deal> {
    Deal::read(&workspace().join(format!("deploy/local/deals/{name}.yaml")))
}

async fn keep_logs(system: &mut Containers, console: &Console) {
    let kept = async {
        let file = lasting_folder("logs")?.join("compose.log");
        system.keep_logs(&file).await?;
        anyhow::Ok(file)
    };
    match kept.await {
        Ok(file) => console.say(format_args!(
            "\nWhat every container said: {}",
            shown(&file)
        )),
        Err(error) => console.say(format_args!("\nThe logs could not be kept: {error:#}")),
    }
}

fn shown(file: &Path) -> std::path::Display<'_> {
    super::from_here(file).display()
}
