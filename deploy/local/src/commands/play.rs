//! `play FILE`: a deal of the user's own.

use std::path::Path;

use anyhow::Result;

use super::{keep_logs, play, show, start, tell, tell_files, up};
use crate::cli::ServerArgs;
use crate::console::Console;
use crate::deal::Deal;
use crate::environment::Endpoints;

pub(super) async fn run(
    servers: &ServerArgs,
    file: &Path,
    keep: bool,
    console: &Console,
) -> Result<()> {
    let deal = Deal::read(file)?;
    let environment = start(servers, console).await?;
    let told = play_one(&deal, environment.endpoints(), console).await;
    if told.is_err() {
        keep_logs(&environment, console);
    }
    if keep {
        if let Err(error) = &told {
            console.say(format_args!("\n{error:#}"));
        }
        console.say(show::endpoints(environment.endpoints()));
        console.say("Everything stays up. Ctrl-C ends it.");
        // Ctrl-C ends it from outside.
        std::future::pending::<()>().await;
    }
    told
}

pub(super) async fn against_up(file: &Path, console: &Console) -> Result<()> {
    let deal = Deal::read(file)?;
    play_one(&deal, &up::endpoints()?, console).await
}

async fn play_one(deal: &Deal, endpoints: &Endpoints, console: &Console) -> Result<()> {
    let story = play(deal, endpoints, console).await?;
    console.say("");
    tell(&story, console);
    let steps = story.steps;
    tell_files(&[story], console);
    console.heading(format_args!("{steps} steps, all as they should be."));
    Ok(())
}
