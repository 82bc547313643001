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

/// Adds every task. What needs the seller's AWS account, its document store or its token is run for that seller
/// alone, whatever else lies in the schema.
pub(crate) fn wire(wiring: Wiring, outside: &Outside, metrics: &Metrics) -> Wiring {
    let breached = clocks::breached(metrics);
    let seller = &outside.seller;
    let hears = outside.marketplace.hears_news();
    let hear = hears.then(|| news::Hear::new(outside.clone(), metrics));
    let expire = clocks::Expire {
        outside: outside.clone(),
        breached: breached.clone(),
    };
    let of_seller = || outside.clone();
    wiring
        .task(
            follow_up::PUBLISH_OVERDUE,
            clocks::PublishOverdue(breached.clone()),
        )
        .task(clock::RING, clocks::Ring(breached))
        .task_of(
            seller,
            follow_up::ASSEMBLE,
            documents::Assemble(of_seller()),
        )
        .task_of(
            seller,
            follow_up::START_CHANGE_SET,
            change_sets::Start(of_seller()),
        )
        .task_of(
            seller,
            follow_up::POLL_CHANGE_SET,
            change_sets::Poll(of_seller()),
        )
        .task_of(
            seller,
            follow_up::CHECK_PORTAL_OFFER,
            portal::Check(of_seller()),
        )
        .task_of(seller, follow_up::EXPIRE, expire)
        .task_of(seller, payment::SEND, payments::Send(of_seller()))
        .task_of(seller, payment::POLL, payments::Poll(of_seller()))
        .task_of(seller, payment::CANCEL, payments::Cancel(of_seller()))
        .task_of(seller, imports::READ, import::Read(of_seller()))
        .task_of(seller, change_order::SEND, cancellations::Send(of_seller()))
        .task_of(seller, change_order::POLL, cancellations::Poll(of_seller()))
        .task_of(
            seller,
            change_order::WITHDRAW,
            cancellations::Withdraw(of_seller()),
        )
        .task_of(
            seller,
            change_order::READ_INVOICES,
            adjustments::ReadInvoices(of_seller()),
        )
        .task_of(
            seller,
            change_order::ADJUST,
            adjustments::Adjust(of_seller()),
        )
        .recurring_of(
            seller,
            follow_up::LOOK_FOR_AGREEMENTS,
            agreements::Look(of_seller()),
        )
        .recurring_of(
            seller,
            follow_up::READ_AGREEMENTS,
            agreements::reading::Read(of_seller()),
        )
        .recurring_if(seller, follow_up::HEAR_NEWS, hear)
}
