//! A rolling restart under load: each container is asked to stop while deals go on, and ends by itself.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use futures::future::try_join_all;

use crate::compose::Containers;
use crate::console::Console;
use crate::deal::{Deal, Player, Story};
use crate::environment::{Service, run_id};

/// Stops and starts every container of every service, one after the other, while each of `deals` is
/// played again and again beside the others. Each container must end by itself within its grace, and
/// each deal in the balance of its undisturbed story.
pub(super) async fn restart(
    deals: &[(Deal, &Story)],
    system: &Containers,
    console: &Console,
) -> Result<()> {
    let step = console.step("a rolling restart of all of them, while deals go on");
    let rolled = AtomicBool::new(false);
    let roll = async {
        let mut stopped = 0;
        for service in Service::ALL {
            step.note(service);
            stopped += system.roll(service).await?;
        }
        rolled.store(true, Ordering::Relaxed);
        anyhow::Ok(stopped)
    };
    let load = deals
        .iter()
        .map(|(deal, story)| play_until(&rolled, deal, story, system));
    let load = try_join_all(load);
    let (stopped, played) = tokio::try_join!(roll, load)?;
    let played: usize = played.iter().sum();
    step.done(format_args!(
        "{stopped} containers stopped within their grace, {played} deals in the same balance"
    ));
    Ok(())
}

/// Plays until somebody says so; returns how many deals it was.
async fn play_until(
    rolled: &AtomicBool,
    deal: &Deal,
    undisturbed: &Story,
    system: &Containers,
) -> Result<usize> {
    let downloads = tempfile::tempdir().context("making a folder for downloads")?;
    let mut ended = 0;
    while !rolled.load(Ordering::Relaxed) {
        let player = Player::new(deal, system.endpoints(), &run_id(), downloads.path())?;
        let story = player.play(&Console::quiet()).await?;
        story.balances_as(undisturbed)?;
        ended += 1;
    }
    Ok(ended)
}
