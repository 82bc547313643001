//! What befalls which container in the middle of a deal, which must end in the same balance.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::compose::{Containers, Fault, NATS, POSTGRES};
use crate::console::Console;
use crate::deal::{Deal, Player, Story};
use crate::environment::{Service, run_id};
use crate::invariants;

/// The longest that a disturbed deal may take.
const LIMIT: Duration = Duration::from_mins(4);

/// A container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Service(Service),
    Server(&'static str),
}

/// One fault of one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    target: Target,
    fault: Fault,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Service(service) => service.name(),
            Self::Server(name) => name,
        }
    }

    /// Where a deal is in the middle of what this container does for it.
    fn middle(self, deal: &Deal) -> usize {
        match self {
            // Notification is called before and after a deal; its work are the events in between.
            Self::Service(Service::Notification) | Self::Server(_) => deal.middle(None),
            Self::Service(service) => deal.middle(Some(service)),
        }
    }
}

/// Every fault of every container, or those that `only` names: `pause`, `kill:nats`.
pub(super) fn cells(only: &[String]) -> Result<Vec<Cell>> {
    let targets = Service::ALL.into_iter().map(Target::Service);
    let targets = targets.chain([NATS, POSTGRES].map(Target::Server));
    let mut cells: Vec<Cell> = targets
        .flat_map(|target| Fault::ALL.map(|fault| Cell { target, fault }))
        .collect();
    let names = |cell: &Cell, text: &str| {
        let (fault, target) = text.split_once(':').unwrap_or((text, cell.target.name()));
        fault == cell.fault.name() && target == cell.target.name()
    };
    for text in only {
        if !cells.iter().any(|cell| names(cell, text)) {
            bail!("{text:?} is no fault; it reads kill, pause or disconnect, and :CONTAINER");
        }
    }
    cells.retain(|cell| only.is_empty() || only.iter().any(|text| names(cell, text)));
    Ok(cells)
}

/// Plays `deal` with one fault in its middle. It must tell what the undisturbed one told.
pub(super) async fn play(
    cell: Cell,
    deal: &Deal,
    undisturbed: &Story,
    system: &Containers,
    console: &Console,
) -> Result<()> {
    let (fault, target) = (cell.fault.name(), cell.target.name());
    let at = cell.target.middle(deal);
    let step = console.step(format!("{fault} {target} at step {at} of {}", deal.len()));
    let downloads = tempfile::tempdir().context("making a folder for downloads")?;
    let mut player = Player::new(deal, system.endpoints(), &run_id(), downloads.path())?;
    let quiet = Console::quiet();
    for number in 0..at {
        player.play_step(number, &quiet).await?;
    }
    let rest = async {
        for number in at..deal.len() {
            player.play_step(number, &quiet).await?;
        }
        Ok(())
    };
    let disturbed = Box::pin(async { tokio::try_join!(system.befall(target, cell.fault), rest) });
    let ended = tokio::time::timeout(LIMIT, disturbed).await;
    ended.with_context(|| format!("not within {LIMIT:?}"))??;
    player.story().balances_as(undisturbed)?;
    invariants::hold(&system.admin_url()?).await?;
    system.none_ended().await?;
    step.done("the same balance");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_suffers_every_fault_unless_told_otherwise() {
        let only = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            cells(&texts)
        };
        assert_eq!(only(&[]).unwrap().len(), 7 * 3);
        assert_eq!(only(&["pause"]).unwrap().len(), 7);
        let two = only(&["kill:nats", "disconnect:offer"]).unwrap();
        let names: Vec<_> = two
            .iter()
            .map(|cell| (cell.fault.name(), cell.target.name()))
            .collect();
        assert_eq!(names, [("disconnect", "offer"), ("kill", "nats")]);
        assert!(only(&["kill:nobody"]).is_err());
        assert!(only(&["freeze"]).is_err());
    }
}
