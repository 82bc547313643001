//! What is heard of an engagement, and its intake.

use countersign_kernel::{EngagementId, SellerId};
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};

use crate::domain::engagement::{Command, Engagement, Event, decide};
use crate::domain::intake::Form;
use crate::events::outbound;
use crate::store;
use crate::store::engagement::Lock;

/// Records what approval says. Returns whether it was news.
pub(crate) async fn record(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    id: &EngagementId,
    command: &Command,
) -> Result<bool, Failure> {
    uow.concerns(id);
    let known = store::engagement::lock(uow.connection(), seller, id, Lock::ForUpdate).await?;
    let before = known.unwrap_or_else(|| Engagement::new(id.clone()));
    let (_, changed) = apply(uow, seller, before, command).await?;
    Ok(changed)
}

/// Checks and keeps the intake (O1).
pub(crate) async fn complete_intake(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    id: &EngagementId,
    form: Form,
) -> Result<Engagement, Failure> {
    uow.concerns(id);
    let before = store::engagement::lock(uow.connection(), seller, id, Lock::ForUpdate)
        .await?
        .ok_or_else(|| unknown(id))?;
    let listing = store::listing::find(uow.connection(), seller, &form.product_id).await?;
    let (after, _) = apply(
        uow,
        seller,
        before,
        &Command::CompleteIntake { form, listing },
    )
    .await?;
    Ok(after)
}

/// Nothing was heard of such an engagement.
pub(crate) fn unknown(id: &EngagementId) -> Rejection {
    Rejection::not_found("ENGAGEMENT_UNKNOWN", "engagement", id.as_str())
}

async fn apply(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: Engagement,
    command: &Command,
) -> Result<(Engagement, bool), Failure> {
    let events = decide(&before, command)?;
    let after = events.iter().fold(before.clone(), Engagement::evolve);
    let now = uow.now();
    if events.is_empty() {
        return Ok((after, false));
    }
    store::engagement::save(uow.connection(), seller, &after, before.revision, now).await?;
    for event in &events {
        uow.audit(NewAudit {
            seller: seller.clone(),
            engagement: Some(after.id.clone()),
            aggregate_id: after.id.to_string(),
            action: action(event).to_owned(),
            reason: String::new(),
            before: (before.revision > 0).then(|| store::engagement::audit_view(&before)),
            after: Some(store::engagement::audit_view(&after)),
        })
        .await?;
        publish(uow, seller, &after, event).await?;
        warn_of_void(uow, seller, &after.id, event).await?;
    }
    Ok((after, true))
}

async fn publish(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    engagement: &Engagement,
    event: &Event,
) -> Result<(), Failure> {
    let (Event::IntakeCompleted(intake), Some(deal)) = (event, engagement.deal()) else {
        return Ok(());
    };
    let public = outbound::intake_completed(deal, intake);
    uow.publish(public.about(seller, &engagement.id, engagement.id.as_str()))
        .await?;
    Ok(())
}

/// A release cannot be taken back: a person must decide on what the buyer can accept, or has (A5).
async fn warn_of_void(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    id: &EngagementId,
    event: &Event,
) -> Result<(), Failure> {
    let Event::StampVoided { reason } = event else {
        return Ok(());
    };
    for (offer, state) in store::offer::released(uow.connection(), seller, id).await? {
        tracing::error!(
            seller = seller.as_str(),
            engagement = id.as_str(),
            offer,
            state,
            reason,
            "the stamp of a released offer was voided: cancel the offer, or approve the deal again"
        );
    }
    Ok(())
}

const fn action(event: &Event) -> &'static str {
    match event {
        Event::DealStamped(_) => "record_stamp",
        Event::StampVoided { .. } => "record_void",
        Event::SowSigned(_) => "record_signature",
        Event::ChecklistCompleted { .. } => "record_checklist",
        Event::IntakeCompleted(_) => "complete_intake",
    }
}
