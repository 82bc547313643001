//! What the audit trail keeps of a command: its word, its reason, and the state as a short text (P3).

use countersign_kernel::Principal;
use serde_json::{Value, json};

use crate::domain::command::{Decision, ItemClosing, Loss, SigningParty};
use crate::domain::dossier::{ChecklistItem, Outcome, Phase, Routing, Signature, Step, Submission};
use crate::domain::{Command, Document, Dossier, Policy};

/// What was done, in a word, and why, in the words of who did it.
pub(super) fn described(command: &Command) -> (&'static str, String) {
    match command {
        Command::ReceiveEstimate(_) => ("receive-estimate", String::new()),
        Command::LoseEstimate {
            cause: Loss::Withdrawn,
            ..
        } => ("lose-estimate", "withdrawn".into()),
        Command::LoseEstimate {
            cause: Loss::Expired,
            ..
        } => ("lose-estimate", "expired".into()),
        Command::AddDocument { .. } => ("add-document", String::new()),
        Command::RemoveDocument { reason, .. } => ("remove-document", reason.clone()),
        Command::OpenCase { .. } => ("open-case", String::new()),
        Command::DecideStep {
            decision, comment, ..
        } => {
            let word = match decision {
                Decision::Approve => "approve-step",
                Decision::RequestChanges => "request-changes",
                Decision::Reject => "reject",
            };
            (word, comment.clone())
        }
        Command::RouteForSignature { .. } => ("route-for-signature", String::new()),
        Command::RecordSignature {
            party: SigningParty::Internal,
            ..
        } => ("record-internal-signature", String::new()),
        Command::RecordSignature {
            party: SigningParty::Customer,
            ..
        } => ("record-customer-signature", String::new()),
        Command::CloseChecklistItem { closing, .. } => match closing {
            ItemClosing::Done => ("close-checklist-item", String::new()),
            ItemClosing::Waived { reason } => ("waive-checklist-item", reason.clone()),
        },
    }
}

/// What the state was: enough to see what a command changed, and by digest exactly what was
/// approved. The estimate's text itself is in the estimate service and in the published events.
pub(super) fn summary(dossier: &Dossier) -> Value {
    let submission = match &dossier.estimate {
        Submission::None => "none",
        Submission::Live(_) => "live",
        Submission::Lost {
            cause: Loss::Withdrawn,
            ..
        } => "withdrawn",
        Submission::Lost {
            cause: Loss::Expired,
            ..
        } => "expired",
    };
    let estimate = dossier.last_estimate();
    json!({
        "estimate": {
            "state": submission,
            "id": estimate.map(|estimate| &estimate.estimate_id),
            "version": estimate.map(|estimate| estimate.version),
        },
        "subject_digest": dossier.parts().map(|parts| parts.subject().to_string()),
        "documents": dossier.documents.iter().map(document).collect::<Vec<_>>(),
        "case": dossier.case.as_ref().map(|case| json!({
            "case_id": case.case_id,
            "phase": case.phase.word(),
            "steps": case.steps.iter().map(step).collect::<Vec<_>>(),
            "checklist": case.checklist.iter().map(item).collect::<Vec<_>>(),
            "stamped_digest": case.phase.stamp().map(|stamp| stamp.digest.to_string()),
            "routing": case.phase.routed().map(|routed| routing(&routed.routing)),
            "signatures": signatures(&case.phase),
        })),
    })
}

/// A policy.
pub(super) fn policy(policy: &Policy) -> Value {
    let steps = policy.steps().iter().map(|step| {
        let binds: Vec<_> = step.binds.iter().map(|part| part.word()).collect();
        json!({ "name": step.name, "role": step.role, "binds": binds })
    });
    json!({
        "steps": steps.collect::<Vec<_>>(),
        "checklist": policy.checklist(),
        "one_person_may_decide_several_steps": policy.one_person_may_decide_several_steps(),
    })
}

fn routing(routing: &Routing) -> Value {
    json!({
        "sow_digest": routing.sow_digest.to_string(),
        "internal_signatory": routing.internal_signatory,
        "customer_signatory": routing.customer_signatory,
    })
}

fn signatures(phase: &Phase) -> Vec<Value> {
    let signature = |party: SigningParty, one: &Signature, copy: Option<&Document>| {
        json!({
            "party": party.word(),
            "signatory": one.signatory,
            "signed_at": one.at,
            "signed_copy": copy.map(|copy| copy.digest.to_string()),
        })
    };
    match phase {
        Phase::AwaitingCustomerSignature(_, internal) => {
            vec![signature(SigningParty::Internal, internal, None)]
        }
        Phase::Signed(signed) => vec![
            signature(SigningParty::Internal, &signed.internal, None),
            signature(
                SigningParty::Customer,
                &signed.customer,
                Some(&signed.signed_sow),
            ),
        ],
        Phase::InReview
        | Phase::ChangesRequested
        | Phase::AwaitingEstimate
        | Phase::Rejected
        | Phase::Stamped(_)
        | Phase::AwaitingInternalSignature(_) => Vec::new(),
    }
}

fn document(document: &Document) -> Value {
    json!({
        "document_id": document.document_id,
        "kind": document.kind.word(),
        "file_name": document.file_name,
        "digest": document.digest.to_string(),
    })
}

fn step(step: &Step) -> Value {
    let (word, verdict) = match &step.outcome {
        Outcome::Undecided => ("undecided", None),
        Outcome::Approved(verdict) => ("approved", Some(verdict)),
        Outcome::Voided(verdict) => ("voided", Some(verdict)),
        Outcome::ChangesRequested(verdict) => ("changes_requested", Some(verdict)),
        Outcome::Rejected(verdict) => ("rejected", Some(verdict)),
    };
    json!({
        "name": step.policy.name,
        "outcome": word,
        "by": verdict.map(|verdict| verdict.by.as_str()),
        "bound": verdict.map(|verdict| verdict.bound.to_string()),
    })
}

fn item(item: &ChecklistItem) -> Value {
    let (closing, by) = match &item.closed {
        None => ("open", None),
        Some((ItemClosing::Done, by)) => ("done", Some(by)),
        Some((ItemClosing::Waived { .. }, by)) => ("waived", Some(by)),
    };
    json!({ "item": item.item, "closing": closing, "by": by.map(Principal::as_str) })
}
