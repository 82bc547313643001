//! Tables on [`decide`]: a case per row.

mod after_release;
mod properties;
mod statuses;

use countersign_kernel::Digest;
use countersign_kernel::chrono::{DateTime, Utc};

use super::command::{Command, Facts, decide, draft};
use super::engagement::{Approval, Engagement};
use super::limits::Limits;
use super::offer::{
    AwsError, Event, LegalDocument, Offer, Origin, PAUSES_AFTER_FAULT, Stage, evolve,
};
use super::rejection::Rejection;
use super::resale::{Kind, SellerKind};
use super::{plan, sample};

const NOW: &str = "2026-03-02T10:00:00Z";
const DIRECT: (Kind, Origin) = (Kind::Direct, Origin::Drafted);

fn ask_at(offer: &Offer, command: &Command, now: DateTime<Utc>) -> Result<Vec<Event>, Rejection> {
    let by = "ops@acme.example".parse().unwrap();
    decide(
        offer,
        command,
        Facts {
            now,
            by: &by,
            engagement: &sample::engagement(),
            rival: None,
            held: None,
            unpaid: None,
            limits: Limits::default(),
            namesake: None,
        },
    )
}

fn ask(offer: &Offer, command: &Command) -> Result<Vec<Event>, Rejection> {
    ask_at(offer, command, sample::at(NOW))
}

fn then(offer: Offer, command: &Command) -> Offer {
    let events = ask(&offer, command).unwrap();
    events.iter().fold(Some(offer), evolve).unwrap()
}

fn release() -> Command {
    Command::Release {
        approved_digest: sample::deal().digest,
        seller: SellerKind::Isv,
    }
}

fn releasing() -> Offer {
    then(sample::draft(), &release())
}

fn published_command(change: u32) -> Command {
    let aws_offer_id = "offer-abc".parse().unwrap();
    Command::RecordPublished {
        change,
        aws_offer_id,
        url: "https://aws.example/offer-abc".into(),
    }
}

fn published() -> Offer {
    let offer = releasing();
    let change = offer.change_under_way().unwrap();
    then(offer, &published_command(change))
}

fn accepted() -> Offer {
    then(published(), &Command::RecordAgreement(sample::agreement()))
}

fn accepted_change_set(change: u32) -> Command {
    let id = "cs-1".parse().unwrap();
    Command::RecordChangeSetAccepted { change, id }
}

fn faulted(change: u32) -> Command {
    let errors = errors();
    Command::RecordChangeFaulted { change, errors }
}

fn cancel() -> Command {
    Command::Cancel {
        reason: "the buyer asked for another scope".into(),
    }
}

fn expiry(day: &str) -> Command {
    Command::ChangeExpiry {
        to: sample::day(day),
    }
}

fn reason(answer: Result<Vec<Event>, Rejection>) -> &'static str {
    answer.map_or_else(|refused| refused.reason(), |_| "")
}

fn errors() -> Vec<AwsError> {
    vec![AwsError {
        code: "INVALID_BUYER_ACCOUNTS".into(),
        message: "no such account".into(),
    }]
}

#[test]
fn a_draft_needs_stamp_signature_and_intake() {
    type Change = fn(&mut Engagement);
    let cases: [(Change, &str); 6] = [
        (|_| (), ""),
        (|state| state.approval = Approval::Awaited, "SOW_NOT_SIGNED"),
        (
            |state| state.approval = Approval::Stamped(sample::deal()),
            "SOW_NOT_SIGNED",
        ),
        (
            |state| {
                let (deal, reason) = (sample::deal(), "SOW replaced".to_owned());
                state.approval = Approval::Voided {
                    deal,
                    signed: true,
                    reason,
                };
            },
            "STAMP_INVALID",
        ),
        (|state| state.intake = None, "INTAKE_MISSING"),
        (
            |state| {
                let intake = state.intake.as_mut().unwrap();
                intake.total_price = sample::usd("1.00");
            },
            "INTAKE_OUTDATED",
        ),
    ];
    for (change, expected) in cases {
        let mut engagement = sample::engagement();
        change(&mut engagement);
        let id = "offer-1".parse().unwrap();
        let answer = draft(
            id,
            sample::terms(),
            DIRECT,
            &engagement,
            None,
            sample::at(NOW),
        );
        assert_eq!(reason(answer), expected);
    }
}

#[test]
fn an_engagement_has_one_open_offer_and_a_future_expiry() {
    let open = "offer-0".parse().unwrap();
    let id = || "offer-1".parse().unwrap();
    let engagement = sample::engagement();
    let now = sample::at(NOW);
    let answer = draft(id(), sample::terms(), DIRECT, &engagement, Some(&open), now);
    assert_eq!(reason(answer), "OFFER_OPEN");
    for (day, expected) in [
        ("2026-03-01", "INVALID_FIELDS"),
        ("2026-03-02", "INVALID_FIELDS"),
        ("2026-03-03", ""),
    ] {
        let mut terms = sample::terms();
        terms.expires_on = Some(sample::day(day));
        assert_eq!(
            reason(draft(id(), terms, DIRECT, &engagement, None, now)),
            expected,
            "{day}"
        );
    }
}

#[test]
fn what_each_state_allows() {
    let revise = Command::Revise {
        expected_revision: 2,
        name: Some("Other".into()),
        description: None,
        expires_on: None,
    };
    let cancelled = then(sample::draft(), &cancel());
    let expired = evolve(Some(published()), &Event::Expired).unwrap();
    // state, revise, release, change expiry, cancel
    let table: [(Offer, [&str; 4]); 6] = [
        (sample::draft(), ["", "", "OFFER_NOT_PUBLISHED", ""]),
        (
            releasing(),
            [
                "OFFER_NOT_DRAFT",
                "OFFER_NOT_DRAFT",
                "RELEASE_IN_PROGRESS",
                "RELEASE_IN_PROGRESS",
            ],
        ),
        (published(), ["OFFER_NOT_DRAFT", "OFFER_NOT_DRAFT", "", ""]),
        (
            accepted(),
            [
                "OFFER_NOT_DRAFT",
                "OFFER_NOT_DRAFT",
                "OFFER_ACCEPTED",
                "OFFER_ACCEPTED",
            ],
        ),
        (
            cancelled,
            [
                "OFFER_NOT_DRAFT",
                "OFFER_NOT_DRAFT",
                "OFFER_NOT_PUBLISHED",
                "",
            ],
        ),
        (
            expired,
            [
                "OFFER_NOT_DRAFT",
                "OFFER_NOT_DRAFT",
                "OFFER_NOT_PUBLISHED",
                "OFFER_NOT_PUBLISHED",
            ],
        ),
    ];
    for (offer, expected) in table {
        let commands = [revise.clone(), release(), expiry("2026-04-15"), cancel()];
        let answers = commands.map(|command| reason(ask(&offer, &command)));
        assert_eq!(answers, expected, "{}", offer.stage.name());
    }
}

#[test]
fn a_release_is_refused_with_every_finding() {
    type Change = fn(&mut Engagement, &mut Offer);
    let cases: [(Change, &str, usize); 7] = [
        (|state, _| state.checklist = None, "CHECKLIST_OPEN", 1),
        (
            |state, _| state.approval = Approval::Stamped(sample::deal()),
            "SOW_NOT_SIGNED",
            1,
        ),
        (
            |state, _| {
                let intake = state.intake.as_mut().unwrap();
                intake.buyer_account = "210987654321".parse().unwrap();
            },
            "PREFLIGHT_FAILED",
            1,
        ),
        (
            |state, offer| {
                let (deal, reason) = (sample::deal(), "SOW replaced".to_owned());
                state.approval = Approval::Voided {
                    deal,
                    signed: true,
                    reason,
                };
                offer.terms.name.clear();
            },
            "STAMP_INVALID",
            2,
        ),
        (
            |state, _| {
                let mut deal = sample::deal();
                deal.digest = Digest::of(b"second");
                state.approval = Approval::Signed(deal);
            },
            "DIGEST_MISMATCH",
            1,
        ),
        (
            |_, offer| offer.document = LegalDocument::Assembling,
            "PREFLIGHT_FAILED",
            1,
        ),
        (
            |_, offer| {
                offer.terms.description.clear();
                offer.terms.expires_on = Some(sample::day("2026-03-02"));
            },
            "PREFLIGHT_FAILED",
            2,
        ),
    ];
    for (change, expected, count) in cases {
        let (mut engagement, mut offer) = (sample::engagement(), sample::draft());
        change(&mut engagement, &mut offer);
        let by = "ops@acme.example".parse().unwrap();
        let facts = Facts {
            now: sample::at(NOW),
            by: &by,
            engagement: &engagement,
            rival: None,
            held: None,
            unpaid: None,
            limits: Limits::default(),
            namesake: None,
        };
        let refused = decide(&offer, &release(), facts).unwrap_err();
        assert_eq!(
            (refused.reason(), refused.findings().len()),
            (expected, count)
        );
    }
}

#[test]
fn another_digest_than_the_reviewed_one_is_not_released() {
    let command = Command::Release {
        approved_digest: Digest::of(b"what I remember"),
        seller: SellerKind::Isv,
    };
    assert_eq!(reason(ask(&sample::draft(), &command)), "DIGEST_MISMATCH");
}

#[test]
fn a_stale_revision_is_told() {
    let command = Command::Revise {
        expected_revision: 1,
        name: None,
        description: None,
        expires_on: None,
    };
    let refused = ask(&sample::draft(), &command).unwrap_err();
    assert_eq!(
        refused,
        Rejection::StaleRevision {
            expected: 1,
            actual: 2
        }
    );
}

#[test]
fn a_refused_release_is_a_draft_again_and_its_next_token_is_another() {
    let first = releasing();
    let change = first.change_under_way().unwrap();
    let failed = then(
        first,
        &Command::RecordChangeFailed {
            change,
            errors: errors(),
        },
    );
    assert_eq!(
        (&failed.stage, failed.last_errors.len()),
        (&Stage::Draft, 1)
    );
    let second = then(failed, &release());
    let next = second.change_under_way().unwrap();
    assert!(second.last_errors.is_empty());
    let token = |change| plan::client_request_token(&second.id, change);
    assert_ne!(token(change), token(next));
    assert!(token(next).len() <= 64);
}

/// O9, facts §1.1: `SERVER_FAULT` is AWS's to mend, so the same is asked for again, with another token, but not
/// for ever.
#[test]
fn what_aws_fails_by_its_own_fault_is_asked_for_again_so_many_times() {
    let moving = then(published(), &expiry("2026-04-15"));
    let cancelling = then(published(), &cancel());
    for (mut offer, ends) in [
        (releasing(), "draft"),
        (moving, "published"),
        (cancelling, "published"),
    ] {
        let mut changes = vec![offer.change_under_way().unwrap()];
        for pause in PAUSES_AFTER_FAULT {
            let change = *changes.last().unwrap();
            let command = faulted(change);
            let at = sample::at(NOW) + pause;
            let errors = errors();
            let expected = Event::ChangeSetFaulted { change, at, errors };
            assert_eq!(ask(&offer, &command), Ok(vec![expected]));
            let (stage, released_at) = (offer.stage.name(), offer.released_at());
            offer = then(offer, &command);
            assert_eq!(
                (offer.stage.name(), offer.released_at()),
                (stage, released_at)
            );
            assert_eq!(
                ask(&offer, &command),
                Ok(vec![]),
                "the same fault counts once"
            );
            changes.push(offer.change_under_way().unwrap());
            offer = then(offer, &accepted_change_set(*changes.last().unwrap()));
            assert_eq!(offer.last_errors, []);
        }
        let last = faulted(*changes.last().unwrap());
        offer = then(offer, &last);
        assert_eq!((offer.stage.name(), offer.last_errors.len()), (ends, 1));
        assert_eq!(offer.change_under_way(), None);
        changes.dedup();
        assert_eq!(changes.len(), PAUSES_AFTER_FAULT.len() + 1, "{changes:?}");
    }
}

#[test]
fn results_of_another_change_set_are_moot() {
    let offer = releasing();
    let other = offer.change_under_way().unwrap() + 1;
    let id = "cs-1".parse().unwrap();
    let late = [
        published_command(other),
        Command::RecordChangeApplied { change: other },
        Command::RecordChangeFailed {
            change: other,
            errors: errors(),
        },
        Command::RecordChangeSetAccepted { change: other, id },
        faulted(other),
        Command::FlagOverdue { change: other },
    ];
    for command in late {
        assert_eq!(ask(&offer, &command), Ok(vec![]), "{command:?}");
    }
}

#[test]
fn publishing_is_flagged_once_and_goes_on() {
    let offer = releasing();
    let change = offer.change_under_way().unwrap();
    let flag = Command::FlagOverdue { change };
    assert_eq!(ask(&offer, &flag), Ok(vec![Event::PublishOverdue]));
    let flagged = evolve(Some(offer), &Event::PublishOverdue).unwrap();
    assert_eq!(ask(&flagged, &flag), Ok(vec![]));
    assert_eq!(reason(ask(&flagged, &published_command(change))), "");
}
