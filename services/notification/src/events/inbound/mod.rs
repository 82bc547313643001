//! Public events of the other services → what is told of them (N1, N2, N3).
//!
//! A new event is a name in its source's list, a line in [`tell`], and a row in `domain/notices.rs`.

mod approval;
mod change_order;
mod clock;
mod disbursement;
mod offer;
mod order;
mod payment;
mod told;

use std::sync::Arc;

use countersign_platform::{EventHandler, Failure, Handled, IncomingEvent, UnitOfWork};
use prost::Message;
use tonic::async_trait;

use self::told::{Malformed, Told};
use crate::commands::notify::notify;
use crate::domain::cause::Cause;
use crate::domain::plan::Writer;

/// A service whose events are told, and which of them.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its schema's name.
    pub(crate) schema: &'static str,
    types: &'static [&'static str],
}

/// Every service whose events are told.
pub(crate) const SOURCES: [Source; 4] = [
    Source {
        schema: "estimate",
        types: &["countersign.estimate.v1.EstimateExpired"],
    },
    Source {
        schema: "approval",
        types: &[
            "countersign.approval.v1.ChangesRequested",
            "countersign.approval.v1.CaseRejected",
            "countersign.approval.v1.StampVoided",
            "countersign.approval.v1.SowSigned",
        ],
    },
    Source {
        schema: "offer",
        types: &[
            "countersign.offer.v1.IntakeCompleted",
            "countersign.offer.v1.OfferPublished",
            "countersign.offer.v1.OfferPublishOverdue",
            "countersign.offer.v1.OfferReleaseFailed",
            "countersign.offer.v1.OfferExpiryChanged",
            "countersign.offer.v1.OfferCancelled",
            "countersign.offer.v1.OfferExpired",
            "countersign.offer.v1.AgreementAccepted",
            "countersign.offer.v1.PublicOrderFlagged",
            "countersign.offer.v1.OrderRegistered",
            "countersign.offer.v1.OrderRefundAdvised",
            "countersign.offer.v1.ClockBreached",
            "countersign.offer.v1.PaymentRequestApproved",
            "countersign.offer.v1.PaymentRequestRejected",
            "countersign.offer.v1.PaymentRequestFailed",
            "countersign.offer.v1.CancellationRequested",
            "countersign.offer.v1.CancellationEnded",
        ],
    },
    Source {
        schema: "disbursement_reconciliation",
        types: &[
            "countersign.disbursement_reconciliation.v1.CashDisbursed",
            "countersign.disbursement_reconciliation.v1.EngagementSettled",
            "countersign.disbursement_reconciliation.v1.DiscrepancyFound",
        ],
    },
];

/// What an event of these types tells; nothing for any other type.
fn tell(event: &IncomingEvent) -> Result<Option<Told>, Failure> {
    let told = match event.type_name.as_str() {
        "countersign.estimate.v1.EstimateExpired" => {
            plainly_told_by(event, approval::estimate_expired)
        }
        "countersign.approval.v1.ChangesRequested" => {
            plainly_told_by(event, approval::changes_requested)
        }
        "countersign.approval.v1.CaseRejected" => plainly_told_by(event, approval::case_rejected),
        "countersign.approval.v1.StampVoided" => plainly_told_by(event, approval::stamp_voided),
        "countersign.approval.v1.SowSigned" => told_by(event, approval::sow_signed),
        "countersign.offer.v1.IntakeCompleted" => told_by(event, offer::intake_completed),
        "countersign.offer.v1.OfferPublished" => told_by(event, offer::published),
        "countersign.offer.v1.OfferPublishOverdue" => {
            plainly_told_by(event, offer::publish_overdue)
        }
        "countersign.offer.v1.OfferReleaseFailed" => plainly_told_by(event, offer::release_failed),
        "countersign.offer.v1.OfferExpiryChanged" => told_by(event, offer::expiry_changed),
        "countersign.offer.v1.OfferCancelled" => told_by(event, offer::cancelled),
        "countersign.offer.v1.OfferExpired" => told_by(event, offer::expired),
        "countersign.offer.v1.AgreementAccepted" => told_by(event, offer::agreement_accepted),
        "countersign.offer.v1.PublicOrderFlagged" => told_by(event, order::public_order),
        "countersign.offer.v1.OrderRegistered" => told_by(event, order::registered),
        "countersign.offer.v1.OrderRefundAdvised" => told_by(event, order::refund_advised),
        "countersign.offer.v1.ClockBreached" => return clock_told_by(event),
        "countersign.offer.v1.PaymentRequestApproved" => told_by(event, payment::approved),
        "countersign.offer.v1.PaymentRequestRejected" => told_by(event, payment::rejected),
        "countersign.offer.v1.PaymentRequestFailed" => told_by(event, payment::failed),
        "countersign.offer.v1.CancellationRequested" => told_by(event, change_order::requested),
        "countersign.offer.v1.CancellationEnded" => told_by(event, change_order::ended),
        "countersign.disbursement_reconciliation.v1.CashDisbursed" => {
            told_by(event, disbursement::cash_disbursed)
        }
        "countersign.disbursement_reconciliation.v1.EngagementSettled" => {
            told_by(event, disbursement::engagement_settled)
        }
        "countersign.disbursement_reconciliation.v1.DiscrepancyFound" => {
            told_by(event, disbursement::discrepancy_found)
        }
        _ => return Ok(None),
    };
    told.map(Some)
}

fn told_by<M: Message + Default>(
    event: &IncomingEvent,
    tell: fn(&M) -> Result<Told, Malformed>,
) -> Result<Told, Failure> {
    let message: M = event.decode()?;
    tell(&message).map_err(|error| Failure::undecodable(event.type_name.clone(), error))
}

fn plainly_told_by<M: Message + Default>(
    event: &IncomingEvent,
    tell: fn(&M) -> Told,
) -> Result<Told, Failure> {
    event.decode().map(|message: M| tell(&message))
}

/// Of some clocks nobody hears by the clock: what they end has an event of its own.
fn clock_told_by(event: &IncomingEvent) -> Result<Option<Told>, Failure> {
    let message = event.decode()?;
    clock::breached(&message).map_err(|error| Failure::undecodable(event.type_name.clone(), error))
}

/// The event as a cause. The engagement is the envelope's, or else the message's.
fn cause(event: &IncomingEvent, told: Told) -> Result<Cause, Failure> {
    let engagement = event
        .engagement
        .clone()
        .or(told.engagement)
        .ok_or_else(|| {
            let error = Malformed::new("engagement_id", "neither envelope nor message names it");
            Failure::undecodable(event.type_name.clone(), error)
        })?;
    Ok(Cause {
        event_id: event.id,
        seller: event.seller.clone(),
        engagement,
        kind: told.kind,
        occurred_at: event.time,
        buyer: told.buyer,
        shared: told.shared,
        internal: told.internal,
    })
}

/// Tells everybody concerned of one service's events.
#[derive(Debug)]
pub(crate) struct Teller {
    source: &'static Source,
    writer: Arc<dyn Writer>,
}

impl Teller {
    pub(crate) fn new(source: &'static Source, writer: Arc<dyn Writer>) -> Self {
        Self { source, writer }
    }
}

#[async_trait]
impl EventHandler for Teller {
    fn types(&self) -> &'static [&'static str] {
        self.source.types
    }

    async fn handle(
        &self,
        uow: &mut UnitOfWork,
        event: &IncomingEvent,
    ) -> Result<Handled, Failure> {
        let Some(told) = tell(event)? else {
            return Ok(Handled::Ignored);
        };
        let queued = notify(uow, self.writer.as_ref(), &cause(event, told)?).await?;
        Ok(if queued > 0 {
            Handled::Applied
        } else {
            Handled::Ignored
        })
    }
}
