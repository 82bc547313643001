//! Tables on [`decide`]: a case per row; and properties over random histories.

use countersign_kernel::Digest;
use countersign_kernel::chrono::{DateTime, Utc};
use proptest::prelude::*;

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
            ask_at(&offer, &Command::Expire, sample::at(now))
                .unwrap()
                .len(),
            count,
            "{now}"
        );
    }
    let late = sample::at("2026-04-02T00:00:00Z");
    assert_eq!(ask_at(&accepted(), &Command::Expire, late), Ok(vec![]));
}

#[test]
fn an_agreement_counts_once_and_even_after_the_expiry() {
    let agreement = Command::RecordAgreement(sample::agreement());
    assert_eq!(ask(&accepted(), &agreement), Ok(vec![]));
    let expired = evolve(Some(published()), &Event::Expired).unwrap();
    assert_eq!(then(expired, &agreement).stage.name(), "accepted");
    assert_eq!(ask(&sample::draft(), &agreement), Ok(vec![]));
}

fn any_command() -> impl Strategy<Value = Command> {
    let change = 0..12_u32;
    prop_oneof![
        (change.clone(), any::<bool>()).prop_map(|(expected_revision, named)| Command::Revise {
            expected_revision,
            name: named.then(|| "Renamed".to_owned()),
            description: None,
            expires_on: None,
        }),
        Just(Command::RecordDocumentReady(sample::ready_document())),
        Just(Command::RecordDocumentFailed {
            reason: "encrypted".into()
        }),
        Just(release()),
        change.clone().prop_map(accepted_change_set),
        change.clone().prop_map(faulted),
        change.clone().prop_map(published_command),
        change
            .clone()
            .prop_map(|change| Command::RecordChangeApplied { change }),
        change
            .clone()
            .prop_map(|change| Command::RecordChangeFailed {
                change,
                errors: errors()
            }),
        change.prop_map(|change| Command::FlagOverdue { change }),
        Just(expiry("2026-04-15")),
        Just(cancel()),
        Just(Command::Expire),
        Just(Command::RecordAgreement(sample::agreement())),
    ]
}

proptest! {
    /// Whatever is asked in whatever order: the state is the fold of its events, the revision counts
    /// them, the same command again does not apply twice, and what was approved never changes (O3).
    #[test]
    fn the_state_is_the_fold_of_its_events(
        commands in prop::collection::vec((any_command(), 0..90_i64), 0..24)
    ) {
        let mut state = sample::draft();
        let mut history = Vec::new();
        let start = sample::at(NOW);
        for (command, days) in commands {
            let now = start + countersign_kernel::chrono::TimeDelta::days(days);
            let Ok(events) = ask_at(&state, &command, now) else { continue };
            history.extend(events.iter().cloned());
            state = events.iter().fold(Some(state), evolve).unwrap();
            if let Ok(again) = ask_at(&state, &command, now) {
                prop_assert!(again.is_empty(), "{command:?} applied twice");
            }
        }
        let folded = history.iter().fold(Some(sample::draft()), evolve).unwrap();
        prop_assert_eq!(folded.revision as usize, 2 + history.len());
        prop_assert_eq!(&folded.basis, &sample::draft().basis);
        prop_assert_eq!(folded, state);
    }
}
