//! Commands on offers: from callers, and from the tasks that brought an answer from outside.

use countersign_kernel::{EngagementId, Principal, SellerId};
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};

use super::engagement::unknown as unknown_engagement;
use super::{clock, follow_up};
use crate::domain::command::{Command, Facts, decide, draft as decide_draft};
use crate::domain::engagement::Engagement;
use crate::domain::id::OfferId;
use crate::domain::offer::{Event, Offer, Origin, Terms, evolve};
use crate::domain::resale::Kind;
use crate::events::outbound;
use crate::store;
use crate::store::engagement::Lock;

/// Drafts an offer from the stamped and signed deal (O3).
pub(crate) async fn draft(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    engagement_id: &EngagementId,
    terms: Terms,
    kind: Kind,
) -> Result<Offer, Failure> {
    draft_as(uow, seller, engagement_id, terms, (kind, Origin::Drafted)).await
}

/// Drafts an offer of this kind and origin.
pub(super) async fn draft_as(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    engagement_id: &EngagementId,
    terms: Terms,
    made: (Kind, Origin),
) -> Result<Offer, Failure> {
    uow.concerns(engagement_id);
    // The lock on the engagement lets one draft at a time look for an open offer.
    let connection = uow.connection();
    let engagement = store::engagement::lock(connection, seller, engagement_id, Lock::ForUpdate)
        .await?
        .ok_or_else(|| unknown_engagement(engagement_id))?;
    let open = store::offer::open(uow.connection(), seller, engagement_id).await?;
    let id = new_id(uow)?;
    let events = decide_draft(id, terms, made, &engagement, open.as_ref(), uow.now())?;
    write(uow, seller, None, &events).await
}

/// A name for a new offer.
pub(super) fn new_id(uow: &mut UnitOfWork) -> Result<OfferId, Failure> {
    let id = uow.new_id().to_string().parse();
    id.map_err(|wrong| Failure::internal("making an offer id", wrong))
}

/// Applies a command to an offer. Applying it again changes nothing.
pub(crate) async fn apply(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer_id: &OfferId,
    command: &Command,
) -> Result<Offer, Failure> {
    let offer = store::offer::lock(uow.connection(), seller, offer_id)
        .await?
        .ok_or_else(|| unknown(offer_id.as_str()))?;
    let id = offer.engagement_id().clone();
    uow.concerns(&id);
    let engagement = store::engagement::lock(uow.connection(), seller, &id, Lock::ForShare).await?;
    let engagement = engagement.unwrap_or_else(|| Engagement::new(id));
    let by = principal(uow)?;
    let rival = store::offer::rival(uow.connection(), seller, &offer).await?;
    let now = uow.now();
    let held = match command {
        Command::Release { .. } | Command::ChangeExpiry { .. } => {
            store::renewal::held(&mut *uow.connection(), seller, &offer, now).await?
        }
        _ => None,
    };
    let unpaid = match command {
        Command::Release { .. } => {
            store::change_order::unpaid(uow.connection(), seller, &offer).await?
        }
        _ => None,
    };
    let namesake = match command {
        Command::TakePortalOffer { aws_offer_id } => {
            store::offer::by_aws_id(uow.connection(), seller, aws_offer_id).await?
        }
        _ => None,
    };
    let facts = Facts {
        now,
        by: &by,
        engagement: &engagement,
        rival: rival.as_ref(),
        held: held.as_ref(),
        unpaid: unpaid.as_ref(),
        limits: store::limits::of(uow.connection(), seller).await?,
        namesake: namesake.as_ref(),
    };
    let events = decide(&offer, command, facts)?;
    write(uow, seller, Some(offer), &events).await
}

/// There is no such offer of this seller.
pub(crate) fn unknown(offer_id: &str) -> Rejection {
    Rejection::not_found("OFFER_UNKNOWN", "offer", offer_id)
}

/// Who acts.
pub(super) fn principal(uow: &UnitOfWork) -> Result<Principal, Failure> {
    let name = uow.cause().principal();
    name.parse()
        .map_err(|wrong| Failure::internal("naming who acts", wrong))
}

/// State first, then audit, events and tasks of each event.
pub(super) async fn write(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: Option<Offer>,
    events: &[Event],
) -> Result<Offer, Failure> {
    let now = uow.now();
    let Some(after) = events.iter().fold(before.clone(), evolve) else {
        return Err(Failure::internal(
            "folding an offer",
            "its first event drafts it",
        ));
    };
    if events.is_empty() {
        return Ok(after);
    }
    match &before {
        None => store::offer::insert(uow.connection(), seller, &after, now).await?,
        Some(before) => {
            let revision = before.revision;
            store::offer::update(uow.connection(), seller, &after, revision, now).await?;
        }
    }
    let limits = store::limits::of(uow.connection(), seller).await?;
    for event in events {
        audit(uow, seller, before.as_ref(), &after, event).await?;
        publish(uow, seller, &after, event).await?;
        follow_up::schedule(uow, seller, &after, event, &limits).await?;
        clock::follow(uow, seller, &after, event, limits).await?;
        warn_of_failure(seller, &after, event);
    }
    Ok(after)
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: Option<&Offer>,
    after: &Offer,
    event: &Event,
) -> Result<(), Failure> {
    let (action, reason) = action(event);
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(after.engagement_id().clone()),
        aggregate_id: after.id.to_string(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        before: before.map(store::offer::audit_view),
        after: Some(store::offer::audit_view(after)),
    })
    .await
}

async fn publish(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    event: &Event,
) -> Result<(), Failure> {
    let Some(public) = outbound::public(event, offer) else {
        return Ok(());
    };
    uow.publish(public.about(seller, offer.engagement_id(), offer.id.as_str()))
        .await?;
    Ok(())
}

/// A change after the release has no event of its own: who asked must not take it for done (O11). Nor has
/// what is tried again.
fn warn_of_failure(seller: &SellerId, offer: &Offer, event: &Event) {
    if let Event::ChangeSetFaulted { at, errors, .. } = event {
        tracing::warn!(
            seller = seller.as_str(),
            engagement = offer.engagement_id().as_str(),
            offer = offer.id.as_str(),
            %at,
            ?errors,
            "AWS failed a change set by a fault of its own: it is sent again"
        );
    }
    if let Event::ChangeSetStatusSeen {
        unknown: Some(status),
    } = event
    {
        tracing::warn!(
            seller = seller.as_str(),
            engagement = offer.engagement_id().as_str(),
            offer = offer.id.as_str(),
            status,
            "AWS says of a change set what is not known here: it is waited for"
        );
    }
    if let Event::ChangeFailed { errors } = event {
        tracing::error!(
            seller = seller.as_str(),
            engagement = offer.engagement_id().as_str(),
            offer = offer.id.as_str(),
            ?errors,
            "AWS refused a change of a published offer: it stays as it is"
        );
    }
}

/// The audit's word for an event, and the reason where a person gave one.
fn action(event: &Event) -> (&'static str, &str) {
    match event {
        Event::Drafted { basis, .. } => match &basis.origin {
            Origin::Drafted => ("draft", ""),
            Origin::Cloned { from } => ("clone", from.as_str()),
            Origin::Associated => ("associate", ""),
        },
        Event::Revised(_) => ("revise", ""),
        Event::LegalDocumentReady(_) => ("record_document", ""),
        Event::LegalDocumentFailed { reason } => ("record_document_failure", reason),
        Event::ReleaseStarted { .. } => ("release", ""),
        Event::ChangeSetAccepted { .. } => ("record_change_set", ""),
        Event::ChangeSetStatusSeen { .. } => ("record_change_set_status", ""),
        Event::ChangeSetFaulted { .. } => ("retry_change_set", ""),
        Event::PortalOfferGiven { .. } => ("record_portal_offer", ""),
        Event::PortalOfferRefused { .. } => ("refuse_portal_offer", ""),
        Event::PublishOverdue => ("flag_overdue", ""),
        Event::Published(_) => ("record_published", ""),
        Event::ReleaseFailed { .. } => ("record_release_failure", ""),
        Event::ExpiryChangeStarted { .. } => ("change_expiry", ""),
        Event::ExpiryChanged { .. } => ("record_expiry", ""),
        Event::CancellationStarted { reason, .. } => ("cancel", reason),
        Event::Cancelled { reason, .. } => ("record_cancelled", reason),
        Event::ChangeFailed { .. } => ("record_change_failure", ""),
        Event::Expired => ("expire", ""),
        Event::AgreementRecorded(_) => ("record_agreement", ""),
    }
}
