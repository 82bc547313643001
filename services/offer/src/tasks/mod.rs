//! What runs by the clock and reaches outside: each asks the outside first, without a transaction,
//! and then writes the answer as a command, with its own completion, in one.

mod adjustments;
mod agreements;
mod cancellations;
mod change_sets;
mod clocks;
mod documents;
mod import;
mod news;
mod payments;
mod portal;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::SellerId;
use countersign_platform::{Metrics, Wiring};

use crate::commands::{change_order, clock, follow_up, import as imports, payment};
use crate::config::OfferConfig;
use crate::documents::source::DocumentSource;
use crate::documents::store::DocumentStore;
use crate::marketplace::Marketplace;

/// The longest pause between two looks at what a buyer was asked for: buyers take days, and an answer is known
/// soon enough.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(15);
/// A pause is this part of the time since AWS took the request, within its bounds.
const PART_OF_WAIT: i32 = 64;

/// What the tasks reach.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) config: Arc<OfferConfig>,
    /// The tenant of the AWS account.
    pub(crate) seller: SellerId,
    pub(crate) marketplace: Marketplace,
    pub(crate) source: DocumentSource,
    pub(crate) store: DocumentStore,
}

impl Outside {
    /// When to look next at what the buyer was asked for at `sent_at`. The longer the buyer takes, the longer
    /// the pauses; as often as agreements at most. The moment at which silence `decides` is not slept
    /// through, and from then on it is looked at often.
    fn next_look(
        &self,
        now: DateTime<Utc>,
        sent_at: DateTime<Utc>,
        decides: Option<DateTime<Utc>>,
    ) -> DateTime<Utc> {
        let shortest = self.shortest_pause();
        let pause = (now - sent_at) / PART_OF_WAIT;
        let next = now + pause.min(LONGEST_PAUSE).max(shortest);
        match decides {
            Some(at) if at <= now => now + shortest,
            Some(at) => next.min(at),
            None => next,
        }
    }

    fn shortest_pause(&self) -> TimeDelta {
        let shortest = i64::try_from(self.config.agreement_poll_ms).unwrap_or(i64::MAX);
        TimeDelta::milliseconds(shortest)
    }
}

/// Adds every task.
pub(crate) fn wire(wiring: Wiring, outside: &Outside, metrics: &Metrics) -> Wiring {
    let breached = clocks::breached(metrics);
    let hears = outside.marketplace.hears_news();
    wiring
        .task(follow_up::ASSEMBLE, documents::Assemble(outside.clone()))
        .task(
            follow_up::START_CHANGE_SET,
            change_sets::Start(outside.clone()),
        )
        .task(
            follow_up::POLL_CHANGE_SET,
            change_sets::Poll(outside.clone()),
        )
        .task(
            follow_up::PUBLISH_OVERDUE,
            clocks::PublishOverdue(breached.clone()),
        )
        .task(
            follow_up::CHECK_PORTAL_OFFER,
            portal::Check(outside.clone()),
        )
        .task(payment::SEND, payments::Send(outside.clone()))
        .task(payment::POLL, payments::Poll(outside.clone()))
        .task(payment::CANCEL, payments::Cancel(outside.clone()))
        .task(imports::READ, import::Read(outside.clone()))
        .task(change_order::SEND, cancellations::Send(outside.clone()))
        .task(change_order::POLL, cancellations::Poll(outside.clone()))
        .task(
            change_order::WITHDRAW,
            cancellations::Withdraw(outside.clone()),
        )
        .task(
            change_order::READ_INVOICES,
            adjustments::ReadInvoices(outside.clone()),
        )
        .task(change_order::ADJUST, adjustments::Adjust(outside.clone()))
        .task(clock::RING, clocks::Ring(breached.clone()))
        .task(
            follow_up::EXPIRE,
            clocks::Expire {
                outside: outside.clone(),
                breached,
            },
        )
        .recurring(
            follow_up::LOOK_FOR_AGREEMENTS,
            agreements::Look(outside.clone()),
        )
        .recurring(
            follow_up::READ_AGREEMENTS,
            agreements::reading::Read(outside.clone()),
        )
        .recurring_if(
            follow_up::HEAR_NEWS,
            hears.then(|| news::Hear::new(outside.clone(), metrics)),
        )
}
