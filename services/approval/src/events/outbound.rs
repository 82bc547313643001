//! Private event → what others hear of it. Aggregate: the case; correlation: the engagement.

use countersign_kernel::SellerId;
use countersign_platform::NewEvent;
use countersign_proto::approval::v1;
use countersign_proto::common::v1::ApprovedDeal;
use prost::Name;

use crate::domain::command::{ItemClosing, SigningParty};
use crate::domain::dossier::{ChecklistItem, Phase, Signature, Signed, Stamp, Verdict};
use crate::domain::{Case, Dossier, Estimate, Event};
use crate::wire;

/// The event that others hear, if they hear of this one; `after` is what is true after it.
pub(crate) fn published(seller: &SellerId, after: &Dossier, event: &Event) -> Option<NewEvent> {
    let (case, estimate) = (after.case.as_ref()?, after.last_estimate()?);
    let envelope = Envelope {
        seller,
        after,
        case,
    };
    match event {
        Event::ChangesRequested { step, verdict } => {
            Some(envelope.of(&changes_requested(case, estimate, step, verdict)))
        }
        Event::CaseRejected { step, verdict } => {
            Some(envelope.of(&case_rejected(case, estimate, step, verdict)))
        }
        Event::DealStamped(stamp) => {
            let deal = Some(approved(after, case, estimate, stamp));
            Some(envelope.of(&v1::DealStamped { deal }))
        }
        Event::StampVoided { digest, reason } => Some(envelope.of(&v1::StampVoided {
            case_id: case.case_id.to_string(),
            digest: digest.to_string(),
            reason: (*reason).to_owned(),
        })),
        Event::SowSigned { .. } => match &case.phase {
            Phase::Signed(signed) => Some(envelope.of(&sow_signed(after, case, estimate, signed))),
            Phase::InReview
            | Phase::ChangesRequested
            | Phase::AwaitingEstimate
            | Phase::Rejected
            | Phase::Stamped(_)
            | Phase::AwaitingInternalSignature(_)
            | Phase::AwaitingCustomerSignature(..) => None,
        },
        Event::ChecklistCompleted => Some(envelope.of(&checklist_completed(case))),
        Event::EstimateReceived(_)
        | Event::EstimateLost { .. }
        | Event::DocumentAdded { .. }
        | Event::DocumentRemoved { .. }
        | Event::CaseOpened { .. }
        | Event::StepApproved { .. }
        | Event::ApprovalVoided { .. }
        | Event::RoutedForSignature(_)
        | Event::InternalSigned(_)
        | Event::ChecklistItemClosed { .. } => None,
    }
}

struct Envelope<'a> {
    seller: &'a SellerId,
    after: &'a Dossier,
    case: &'a Case,
}

impl Envelope<'_> {
    fn of<M: Name>(&self, message: &M) -> NewEvent {
        NewEvent {
            type_name: M::full_name(),
            seller: self.seller.clone(),
            engagement: Some(self.after.engagement.clone()),
            aggregate_id: self.case.case_id.to_string(),
            payload: message.encode_to_vec(),
        }
    }
}

fn changes_requested(
    case: &Case,
    estimate: &Estimate,
    step: &str,
    verdict: &Verdict,
) -> v1::ChangesRequested {
    v1::ChangesRequested {
        case_id: case.case_id.to_string(),
        estimate_id: estimate.estimate_id.clone(),
        estimate_version: estimate.version,
        step: step.to_owned(),
        requested_by: verdict.by.to_string(),
        comment: verdict.comment.clone(),
    }
}

fn case_rejected(
    case: &Case,
    estimate: &Estimate,
    step: &str,
    verdict: &Verdict,
) -> v1::CaseRejected {
    v1::CaseRejected {
        case_id: case.case_id.to_string(),
        estimate_id: estimate.estimate_id.clone(),
        estimate_version: estimate.version,
        step: step.to_owned(),
        rejected_by: verdict.by.to_string(),
        comment: verdict.comment.clone(),
    }
}

/// What was approved, whole (A4, O3).
fn approved(after: &Dossier, case: &Case, estimate: &Estimate, stamp: &Stamp) -> ApprovedDeal {
    ApprovedDeal {
        case_id: case.case_id.to_string(),
        estimate: Some(wire::snapshot(estimate)),
        documents: after.approved_documents().map(wire::document).collect(),
        digest: stamp.digest.to_string(),
        stamped_by: stamp.by.to_string(),
        stamped_at: wire::time(stamp.at),
    }
}

fn sow_signed(after: &Dossier, case: &Case, estimate: &Estimate, signed: &Signed) -> v1::SowSigned {
    let signature = |party: SigningParty, signature: &Signature| v1::Signature {
        party: party.word().to_owned(),
        signatory: signature.signatory.clone(),
        signed_at: wire::time(signature.at),
    };
    v1::SowSigned {
        deal: Some(approved(after, case, estimate, &signed.routed.stamp)),
        signatures: vec![
            signature(SigningParty::Internal, &signed.internal),
            signature(SigningParty::Customer, &signed.customer),
        ],
        signed_sow: Some(wire::document(&signed.signed_sow)),
    }
}

fn checklist_completed(case: &Case) -> v1::ChecklistCompleted {
    let result = |item: &ChecklistItem| {
        let (closing, closed_by) = item.closed.as_ref()?;
        let (waived, reason) = match closing {
            ItemClosing::Done => (false, String::new()),
            ItemClosing::Waived { reason } => (true, reason.clone()),
        };
        let closed_by = closed_by.to_string();
        Some(v1::ChecklistItemResult {
            item: item.item.clone(),
            waived,
            reason,
            closed_by,
        })
    };
    v1::ChecklistCompleted {
        case_id: case.case_id.to_string(),
        items: case.checklist.iter().filter_map(result).collect(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::command::{Command, Decision, SignedCopy};
    use crate::domain::tests::{Desk, EM, LEAD, document, estimate, route, usd};
    use crate::domain::{Document, DocumentKind};

    fn heard(desk: &Desk, events: &[Event]) -> Vec<NewEvent> {
        let seller: SellerId = "acme".parse().unwrap();
        events
            .iter()
            .filter_map(|event| published(&seller, &desk.state, event))
            .collect()
    }

    fn types(heard: &[NewEvent]) -> Vec<&str> {
        heard
            .iter()
            .map(|event| event.type_name.rsplit('.').next().unwrap())
            .collect()
    }

    fn decode<M: Name + Default>(event: &NewEvent) -> M {
        assert_eq!(event.type_name, M::full_name());
        assert_eq!(event.aggregate_id, Uuid::from_u128(77).to_string());
        assert_eq!(event.engagement.as_ref().unwrap().as_str(), "006-handbook");
        M::decode(event.payload.as_slice()).unwrap()
    }

    fn add(number: u128, kind: DocumentKind) -> (Document, Command) {
        let document = document(number, kind);
        (
            document.clone(),
            Command::AddDocument {
                document,
                replaces: None,
            },
        )
    }

    /// O3, A4: what is told is what was received and bound, whole.
    #[test]
    fn a_stamped_deal_is_told_whole() {
        let mut desk = Desk::in_review();
        for (who, step) in [(LEAD, "leadership"), ("revenue@acme.example", "revenue")] {
            let events = desk.ok(who, desk.asks(step, Decision::Approve));
            assert!(
                heard(&desk, &events).is_empty(),
                "a step alone is nobody else's"
            );
        }
        let events = desk.ok("legal@acme.example", desk.asks("legal", Decision::Approve));
        let heard = heard(&desk, &events);
        assert_eq!(types(&heard), ["DealStamped"]);
        let deal = decode::<v1::DealStamped>(&heard[0]).deal.unwrap();
        let expected = ApprovedDeal {
            case_id: Uuid::from_u128(77).to_string(),
            estimate: Some(wire::snapshot(&estimate(1))),
            documents: [(1, DocumentKind::Sow), (2, DocumentKind::Eula)]
                .map(|(number, kind)| wire::document(&document(number, kind)))
                .to_vec(),
            digest: desk.state.parts().unwrap().subject().to_string(),
            stamped_by: "legal@acme.example".to_owned(),
            stamped_at: "2026-11-22T10:00:00Z".to_owned(),
        };
        assert_eq!(deal, expected);
    }

    #[test]
    fn a_voided_stamp_names_the_digest_that_no_longer_holds() {
        let mut desk = Desk::stamped();
        let digest = desk.state.parts().unwrap().subject().to_string();
        let mut version = estimate(2);
        version.packages[0].price = usd("1.00");
        let events = desk.ok(EM, Command::ReceiveEstimate(Box::new(version)));
        let heard = heard(&desk, &events);
        assert_eq!(types(&heard), ["StampVoided"]);
        assert_eq!(decode::<v1::StampVoided>(&heard[0]).digest, digest);
    }

    #[test]
    fn a_refused_step_is_told_with_its_version_and_comment() {
        for (decision, expected) in [
            (Decision::RequestChanges, "ChangesRequested"),
            (Decision::Reject, "CaseRejected"),
        ] {
            let mut desk = Desk::in_review();
            let events = desk.ok(LEAD, desk.asks("leadership", decision));
            let heard = heard(&desk, &events);
            assert_eq!(types(&heard), [expected]);
        }
        let mut desk = Desk::in_review();
        let events = desk.ok(LEAD, desk.asks("leadership", Decision::RequestChanges));
        let told: v1::ChangesRequested = decode(&heard(&desk, &events)[0]);
        assert_eq!(
            (told.estimate_id.as_str(), told.estimate_version),
            ("est-1", 1)
        );
        assert_eq!(
            (told.step.as_str(), told.comment.as_str()),
            ("leadership", "as agreed")
        );
        assert_eq!(told.requested_by, LEAD);
    }

    /// A6: the signed copy travels beside what was approved, not in it.
    #[test]
    fn a_signed_deal_carries_both_signatures_and_the_copy() {
        use crate::domain::command::SigningParty::{Customer, Internal};
        let mut desk = Desk::stamped();
        desk.ok(EM, route());
        let (copy, upload) = add(9, DocumentKind::SignedSow);
        desk.ok(EM, upload);
        let mut events = Vec::new();
        let signed = SignedCopy::Document(copy.document_id);
        for (party, signed_copy) in [(Internal, None), (Customer, Some(signed))] {
            let command = Command::RecordSignature {
                party,
                signatory: format!("{}@example", party.word()),
                signed_at: desk.now,
                routed_sow_digest: document(1, DocumentKind::Sow).digest,
                signed_copy,
            };
            events.extend(desk.ok(EM, command));
        }
        let heard = heard(&desk, &events);
        assert_eq!(types(&heard), ["SowSigned"]);
        let told: v1::SowSigned = decode(&heard[0]);
        let parties: Vec<_> = told
            .signatures
            .iter()
            .map(|one| one.party.as_str())
            .collect();
        assert_eq!(parties, ["internal", "customer"]);
        assert_eq!(told.signed_sow, Some(wire::document(&copy)));
        assert_eq!(told.deal.unwrap().documents.len(), 2);
    }
}
