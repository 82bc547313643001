//! Clocks (O18): started and ended with the events of their offer, or by a person; each rings once.

use chrono::{DateTime, Utc};
use countersign_kernel::{Principal, SellerId};
use countersign_platform::{Failure, NewAudit, NewTask, Rejection, TaskRun, UnitOfWork};
use serde::{Deserialize, Serialize};

use super::offer::unknown as unknown_offer;
use super::order;
use crate::domain::agreement::Agreement;
use crate::domain::calendar::Calendar;
use crate::domain::clock::{self, Clock, Kind, State, Step, renewals};
use crate::domain::id::{AgreementId, OfferId};
use crate::domain::limits::Limits;
use crate::domain::offer::{Event, Offer};
use crate::domain::rejection;
use crate::domain::renewal::Renewal;
use crate::events::outbound;
use crate::store;

/// Rings a clock that no decision of its offer rings.
pub(crate) const RING: &str = "offer.ring-clock";

/// What a ringing is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ring {
    pub(crate) seller: String,
    pub(crate) clock_id: String,
}

impl Ring {
    /// What the run is about.
    pub(crate) fn of(run: &TaskRun) -> Result<(SellerId, String), Failure> {
        let ring: Self = serde_json::from_value(run.payload.clone())
            .map_err(|wrong| Failure::undecodable(format!("the task {}", run.key), wrong))?;
        let seller = ring.seller.parse();
        let seller = seller.map_err(|wrong| Failure::undecodable("a task's seller", wrong))?;
        Ok((seller, ring.clock_id))
    }
}

/// What an event of an offer does to its clocks.
pub(crate) async fn follow(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    event: &Event,
    limits: Limits,
) -> Result<(), Failure> {
    let now = uow.now();
    let calendar = store::calendar::find(uow.connection(), seller).await?;
    let milestones = store::renewal::milestones(uow.connection(), seller).await?;
    let (mut adopted, mut renewal_owner) = (Vec::new(), None);
    if let Event::AgreementRecorded(agreement) = event {
        adopted = adopt(uow, seller, offer, &agreement.id).await?;
        renewal_owner = store::renewal::owner(uow.connection(), seller, &agreement.id).await?;
    }
    let policy = clock::Policy {
        calendar: calendar.unwrap_or_default(),
        milestones: milestones.unwrap_or_default(),
        limits,
        renewal_owner,
    };
    let mut steps = clock::follow(event, offer, &policy, now);
    let known = |kind| adopted.iter().any(|clock| clock.kind == kind);
    steps.retain(|step| !matches!(step, Step::Start(clock) if known(clock.kind)));
    take(uow, seller, &offer.id, steps).await
}

/// The milestones of an agreement that stood under its own name are its offer's from now on: what rang does not ring
/// again.
async fn adopt(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    agreement: &AgreementId,
) -> Result<Vec<Clock>, Failure> {
    // Before its clocks, as whoever starts them does.
    store::agreement::lock(uow.connection(), seller, agreement).await?;
    let adopted = store::clock::adopt(uow.connection(), seller, agreement, offer).await?;
    audit_each(uow, seller, "adopt_clock", &adopted).await?;
    Ok(adopted)
}

/// Whoever is named to see to a renewal sees to its milestones that are still to come.
pub(super) async fn name(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    renewal: &Renewal,
    owner: &Principal,
) -> Result<(), Failure> {
    let named = store::clock::name(uow.connection(), seller, renewal, owner).await?;
    audit_each(uow, seller, "name_clock_owner", &named).await
}

/// What became of clocks at once, whatever they were before.
async fn audit_each(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    action: &str,
    clocks: &[Clock],
) -> Result<(), Failure> {
    for clock in clocks {
        uow.audit(NewAudit {
            seller: seller.clone(),
            engagement: Some(clock.engagement_id.clone()),
            aggregate_id: clock.id.clone(),
            action: action.to_owned(),
            reason: String::new(),
            before: None,
            after: Some(store::clock::audit_view(clock)),
        })
        .await?;
    }
    Ok(())
}

/// Ends what an agreement that is over leaves running (O16).
pub(super) async fn end_renewals(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer_id: &OfferId,
) -> Result<(), Failure> {
    take(uow, seller, offer_id, renewals::after_agreement()).await
}

/// Starts the milestones of an agreement whose offer was made elsewhere (O12, O16).
pub(super) async fn start_renewals(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &Agreement,
) -> Result<(), Failure> {
    let milestones = store::renewal::milestones(uow.connection(), seller).await?;
    let milestones = milestones.unwrap_or_default();
    let owner = store::renewal::owner(uow.connection(), seller, &agreement.id).await?;
    for clock in renewals::of_nobody(agreement, &milestones, owner.as_ref(), uow.now()) {
        start(uow, seller, &clock).await?;
    }
    Ok(())
}

/// Ends them, for this reason.
pub(super) async fn end_renewals_of(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
    reason: &str,
) -> Result<(), Failure> {
    for kind in renewals::RENEWALS {
        let id = renewals::id_of_nobody(agreement, kind);
        end_one(uow, seller, &id, Some(reason)).await?;
    }
    Ok(())
}

async fn take(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer_id: &OfferId,
    steps: impl IntoIterator<Item = Step, IntoIter: Send>,
) -> Result<(), Failure> {
    let now = uow.now();
    for step in steps {
        match step {
            Step::Start(clock) => start(uow, seller, &clock).await.map(drop)?,
            Step::Settle { kind, reason } => {
                end(uow, seller, offer_id, kind, |clock| {
                    clock.settled(now, reason)
                })
                .await?;
            }
            Step::Breach { kind } => {
                end(uow, seller, offer_id, kind, |clock| clock.rung(now)).await?;
            }
        }
    }
    Ok(())
}

/// Starts a clock on what a person tells of.
pub(crate) async fn start_by_hand(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer_id: &OfferId,
    kind: Kind,
    started_at: DateTime<Utc>,
) -> Result<Clock, Failure> {
    let offer = store::offer::find(uow.connection(), seller, offer_id).await?;
    let offer = offer.ok_or_else(|| unknown_offer(offer_id.as_str()))?;
    uow.concerns(offer.engagement_id());
    let calendar = store::calendar::find(uow.connection(), seller).await?;
    let calendar = calendar.unwrap_or_default();
    let clock = clock::start_by_hand(&offer, kind, started_at, &calendar, uow.now())?;
    start(uow, seller, &clock).await
}

/// Starts the clock of an agreement that AWS told of and does not show yet; one that runs, whoever started it, is
/// enough.
pub(super) async fn await_agreement(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    accepted_at: DateTime<Utc>,
) -> Result<(), Failure> {
    let kind = Kind::AgreementVisible;
    let known = store::clock::running(uow.connection(), seller, &offer.id, kind).await?;
    match clock::of_acceptance(offer, accepted_at, uow.now()) {
        Some(clock) if known.is_empty() => start(uow, seller, &clock).await.map(drop),
        _ => Ok(()),
    }
}

/// A clock that was started before stays as it is.
pub(super) async fn start(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    clock: &Clock,
) -> Result<Clock, Failure> {
    if !store::clock::insert(uow.connection(), seller, clock).await? {
        let known = store::clock::lock(uow.connection(), seller, &clock.id).await?;
        return known.ok_or_else(|| Failure::internal("starting a clock", "it is gone"));
    }
    audit(uow, seller, None, clock).await?;
    if !clock.kind.rung_by_offer() {
        uow.schedule(ringing(seller, clock)?).await?;
    }
    Ok(clock.clone())
}

/// The task that rings the clock at its time.
fn ringing(seller: &SellerId, clock: &Clock) -> Result<NewTask, Failure> {
    let payload = Ring {
        seller: seller.to_string(),
        clock_id: clock.id.clone(),
    };
    let payload = serde_json::to_value(payload)
        .map_err(|wrong| Failure::internal("writing a task", wrong))?;
    Ok(NewTask {
        kind: RING,
        key: key(seller, &clock.id),
        payload,
        due_at: clock.due_at,
    })
}

fn key(seller: &SellerId, clock_id: &str) -> String {
    format!("{seller}/{clock_id}")
}

/// Ends one clock, if it is there and running: what it watches was done for this reason, or without one
/// it ran out.
pub(super) async fn end_one(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    clock_id: &str,
    reason: Option<&str>,
) -> Result<(), Failure> {
    match store::clock::lock(uow.connection(), seller, clock_id).await? {
        Some(clock) => finish(uow, seller, &clock, reason).await,
        None => Ok(()),
    }
}

/// Ends the running clocks of a kind.
async fn end(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer_id: &OfferId,
    kind: Kind,
    ended: impl Fn(&Clock) -> Option<Clock> + Send,
) -> Result<(), Failure> {
    for clock in store::clock::running(uow.connection(), seller, offer_id, kind).await? {
        if let Some(after) = ended(&clock) {
            write(uow, seller, &clock, &after).await?;
        }
    }
    Ok(())
}

/// Notes that somebody saw to what a clock watches.
pub(crate) async fn settle(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    clock_id: &str,
    reason: &str,
) -> Result<Clock, Failure> {
    let reason = reason.trim();
    if reason.is_empty() {
        let text = "say what was done, or why it is not wanted";
        let violation = rejection::Violation::new("reason", "REASON_REQUIRED", text);
        return Err(rejection::Rejection::Invalid(vec![violation]).into());
    }
    let clock = store::clock::lock(uow.connection(), seller, clock_id).await?;
    let clock = clock.ok_or_else(|| unknown(clock_id))?;
    uow.concerns(&clock.engagement_id);
    let Some(after) = clock.settled(uow.now(), reason) else {
        return Ok(clock);
    };
    if clock.kind.rung_by_offer() {
        let text = "the offer itself ends this clock: publish, move or cancel it";
        return Err(Rejection::failed_precondition("CLOCK_OF_OFFER", text).into());
    }
    write(uow, seller, &clock, &after).await?;
    uow.cancel_task(RING, &key(seller, clock_id)).await?;
    Ok(after)
}

/// The same of one that is locked; one that ended before stays as it is.
pub(super) async fn finish(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    clock: &Clock,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let now = uow.now();
    let after = match reason {
        Some(reason) => clock.settled(now, reason),
        None => clock.rung(now),
    };
    if let Some(after) = after {
        write(uow, seller, clock, &after).await?;
        uow.cancel_task(RING, &key(seller, &clock.id)).await?;
    }
    Ok(())
}

/// There is no such clock of this seller.
pub(crate) fn unknown(clock_id: &str) -> Rejection {
    Rejection::not_found("CLOCK_UNKNOWN", "clock", clock_id)
}

/// Rings the clock if it is still running and due, with what follows for its order. Returns the kind that rang.
/// One that is not due yet, since the time was set back, rings at its time.
pub(crate) async fn ring(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    clock_id: &str,
) -> Result<Option<Kind>, Failure> {
    let clock = store::clock::lock(uow.connection(), seller, clock_id).await?;
    let Some(before) = clock.filter(|clock| clock.state == State::Running) else {
        return Ok(None);
    };
    let Some(after) = before.rung(uow.now()) else {
        uow.schedule(ringing(seller, &before)?).await?;
        return Ok(None);
    };
    write(uow, seller, &before, &after).await?;
    order::follow_clock(uow, seller, &after).await?;
    Ok(Some(after.kind))
}

/// When the offer's clock of this kind is due, if it runs and that is still to come: whoever would ring it
/// comes too early, since the time was set back.
pub(crate) async fn still_to_come(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer_id: &OfferId,
    kind: Kind,
) -> Result<Option<DateTime<Utc>>, Failure> {
    let now = uow.now();
    let due_at = store::clock::due_at(uow.connection(), seller, offer_id, kind).await?;
    Ok(due_at.filter(|due_at| now < *due_at))
}

/// State first, then audit, then the event of a clock that rang.
async fn write(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: &Clock,
    after: &Clock,
) -> Result<(), Failure> {
    store::clock::update(uow.connection(), seller, after).await?;
    audit(uow, seller, Some(before), after).await?;
    if let State::Breached { .. } = after.state {
        let public = outbound::clock_breached(after);
        uow.publish(public.about(seller, &after.engagement_id, &after.id))
            .await?;
    }
    Ok(())
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: Option<&Clock>,
    after: &Clock,
) -> Result<(), Failure> {
    let (action, reason) = match &after.state {
        State::Running => ("start_clock", ""),
        State::Settled { reason, .. } => ("settle_clock", reason.as_str()),
        State::Breached { .. } => ("ring_clock", ""),
    };
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(after.engagement_id.clone()),
        aggregate_id: after.id.clone(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        before: before.map(store::clock::audit_view),
        after: Some(store::clock::audit_view(after)),
    })
    .await
}

/// Replaces the seller's calendar: clocks that run keep their time.
pub(crate) async fn put_calendar(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    calendar: Calendar,
) -> Result<Calendar, Failure> {
    let now = uow.now();
    let before = store::calendar::find(uow.connection(), seller).await?;
    if before.as_ref() == Some(&calendar) {
        return Ok(calendar);
    }
    store::calendar::put(uow.connection(), seller, &calendar, now).await?;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: None,
        aggregate_id: "calendar".to_owned(),
        action: "put_calendar".to_owned(),
        reason: String::new(),
        before: before.as_ref().map(store::calendar::audit_view),
        after: Some(store::calendar::audit_view(&calendar)),
    })
    .await?;
    Ok(calendar)
}
