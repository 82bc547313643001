//! What a newcomer types: one file per command.
//!
//! - `bench`: figures, as ratios in one run
//! - `catcher`: mail and webhooks, caught in a container
//! - `demo`: the deals of `deploy/local/deals`, shown as they go
//! - `e2e`: the deals and every fault, in containers; `doors`: who is let in; `matrix`: the faults;
//!   `rolling`: the restart
//! - `play`: a user's own deal
//! - `prepare`: secrets for deploy/compose
//! - `test`: every test, on real servers
//! - `token`: a bearer token for what `up` has started, or for deploy/compose
//! - `up`: everything, to stay
//! - `show`: tables and lines that these share

mod bench;
mod catcher;
mod demo;
mod doors;
mod e2e;
mod matrix;
mod play;
mod prepare;
mod rolling;
mod show;
mod test;
pub(crate) mod token;
mod up;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cli::{Cli, Command, ServerArgs};
use crate::console::Console;
use crate::deal::{Deal, Player, Story};
use crate::environment::{self, Build, Durability, Endpoints, Environment, Options};

/// Does what the command line says.
///
/// # Errors
/// Whatever keeps it from being done, in words for the person who typed it.
pub async fn run(cli: Cli) -> Result<()> {
    let console = Console::new();
    match cli.command {
        Command::Demo => demo::run(&cli.servers, &console).await,
        Command::Bench => bench::run(&cli.servers, &console).await,
        Command::Test { args } => test::run(&cli.servers, &args, &console).await,
        Command::Token(args) => token::run(&args),
        Command::E2e { only } => e2e::run(&cli.servers, &only, &console).await,
        Command::Prepare { folder } => prepare::run(folder, &console),
        Command::Catcher { smtp, http, mail } => catcher::run(smtp, http, &mail).await,
        Command::Up => up::run(&cli.servers, &console).await,
        Command::Play {
            file,
            against_up: true,
            ..
        } => play::against_up(&file, &console).await,
        Command::Play { file, keep, .. } => play::run(&cli.servers, &file, keep, &console).await,
    }
}

/// A running system as a person would have it: nothing lost at a power cut, no fault points.
async fn start(servers: &ServerArgs, console: &Console) -> Result<Environment> {
    let options = Options {
        external: servers.external(),
        durability: Durability::Durable,
        build: Build::Development,
        binaries: servers.bin_dir.clone(),
        rate_limit: None,
        collector: servers.collector.clone(),
    };
    Environment::start(&options, console).await
}

/// Plays one deal; its downloads go to a folder that stays, named after the deal.
async fn play(deal: &Deal, endpoints: &Endpoints, console: &Console) -> Result<Story> {
    console.heading(format_args!("{}: {}", deal.name, deal.title));
    let downloads = lasting_folder("demo")?.join(&deal.name);
    let player = Player::new(deal, endpoints, &environment::run_id(), &downloads)?;
    player.play(console).await
}

/// Keeps the logs of a system in which something went wrong, and says where.
fn keep_logs(environment: &Environment, console: &Console) {
    let kept = lasting_folder("logs").and_then(|folder| {
        environment.keep_logs(&folder)?;
        Ok(folder)
    });
    match kept {
        Ok(folder) => console.say(format_args!(
            "\nThe logs of every process: {}",
            folder.display()
        )),
        Err(error) => console.say(format_args!("\nThe logs could not be kept: {error:#}")),
    }
}

/// A folder under `target/countersign` that outlives the run.
fn lasting_folder(name: &str) -> Result<PathBuf> {
    let target = &environment::metadata()?.target_directory;
    let folder = target.as_std_path().join("countersign").join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// What a deal leaves to show: its money and its tables.
fn tell(story: &Story, console: &Console) {
    if !story.money.is_empty() {
        console.say(show::money(story));
    }
    for sheet in &story.sheets {
        console.say(show::sheet(story, sheet));
    }
}

/// The files that were downloaded, by deal.
fn tell_files(stories: &[Story], console: &Console) {
    for story in stories {
        for file in &story.files {
            console.say(format_args!(
                "  {}  {}",
                story.deal,
                from_here(file).display()
            ));
        }
    }
}

/// A path as short as it can be typed here.
fn from_here(path: &Path) -> &Path {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}
