//! State → replies.

use countersign_proto::approval::v1;
use countersign_proto::approval::v1::case::State as CaseState;
use countersign_proto::approval::v1::step::State as StepState;

use crate::domain::command::ItemClosing;
use crate::domain::dossier::{ChecklistItem, Outcome, Phase, Signature, Step, Verdict};
use crate::domain::{Case, Dossier, Part};
use crate::wire;

/// The case of an engagement, if it has one.
pub(super) fn case(dossier: &Dossier) -> Option<v1::Case> {
    let (case, estimate) = (dossier.case.as_ref()?, dossier.last_estimate()?);
    let open = case.open_step().map(|step| step.policy.name.as_str());
    let routed = case.phase.routed();
    Some(v1::Case {
        case_id: case.case_id.to_string(),
        engagement_id: dossier.engagement.to_string(),
        state: state(&case.phase).into(),
        estimate_id: estimate.estimate_id.clone(),
        estimate_version: estimate.version,
        subject_digest: dossier.parts().map(|parts| parts.subject().to_string())?,
        steps: case.steps.iter().map(|one| step(one, open)).collect(),
        documents: dossier.documents.iter().map(wire::document).collect(),
        checklist: case.checklist.iter().map(item).collect(),
        stamped_digest: case
            .phase
            .stamp()
            .map(|it| it.digest.to_string())
            .unwrap_or_default(),
        routed_sow_digest: routed
            .map(|it| it.routing.sow_digest.to_string())
            .unwrap_or_default(),
        signatures: signatures(case),
        estimate: Some(wire::snapshot(estimate)),
    })
}

/// A page of cases; `found` holds one more than `size` when another page follows.
pub(super) fn page(found: &[Dossier], size: i64) -> v1::ListCasesResponse {
    let size = usize::try_from(size).unwrap_or_default();
    let cases: Vec<_> = found.iter().take(size).filter_map(case).collect();
    let last = cases.last().filter(|_| found.len() > size);
    let next_page_token = last.map(|case| case.case_id.clone()).unwrap_or_default();
    v1::ListCasesResponse {
        cases,
        next_page_token,
    }
}

/// The words of what a step binds.
pub(super) fn words(parts: &[Part]) -> Vec<String> {
    parts.iter().map(|part| part.word().to_owned()).collect()
}

const fn state(phase: &Phase) -> CaseState {
    match phase {
        Phase::InReview => CaseState::InReview,
        Phase::ChangesRequested => CaseState::ChangesRequested,
        Phase::AwaitingEstimate => CaseState::AwaitingEstimate,
        Phase::Rejected => CaseState::Rejected,
        Phase::Stamped(_) => CaseState::Stamped,
        Phase::AwaitingInternalSignature(_) => CaseState::AwaitingInternalSignature,
        Phase::AwaitingCustomerSignature(..) => CaseState::AwaitingCustomerSignature,
        Phase::Signed(_) => CaseState::Signed,
    }
}

/// A step; `open` is the name of the one that may be decided.
fn step(step: &Step, open: Option<&str>) -> v1::Step {
    let (state, verdict) = match &step.outcome {
        Outcome::Undecided if open == Some(&step.policy.name) => (StepState::Open, None),
        Outcome::Undecided => (StepState::Blocked, None),
        Outcome::Approved(verdict) => (StepState::Approved, Some(verdict)),
        Outcome::Voided(verdict) => (StepState::Voided, Some(verdict)),
        Outcome::ChangesRequested(verdict) => (StepState::ChangesRequested, Some(verdict)),
        Outcome::Rejected(verdict) => (StepState::Rejected, Some(verdict)),
    };
    let text = |of: fn(&Verdict) -> String| verdict.map(of).unwrap_or_default();
    v1::Step {
        name: step.policy.name.clone(),
        role: step.policy.role.clone(),
        state: state.into(),
        binds: words(&step.policy.binds),
        decided_by: text(|verdict| verdict.by.to_string()),
        decided_at: text(|verdict| wire::time(verdict.at)),
        comment: text(|verdict| verdict.comment.clone()),
        bound_digest: text(|verdict| verdict.bound.to_string()),
    }
}

fn item(item: &ChecklistItem) -> v1::ChecklistItem {
    let (closing, by) = match &item.closed {
        Some((closing, by)) => (Some(closing), by.to_string()),
        None => (None, String::new()),
    };
    let reason = match closing {
        Some(ItemClosing::Waived { reason }) => reason.clone(),
        Some(ItemClosing::Done) | None => String::new(),
    };
    v1::ChecklistItem {
        item: item.item.clone(),
        closed: closing.is_some(),
        waived: matches!(closing, Some(ItemClosing::Waived { .. })),
        reason,
        closed_by: by,
    }
}

fn signatures(case: &Case) -> Vec<v1::CaseSignature> {
    let signature = |party: v1::SigningParty, signature: &Signature| v1::CaseSignature {
        party: party.into(),
        signatory: signature.signatory.clone(),
        signed_at: wire::time(signature.at),
    };
    match &case.phase {
        Phase::AwaitingCustomerSignature(_, internal) => {
            vec![signature(v1::SigningParty::Internal, internal)]
        }
        Phase::Signed(signed) => vec![
            signature(v1::SigningParty::Internal, &signed.internal),
            signature(v1::SigningParty::Customer, &signed.customer),
        ],
        Phase::InReview
        | Phase::ChangesRequested
        | Phase::AwaitingEstimate
        | Phase::Rejected
        | Phase::Stamped(_)
        | Phase::AwaitingInternalSignature(_) => Vec::new(),
    }
}
