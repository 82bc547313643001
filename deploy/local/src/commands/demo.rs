//! `demo`: the main job, shown as it goes.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{from_here, keep_logs, lasting_folder, play, show, start, tell, tell_files};
use crate::cli::ServerArgs;
use crate::console::Console;
use crate::deal::{DEALS, Deal, Story};
use crate::environment::{Environment, workspace};
use crate::mail_catcher::Mail;

pub(super) async fn run(servers: &ServerArgs, console: &Console) -> Result<()> {
    console.say("Countersign: a deal from estimate to reconciled cash, on real servers.");
    let deals =
        DEALS.map(|name| Deal::read(&workspace().join(format!("deploy/local/deals/{name}.yaml"))));
    let deals = deals.into_iter().collect::<Result<Vec<_>>>()?;
    let environment = start(servers, console).await?;
    let played = play_all(&deals, &environment, console).await;
    if played.is_err() {
        keep_logs(&environment, console);
    }
    played
}

async fn play_all(deals: &[Deal], environment: &Environment, console: &Console) -> Result<()> {
    let mut stories = Vec::new();
    for deal in deals {
        stories.push(play(deal, environment.endpoints(), console).await?);
    }
    console.heading("The money");
    for story in &stories {
        tell(story, console);
    }
    let mails = environment.endpoints().mailbox.all().await?;
    let kept = keep_mails(&mails)?;
    console.heading(format_args!(
        "The {} e-mails that were sent: {}",
        mails.len(),
        from_here(&kept).display()
    ));
    for story in &stories {
        console.say(show::mails(story, &mails));
    }
    console
        .heading("The legal document that AWS shows the buyer: licence, SOW and annex in one PDF");
    tell_files(&stories, console);
    let steps: usize = stories.iter().map(|story: &Story| story.steps).sum();
    console.heading(format_args!(
        "{} deals, {steps} steps, all as they should be, in {:.0} s from nothing to here.",
        stories.len(),
        environment.age().as_secs_f32()
    ));
    Ok(())
}

/// Copies the mails to a folder that outlives the run, in place of those of the run before.
fn keep_mails(mails: &[Mail]) -> Result<PathBuf> {
    let folder = lasting_folder("demo")?.join("mail");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("removing the mails of the run before")?;
    }
    std::fs::create_dir(&folder).context("making a folder for mails")?;
    for (number, mail) in (1..).zip(mails) {
        std::fs::copy(&mail.file, folder.join(format!("{number:03}.eml")))
            .context("keeping a mail")?;
    }
    Ok(folder)
}
