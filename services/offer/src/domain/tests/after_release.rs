//! What happens to an offer once it is published: another expiry, its end, its agreement.

use super::{accepted, ask, ask_at, cancel, errors, expiry, published, reason, then};
use crate::domain::command::Command;
use crate::domain::offer::{Event, Stage, evolve};
use crate::domain::resale::Kind;
use crate::domain::{plan, sample};

#[test]
fn an_expiry_change_counts_when_aws_applied_it() {
    let asked = then(published(), &expiry("2026-04-15"));
    assert_eq!(asked.terms.expires_on, Some(sample::day("2026-03-31")));
    assert_eq!(reason(ask(&asked, &cancel())), "CHANGE_IN_PROGRESS");
    assert_eq!(
        reason(ask(&asked, &expiry("2026-04-16"))),
        "CHANGE_IN_PROGRESS"
    );
    let change = asked.change_under_way().unwrap();
    let failed = Command::RecordChangeFailed {
        change,
        errors: errors(),
    };
    assert_eq!(
        then(asked.clone(), &failed).terms.expires_on,
        Some(sample::day("2026-03-31"))
    );
    let applied = then(asked, &Command::RecordChangeApplied { change });
    assert_eq!(applied.terms.expires_on, Some(sample::day("2026-04-15")));
    assert_eq!(applied.change_under_way(), None);
}

#[test]
fn a_new_expiry_must_fit_the_agreement_and_the_future() {
    let cases = [
        ("2026-03-02", "INVALID_FIELDS"),
        ("2026-03-31", ""),
        ("2026-05-30", ""),
        ("2026-05-31", "PREFLIGHT_FAILED"),
    ];
    for (day, expected) in cases {
        assert_eq!(reason(ask(&published(), &expiry(day))), expected, "{day}");
    }
}

#[test]
fn a_published_offer_ends_by_an_expiry_of_yesterday() {
    let asked = then(published(), &cancel());
    let Stage::Published {
        publication,
        pending: Some(pending),
    } = &asked.stage
    else {
        panic!("{:?}", asked.stage)
    };
    let id = &publication.aws_offer_id;
    let yesterday = plan::AfterRelease::Availability {
        aws_offer_id: id.clone(),
        available_until: sample::day("2026-03-01"),
    };
    assert_eq!(plan::after_release(&Kind::Direct, id, pending), yesterday);
    let restricted = plan::AfterRelease::Restriction {
        authorization_id: id.clone(),
    };
    let authorization = Kind::Authorization(sample::authorization());
    assert_eq!(plan::after_release(&authorization, id, pending), restricted);
    let change = pending.change();
    let over = then(asked, &Command::RecordChangeApplied { change });
    assert_eq!(over.stage.name(), "cancelled");
    assert!(over.publication().is_some());
}

#[test]
fn an_offer_expires_at_the_end_of_its_day() {
    let offer = published();
    let cases = [
        ("2026-03-31T23:59:58Z", 0),
        ("2026-03-31T23:59:59Z", 1),
        ("2026-04-02T00:00:00Z", 1),
    ];
    for (now, count) in cases {
        assert_eq!(
            ask_at(&offer, &Command::Expire { left: None }, sample::at(now))
                .unwrap()
                .len(),
            count,
            "{now}"
        );
    }
    let late = sample::at("2026-04-02T00:00:00Z");
    assert_eq!(
        ask_at(&accepted(), &Command::Expire { left: None }, late),
        Ok(vec![])
    );
}

#[test]
fn an_agreement_counts_once_and_even_after_the_expiry() {
    let agreement = Command::RecordAgreement(sample::agreement());
    assert_eq!(ask(&accepted(), &agreement), Ok(vec![]));
    let expired = evolve(Some(published()), &Event::Expired).unwrap();
    assert_eq!(then(expired, &agreement).stage.name(), "accepted");
    assert_eq!(ask(&sample::draft(), &agreement), Ok(vec![]));
}
