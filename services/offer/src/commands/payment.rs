//! Payment requests (O17): asked for by a person, sent and watched by tasks. The offer is locked first,
//! always: two that are asked for at once see each other.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};

use super::offer::{principal, unknown as unknown_offer};
use super::{clock, subject};
use crate::domain::id::{OfferId, PaymentRequestId};
use crate::domain::payment::{
    Ask, Command, Event, Facts, PaymentRequest, decide, evolve, payments_of, request,
};
use crate::events::outbound;
use crate::store;

/// Sends a payment request to AWS.
pub(crate) const SEND: &str = "offer.send-payment-request";
/// Looks what became of one.
pub(crate) const POLL: &str = "offer.poll-payment-request";
/// Asks AWS to take one back.
pub(crate) const CANCEL: &str = "offer.cancel-payment-request";

/// What a task is about.
pub(crate) type Subject = subject::Subject<PaymentRequestId>;

/// Asks for a payment under the agreement of an accepted offer.
pub(crate) async fn ask(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer_id: &OfferId,
    ask: Ask,
) -> Result<PaymentRequest, Failure> {
    let offer = store::offer::lock(uow.connection(), seller, offer_id)
        .await?
        .ok_or_else(|| unknown_offer(offer_id.as_str()))?;
    uow.concerns(offer.engagement_id());
    let (agreement, variable) = payments_of(&offer)?;
    let connection = uow.connection();
    let status = store::agreement::status(&mut *connection, seller, agreement).await?;
    let currency = variable.cap.currency();
    let drawn = store::payment::drawn(connection, seller, agreement, currency).await?;
    let id = uow.new_id().to_string().parse();
    let id = id.map_err(|wrong| Failure::internal("making a payment request id", wrong))?;
    let by = principal(uow)?;
    let facts = Facts {
        now: uow.now(),
        by: &by,
        offer: &offer,
        status: status.as_deref().unwrap_or_default(),
        drawn,
    };
    let asked = request(id, ask, facts)?;
    store::payment::insert(uow.connection(), seller, &asked).await?;
    audit(uow, seller, None, &asked, ("request_payment", "")).await?;
    let subject = Subject {
        seller: seller.clone(),
        id: asked.id.clone(),
    };
    uow.schedule(subject.task(SEND, uow.now())).await?;
    Ok(asked)
}

/// Applies a command to a payment request. Applying it again changes nothing.
pub(crate) async fn apply(
    uow: &mut UnitOfWork,
    subject: &Subject,
    command: &Command,
) -> Result<PaymentRequest, Failure> {
    let (seller, now) = (&subject.seller, uow.now());
    let before = locked(uow, subject).await?;
    let by = principal(uow)?;
    let events = decide(&before, command, &by, now)?;
    if events.is_empty() {
        return Ok(before);
    }
    let after = events.iter().fold(before.clone(), evolve);
    let revision = before.revision;
    store::payment::update(uow.connection(), seller, &after, revision, now).await?;
    for event in &events {
        audit(uow, seller, Some(&before), &after, action(event)).await?;
        publish(uow, seller, &after, event).await?;
        follow(uow, subject, &after, event).await?;
    }
    Ok(after)
}

/// The request, with its offer locked. Its offer never changes, so that it can be read before.
async fn locked(uow: &mut UnitOfWork, subject: &Subject) -> Result<PaymentRequest, Failure> {
    let Subject { seller, id } = subject;
    let missing = || unknown(id.as_str());
    let read = store::payment::find(&mut *uow.connection(), seller, id).await?;
    let offer_id = read.ok_or_else(missing)?.offer_id;
    store::offer::lock(uow.connection(), seller, &offer_id)
        .await?
        .ok_or_else(|| unknown_offer(offer_id.as_str()))?;
    let request = store::payment::find(&mut *uow.connection(), seller, id).await?;
    let request = request.ok_or_else(missing)?;
    uow.concerns(&request.engagement_id);
    Ok(request)
}

/// There is no such payment request of this seller.
pub(crate) fn unknown(id: &str) -> Rejection {
    Rejection::not_found("PAYMENT_REQUEST_UNKNOWN", "payment request", id)
}

/// Tasks and clock: it is watched from the moment AWS has it until it ends.
async fn follow(
    uow: &mut UnitOfWork,
    subject: &Subject,
    request: &PaymentRequest,
    event: &Event,
) -> Result<(), Failure> {
    let now = uow.now();
    match event {
        Event::Sent(_) => {
            uow.schedule(subject.task(POLL, now)).await?;
            if let Some(clock) = request.clock() {
                clock::start(uow, &subject.seller, &clock).await?;
            }
            Ok(())
        }
        Event::WithdrawalAsked(_) => uow.schedule(subject.task(CANCEL, now)).await,
        Event::StatusSeen { .. } | Event::WithdrawalRefused { .. } => Ok(()),
        Event::Approved { .. }
        | Event::Rejected { .. }
        | Event::Cancelled { .. }
        | Event::Failed { .. } => end_clock(uow, &subject.seller, request).await,
    }
}

/// Silence that became approval is the clock's own end.
async fn end_clock(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    request: &PaymentRequest,
) -> Result<(), Failure> {
    let Some(clock) = request.clock() else {
        return Ok(());
    };
    let reason = (!request.approved_itself()).then(|| request.stage.name());
    clock::end_one(uow, seller, &clock.id, reason).await
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: Option<&PaymentRequest>,
    after: &PaymentRequest,
    (action, reason): (&str, &str),
) -> Result<(), Failure> {
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(after.engagement_id.clone()),
        aggregate_id: after.id.to_string(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        before: before.map(store::payment::audit_view),
        after: Some(store::payment::audit_view(after)),
    })
    .await
}

/// The audit's word for an event, and the reason where somebody gave one.
fn action(event: &Event) -> (&'static str, &str) {
    match event {
        Event::Sent(_) => ("record_payment_request", ""),
        Event::StatusSeen { .. } => ("record_payment_status", ""),
        Event::Approved { .. } => ("record_payment_approval", ""),
        Event::Rejected { reason, .. } => ("record_payment_rejection", reason),
        Event::WithdrawalAsked(asked) => ("cancel_payment_request", &asked.reason),
        Event::WithdrawalRefused { .. } => ("record_payment_cancellation_failure", ""),
        Event::Cancelled { reason, .. } => ("record_payment_cancellation", reason),
        Event::Failed { .. } => ("record_payment_failure", ""),
    }
}

/// In the offer's order: whoever hears of an approved charge has heard of its agreement before.
async fn publish(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    request: &PaymentRequest,
    event: &Event,
) -> Result<(), Failure> {
    let Some(public) = outbound::of_payment(event, request) else {
        return Ok(());
    };
    uow.publish(public.about(seller, &request.engagement_id, request.offer_id.as_str()))
        .await?;
    Ok(())
}
