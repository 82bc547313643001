//! Payment requests as a table of what is said of them, and properties over all that can be said (O17).

use proptest::prelude::*;

use super::*;
use crate::domain::sample::{self, at, usd};

const NOW: &str = "2026-03-11T10:00:00Z";

fn by() -> Principal {
    "fin@acme.example".parse().unwrap()
}

fn seen(status: &str) -> Seen {
    Seen {
        id: "pr-1".parse().unwrap(),
        status: status.into(),
        charge_id: (status == "APPROVED").then(|| "ch-1".into()),
        message: Some("as AWS says".into()),
        created_at: Some(at("2026-03-10T10:00:05Z")),
        updated_at: Some(at("2026-03-10T12:00:00Z")),
    }
}

fn see(status: &str) -> Command {
    Command::RecordSeen(seen(status))
}

fn ask_back() -> Command {
    let reason = "invoiced by hand".into();
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

fn after(commands: &[Command]) -> PaymentRequest {
    commands
        .iter()
        .fold(sample::payment_request(), |request, command| {
            let events = decide(&request, command, &by(), at(NOW)).unwrap();
            events.iter().fold(request, evolve)
        })
}

#[test]
fn what_aws_shows_leads_to_a_state() {
    let pending = see("PENDING_APPROVAL");
    let cases: [(&[Command], &str, &str); 13] = [
        (&[], "sending", ""),
        (&[see("VALIDATING")], "pending", "VALIDATING"),
        (
            &[see("VALIDATING"), pending.clone()],
            "pending",
            "PENDING_APPROVAL",
        ),
        (&[see("UNDER_REVIEW")], "pending", "UNDER_REVIEW"),
        (&[see("")], "pending", ""),
        (&[see("APPROVED")], "approved", "APPROVED"),
        (&[pending.clone(), see("APPROVED")], "approved", "APPROVED"),
        (&[pending.clone(), see("REJECTED")], "rejected", "REJECTED"),
        (
            &[pending.clone(), see("CANCELLED")],
            "cancelled",
            "CANCELLED",
        ),
        (
            &[pending.clone(), see("VALIDATION_FAILED")],
            "failed",
            "VALIDATION_FAILED",
        ),
        (&[refuse()], "failed", ""),
        (
            &[pending.clone(), ask_back()],
            "pending",
            "PENDING_APPROVAL",
        ),
        (
            &[pending, ask_back(), see("CANCELLED")],
            "cancelled",
            "CANCELLED",
        ),
    ];
    for (commands, state, status) in cases {
        let request = after(commands);
        assert_eq!(request.stage.name(), state, "{commands:?}");
        let shown = request.at_aws().map_or("", |at_aws| &at_aws.status);
        assert_eq!(shown, status, "{commands:?}");
    }
}

/// The buyer's answer may cross the seller's withdrawal: AWS's word stands.
#[test]
fn a_withdrawal_that_comes_too_late_changes_nothing() {
    let asked = after(&[see("PENDING_APPROVAL"), ask_back()]);
    assert_eq!(asked.withdrawal().unwrap().by, by());
    let approved = after(&[see("PENDING_APPROVAL"), ask_back(), see("APPROVED")]);
    assert_eq!(approved.stage.name(), "approved");
    let kept = after(&[see("PENDING_APPROVAL"), ask_back(), refuse_withdrawal()]);
    assert_eq!((kept.withdrawal(), &kept.last_errors), (None, &errors()));
    let reasons = |commands: &[Command]| {
        let Stage::Cancelled { reason, .. } = after(commands).stage else {
            panic!("{commands:?}")
        };
        reason
    };
    let ours = [see("PENDING_APPROVAL"), ask_back(), see("CANCELLED")];
    assert_eq!(reasons(&ours), "invoiced by hand");
    assert_eq!(
        reasons(&[see("PENDING_APPROVAL"), see("CANCELLED")]),
        "as AWS says"
    );
}

#[test]
fn what_cannot_be_taken_back_says_why() {
    let refused = |commands: &[Command], command: &Command| {
        decide(&after(commands), command, &by(), at(NOW))
            .unwrap_err()
            .reason()
    };
    let pending = see("PENDING_APPROVAL");
    assert_eq!(refused(&[], &ask_back()), "PAYMENT_REQUEST_SENDING");
    for status in ["APPROVED", "REJECTED", "VALIDATION_FAILED"] {
        let ended = [pending.clone(), see(status)];
        assert_eq!(refused(&ended, &ask_back()), "PAYMENT_REQUEST_ENDED");
    }
    let reason = "  ".into();
    assert_eq!(
        refused(&[pending], &Command::Withdraw { reason }),
        "INVALID_FIELDS"
    );
}

/// O18: ten days after AWS took it, silence is approval; not where the buyer wants to be asked.
#[test]
fn the_clock_shows_when_it_approves_itself() {
    let pending = after(&[see("PENDING_APPROVAL")]);
    assert_eq!(after(&[]).clock(), None);
    let clock = pending.clock().unwrap();
    assert_eq!(clock.id, "offer-1.payment-request.0196-pay-1");
    assert_eq!(clock.due_at, at("2026-03-20T10:00:05Z"));
    let asked = PaymentRequest {
        approves_after: None,
        ..pending.clone()
    };
    assert_eq!(asked.clock(), None);
    for (updated_at, itself) in [
        ("2026-03-20T10:00:04Z", false),
        ("2026-03-20T10:00:05Z", true),
        ("2026-03-21T00:00:00Z", true),
    ] {
        let mut approved = seen("APPROVED");
        approved.updated_at = Some(at(updated_at));
        let command = Command::RecordSeen(approved);
        let events = decide(&pending, &command, &by(), at(NOW)).unwrap();
        let approved = events.iter().fold(pending.clone(), evolve);
        assert_eq!(approved.approved_itself(), itself, "{updated_at}");
    }
    assert!(!after(&[see("PENDING_APPROVAL"), see("REJECTED")]).approved_itself());
}

fn facts<'a>(offer: &'a Offer, by: &'a Principal) -> Facts<'a> {
    Facts {
        now: at("2026-03-10T10:00:00Z"),
        by,
        offer,
        status: "ACTIVE",
        drawn: Drawn {
            count: 0,
            requested: usd("0.00"),
            approved: usd("0.00"),
        },
    }
}

fn ask() -> Ask {
    Ask {
        milestone: "Design accepted".into(),
        description: "As of 10 March".into(),
        amount: usd("30000.00"),
    }
}

#[test]
fn an_asking_is_a_request_on_its_way() {
    let (offer, by) = (
        sample::variable_accepted(),
        "em@acme.example".parse().unwrap(),
    );
    let id = || "0196-pay-1".parse().unwrap();
    let asked = request(id(), ask(), facts(&offer, &by)).unwrap();
    assert_eq!(asked, sample::payment_request());
    assert_eq!(asked.name(), "Design accepted #1");
    let mut second = facts(&offer, &by);
    second.drawn.count = 1;
    second.drawn.requested = usd("72500.01");
    let refused = request(id(), ask(), second).unwrap_err();
    assert_eq!(refused.findings()[0].rule, "PAYMENT_WITHIN_CAP");
    let draft = sample::variable_draft().0;
    let refused = request(id(), ask(), facts(&draft, &by)).unwrap_err();
    assert_eq!(refused.reason(), "OFFER_NOT_ACCEPTED");
    let prepaid = sample::accepted();
    let refused = request(id(), ask(), facts(&prepaid, &by)).unwrap_err();
    assert_eq!(refused.reason(), "NO_VARIABLE_PAYMENTS");
}

fn any_command() -> impl Strategy<Value = Command> {
    let statuses = [
        "VALIDATING",
        "PENDING_APPROVAL",
        "APPROVED",
        "REJECTED",
        "CANCELLED",
        "VALIDATION_FAILED",
        "SOMETHING_NEW",
    ];
    prop_oneof![
        prop::sample::select(statuses.to_vec()).prop_map(see),
        Just(refuse()),
        Just(ask_back()),
        Just(refuse_withdrawal()),
    ]
}

proptest! {
    /// Whatever is said, in whichever order and however often: an end is the last word, it ends once, and
    /// what is said again changes nothing.
    #[test]
    fn an_end_is_the_last_word(commands in prop::collection::vec(any_command(), 1..12)) {
        let mut request = sample::payment_request();
        let mut ends = 0;
        for command in &commands {
            let Ok(events) = decide(&request, command, &by(), at(NOW)) else { continue };
            let before = request.clone();
            let last = before.ended_at();
            request = events.iter().fold(request, evolve);
            prop_assert!(last.is_none() || events.is_empty(), "{:?} after {:?}", events, before);
            ends += u32::from(last.is_none() && request.ended_at().is_some());
            let again = decide(&request, command, &by(), at(NOW));
            prop_assert!(again.is_err() || again == Ok(Vec::new()), "{:?}", again);
        }
        prop_assert!(ends <= 1);
    }
}
