//! Change orders as tables of what is said of them, and properties over all that can be said (O15).

use proptest::prelude::*;

use super::*;
use crate::domain::id::AwsAdjustmentId;
use crate::domain::sample::{self, at, usd};

const NOW: &str = "2026-04-11T10:00:00Z";
const OVER_AT: &str = "2026-04-10T12:00:00Z";

fn by() -> Principal {
    "ali@acme.example".parse().unwrap()
}

fn started_as(reason: &str, status: &str, open: Option<&str>) -> Result<ChangeOrder, Rejection> {
    let (offer, agreement) = (sample::accepted(), sample::agreement());
    let open = open.map(|id| id.parse().unwrap());
    let facts = Facts {
        now: at("2026-04-09T10:00:00Z"),
        by: &by(),
        offer: &offer,
        agreement: &agreement,
        status,
        open: open.as_ref(),
    };
    start("0196-co-1".parse().unwrap(), reason, facts)
}

fn started() -> ChangeOrder {
    started_as("the scope grew", "ACTIVE", None).unwrap()
}

fn seen(status: &str) -> Seen {
    Seen {
        id: "acr-1".parse().unwrap(),
        status: status.into(),
        message: Some("as AWS says".into()),
        created_at: Some(at("2026-04-09T10:00:05Z")),
        updated_at: Some(at(OVER_AT)),
        agreement_over: false,
    }
}

fn see(status: &str) -> Command {
    Command::RecordSeen(seen(status))
}

/// AWS closed the request because there is nothing more to cancel.
fn closed() -> Command {
    Command::RecordSeen(Seen {
        agreement_over: true,
        ..seen("CANCELLED")
    })
}

fn withdraw() -> Command {
    let reason = "not now".into();
    Command::Withdraw { reason }
}

fn errors() -> Vec<AwsError> {
    vec![AwsError {
        code: "ConflictException".into(),
        message: "no".into(),
    }]
}

fn refuse() -> Command {
    Command::RecordRefused { errors: errors() }
}

fn refuse_withdrawal() -> Command {
    Command::RecordWithdrawalRefused { errors: errors() }
}

fn over() -> Command {
    Command::RecordAgreementOver { at: at(OVER_AT) }
}

fn replaced(engagement: &str, offer: &str) -> Command {
    Command::RecordReplacement(Replacement {
        offer_id: offer.parse().unwrap(),
        engagement_id: engagement.parse().unwrap(),
    })
}

fn line(invoice: &str, amount: &str) -> Asked {
    Asked {
        invoice_id: invoice.parse().unwrap(),
        amount: usd(amount),
        description: "as agreed".into(),
    }
}

fn invoices() -> Command {
    Command::RecordInvoices(vec![Invoice {
        id: "inv-1".parse().unwrap(),
        amount: usd("41000.00"),
        adjustable: usd("40000.00"),
        issued_at: None,
    }])
}

fn completed(number: u32) -> Command {
    let id: AwsAdjustmentId = format!("ba-{number}").parse().unwrap();
    Command::RecordAdjustments(vec![(number, AdjustmentState::Completed { id })])
}

fn said(order: ChangeOrder, command: &Command) -> ChangeOrder {
    let events = decide(&order, command, &by(), at(NOW)).unwrap();
    events.iter().fold(order, evolve)
}

fn after(commands: &[Command]) -> ChangeOrder {
    commands.iter().fold(started(), said)
}

fn reason(order: &ChangeOrder, command: &Command) -> Result<usize, &'static str> {
    let decided = decide(order, command, &by(), at(NOW));
    decided
        .map(|events| events.len())
        .map_err(|refused| refused.reason())
}

const REQUEST: Command = Command::RequestCancellation;

#[test]
fn what_cannot_be_started_says_why() {
    let reason = |refused: Result<ChangeOrder, Rejection>| refused.unwrap_err().reason();
    assert_eq!(reason(started_as(" ", "ACTIVE", None)), "INVALID_FIELDS");
    let long = "x".repeat(2_001);
    assert_eq!(reason(started_as(&long, "ACTIVE", None)), "INVALID_FIELDS");
    for status in ["CANCELLED", "EXPIRED", "PAUSED", ""] {
        let refused = started_as("why", status, None);
        assert_eq!(reason(refused), "AGREEMENT_NOT_ACTIVE", "{status}");
    }
    let open = started_as("why", "ACTIVE", Some("0196-co-0"));
    assert_eq!(reason(open), "CHANGE_ORDER_OPEN");
}

#[test]
fn what_is_said_leads_to_a_state() {
    let pending = see("PENDING_APPROVAL");
    for (commands, state) in [
        (vec![], "started"),
        (vec![withdraw()], "withdrawn"),
        (vec![over()], "over"),
        (vec![REQUEST], "sending"),
        (vec![REQUEST, refuse()], "failed"),
        (vec![REQUEST, over()], "over"),
        (vec![REQUEST, pending.clone()], "pending"),
        (vec![REQUEST, see("UNDER_REVIEW")], "pending"),
        (vec![REQUEST, pending.clone(), see("APPROVED")], "over"),
        (vec![REQUEST, see("APPROVED")], "over"),
        (vec![REQUEST, pending.clone(), over()], "over"),
        (vec![REQUEST, pending.clone(), see("REJECTED")], "rejected"),
        (vec![REQUEST, see("VALIDATION_FAILED")], "failed"),
        (
            vec![REQUEST, pending.clone(), see("CANCELLED")],
            "withdrawn",
        ),
        (vec![REQUEST, pending.clone(), withdraw()], "pending"),
        (
            vec![REQUEST, pending.clone(), withdraw(), see("CANCELLED")],
            "withdrawn",
        ),
        (
            vec![REQUEST, pending.clone(), withdraw(), see("APPROVED")],
            "over",
        ),
        (vec![REQUEST, pending.clone(), closed()], "over"),
        (
            vec![REQUEST, pending.clone(), withdraw(), closed()],
            "withdrawn",
        ),
        (vec![REQUEST, closed()], "over"),
        (
            vec![REQUEST, pending.clone(), see("REJECTED"), over()],
            "rejected",
        ),
        (vec![over(), replaced("opp-2", "offer-2")], "replaced"),
        // Late words change nothing.
        (
            vec![REQUEST, pending, see("APPROVED"), see("REJECTED"), refuse()],
            "over",
        ),
    ] {
        assert_eq!(after(&commands).stage.name(), state, "{commands:?}");
    }
}

#[test]
fn what_a_state_does_not_allow_says_why() {
    let pending = || vec![REQUEST, see("PENDING_APPROVAL")];
    let rejected = || [pending(), vec![see("REJECTED")]].concat();
    let adjust = || Command::Adjust(vec![line("inv-1", "1.00")]);
    for (before, command, expected) in [
        (vec![REQUEST], REQUEST, Ok(0)),
        (pending(), REQUEST, Ok(0)),
        (vec![over()], REQUEST, Ok(0)),
        (rejected(), REQUEST, Err("CHANGE_ORDER_ENDED")),
        (vec![withdraw()], REQUEST, Err("CHANGE_ORDER_ENDED")),
        (vec![REQUEST], withdraw(), Err("CHANGE_ORDER_SENDING")),
        ([pending(), vec![withdraw()]].concat(), withdraw(), Ok(0)),
        (vec![withdraw()], withdraw(), Ok(0)),
        (vec![over()], withdraw(), Err("CHANGE_ORDER_ENDED")),
        (rejected(), withdraw(), Err("CHANGE_ORDER_ENDED")),
        (vec![], adjust(), Err("AGREEMENT_NOT_OVER")),
        (pending(), adjust(), Err("AGREEMENT_NOT_OVER")),
        (rejected(), adjust(), Err("AGREEMENT_NOT_OVER")),
        (vec![over()], adjust(), Ok(1)),
        (
            pending(),
            replaced("opp-2", "offer-2"),
            Err("AGREEMENT_NOT_OVER"),
        ),
        (vec![over(), replaced("opp-2", "offer-2")], adjust(), Ok(1)),
        (
            vec![over(), replaced("opp-2", "offer-2")],
            replaced("opp-2", "offer-2"),
            Ok(0),
        ),
        (
            vec![over(), replaced("opp-2", "offer-2")],
            replaced("opp-2", "offer-3"),
            Ok(1),
        ),
        (
            vec![over(), replaced("opp-2", "offer-2")],
            replaced("opp-3", "offer-3"),
            Err("AGREEMENT_REPLACED"),
        ),
    ] {
        let order = after(&before);
        assert_eq!(reason(&order, &command), expected, "{before:?} {command:?}");
    }
    let silent = Command::Withdraw { reason: " ".into() };
    assert_eq!(reason(&started(), &silent), Err("INVALID_FIELDS"));
}

/// Seven days after AWS took it silence cancels the agreement; a word before that is no silence (facts §3.1).
#[test]
fn silence_is_told_from_a_word() {
    let order = after(&[REQUEST, see("PENDING_APPROVAL")]);
    let due_at = at("2026-04-16T10:00:05Z");
    assert_eq!(order.cancels_itself_at(), Some(due_at));
    let clock = order.clock().unwrap();
    assert_eq!(
        (clock.kind, clock.due_at),
        (clock::Kind::CancellationSilence, due_at)
    );
    assert_eq!(started().clock(), None);
    for (at, silent) in [(due_at, true), (due_at - TimeDelta::seconds(1), false)] {
        let over = said(order.clone(), &Command::RecordAgreementOver { at });
        assert_eq!(over.cancelled_itself(), silent, "{at}");
    }
    assert!(!said(order, &see("REJECTED")).cancelled_itself());
}

/// The agreement's end and its request's are two looks at AWS, which may come in either order.
#[test]
fn the_request_s_last_word_is_read_also_after_the_agreement_s_end() {
    let over = after(&[REQUEST, see("PENDING_APPROVAL"), over()]);
    let read = said(over.clone(), &see("APPROVED"));
    assert_eq!(read.cancellation.as_ref().unwrap().status, "APPROVED");
    assert_eq!(read.stage, over.stage);
    assert_eq!(reason(&read, &see("APPROVED")), Ok(0));
    // Nothing that AWS says of the request revives the agreement.
    for status in ["REJECTED", "CANCELLED", "VALIDATION_FAILED"] {
        assert_eq!(said(over.clone(), &see(status)).stage, over.stage);
    }
}

/// The agreement's end may be seen while the request is on its way, or before it was asked for.
#[test]
fn a_request_that_was_not_known_at_the_agreement_s_end_changes_nothing() {
    for before in [vec![over()], vec![REQUEST, over()]] {
        let over = after(&before);
        assert_eq!(reason(&over, &see("PENDING_APPROVAL")), Ok(0));
        assert_eq!(said(over.clone(), &see("APPROVED")), over);
    }
}

#[test]
fn adjustments_that_aws_would_refuse_are_refused_here() {
    let order = after(&[over(), invoices()]);
    let violations = |order: &ChangeOrder, lines: Vec<Asked>| match decide(
        order,
        &Command::Adjust(lines),
        &by(),
        at(NOW),
    ) {
        Err(Rejection::Invalid(wrong)) => wrong.iter().map(|one| one.reason).collect(),
        other => panic!("{other:?}"),
    };
    let expected = |reasons: &[&'static str]| -> Vec<&'static str> { reasons.to_vec() };
    let found: Vec<_> = violations(&order, vec![]);
    assert_eq!(found, expected(&["ADJUSTMENTS_COUNT"]));
    let found = violations(&order, vec![line("inv-1", "0.00")]);
    assert_eq!(found, expected(&["ADJUSTMENT_AMOUNT"]));
    let found = violations(&order, vec![line("inv-1", "40000.01")]);
    assert_eq!(found, expected(&["ADJUSTMENT_OVER_MAXIMUM"]));
    let eur = countersign_kernel::Money::parse("1.00", countersign_kernel::Currency::Eur).unwrap();
    let found = violations(
        &order,
        vec![Asked {
            amount: eur,
            ..line("inv-1", "1.00")
        }],
    );
    assert_eq!(found, expected(&["ADJUSTMENT_OVER_MAXIMUM"]));
    let found = violations(&order, vec![line("inv-1", "1.00"), line("inv-1", "2.00")]);
    assert_eq!(found, expected(&["ADJUSTMENT_OPEN"]));
    let long = "x".repeat(501);
    let found = violations(
        &order,
        vec![Asked {
            description: long,
            ..line("inv-2", "1.00")
        }],
    );
    assert_eq!(found, expected(&["ADJUSTMENT_DESCRIPTION"]));
    let open = said(
        order,
        &Command::Adjust(vec![line("inv-1", "40000.00"), line("inv-2", "1.00")]),
    );
    assert_eq!(
        open.unsent().map(|line| line.number).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(
        violations(&open, vec![line("inv-1", "1.00")]),
        expected(&["ADJUSTMENT_OPEN"])
    );
    // Each line ends by itself, and its last word stands.
    let half = said(open, &completed(1));
    assert_eq!(
        half.unsent().map(|line| line.number).collect::<Vec<_>>(),
        [2]
    );
    assert_eq!(reason(&half, &completed(1)), Ok(0));
    assert_eq!(
        reason(&half, &Command::Adjust(vec![line("inv-1", "1.00")])),
        Ok(1)
    );
    assert_eq!(half.adjustments[0].client_token(&half), "0196-co-1-1");
}

#[test]
fn aws_s_status_of_an_adjustment_is_its_state() {
    let id = || "ba-1".parse::<AwsAdjustmentId>().unwrap();
    for (status, open) in [
        ("PENDING", true),
        ("SOMETHING_NEW", true),
        ("COMPLETED", false),
        ("VALIDATION_FAILED", false),
    ] {
        let state = AdjustmentState::at_aws(id(), status, Some("why"));
        assert_eq!(state.is_open(), open, "{status}");
        assert_eq!(state.aws_id(), Some(&id()), "{status}");
    }
}

fn commands() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(REQUEST),
        Just(withdraw()),
        Just(refuse()),
        Just(refuse_withdrawal()),
        Just(over()),
        Just(invoices()),
        Just(closed()),
        Just(completed(1)),
        Just(Command::Adjust(vec![line("inv-1", "10.00")])),
        Just(replaced("opp-2", "offer-2")),
        prop_oneof![
            Just("PENDING_APPROVAL"),
            Just("APPROVED"),
            Just("REJECTED"),
            Just("CANCELLED"),
            Just("VALIDATION_FAILED"),
            Just("UNDER_REVIEW"),
        ]
        .prop_map(see),
    ]
}

proptest! {
    /// Whatever is said in whatever order: once over, the agreement stays over; what came to nothing stays so;
    /// money is asked back only of an agreement that is over; a command said again changes nothing more.
    #[test]
    fn ends_stay_ends(said in prop::collection::vec(commands(), 0..20)) {
        let mut order = started();
        for command in &said {
            let Ok(events) = decide(&order, command, &by(), at(NOW)) else { continue };
            let next = events.iter().fold(order.clone(), evolve);
            prop_assert_eq!(next.revision, order.revision + u32::try_from(events.len()).unwrap());
            if order.stage.over_at().is_some() {
                prop_assert_eq!(next.stage.over_at(), order.stage.over_at());
            }
            let nothing = matches!(order.stage, Stage::Rejected { .. } | Stage::Withdrawn { .. } | Stage::Failed { .. });
            if nothing {
                prop_assert_eq!(&next.stage, &order.stage);
            }
            prop_assert!(next.adjustments.is_empty() || next.stage.over_at().is_some());
            let pending = matches!(next.stage, Stage::Pending { .. });
            prop_assert!(!pending || next.cancellation.is_some());
            let asks = matches!(command, Command::Adjust(_));
            if !asks && let Ok(again) = decide(&next, command, &by(), at(NOW)) {
                prop_assert_eq!(again, vec![]);
            }
            order = next;
        }
    }
}
