//! A case per row of the table, and an offer's life as its clocks see it (O18).

use countersign_kernel::role;

use super::*;
use crate::domain::sample;

const NOW: &str = "2026-03-05T12:00:00Z";

fn started(steps: &[Step]) -> Vec<(&'static str, String)> {
    let clocks = steps.iter().filter_map(|step| match step {
        Step::Start(clock) => Some((clock.kind.name(), clock.due_at.to_rfc3339())),
        Step::Settle { .. } | Step::Breach { .. } => None,
    });
    clocks.collect()
}

fn followed(event: &Event, offer: &Offer) -> Vec<Step> {
    follow(event, offer, &Policy::default(), sample::at(NOW))
}

#[test]
fn every_kind_has_one_row_and_comes_back_by_its_name() {
    let kinds: Vec<Kind> = Kind::all().collect();
    assert_eq!(kinds.len(), 11);
    for kind in kinds {
        assert_eq!(kind.row().kind, kind);
        assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
        assert!(role::ALL.contains(&kind.role()));
    }
}

#[test]
fn each_kind_runs_as_long_as_the_table_says() {
    // NOW is a Thursday.
    let cases = [
        (Kind::Publish, None),
        (Kind::AgreementVisible, Some("2026-03-06T12:00:00Z")),
        (Kind::Registration, Some("2026-03-05T13:00:00Z")),
        (Kind::Identification, Some("2026-03-07T12:00:00Z")),
        (Kind::BuyerContact, Some("2026-03-09T23:59:59Z")),
        (Kind::CancellationSilence, Some("2026-03-12T12:00:00Z")),
        (Kind::PaymentRequest, Some("2026-03-15T12:00:00Z")),
        (Kind::OfferExpiry, None),
        (Kind::Renewal120, None),
    ];
    for (kind, due) in cases {
        let calendar = Calendar::default();
        assert_eq!(
            kind.due(sample::at(NOW), &calendar),
            due.map(sample::at),
            "{kind}"
        );
    }
}

/// Facts §0.10: AWS's pages say 45 minutes, an hour, a few hours.
#[test]
fn a_publication_is_late_when_the_seller_says() {
    let event = Event::ReleaseStarted {
        at: sample::at(NOW),
    };
    for (minutes, due) in [
        (45, "2026-03-05T12:45:00+00:00"),
        (180, "2026-03-05T15:00:00+00:00"),
    ] {
        let mut policy = Policy::default();
        policy.limits.publish_minutes = minutes;
        let steps = follow(&event, &sample::draft(), &policy, sample::at(NOW));
        assert_eq!(started(&steps), [("publish", due.to_owned())]);
    }
}

#[test]
fn a_clock_rings_once_and_not_before_its_time() {
    let offer = sample::draft();
    let calendar = Calendar::default();
    let start =
        |kind, at: &str| start_by_hand(&offer, kind, sample::at(at), &calendar, sample::at(NOW));
    let clock = start(Kind::AgreementVisible, NOW).unwrap();
    assert_eq!(clock.rung(sample::at("2026-03-06T11:59:59Z")), None);
    let due = sample::at("2026-03-06T12:00:00Z");
    let rung = clock.rung(due).unwrap();
    assert_eq!(rung.state, State::Breached { at: due });
    assert_eq!(rung.rung(due), None);
    assert_eq!(rung.settled(due, "late"), None);
    let settled = clock.settled(due, "seen").unwrap();
    assert_eq!(settled.rung(due), None);
    for (kind, at, reason) in [
        (Kind::Publish, NOW, "CLOCK_STARTS_BY_ITSELF"),
        (Kind::Registration, NOW, "CLOCK_STARTS_BY_ITSELF"),
        (Kind::Identification, NOW, "CLOCK_STARTS_BY_ITSELF"),
        (
            Kind::AgreementVisible,
            "2026-03-05T12:00:01Z",
            "START_IN_FUTURE",
        ),
    ] {
        let Rejection::Invalid(wrong) = start(kind, at).unwrap_err() else {
            panic!("refused otherwise")
        };
        assert_eq!(wrong[0].reason, reason);
    }
}

#[test]
fn an_offers_life_starts_and_ends_its_clocks() {
    let at = sample::at("2026-03-02T10:00:00Z");
    let draft = sample::draft();
    let releasing = followed(&Event::ReleaseStarted { at }, &draft);
    assert_eq!(
        started(&releasing),
        [("publish", "2026-03-02T10:45:00+00:00".into())]
    );
    let offer = sample::published();
    let publication = offer.publication().unwrap().clone();
    let steps = followed(&Event::Published(publication), &offer);
    assert_eq!(
        started(&steps),
        [("expiry", "2026-03-31T23:59:59+00:00".into())]
    );
    assert_eq!(steps[0], settle(Kind::Publish, "published"));
    let breach = vec![Step::Breach {
        kind: Kind::OfferExpiry,
    }];
    assert_eq!(followed(&Event::Expired, &offer), breach);
}

/// O16: of a year's agreement all three, of one of 90 days the last only.
#[test]
fn an_agreement_starts_the_contact_and_its_renewals() {
    let mut agreement = sample::agreement();
    let event = Event::AgreementRecorded(agreement.clone());
    let contact = ("buyer-contact", "2026-03-09T23:59:59+00:00".to_owned());
    let of_90_days = ("renewal-60", "2026-04-04T23:59:59+00:00".to_owned());
    let steps = followed(&event, &sample::published());
    assert_eq!(started(&steps), [contact.clone(), of_90_days]);
    agreement.ends_at = Some(sample::at("2027-03-05T23:59:59Z"));
    let event = Event::AgreementRecorded(agreement);
    let names: Vec<_> = started(&followed(&event, &sample::published()))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        ["buyer-contact", "renewal-120", "renewal-90", "renewal-60"]
    );
}

/// O16: the days are the seller's.
#[test]
fn a_sellers_own_milestones_are_due_on_its_days() {
    let event = Event::AgreementRecorded(sample::agreement());
    let policy = Policy {
        milestones: Milestones::of(vec![45, 10]).unwrap(),
        ..Policy::default()
    };
    let steps = follow(&event, &sample::published(), &policy, sample::at(NOW));
    assert_eq!(
        started(&steps)[1..],
        [
            ("renewal-120", "2026-04-19T23:59:59+00:00".to_owned()),
            ("renewal-90", "2026-05-24T23:59:59+00:00".to_owned()),
        ]
    );
}

/// O10: an id given in place of another is looked at anew; one that is refused is waited for no more.
#[test]
fn the_publish_clock_of_a_portal_release_runs_by_the_id() {
    let aws_offer_id = "offer-abc".parse().unwrap();
    let steps = followed(&Event::PortalOfferGiven { aws_offer_id }, &sample::draft());
    assert_eq!(steps[0], settle(Kind::Publish, "another offer was given"));
    assert_eq!(
        started(&steps),
        [("publish", "2026-03-05T12:45:00+00:00".into())]
    );
    let errors = Vec::new();
    let steps = followed(&Event::PortalOfferRefused { errors }, &sample::draft());
    assert_eq!(steps, [settle(Kind::Publish, "refused here")]);
}

#[test]
fn an_authorization_has_its_publication_and_its_end() {
    let (offer, _) = sample::authorization_draft();
    let at = sample::at("2026-03-02T10:00:00Z");
    assert_eq!(
        started(&followed(&Event::ReleaseStarted { at }, &offer)).len(),
        1
    );
    let event = Event::AgreementRecorded(sample::agreement());
    assert!(started(&followed(&event, &offer)).is_empty());
}
