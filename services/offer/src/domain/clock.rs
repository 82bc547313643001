//! Clocks (O18): what must happen by a time, who sees to it, and where it stands. The table of [`kind`] says how
//! long each kind runs. A clock rings once: a clock that ended stays as it is.
//!
//! Publishing and expiry are decided with the offer, whose own events say that they rang. The others
//! are rung by the clock alone, and orders (O14) follow from that. Kinds that nothing of AWS's starts
//! (facts §5: no event for payment requests) are started by whoever tells of them; a payment request that was
//! asked for here starts its own. An acceptance is told of by AWS's event, which is best effort, or by a person:
//! from either on AWS has a day to show the agreement.

use countersign_kernel::chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::{EngagementId, Principal};

use super::agreement::Acceptance;
use super::calendar::Calendar;
use super::id::OfferId;
use super::limits::Limits;
use super::milestones::Milestones;
use super::offer::{Event, Offer};
use super::rejection::{Rejection, Violation};
use super::resale::Kind as OfferKind;

mod kind;
pub(crate) mod renewals;

pub(crate) use kind::Kind;

/// In which somebody must say who bought at the public price (O14).
pub(crate) const IDENTIFY_WITHIN: TimeDelta = TimeDelta::hours(48);

/// For a look at AWS to see what was told before a clock rings about it.
const TIME_TO_LOOK: TimeDelta = TimeDelta::hours(1);

/// What a seller says of its clocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    pub(crate) calendar: Calendar,
    pub(crate) milestones: Milestones,
    pub(crate) limits: Limits,
    /// Who was named to see to the renewal of the agreement (O16).
    pub(crate) renewal_owner: Option<Principal>,
}

/// A clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Made of offer or order, kind and start, so that a clock that is started again is the same one.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// `None` of a public order's, and of an agreement's whose offer was made elsewhere.
    pub(crate) offer_id: Option<OfferId>,
    pub(crate) engagement_id: EngagementId,
    /// Whom somebody named to see to it.
    pub(crate) named: Option<Principal>,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) state: State,
}

/// What a clock is about, where one of the kind on an offer is not the only one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) offer_id: &'a OfferId,
    pub(crate) engagement_id: &'a EngagementId,
    pub(crate) id: &'a str,
}

/// Where a clock stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    /// What it watches was done, or is no longer wanted.
    Settled {
        at: DateTime<Utc>,
        reason: String,
    },
    /// It rang.
    Breached {
        at: DateTime<Utc>,
    },
}

impl State {
    /// As the database has it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Settled { .. } => "settled",
            Self::Breached { .. } => "breached",
        }
    }
}

impl Clock {
    fn new(offer: &Offer, kind: Kind, started_at: DateTime<Utc>, due_at: DateTime<Utc>) -> Self {
        let (id, start) = (&offer.id, started_at.timestamp_millis());
        Self {
            id: format!("{id}.{kind}.{start}"),
            kind,
            offer_id: Some(id.clone()),
            engagement_id: offer.engagement_id().clone(),
            named: None,
            started_at,
            due_at,
            state: State::Running,
        }
    }

    /// The clock of an order (O14), from the acceptance on; `None` for a kind without a time of its own.
    pub(crate) fn of_order(
        kind: Kind,
        acceptance: &Acceptance,
        offer: Option<&OfferId>,
        engagement: &EngagementId,
    ) -> Option<Self> {
        let started_at = acceptance.at;
        let (id, start) = (&acceptance.agreement_id, started_at.timestamp_millis());
        Some(Self {
            id: format!("{id}.{kind}.{start}"),
            kind,
            offer_id: offer.cloned(),
            engagement_id: engagement.clone(),
            named: None,
            started_at,
            due_at: kind.due(started_at, &Calendar::default())?,
            state: State::Running,
        })
    }

    /// The one clock of the kind on a subject.
    pub(crate) fn about(
        subject: Subject<'_>,
        kind: Kind,
        started_at: DateTime<Utc>,
        due_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id: format!("{}.{kind}.{}", subject.offer_id, subject.id),
            kind,
            offer_id: Some(subject.offer_id.clone()),
            engagement_id: subject.engagement_id.clone(),
            named: None,
            started_at,
            due_at,
            state: State::Running,
        }
    }

    /// Who sees to it: whom somebody named, or else the role of its kind.
    pub(crate) fn owner(&self) -> &str {
        let named = self.named.as_ref().map(Principal::as_str);
        named.unwrap_or_else(|| self.kind.role())
    }

    /// The clock after it rang at `now`; `None` when it does not ring: it ended before, or is not due.
    #[must_use]
    pub(crate) fn rung(&self, now: DateTime<Utc>) -> Option<Self> {
        let rings = self.state == State::Running && now >= self.due_at;
        rings.then(|| Self {
            state: State::Breached { at: now },
            ..self.clone()
        })
    }

    /// The clock after somebody saw to it; `None` when it ended before.
    #[must_use]
    pub(crate) fn settled(&self, now: DateTime<Utc>, reason: &str) -> Option<Self> {
        (self.state == State::Running).then(|| Self {
            state: State::Settled {
                at: now,
                reason: reason.to_owned(),
            },
            ..self.clone()
        })
    }
}

/// Starts a clock on what a person tells of.
pub(crate) fn start_by_hand(
    offer: &Offer,
    kind: Kind,
    started_at: DateTime<Utc>,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> Result<Clock, Rejection> {
    let mut wrong = Vec::new();
    if !kind.by_hand() {
        let text = format!("{kind} starts by itself");
        wrong.push(Violation::new("kind", "CLOCK_STARTS_BY_ITSELF", text));
    }
    if started_at > now {
        let text = "a clock starts with what happened";
        wrong.push(Violation::new("started_at", "START_IN_FUTURE", text));
    }
    match kind.due(started_at, calendar) {
        Some(due_at) if wrong.is_empty() => Ok(Clock::new(offer, kind, started_at, due_at)),
        Some(_) | None => Err(Rejection::Invalid(wrong)),
    }
}

/// The clock of an acceptance that AWS told of: until when it shows the agreement. Of one that is heard of late, the
/// look that it wakes comes first.
pub(crate) fn of_acceptance(
    offer: &Offer,
    accepted_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<Clock> {
    let kind = Kind::AgreementVisible;
    let due_at = kind.due(accepted_at, &Calendar::default())?;
    let due_at = due_at.max(now + TIME_TO_LOOK);
    Some(Clock::new(offer, kind, accepted_at, due_at))
}

/// What an event of an offer does to its clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Start(Clock),
    /// Every running clock of the kind.
    Settle {
        kind: Kind,
        reason: &'static str,
    },
    /// Every running clock of the kind: the offer's decision rang it.
    Breach {
        kind: Kind,
    },
}

const fn settle(kind: Kind, reason: &'static str) -> Step {
    Step::Settle { kind, reason }
}

/// What follows from `event`; `offer` is as it stands after it.
pub(crate) fn follow(
    event: &Event,
    offer: &Offer,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Vec<Step> {
    let start = |kind: Kind, at| {
        let due = kind.due(at, &policy.calendar);
        due.map(|due_at| Step::Start(Clock::new(offer, kind, at, due_at)))
    };
    let publish = |at: DateTime<Utc>| {
        let due_at = at + policy.limits.publish_within();
        Some(Step::Start(Clock::new(offer, Kind::Publish, at, due_at)))
    };
    let expiry = || {
        let end = offer.expires_at();
        end.map(|due_at| Step::Start(Clock::new(offer, Kind::OfferExpiry, now, due_at)))
    };
    let steps = match event {
        Event::ReleaseStarted { .. } if offer.waits_for_portal() => Vec::new(),
        Event::ReleaseStarted { at } => vec![publish(*at)],
        // Another id may be given while the first is looked at: its time begins anew.
        Event::PortalOfferGiven { .. } => vec![
            Some(settle(Kind::Publish, "another offer was given")),
            publish(now),
        ],
        Event::PortalOfferRefused { .. } => vec![Some(settle(Kind::Publish, "refused here"))],
        Event::PublishOverdue => vec![Some(Step::Breach {
            kind: Kind::Publish,
        })],
        Event::Published(_) => vec![Some(settle(Kind::Publish, "published")), expiry()],
        Event::ReleaseFailed { .. } => vec![Some(settle(Kind::Publish, "refused by AWS"))],
        Event::ExpiryChanged { .. } => {
            vec![Some(settle(Kind::OfferExpiry, "moved")), expiry()]
        }
        Event::Expired => vec![Some(Step::Breach {
            kind: Kind::OfferExpiry,
        })],
        Event::Cancelled { .. } => vec![
            Some(settle(Kind::Publish, "cancelled")),
            Some(settle(Kind::OfferExpiry, "cancelled")),
        ],
        Event::AgreementRecorded(agreement) => {
            let renewals = renewals::of_offer(offer, agreement, policy, now);
            let seen = [
                Some(settle(Kind::OfferExpiry, "accepted")),
                Some(settle(Kind::AgreementVisible, "the agreement is visible")),
                start(Kind::BuyerContact, agreement.accepted_at),
            ];
            seen.into_iter().chain(renewals.map(Some)).collect()
        }
        Event::Drafted { .. }
        | Event::Revised(_)
        | Event::LegalDocumentReady(_)
        | Event::LegalDocumentFailed { .. }
        | Event::ChangeSetAccepted { .. }
        | Event::ChangeSetStatusSeen { .. }
        | Event::ChangeSetFaulted { .. }
        | Event::ExpiryChangeStarted { .. }
        | Event::CancellationStarted { .. }
        | Event::ChangeFailed { .. } => Vec::new(),
    };
    steps
        .into_iter()
        .flatten()
        .filter(|step| belongs(step, offer))
        .collect()
}

/// Nobody buys an authorization: it has no buyer to contact and no agreement.
fn belongs(step: &Step, offer: &Offer) -> bool {
    let for_buyers = !matches!(offer.basis.kind, OfferKind::Authorization(_));
    match step {
        Step::Start(clock) => for_buyers || clock.kind.rung_by_offer(),
        Step::Settle { .. } | Step::Breach { .. } => true,
    }
}

#[cfg(test)]
mod tests;
