//! What a person entered in AWS's portal: taken to be looked at, adopted while the approval stands (O10, A5), and
//! read back when it was changed there (O11).

use super::Facts;
use crate::domain::engagement::Engagement;
use crate::domain::id::AwsOfferId;
use crate::domain::offer::{AwsError, Event, Offer, Stage};
use crate::domain::portal::Left;
use crate::domain::preflight;
use crate::domain::rejection::Rejection;

/// The approval must stand until AWS's offer is taken for ours, as it must until AWS is sent one (A5).
pub(super) fn take(
    offer: &Offer,
    aws_offer_id: &AwsOfferId,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    if !offer.waits_for_portal() {
        return Err(Rejection::PortalNotAwaited {
            state: offer.stage.name(),
        });
    }
    if offer.portal_offer() == Some(aws_offer_id) {
        return Ok(Vec::new());
    }
    if let Some(offer_id) = facts.namesake {
        let offer_id = offer_id.clone();
        return Err(Rejection::AwsOfferTaken { offer_id });
    }
    let findings = preflight::approval_findings(offer, facts.engagement);
    if preflight::any_error(&findings) {
        return Err(Rejection::PreflightFailed { findings });
    }
    let aws_offer_id = aws_offer_id.clone();
    Ok(vec![Event::PortalOfferGiven { aws_offer_id }])
}

/// What a person did to it in the portal, as AWS showed it when the offer stood at `revision`.
pub(super) fn read_back(
    offer: &Offer,
    revision: u32,
    left: Left,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    match &offer.stage {
        Stage::Published { pending: None, .. } if offer.revision == revision => {
            Ok(done_there(offer, left, facts))
        }
        Stage::Published { pending: None, .. } => Err(Rejection::StaleRevision {
            expected: revision,
            actual: offer.revision,
        }),
        Stage::Published { .. } => Err(Rejection::ChangeInProgress),
        Stage::Releasing(_) => Err(Rejection::ReleaseInProgress),
        Stage::Accepted { .. } => Err(Rejection::OfferAccepted),
        Stage::Draft | Stage::Cancelled { .. } | Stage::Expired(_) => {
            let state = offer.stage.name();
            Err(Rejection::OfferNotPublished { state })
        }
    }
}

/// AWS did it already. An offer is ended by a last day that lies behind us, before the one that was known (facts
/// §0.15); one that was moved ahead and has run out since has expired, of which its clock tells.
pub(super) fn done_there(offer: &Offer, left: Left, facts: Facts<'_>) -> Vec<Event> {
    let ended = |reason: &str| {
        let (reason, by) = (reason.to_owned(), facts.by.clone());
        vec![Event::Cancelled { reason, by }]
    };
    if left.restricted {
        return ended("restricted in AWS's portal");
    }
    let from = offer.terms.expires_on;
    let today = facts.now.date_naive();
    match left.until.filter(|until| Some(*until) != from) {
        None => Vec::new(),
        Some(until) if until < today && from.is_none_or(|from| until < from) => {
            ended("ended in AWS's portal")
        }
        Some(to) => vec![Event::ExpiryChanged { from, to }],
    }
}

/// Why what a person entered is no longer approved, although it is what was (A5). What the API was sent
/// is AWS's to publish.
pub(super) fn fallen(offer: &Offer, engagement: &Engagement) -> Option<Vec<AwsError>> {
    if !offer.waits_for_portal() {
        return None;
    }
    let findings = preflight::approval_findings(offer, engagement);
    (!findings.is_empty()).then(|| preflight::as_errors(&findings, "not adopted, end it at AWS"))
}

#[cfg(test)]
mod tests {
    use countersign_kernel::chrono::{DateTime, TimeDelta, Utc};

    use crate::domain::command::{Command, Facts, decide};
    use crate::domain::engagement::{Approval, Engagement};
    use crate::domain::limits::Limits;
    use crate::domain::listing::ReleaseWay;
    use crate::domain::offer::{Event, Offer, PendingChange, Stage, evolve};
    use crate::domain::portal::Left;
    use crate::domain::rejection::Rejection;
    use crate::domain::resale::SellerKind;
    use crate::domain::sample;

    const NOW: &str = "2026-03-02T10:00:00Z";

    fn engagement() -> Engagement {
        let mut engagement = sample::engagement();
        let intake = engagement.intake.as_mut().unwrap();
        intake.listing.release_way = ReleaseWay::Portal;
        engagement
    }

    fn ask(
        offer: &Offer,
        command: &Command,
        engagement: &Engagement,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Rejection> {
        let by = "ops@acme.example".parse().unwrap();
        let facts = Facts {
            now,
            by: &by,
            engagement,
            rival: None,
            held: None,
            unpaid: None,
            limits: Limits::default(),
            namesake: None,
        };
        decide(offer, command, facts)
    }

    fn then(offer: Offer, command: &Command) -> Offer {
        then_at(offer, command, sample::at(NOW))
    }

    fn then_at(offer: Offer, command: &Command, now: DateTime<Utc>) -> Offer {
        let events = ask(&offer, command, &engagement(), now).unwrap();
        assert_eq!(events.len(), 1, "{command:?}");
        evolve(Some(offer), &events[0]).unwrap()
    }

    fn waiting() -> Offer {
        let mut offer = sample::draft();
        offer.basis.intake.listing.release_way = ReleaseWay::Portal;
        let approved_digest = sample::deal().digest;
        then(
            offer,
            &Command::Release {
                approved_digest,
                seller: SellerKind::Isv,
            },
        )
    }

    fn give(id: &str) -> Command {
        let aws_offer_id = id.parse().unwrap();
        Command::TakePortalOffer { aws_offer_id }
    }

    fn adopt(offer: &Offer) -> Command {
        Command::RecordPublished {
            change: offer.change_under_way().unwrap(),
            aws_offer_id: "offer-abc".parse().unwrap(),
            url: String::new(),
        }
    }

    /// O18: while nothing is at AWS nothing is late, and each id has a time of its own.
    #[test]
    fn a_portal_release_is_late_only_while_an_id_is_given() {
        let late = sample::at(NOW) + TimeDelta::days(3);
        let offer = waiting();
        let change = offer.change_under_way().unwrap();
        let flag = Command::FlagOverdue { change };
        let asked = |offer: &Offer| ask(offer, &flag, &engagement(), late).unwrap();
        assert_eq!(asked(&offer), []);
        let offer = then(offer, &give("offer-abc"));
        assert_eq!(asked(&offer), [Event::PublishOverdue]);
        let flagged = evolve(Some(offer), &Event::PublishOverdue).unwrap();
        assert_eq!(asked(&flagged), []);
        let again = then(flagged.clone(), &give("offer-abd"));
        assert_eq!(asked(&again), [Event::PublishOverdue]);
        let errors = Vec::new();
        let refused = then(flagged, &Command::RefusePortalOffer { change, errors });
        assert_eq!(asked(&refused), []);
    }

    /// A5: the approval may fall between the giving of the id and AWS's answer.
    #[test]
    fn an_approval_that_fell_is_not_adopted() {
        let offer = then(waiting(), &give("offer-abc"));
        let mut engagement = engagement();
        engagement.approval = Approval::Voided {
            deal: sample::deal(),
            signed: true,
            reason: "SOW replaced".into(),
        };
        let events = ask(&offer, &adopt(&offer), &engagement, sample::at(NOW)).unwrap();
        let [Event::PortalOfferRefused { errors }] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(errors[0].code, "STAMP_INVALID");
        let refused = evolve(Some(offer), &events[0]).unwrap();
        assert_eq!(refused.stage.name(), "releasing");
        assert_eq!(refused.portal_offer(), None);
    }

    /// AWS's API does not take the product: there is no change set to send.
    /// O11: what was done in the portal is known here, from the last day on which it can be accepted to its end.
    #[test]
    fn what_was_changed_in_the_portal_is_read_back() {
        let offer = then(waiting(), &give("offer-abc"));
        let adopt = adopt(&offer);
        let published = then(offer.clone(), &adopt);
        let day = |day: &str| Some(sample::day(day));
        let revision = published.revision;
        let left = |until, restricted| Command::ReadBack {
            revision,
            left: Left { until, restricted },
        };
        let ended = |reason: &str| Event::Cancelled {
            reason: reason.into(),
            by: "ops@acme.example".parse().unwrap(),
        };
        let moved = |to: &str| Event::ExpiryChanged {
            from: published.terms.expires_on,
            to: sample::day(to),
        };
        for (until, restricted, expected) in [
            (published.terms.expires_on, false, vec![]),
            (None, false, vec![]),
            (day("2026-04-15"), false, vec![moved("2026-04-15")]),
            (day("2026-03-02"), false, vec![moved("2026-03-02")]),
            (
                day("2026-03-01"),
                false,
                vec![ended("ended in AWS's portal")],
            ),
            (
                day("2026-04-15"),
                true,
                vec![ended("restricted in AWS's portal")],
            ),
        ] {
            let told = ask(
                &published,
                &left(until, restricted),
                &engagement(),
                sample::at(NOW),
            );
            assert_eq!(told, Ok(expected), "{until:?} {restricted}");
        }
        let again = left(day("2026-04-15"), false);
        let moved = then(published, &again);
        assert_eq!(moved.terms.expires_on, day("2026-04-15"));
        let told = ask(&moved, &again, &engagement(), sample::at(NOW));
        assert_eq!(told.unwrap_err().reason(), "STALE_REVISION");
        // Moved ahead without a word, and run out by now.
        let late = sample::at("2026-04-20T10:00:00Z");
        let command = Command::Expire {
            left: Some(Left {
                until: day("2026-04-17"),
                restricted: false,
            }),
        };
        let told = ask(&moved, &command, &engagement(), late).unwrap();
        let expected = Event::ExpiryChanged {
            from: day("2026-04-15"),
            to: sample::day("2026-04-17"),
        };
        assert_eq!(told, [expected]);
        let moved = then_at(moved, &command, late);
        let over = Command::Expire { left: None };
        assert_eq!(
            ask(&moved, &over, &engagement(), late),
            Ok(vec![Event::Expired])
        );
        let mut asked = sample::published();
        if let Stage::Published { pending, .. } = &mut asked.stage {
            *pending = Some(PendingChange::Expiry {
                change: 9,
                faults: 0,
                to: sample::day("2026-04-15"),
            });
        }
        for (offer, refused) in [
            (asked, "CHANGE_IN_PROGRESS"),
            (offer, "RELEASE_IN_PROGRESS"),
            (sample::accepted(), "OFFER_ACCEPTED"),
            (sample::draft(), "OFFER_NOT_PUBLISHED"),
        ] {
            let told = ask(&offer, &again, &engagement(), sample::at(NOW));
            assert_eq!(told.unwrap_err().reason(), refused);
        }
    }

    #[test]
    fn a_published_portal_offer_is_changed_in_the_portal() {
        let offer = then(waiting(), &give("offer-abc"));
        let adopt = adopt(&offer);
        let published = then(offer, &adopt);
        let to = sample::day("2026-04-15");
        let reason = "another scope".to_owned();
        for command in [Command::ChangeExpiry { to }, Command::Cancel { reason }] {
            let refused = ask(&published, &command, &engagement(), sample::at(NOW));
            assert_eq!(refused, Err(Rejection::ChangedInPortal), "{command:?}");
        }
    }
}
