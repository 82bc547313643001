//! Change orders (O15): each irreversible step is asked for by a person, sent and watched by tasks. The offer
//! whose agreement is replaced is locked first, always.

use chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, SellerId};
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};

use super::offer::{draft, principal, unknown as unknown_offer};
use super::{clock, subject};
use crate::domain::change_order::{
    AdjustmentState, ChangeOrder, Command, Event, Facts, Replacement, decide, evolve,
    start as begin,
};
use crate::domain::id::{AgreementId, ChangeOrderId};
use crate::domain::offer::{Offer, Terms};
use crate::domain::resale::Kind;
use crate::events::outbound;
use crate::store;

/// Sends a cancellation request to AWS.
pub(crate) const SEND: &str = "offer.send-cancellation-request";
/// Looks what became of one.
pub(crate) const POLL: &str = "offer.poll-cancellation-request";
/// Asks AWS to take one back.
pub(crate) const WITHDRAW: &str = "offer.withdraw-cancellation-request";
/// Reads what AWS invoiced under the agreement.
pub(crate) const READ_INVOICES: &str = "offer.read-adjustable-invoices";
/// Sends billing adjustments to AWS, and looks what became of them.
pub(crate) const ADJUST: &str = "offer.adjust-invoices";

/// What a task is about.
pub(crate) type Subject = subject::Subject<ChangeOrderId>;

/// Starts a change order of an agreement of ours.
pub(crate) async fn start(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement_id: &AgreementId,
    reason: &str,
) -> Result<ChangeOrder, Failure> {
    let missing = || Rejection::not_found("AGREEMENT_UNKNOWN", "agreement", agreement_id.as_str());
    let ours = store::agreement::offer_of(&mut *uow.connection(), seller, agreement_id).await?;
    let offer_id = ours.ok_or_else(missing)?;
    let offer = store::offer::lock(uow.connection(), seller, &offer_id).await?;
    let offer = offer.ok_or_else(|| unknown_offer(offer_id.as_str()))?;
    uow.concerns(offer.engagement_id());
    let agreement = offer.agreement().filter(|held| held.id == *agreement_id);
    let agreement = agreement.ok_or_else(missing)?;
    let connection = uow.connection();
    let status = store::agreement::status(&mut *connection, seller, agreement_id).await?;
    let open = store::change_order::open(connection, seller, agreement_id).await?;
    let id = uow.new_id().to_string().parse();
    let id = id.map_err(|wrong| Failure::internal("making a change order id", wrong))?;
    let by = principal(uow)?;
    let facts = Facts {
        now: uow.now(),
        by: &by,
        offer: &offer,
        agreement,
        status: status.as_deref().unwrap_or_default(),
        open: open.as_ref(),
    };
    let started = begin(id, reason, facts)?;
    store::change_order::insert(uow.connection(), seller, &started).await?;
    let told = ("start_change_order", started.reason.as_str());
    audit(uow, seller, None, &started, told).await?;
    Ok(started)
}

/// Applies a command to a change order. Applying it again changes nothing.
pub(crate) async fn apply(
    uow: &mut UnitOfWork,
    subject: &Subject,
    command: &Command,
) -> Result<ChangeOrder, Failure> {
    let before = locked(uow, subject).await?;
    take(uow, subject, before, command).await
}

/// The offer's agreement is over: so is what its change order waits for.
pub(crate) async fn agreement_over(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let Some(agreement) = offer.agreement() else {
        return Ok(());
    };
    let open = store::change_order::open(&mut *uow.connection(), seller, &agreement.id).await?;
    let Some(id) = open else {
        return Ok(());
    };
    let seller = seller.clone();
    let subject = Subject { seller, id };
    let over = Command::RecordAgreementOver { at };
    apply(uow, &subject, &over).await.map(drop)
}

/// Drafts the offer that takes the agreement's place, from its own signed engagement (O3).
pub(crate) async fn draft_replacement(
    uow: &mut UnitOfWork,
    subject: &Subject,
    engagement_id: &EngagementId,
    terms: Terms,
    kind: Kind,
) -> Result<Offer, Failure> {
    let before = locked(uow, subject).await?;
    let offer = draft(uow, &subject.seller, engagement_id, terms, kind).await?;
    let replacement = Command::RecordReplacement(Replacement {
        offer_id: offer.id.clone(),
        engagement_id: engagement_id.clone(),
    });
    take(uow, subject, before, &replacement).await?;
    Ok(offer)
}

/// The change order, with its offer locked. Its offer never changes, so that it can be read before.
async fn locked(uow: &mut UnitOfWork, subject: &Subject) -> Result<ChangeOrder, Failure> {
    let Subject { seller, id } = subject;
    let missing = || unknown(id.as_str());
    let read = store::change_order::find(&mut *uow.connection(), seller, id).await?;
    let offer_id = read.ok_or_else(missing)?.offer_id;
    store::offer::lock(uow.connection(), seller, &offer_id)
        .await?
        .ok_or_else(|| unknown_offer(offer_id.as_str()))?;
    let order = store::change_order::find(&mut *uow.connection(), seller, id).await?;
    let order = order.ok_or_else(missing)?;
    uow.concerns(&order.engagement_id);
    Ok(order)
}

/// There is no such change order of this seller.
pub(crate) fn unknown(id: &str) -> Rejection {
    Rejection::not_found("CHANGE_ORDER_UNKNOWN", "change order", id)
}

/// Decides, folds and writes: state first, then audit, event and tasks of each event.
async fn take(
    uow: &mut UnitOfWork,
    subject: &Subject,
    before: ChangeOrder,
    command: &Command,
) -> Result<ChangeOrder, Failure> {
    let (seller, now) = (&subject.seller, uow.now());
    let by = principal(uow)?;
    let events = decide(&before, command, &by, now)?;
    if events.is_empty() {
        return Ok(before);
    }
    let after = events.iter().fold(before.clone(), evolve);
    let revision = before.revision;
    store::change_order::update(uow.connection(), seller, &after, revision, now).await?;
    for event in &events {
        audit(uow, seller, Some(&before), &after, action(event)).await?;
        if let Some(public) = outbound::of_change_order(event, &after) {
            let offer = after.offer_id.as_str();
            uow.publish(public.about(seller, &after.engagement_id, offer))
                .await?;
        }
        follow(uow, subject, &after, event).await?;
        warn_of_failure(seller, &after, event);
    }
    Ok(after)
}

/// Tasks and clock: the request is watched from the moment AWS has it until it ends.
async fn follow(
    uow: &mut UnitOfWork,
    subject: &Subject,
    order: &ChangeOrder,
    event: &Event,
) -> Result<(), Failure> {
    let now = uow.now();
    match event {
        Event::CancellationAsked { .. } => uow.schedule(subject.task(SEND, now)).await,
        Event::Sent(_) => {
            uow.schedule(subject.task(POLL, now)).await?;
            if let Some(clock) = order.clock() {
                clock::start(uow, &subject.seller, &clock).await?;
            }
            Ok(())
        }
        Event::WithdrawalAsked(_) => uow.schedule(subject.task(WITHDRAW, now)).await,
        Event::AgreementOver { .. } => {
            uow.schedule(subject.task(READ_INVOICES, now)).await?;
            end_clock(uow, &subject.seller, order).await
        }
        Event::Rejected { .. } | Event::Withdrawn { .. } | Event::Failed { .. } => {
            end_clock(uow, &subject.seller, order).await
        }
        Event::AdjustmentsAsked(_) => uow.schedule(subject.task(ADJUST, now)).await,
        Event::AdjustmentSeen { state, .. } if !state.is_open() => {
            uow.schedule(subject.task(READ_INVOICES, now)).await
        }
        Event::StatusSeen { .. }
        | Event::WithdrawalRefused { .. }
        | Event::InvoicesRead(_)
        | Event::AdjustmentSeen { .. }
        | Event::Replaced(_) => Ok(()),
    }
}

/// Silence that became a cancellation is the clock's own end.
async fn end_clock(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    order: &ChangeOrder,
) -> Result<(), Failure> {
    let Some(clock) = order.clock() else {
        return Ok(());
    };
    let reason = (!order.cancelled_itself()).then(|| order.stage.name());
    clock::end_one(uow, seller, &clock.id, reason).await
}

/// Money was to go back to the buyer, and does not: whoever asked must not take it for done.
fn warn_of_failure(seller: &SellerId, order: &ChangeOrder, event: &Event) {
    if let Event::AdjustmentSeen {
        number,
        state: AdjustmentState::Failed { error, .. },
    } = event
    {
        tracing::error!(
            seller = seller.as_str(),
            engagement = order.engagement_id.as_str(),
            change_order = order.id.as_str(),
            number,
            ?error,
            "AWS refused a billing adjustment"
        );
    }
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: Option<&ChangeOrder>,
    after: &ChangeOrder,
    (action, reason): (&str, &str),
) -> Result<(), Failure> {
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(after.engagement_id.clone()),
        aggregate_id: after.id.to_string(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        before: before.map(store::change_order::audit_view),
        after: Some(store::change_order::audit_view(after)),
    })
    .await
}

/// The audit's word for an event, and the reason where somebody gave one.
fn action(event: &Event) -> (&'static str, &str) {
    match event {
        Event::CancellationAsked { .. } => ("request_cancellation", ""),
        Event::Sent(_) => ("record_cancellation_request", ""),
        Event::StatusSeen { .. } => ("record_cancellation_status", ""),
        Event::WithdrawalAsked(asked) => ("withdraw_change_order", &asked.reason),
        Event::WithdrawalRefused { .. } => ("record_withdrawal_failure", ""),
        Event::AgreementOver { .. } => ("record_agreement_over", ""),
        Event::Rejected { reason, .. } => ("record_cancellation_rejection", reason),
        Event::Withdrawn { reason, .. } => ("record_withdrawal", reason),
        Event::Failed { .. } => ("record_cancellation_failure", ""),
        Event::InvoicesRead(_) => ("record_invoices", ""),
        Event::AdjustmentsAsked(_) => ("request_adjustments", ""),
        Event::AdjustmentSeen { .. } => ("record_adjustment", ""),
        Event::Replaced(_) => ("record_replacement", ""),
    }
}
