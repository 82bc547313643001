//! What every change leaves behind, after the state and in the same transaction: an audit entry
//! (P3), the event that others hear (P2), and the timer of a new version's validity (E7).

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, NewEvent, UnitOfWork};
use serde_json::{Value, json};

use super::validity;
use crate::domain::estimate::Head;
use crate::domain::{Event, State, evolve};
use crate::events::outbound;

/// Records the events that led on from `before`, in their order.
pub(super) async fn changes(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: &State,
    events: &[Event],
) -> Result<(), Failure> {
    let mut before = before.clone();
    for event in events {
        let after = evolve(before.clone(), event.clone());
        if let Some(head) = after.head() {
            audit(uow, seller, event, &before, &after, head).await?;
            publish(uow, seller, event, head).await?;
            if matches!(event, Event::Drafted(_) | Event::Revised(_)) {
                uow.schedule_once(validity::task(seller, head)).await?;
            }
        }
        before = after;
    }
    Ok(())
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    event: &Event,
    before: &State,
    after: &State,
    head: &Head,
) -> Result<(), Failure> {
    let (action, reason) = words(event);
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(head.engagement_id.clone()),
        aggregate_id: head.estimate_id.to_string(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        before: summary(before),
        after: summary(after),
    })
    .await
}

async fn publish(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    event: &Event,
    head: &Head,
) -> Result<(), Failure> {
    let Some(message) = outbound::message(event, head) else {
        return Ok(());
    };
    uow.publish(NewEvent {
        type_name: message.type_name,
        seller: seller.clone(),
        engagement: Some(head.engagement_id.clone()),
        aggregate_id: head.estimate_id.to_string(),
        payload: message.payload,
    })
    .await?;
    Ok(())
}

/// What was done, and why, in the words of who did it.
fn words(event: &Event) -> (&'static str, &str) {
    match event {
        Event::Drafted(_) => ("draft", ""),
        Event::Revised(_) => ("revise", ""),
        Event::Submitted { .. } => ("submit", ""),
        Event::Withdrawn(withdrawal) => ("withdraw", &withdrawal.reason),
        Event::Approved { .. } => ("approve", ""),
        Event::ChangesRequested(request) => ("request_changes", &request.comment),
        Event::Expired => ("expire", ""),
    }
}

/// What an auditor asks for first; the rest is in the version, which never changes.
fn summary(state: &State) -> Option<Value> {
    let head = state.head()?;
    let version = &head.latest;
    Some(json!({
        "state": state.name(),
        "version": version.number,
        "author": version.author.as_str(),
        "price_total": version.economics.price_total.to_string(),
        "base_total": version.economics.base_total.to_string(),
        "payment_plan": version.content.payment_plan.name(),
        "valid_until": version.content.valid_until.to_string(),
        "particulars": particulars(state),
    }))
}

/// What is true in this state only: what was bound, or who wanted what. A service hands it in, so
/// the entry's own principal does not say it.
fn particulars(state: &State) -> Option<Value> {
    match state {
        State::Approved(_, digest) => Some(json!({ "digest": digest.to_string() })),
        State::ChangesRequested(_, request) => Some(json!({
            "step": request.step,
            "requested_by": request.requested_by.as_str(),
        })),
        State::Withdrawn(_, withdrawal) => Some(json!({ "by": withdrawal.by.as_str() })),
        State::Absent | State::Draft(_) | State::Submitted(_) | State::Expired(_) => None,
    }
}
