//! `demo`: the main job, shown as it goes.

use anyhow::Result;

use super::{keep_logs, lasting_folder, play, show, start};
use crate::cli::ServerArgs;
use crate::console::Console;
use crate::deal::{Deal, Story};
use crate::environment::{Environment, workspace};

/// In the order in which they are told.
const DEALS: [&str; 4] = ["handbook", "rejected", "short-paid", "refused"];

pub(super) async fn run(servers: &ServerArgs, console: &Console) -> Result<()> {
    console.say("Countersign: a deal from estimate to reconciled cash, on real servers.\n");
    let deals =
        DEALS.map(|name| Deal::read(&workspace().join(format!("deploy/local/deals/{name}.yaml"))));
    let deals = deals.into_iter().collect::<Result<Vec<_>>>()?;
    let environment = start(servers, console).await?;
    let told = tell(&deals, &environment, console).await;
    if told.is_err() {
        keep_logs(&environment, console);
    }
    told
}

async fn tell(deals: &[Deal], environment: &Environment, console: &Console) -> Result<()> {
    let mut stories = Vec::new();
    for deal in deals {
        stories.push(play(deal, environment.endpoints(), console).await?);
    }
    console.heading("The money");
    for story in stories.iter().filter(|story| !story.money.is_empty()) {
        console.say(show::money(story));
    }
    console.heading("The e-mails that were sent");
    console.say(show::mails(environment.endpoints())?);
    let steps: usize = stories.iter().map(|story: &Story| story.steps).sum();
    console.heading(format_args!(
        "{} deals, {steps} steps, all as they should be.\nThe merged legal documents: {}",
        stories.len(),
        lasting_folder("demo")?.display()
    ));
    Ok(())
}
