//! A1, A3, A4, A5: who decides what, on what, in which order, and what a change voids.

use super::*;
use crate::domain::command::{ItemClosing, Loss};
use crate::domain::dossier::{Outcome, Phase};
use crate::domain::policy::PolicyFault;

fn submit(estimate: Estimate) -> Command {
    Command::ReceiveEstimate(Box::new(estimate))
}

fn add_annex() -> Command {
    Command::AddDocument {
        document: document(9, DocumentKind::Annex),
        replaces: None,
    }
}

#[test]
fn the_last_approval_stamps_the_whole_deal() {
    let mut desk = Desk::in_review();
    let subject = desk.state.parts().unwrap().subject();
    for (who, step) in [(LEAD, "leadership"), (REVENUE, "revenue")] {
        let events = desk.ok(who, desk.asks(step, Decision::Approve));
        assert!(matches!(&events[..], [Event::StepApproved { .. }]));
    }
    let events = desk.ok(LEGAL, desk.asks("legal", Decision::Approve));
    let [
        Event::StepApproved { verdict, .. },
        Event::DealStamped(stamp),
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((stamp.digest, verdict.bound), (subject, subject));
    assert_eq!(stamp.by.as_str(), LEGAL);
    assert_eq!(desk.case().phase.stamp(), Some(stamp));
}

/// A case per row: who asks for which step, on which desk, and why it is refused.
#[test]
fn who_may_not_decide() {
    let mut half = Desk::in_review();
    half.ok(LEAD, half.asks("leadership", Decision::Approve));
    let blocked = |step: &str| Rejection::StepBlocked {
        waits_for: step.to_owned(),
    };
    let role = |role: &str| Rejection::RoleMissing {
        role: role.to_owned(),
    };
    let rows = [
        (Desk::in_review(), LEGAL, "legal", blocked("leadership")),
        (half.clone(), LEGAL, "legal", blocked("revenue")),
        (
            half.clone(),
            LEAD,
            "leadership",
            Rejection::StepAlreadyApproved,
        ),
        (half.clone(), LEAD, "revenue", role("revenue")),
        (
            half.clone(),
            LEGAL,
            "board",
            Rejection::StepUnknown {
                step: "board".to_owned(),
            },
        ),
        (
            Desk::stamped(),
            LEGAL,
            "legal",
            Rejection::StepAlreadyApproved,
        ),
    ];
    for (desk, who, step, expected) in rows {
        for decision in [
            Decision::Approve,
            Decision::RequestChanges,
            Decision::Reject,
        ] {
            let refused = desk.tries(who, desk.asks(step, decision));
            assert_eq!(refused, Err(expected.clone()), "{who} {step}");
        }
    }
}

/// A3: neither who wrote the version nor who handed it in.
#[test]
fn nobody_approves_their_own_estimate() {
    let desk = Desk::in_review();
    for who in [EM, "ops@acme.example", "EM@Acme.example"] {
        let mut facts = desk.facts(who);
        facts.actor.roles = ["leadership".to_owned()].into();
        let command = desk.asks("leadership", Decision::Approve);
        assert_eq!(
            decide(&desk.state, command, &facts),
            Err(Rejection::SelfApproval)
        );
    }
}

/// A3: two steps by one person only when the policy says so.
#[test]
fn one_person_one_step() {
    for allowed in [false, true] {
        let mut desk = Desk::in_review();
        desk.ok(LEAD, desk.asks("leadership", Decision::Approve));
        desk.state
            .case
            .as_mut()
            .unwrap()
            .one_person_may_decide_several_steps = allowed;
        for who in [LEAD, "Lead@acme.example"] {
            let mut facts = desk.facts(who);
            facts.actor.roles = ["leadership".to_owned(), "revenue".to_owned()].into();
            let answer = decide(&desk.state, desk.asks("revenue", Decision::Approve), &facts);
            let refused = Rejection::OneStepPerPerson {
                step: "leadership".to_owned(),
            };
            assert_eq!(answer.err(), (!allowed).then_some(refused), "{who}");
        }
    }
}

/// A1, A3: a case keeps what its policy said about several steps.
#[test]
fn a_case_keeps_its_policy_s_word_on_several_steps() {
    for allowed in [false, true] {
        let steps = policy().steps().to_vec();
        let policy = Policy::new(steps, Vec::new(), allowed).unwrap();
        let mut desk = Desk::prepared();
        let case_id = Uuid::from_u128(1);
        desk.ok(EM, Command::OpenCase { case_id, policy });
        assert_eq!(desk.case().one_person_may_decide_several_steps, allowed);
    }
}

/// A4: an approval of what was read before a change is refused.
#[test]
fn a_stale_digest_is_refused() {
    let mut desk = Desk::in_review();
    let read = desk.asks("leadership", Decision::Approve);
    desk.ok(EM, add_annex());
    assert_eq!(desk.tries(LEAD, read), Err(Rejection::StaleDigest));
}

/// A4: which approvals stand after a change of a stamped deal.
#[test]
fn a_change_voids_just_what_it_touches() {
    type Change = fn(&mut Estimate);
    let rows: [(&str, Change, &[&str]); 4] = [
        ("scope", |e| e.scope_description.push('!'), &["leadership"]),
        ("price", |e| e.packages[0].price = usd("1"), &[]),
        (
            "duration",
            |e| e.scope_duration = "P1Y".parse().unwrap(),
            &[],
        ),
        ("nothing", |_| {}, &["leadership", "revenue", "legal"]),
    ];
    for (what, change, standing) in rows {
        let mut desk = Desk::stamped();
        let stamped = desk.case().phase.stamp().unwrap().clone();
        let mut version = estimate(2);
        change(&mut version);
        let events = desk.ok(EM, submit(version));
        assert_eq!(desk.standing(), standing, "{what}");
        let voided = events.iter().any(
            |event| matches!(event, Event::StampVoided { digest, .. } if *digest == stamped.digest),
        );
        assert_eq!(voided, what != "nothing", "{what}");
        // A version that says the same is stamped again, so that others carry the newest.
        let again = events.last() == Some(&Event::DealStamped(stamped));
        assert_eq!(again, what == "nothing", "{what}");
        assert_eq!(desk.case().phase == Phase::InReview, voided, "{what}");
    }

    let mut desk = Desk::stamped();
    desk.ok(EM, add_annex());
    assert_eq!(desk.standing(), ["leadership", "revenue"]);
    assert!(matches!(desk.case().steps[2].outcome, Outcome::Voided(_)));
    assert_eq!(desk.tries(EM, route()), Err(Rejection::StampMissing));
    let events = desk.ok(LEGAL, desk.asks("legal", Decision::Approve));
    assert!(matches!(events.last(), Some(Event::DealStamped(_))));
}

/// rejected.yaml: revenue asks for changes; only what the new version touches is asked again.
#[test]
fn requested_changes_go_round() {
    let mut desk = Desk::in_review();
    desk.ok(LEAD, desk.asks("leadership", Decision::Approve));
    let events = desk.ok(REVENUE, desk.asks("revenue", Decision::RequestChanges));
    assert!(matches!(&events[..], [Event::ChangesRequested { .. }]));
    let waiting = desk.tries(REVENUE, desk.asks("revenue", Decision::Approve));
    assert_eq!(waiting, Err(Rejection::ChangesRequested));
    desk.ok(EM, add_annex());
    assert_eq!(
        desk.case().phase,
        Phase::ChangesRequested,
        "documents alone are no new version"
    );

    let mut version = estimate(2);
    version.scope_description.push_str(" and train the team");
    desk.ok(EM, submit(version));
    assert_eq!(desk.case().phase, Phase::InReview);
    assert_eq!(desk.standing(), ["leadership"]);
    desk.ok(REVENUE, desk.asks("revenue", Decision::Approve));
    desk.ok(LEGAL, desk.asks("legal", Decision::Approve));
    assert!(desk.case().phase.stamp().is_some());
}

#[test]
fn a_rejection_is_final() {
    let mut desk = Desk::in_review();
    let events = desk.ok(LEAD, desk.asks("leadership", Decision::Reject));
    assert!(matches!(&events[..], [Event::CaseRejected { .. }]));
    let done = Command::CloseChecklistItem {
        item: "staffing-confirmed".to_owned(),
        closing: ItemClosing::Done,
    };
    for command in [
        desk.asks("leadership", Decision::Approve),
        add_annex(),
        route(),
        done,
    ] {
        assert_eq!(desk.tries(LEAD, command), Err(Rejection::CaseRejected));
    }
    desk.ok(EM, submit(estimate(2)));
    assert_eq!(desk.case().phase, Phase::Rejected);
}

/// E8: versions come in order, but an old or repeated one must not do harm.
#[test]
fn only_the_newest_version_counts() {
    let mut desk = Desk::in_review();
    desk.ok(EM, submit(estimate(3)));
    for old in [1, 2, 3] {
        assert_eq!(desk.tries(EM, submit(estimate(old))), Ok(Vec::new()));
    }
    let other = Estimate {
        estimate_id: "est-2".to_owned(),
        ..estimate(1)
    };
    desk.ok(EM, submit(other));
    assert_eq!(desk.state.last_estimate().unwrap().estimate_id, "est-2");
}

/// E8, A5: without a submitted estimate there is no stamp; coming back, only the stamp is asked for.
#[test]
fn a_withdrawn_estimate_takes_the_stamp_with_it() {
    let lose = |estimate_id: &str, version| Command::LoseEstimate {
        estimate_id: estimate_id.to_owned(),
        version,
        cause: Loss::Withdrawn,
    };
    let mut desk = Desk::stamped();
    assert_eq!(desk.tries(EM, lose("est-9", 1)), Ok(Vec::new()));
    assert_eq!(desk.tries(EM, lose("est-1", 0)), Ok(Vec::new()));
    let events = desk.ok(EM, lose("est-1", 1));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::StampVoided { .. }))
    );
    assert_eq!(desk.case().phase, Phase::AwaitingEstimate);
    let late = desk.tries(LEGAL, desk.asks("legal", Decision::Approve));
    assert_eq!(late, Err(Rejection::NoSubmittedEstimate));
    assert_eq!(desk.tries(EM, lose("est-1", 1)), Ok(Vec::new()));

    desk.ok(EM, submit(estimate(2)));
    assert_eq!(desk.standing(), ["leadership", "revenue"]);
    desk.ok(LEGAL, desk.asks("legal", Decision::Approve));
    assert!(desk.case().phase.stamp().is_some());
}

/// A8: done or waived, each once; the last completes the list, once.
#[test]
fn the_checklist_completes_once() {
    let close = |item: &str, closing| Command::CloseChecklistItem {
        item: item.to_owned(),
        closing,
    };
    let mut desk = Desk::in_review();
    let events = desk.ok(EM, close("record-complete", ItemClosing::Done));
    assert_eq!(events.len(), 1);
    let again = desk.tries(EM, close("record-complete", ItemClosing::Done));
    assert_eq!(again, Err(Rejection::ItemAlreadyClosed));
    let unknown = desk.tries(EM, close("lunch", ItemClosing::Done));
    assert_eq!(
        unknown,
        Err(Rejection::ItemUnknown {
            item: "lunch".to_owned()
        })
    );
    let waived = ItemClosing::Waived {
        reason: "remote only".to_owned(),
    };
    let events = desk.ok(EM, close("staffing-confirmed", waived));
    assert_eq!(events.last(), Some(&Event::ChecklistCompleted));

    let empty = Policy::new(policy().steps().to_vec(), Vec::new(), false).unwrap();
    let mut desk = Desk::prepared();
    let open = Command::OpenCase {
        case_id: Uuid::from_u128(1),
        policy: empty,
    };
    assert_eq!(desk.ok(EM, open).last(), Some(&Event::ChecklistCompleted));
}

/// A1, A5: policies that cannot work, and every fault at once.
#[test]
fn senseless_policies_are_refused() {
    let step = |name: &str, binds: &[Part]| PolicyStep {
        name: name.to_owned(),
        role: name.to_owned(),
        binds: binds.to_vec(),
    };
    let policy = |steps, checklist: &[&str]| {
        let checklist = checklist.iter().map(|item| (*item).to_owned()).collect();
        Policy::new(steps, checklist, false).unwrap_err()
    };
    assert_eq!(policy(vec![], &[]), [PolicyFault::StepCount]);
    assert_eq!(
        policy(vec![step("a", &[Part::Price])], &[]),
        [PolicyFault::LastStepMustBindAll]
    );
    assert_eq!(
        policy(vec![step("a", &[]), step("a", &Part::ALL)], &["x", "x"]),
        [
            PolicyFault::StepNameRepeated,
            PolicyFault::StepBindsNothing,
            PolicyFault::Checklist
        ]
    );
}

/// A3, A5: who writes the next version loses the approval given to the one before, and the stamp
/// with it.
#[test]
fn an_approver_who_becomes_the_author_no_longer_approves() {
    let mut desk = Desk::stamped();
    let author = LEAD.parse().unwrap();
    desk.ok(
        EM,
        submit(Estimate {
            author,
            ..estimate(2)
        }),
    );
    assert_eq!(desk.standing(), ["revenue"]);
    assert_eq!(desk.case().phase, Phase::InReview);
}
