//! The milestones before an agreement's end (O16), each with a clock: those of an offer's agreement, and those
//! of an agreement whose offer was made elsewhere (O12), which stand under the agreement's own name.

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, Principal};

use super::{Clock, Kind, Policy, State, Step, settle};
use crate::domain::agreement::Agreement;
use crate::domain::id::AgreementId;
use crate::domain::milestones::{self, Milestones};
use crate::domain::offer::Offer;

/// The milestones, from the first to the last: each is named for the days that it is by default.
pub(crate) const RENEWALS: [Kind; milestones::MOST] =
    [Kind::Renewal120, Kind::Renewal90, Kind::Renewal60];

/// What an agreement that ended leaves to do: nothing about its renewal.
pub(crate) fn after_agreement() -> impl Iterator<Item = Step> {
    RENEWALS
        .into_iter()
        .map(|kind| settle(kind, "the agreement is over"))
}

/// What the agreement of an offer starts, when it is recorded at `now`.
pub(super) fn of_offer(
    offer: &Offer,
    agreement: &Agreement,
    policy: &Policy,
    now: DateTime<Utc>,
) -> impl Iterator<Item = Step> {
    let start = agreement.accepted_at;
    due(agreement, &policy.milestones, now).map(move |(kind, due_at)| {
        Step::Start(Clock {
            named: policy.renewal_owner.clone(),
            ..Clock::new(offer, kind, start, due_at)
        })
    })
}

/// What an agreement starts whose offer was made elsewhere, when it is seen at `now`; `owner` was named to see to it.
/// None for an agreement whose name cannot stand for an engagement.
pub(crate) fn of_nobody(
    agreement: &Agreement,
    milestones: &Milestones,
    owner: Option<&Principal>,
    now: DateTime<Utc>,
) -> Vec<Clock> {
    let Ok(engagement) = agreement.id.as_str().parse::<EngagementId>() else {
        return Vec::new();
    };
    let clocks = due(agreement, milestones, now);
    let started_at = agreement.accepted_at;
    clocks
        .map(|(kind, due_at)| Clock {
            id: id_of_nobody(&agreement.id, kind),
            kind,
            offer_id: None,
            engagement_id: engagement.clone(),
            named: owner.cloned(),
            started_at,
            due_at,
            state: State::Running,
        })
        .collect()
}

/// The clock of such an agreement has one name, however its dates are seen.
pub(crate) fn id_of_nobody(agreement: &AgreementId, kind: Kind) -> String {
    format!("{agreement}.{kind}")
}

/// When each milestone of an agreement is due. A short agreement is over sooner: there is nothing to wait for. Of
/// those that were passed before anybody looked only the last rings, at once: it says all that the others would.
fn due(
    agreement: &Agreement,
    milestones: &Milestones,
    now: DateTime<Utc>,
) -> impl Iterator<Item = (Kind, DateTime<Utc>)> {
    let accepted_on = agreement.accepted_at.date_naive();
    let ends_at = agreement.ends_at.into_iter();
    let due = ends_at.flat_map(|ends_at| milestones.due(ends_at));
    let due: Vec<_> = RENEWALS
        .into_iter()
        .zip(due)
        .filter(|(_, due_at)| due_at.date_naive() > accepted_on)
        .collect();
    let passed = due.iter().filter(|(_, due_at)| *due_at <= now).count();
    due.into_iter().skip(passed.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::offer::Event;
    use crate::domain::sample;

    /// Of a year: the milestones are due on 2026-11-05, 12-05 and 2027-01-04.
    fn of_a_year() -> Agreement {
        Agreement {
            ends_at: Some(sample::at("2027-03-05T23:59:59Z")),
            ..sample::agreement()
        }
    }

    #[test]
    fn of_what_was_passed_before_anybody_looked_only_the_last_rings() {
        let found = |now: &str| {
            let milestones = Milestones::default();
            let clocks = of_nobody(&of_a_year(), &milestones, None, sample::at(now));
            clocks.iter().map(|clock| clock.kind).collect::<Vec<_>>()
        };
        let all = RENEWALS.to_vec();
        assert_eq!(found("2026-03-05T12:00:00Z"), all);
        assert_eq!(found("2026-11-05T23:59:58Z"), all);
        assert_eq!(found("2026-11-05T23:59:59Z"), all, "the first rings now");
        assert_eq!(found("2026-12-06T00:00:00Z"), all[1..]);
        assert_eq!(found("2027-03-01T00:00:00Z"), all[2..]);
    }

    /// AWS shows an agreement of ours late, or it was made elsewhere: the same holds of its offer's milestones.
    #[test]
    fn an_offers_milestones_that_were_passed_are_not_all_told() {
        let (offer, agreement) = (sample::published(), of_a_year());
        let started = |now: &str| -> Vec<_> {
            let policy = Policy::default();
            let steps = of_offer(&offer, &agreement, &policy, sample::at(now));
            let kinds = steps.map(|step| match step {
                Step::Start(clock) => Some(clock.kind),
                Step::Settle { .. } | Step::Breach { .. } => None,
            });
            kinds.collect()
        };
        let all = RENEWALS.map(Some);
        assert_eq!(started("2026-03-06T12:00:00Z"), all);
        assert_eq!(started("2026-12-06T00:00:00Z"), all[1..]);
    }

    #[test]
    fn an_agreement_that_is_over_leaves_no_milestone() {
        let settled = after_agreement().map(|step| match step {
            Step::Settle { kind, .. } => Some(kind),
            Step::Start(_) | Step::Breach { .. } => None,
        });
        assert_eq!(settled.collect::<Vec<_>>(), RENEWALS.map(Some));
    }

    /// O16: who was named sees to each milestone, and to nothing else of the offer; without a name the role does.
    #[test]
    fn the_milestones_are_those_of_whom_somebody_named() {
        let now = sample::at("2026-03-06T12:00:00Z");
        let owner: Principal = "ren@acme.example".parse().unwrap();
        let event = Event::AgreementRecorded(of_a_year());
        let owners = |named: Option<&Principal>| -> Vec<(Kind, String)> {
            let policy = Policy {
                renewal_owner: named.cloned(),
                ..Policy::default()
            };
            let steps = super::super::follow(&event, &sample::published(), &policy, now);
            let started = steps.into_iter().filter_map(|step| match step {
                Step::Start(clock) => Some((clock.kind, clock.owner().to_owned())),
                Step::Settle { .. } | Step::Breach { .. } => None,
            });
            started.collect()
        };
        for (kind, seen_to_by) in owners(Some(&owner)) {
            let renewal = RENEWALS.contains(&kind);
            assert_eq!(seen_to_by == owner.as_str(), renewal, "{kind}");
        }
        for (kind, seen_to_by) in owners(None) {
            assert_eq!(seen_to_by, kind.role());
        }
        let clocks = of_nobody(&of_a_year(), &Milestones::default(), Some(&owner), now);
        assert_eq!(clocks.len(), RENEWALS.len());
        assert!(clocks.iter().all(|clock| clock.owner() == owner.as_str()));
    }

    #[test]
    fn it_stands_under_the_agreements_own_name() {
        let (agreement, now) = (of_a_year(), sample::at("2026-03-05T12:00:00Z"));
        let clocks = of_nobody(&agreement, &Milestones::default(), None, now);
        for (clock, kind) in clocks.iter().zip(RENEWALS) {
            assert_eq!(clock.id, format!("{}.{}", agreement.id, kind.name()));
            assert_eq!(clock.engagement_id.as_str(), agreement.id.as_str());
            assert_eq!(clock.offer_id, None);
            assert_eq!(clock.started_at, agreement.accepted_at);
        }
        let endless = Agreement {
            ends_at: None,
            ..agreement
        };
        assert_eq!(of_nobody(&endless, &Milestones::default(), None, now), []);
    }
}
