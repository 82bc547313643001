//! Whatever is asked in whatever order: the machine keeps its promises.

use proptest::prelude::*;

use super::*;
use crate::domain::command::{ItemClosing, Loss, SignedCopy, SigningParty};
use crate::domain::dossier::Phase;

/// An arbitrary request; numbers are drawn from so few that they often meet.
#[derive(Debug, Clone)]
enum Ask {
    Submit {
        version: u32,
        price: u8,
        scope: u8,
        author: usize,
    },
    Lose,
    Add {
        number: u8,
        kind: DocumentKind,
        replaces: Option<u8>,
    },
    Remove(u8),
    Open,
    Decide {
        who: usize,
        step: usize,
        decision: Decision,
    },
    Route,
    Sign(SigningParty),
    Close(usize),
}

const PEOPLE: [&str; 5] = [EM, LEAD, REVENUE, LEGAL, "second-legal@acme.example"];
const STEPS: [&str; 3] = ["leadership", "revenue", "legal"];
const ITEMS: [&str; 2] = ["record-complete", "staffing-confirmed"];

fn ask() -> impl Strategy<Value = Ask> {
    let kind = proptest::sample::select(&DocumentKind::ALL[..]);
    let decision = prop_oneof![
        40 => Just(Decision::Approve),
        2 => Just(Decision::RequestChanges),
        1 => Just(Decision::Reject),
    ];
    let party = prop_oneof![Just(SigningParty::Internal), Just(SigningParty::Customer)];
    prop_oneof![
        3 => (1..9_u32, 0..2_u8, 0..2_u8, 0..2_usize)
            .prop_map(|(version, price, scope, author)| Ask::Submit { version, price, scope, author }),
        1 => Just(Ask::Lose),
        6 => (0..9_u8, kind, proptest::option::of(0..9_u8))
            .prop_map(|(number, kind, replaces)| Ask::Add { number, kind, replaces }),
        1 => (0..9_u8).prop_map(Ask::Remove),
        2 => Just(Ask::Open),
        20 => (0..PEOPLE.len(), 0..=STEPS.len(), decision)
            .prop_map(|(who, step, decision)| Ask::Decide { who, step, decision }),
        6 => Just(Ask::Route),
        8 => party.prop_map(Ask::Sign),
        2 => (0..ITEMS.len()).prop_map(Ask::Close),
    ]
}

/// Who asks: approvers decide, the engagement manager does the rest.
fn who(ask: &Ask) -> &'static str {
    if let Ask::Decide { who, .. } = ask {
        PEOPLE[*who]
    } else {
        EM
    }
}

fn command(desk: &Desk, ask: &Ask) -> Command {
    let id = |number: u8| Uuid::from_u128(number.into());
    match *ask {
        Ask::Submit {
            version,
            price,
            scope,
            author,
        } => {
            let mut estimate = estimate(version);
            estimate.author = PEOPLE[author].parse().unwrap();
            estimate.packages[0].price =
                Money::from_minor_units(price.into(), Currency::Usd).unwrap();
            estimate.scope_description = scope.to_string();
            Command::ReceiveEstimate(Box::new(estimate))
        }
        Ask::Lose => {
            let (estimate_id, version) = ("est-1".to_owned(), 9);
            Command::LoseEstimate {
                estimate_id,
                version,
                cause: Loss::Expired,
            }
        }
        Ask::Add {
            number,
            kind,
            replaces,
        } => {
            let document = document(number.into(), kind);
            Command::AddDocument {
                document,
                replaces: replaces.map(id),
            }
        }
        Ask::Remove(number) => Command::RemoveDocument {
            document_id: id(number),
            reason: String::new(),
        },
        Ask::Open => Command::OpenCase {
            case_id: Uuid::from_u128(77),
            policy: policy(),
        },
        Ask::Decide { step, decision, .. } => decided(desk, STEPS.get(step).copied(), decision),
        Ask::Route => route(),
        Ask::Sign(party) => signature(desk, party),
        Ask::Close(item) => {
            let (item, closing) = (ITEMS[item].to_owned(), ItemClosing::Done);
            Command::CloseChecklistItem { item, closing }
        }
    }
}

/// A decision on a step, or on the one whose turn it is.
fn decided(desk: &Desk, step: Option<&str>, decision: Decision) -> Command {
    let parts = desk.state.parts();
    let open = desk.state.case.as_ref().and_then(|case| case.open_step());
    let step = step
        .or(open.map(|step| step.policy.name.as_str()))
        .unwrap_or_default();
    Command::DecideStep {
        step: step.to_owned(),
        decision,
        comment: String::new(),
        subject_digest: parts.map_or(Digest::of(b""), |parts| parts.subject()),
    }
}

fn signature(desk: &Desk, party: SigningParty) -> Command {
    let find = |kind| desk.state.documents.iter().find(|one| one.kind == kind);
    Command::RecordSignature {
        party,
        signatory: String::new(),
        signed_at: desk.now,
        routed_sow_digest: find(DocumentKind::Sow).map_or(Digest::of(b""), |sow| sow.digest),
        signed_copy: find(DocumentKind::SignedSow)
            .map(|copy| SignedCopy::Document(copy.document_id)),
    }
}

/// Every approver holds every role here: A3 must hold without roles' help.
fn facts(desk: &Desk, who: &str) -> Facts {
    let mut facts = desk.facts(who);
    facts.actor.roles = STEPS.map(str::to_owned).into();
    facts
}

fn promises(state: &Dossier) {
    let Some(case) = &state.case else { return };
    let estimate = state.last_estimate().expect("a case has an estimate");
    let parts = state.parts().unwrap();
    let approvals: Vec<_> = case
        .steps
        .iter()
        .filter_map(|step| Some((step, step.outcome.approval()?)))
        .collect();
    let people: std::collections::BTreeSet<_> = approvals.iter().map(|(_, one)| &one.by).collect();
    assert_eq!(people.len(), approvals.len(), "A3: one step per person");
    assert!(
        !people.contains(&estimate.author) || case.phase == Phase::Rejected,
        "A3: not one's own"
    );
    if case.phase != Phase::Rejected {
        for (step, verdict) in &approvals {
            assert_eq!(
                verdict.bound,
                parts.bound(&step.policy.binds),
                "A4: standing means unchanged"
            );
        }
    }
    let last_holds = case.steps.last().unwrap().outcome.approval().is_some();
    assert_eq!(
        last_holds,
        case.phase.stamp().is_some(),
        "A5: the last approval is the stamp"
    );
    if let Some(stamp) = case.phase.stamp() {
        assert_eq!(approvals.len(), case.steps.len(), "A5: every step holds");
        assert_eq!(
            stamp.digest,
            parts.subject(),
            "A5: the stamp binds what is there"
        );
        assert!(
            state
                .documents
                .iter()
                .any(|one| one.kind == DocumentKind::Eula),
            "O6"
        );
    }
    if let Some(routed) = case.phase.routed() {
        let sow = state
            .documents
            .iter()
            .find(|one| one.kind == DocumentKind::Sow);
        assert_eq!(
            sow.map(|sow| sow.digest),
            Some(routed.routing.sow_digest),
            "A6"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// State = fold of events; a refusal changes nothing; what is promised holds after every step.
    #[test]
    fn any_history_keeps_the_promises(asks in proptest::collection::vec(ask(), 1..120), ready: bool) {
        let mut desk = if ready { Desk::in_review() } else { Desk::prepared() };
        let start = desk.state.clone();
        let mut history = Vec::new();
        for ask in &asks {
            let command = command(&desk, ask);
            let Ok(events) = decide(&desk.state, command, &facts(&desk, who(ask))) else { continue };
            for event in &events {
 desk.state.apply(event);
}
            promises(&desk.state);
            history.extend(events);
        }
        let mut folded = start;
        for event in &history {
 folded.apply(event);
}
        prop_assert_eq!(&folded, &desk.state);
        let completed = history.iter().filter(|event| **event == Event::ChecklistCompleted).count();
        prop_assert!(completed <= 1, "A8: once");
    }
}
