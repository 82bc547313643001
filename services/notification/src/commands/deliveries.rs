//! What an attempt brought, and another round for what failed (N6).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::{Value, json};
use uuid::Uuid;

use super::notify::task;
use super::subscriptions;
use crate::domain::delivery::{self, Attempt, Command, Delivery, Event, Outcome, State};
use crate::events::outbound;
use crate::store::deliveries::{self, Stored};

/// Records an attempt and its answer. Returns when to try again, if it is to be tried again.
pub(crate) async fn record(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    id: Uuid,
    attempt: Attempt,
) -> Result<Option<DateTime<Utc>>, Failure> {
    let stored = load(uow, seller, id).await?;
    if attempt.outcome == Outcome::Gone
        && let Some(subscription) = stored.letter.subscription
    {
        subscriptions::disable(uow, seller, subscription, &attempt.answer).await?;
    }
    let events = execute(uow, seller, &stored, Command::Record(attempt)).await?;
    Ok(events.iter().find_map(|event| match event {
        Event::Deferred { due_at, .. } => Some(*due_at),
        Event::Attempted { .. }
        | Event::Sent { .. }
        | Event::Failed { .. }
        | Event::Redriven { .. } => None,
    }))
}

/// Sends a failed delivery again, at once.
pub(crate) async fn redrive(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    id: Uuid,
) -> Result<(), Failure> {
    let stored = load(uow, seller, id).await?;
    let at = uow.now();
    execute(uow, seller, &stored, Command::Redrive { at }).await?;
    uow.schedule(task(seller, id, at)).await
}

async fn load(uow: &mut UnitOfWork, seller: &SellerId, id: Uuid) -> Result<Stored, Failure> {
    let stored = deliveries::get_for_update(uow.connection(), seller, id).await?;
    let stored = stored.ok_or_else(|| unknown(&id.to_string()))?;
    uow.concerns(&stored.letter.engagement);
    Ok(stored)
}

/// The refusal of an id that names no delivery of the seller.
pub(crate) fn unknown(id: &str) -> Rejection {
    Rejection::not_found("DELIVERY_UNKNOWN", "delivery", id)
}

async fn execute(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    stored: &Stored,
    command: Command,
) -> Result<Vec<Event>, Failure> {
    let events =
        delivery::decide(&stored.delivery, command).map_err(|rejection| match rejection {
            delivery::Rejection::NotFailed => {
                Rejection::failed_precondition("DELIVERY_NOT_FAILED", rejection.to_string())
                    .with("state", state_name(&stored.delivery))
            }
        })?;
    let next = events
        .iter()
        .fold(stored.delivery.clone(), delivery::evolve);
    let updated = deliveries::update(uow.connection(), seller, stored, &next).await?;
    Failure::unless_one_row("the delivery", updated)?;
    for event in &events {
        if let Event::Attempted { number, attempt } = event {
            let id = stored.letter.id;
            deliveries::add_attempt(uow.connection(), seller, id, *number, attempt).await?;
        }
        audit(uow, seller, stored, &next, event).await?;
        if let Some(public) = outbound::public(seller, &stored.letter, &next, event) {
            uow.publish(public).await?;
        }
    }
    Ok(events)
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    stored: &Stored,
    next: &Delivery,
    event: &Event,
) -> Result<(), Failure> {
    let (action, reason) = match event {
        // The attempt's own row says what it brought; what it changed follows.
        Event::Attempted { .. } => return Ok(()),
        Event::Sent { .. } => ("send", next.answer.clone()),
        Event::Deferred { .. } => ("defer", next.answer.clone()),
        Event::Failed { .. } => ("fail", next.answer.clone()),
        Event::Redriven { .. } => ("redrive", String::new()),
    };
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(stored.letter.engagement.clone()),
        aggregate_id: stored.letter.id.to_string(),
        action: action.to_owned(),
        reason,
        before: Some(snapshot(&stored.delivery)),
        after: Some(snapshot(next)),
    })
    .await
}

fn snapshot(delivery: &Delivery) -> Value {
    json!({ "state": state_name(delivery), "attempts": delivery.attempts })
}

const fn state_name(delivery: &Delivery) -> &'static str {
    match delivery.state {
        State::Queued { .. } => "queued",
        State::Sent { .. } => "sent",
        State::Failed { .. } => "failed",
    }
}
