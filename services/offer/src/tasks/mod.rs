//! What runs by the clock and reaches outside: each asks the outside first, without a transaction,
//! and then writes the answer as a command, with its own completion, in one.

mod agreements;
mod change_sets;
mod clocks;
mod documents;
mod news;
mod payments;
mod portal;

use std::sync::Arc;

use countersign_kernel::SellerId;
use countersign_platform::{Metrics, Wiring};

use crate::commands::{clock, follow_up, payment};
use crate::config::OfferConfig;
use crate::documents::source::DocumentSource;
use crate::documents::store::DocumentStore;
use crate::marketplace::Marketplace;

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

/// Adds every task.
pub(crate) fn wire(wiring: Wiring, outside: &Outside, metrics: &Metrics) -> Wiring {
    let breached = clocks::breached(metrics);
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
        .task(clock::RING, clocks::Ring(breached.clone()))
        .task(follow_up::EXPIRE, clocks::Expire(breached))
        .recurring(
            follow_up::LOOK_FOR_AGREEMENTS,
            agreements::Look(outside.clone()),
        )
        .recurring(
            follow_up::HEAR_NEWS,
            news::Hear::new(outside.clone(), metrics),
        )
}
