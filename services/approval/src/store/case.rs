//! A case's columns ↔ its phase: each phase has exactly the columns that are true in it.

use chrono::{DateTime, Utc};
use countersign_platform::Failure;
use sqlx::types::Json;
use uuid::Uuid;

use super::inconsistent;
use super::row::{ItemsColumn, StepsColumn, digest};
use super::step::{ItemJson, StepJson};
use crate::domain::dossier::{
    Case, ChecklistItem, Phase, Routed, Routing, Signature, Signed, Stamp, Step,
};
use crate::domain::{Document, DocumentKind};

/// The columns of a case; all null when there is none.
#[derive(Debug, Default, sqlx::FromRow)]
pub(super) struct CaseColumns {
    pub(super) case_id: Option<Uuid>,
    pub(super) phase: Option<String>,
    pub(super) one_person_may_decide_several_steps: Option<bool>,
    pub(super) steps: Option<StepsColumn>,
    pub(super) checklist: Option<ItemsColumn>,
    pub(super) stamped_digest: Option<Vec<u8>>,
    pub(super) stamped_by: Option<String>,
    pub(super) stamped_at: Option<DateTime<Utc>>,
    pub(super) routed_sow_digest: Option<Vec<u8>>,
    pub(super) routed_at: Option<DateTime<Utc>>,
    pub(super) internal_signatory: Option<String>,
    pub(super) customer_signatory: Option<String>,
    pub(super) internal_signed_by: Option<String>,
    pub(super) internal_signed_at: Option<DateTime<Utc>>,
    pub(super) customer_signed_by: Option<String>,
    pub(super) customer_signed_at: Option<DateTime<Utc>>,
    pub(super) signed_sow_document_id: Option<Uuid>,
}

impl CaseColumns {
    /// The case, if there is one. `documents` are the engagement's, among them the signed copy.
    pub(super) fn into_case(mut self, documents: &[Document]) -> Result<Option<Case>, Failure> {
        let Some(case_id) = self.case_id else {
            return Ok(None);
        };
        let (Some(several), Some(Json(steps)), Some(Json(items))) = (
            self.one_person_may_decide_several_steps,
            self.steps.take(),
            self.checklist.take(),
        ) else {
            return Err(inconsistent("a case"));
        };
        Ok(Some(Case {
            case_id,
            one_person_may_decide_several_steps: several,
            steps: steps
                .into_iter()
                .map(Step::try_from)
                .collect::<Result<_, _>>()?,
            checklist: items
                .into_iter()
                .map(ChecklistItem::try_from)
                .collect::<Result<_, _>>()?,
            phase: self.into_phase(documents)?,
        }))
    }

    fn into_phase(self, documents: &[Document]) -> Result<Phase, Failure> {
        let stamp = self.stamp()?;
        let routing = self.routing()?;
        let internal = signature(self.internal_signed_by, self.internal_signed_at)?;
        let customer = signature(self.customer_signed_by, self.customer_signed_at)?;
        let copy = |one: &&Document| {
            one.kind == DocumentKind::SignedSow
                && Some(one.document_id) == self.signed_sow_document_id
        };
        let signed_sow = documents.iter().find(copy).cloned();
        let phase = self.phase.unwrap_or_default();
        match (
            phase.as_str(),
            stamp,
            routing,
            internal,
            customer,
            signed_sow,
        ) {
            ("in_review", None, None, None, None, None) => Ok(Phase::InReview),
            ("changes_requested", None, None, None, None, None) => Ok(Phase::ChangesRequested),
            ("awaiting_estimate", None, None, None, None, None) => Ok(Phase::AwaitingEstimate),
            ("rejected", None, None, None, None, None) => Ok(Phase::Rejected),
            ("stamped", Some(stamp), None, None, None, None) => Ok(Phase::Stamped(stamp)),
            ("awaiting_internal_signature", Some(stamp), Some(routing), None, None, None) => {
                Ok(Phase::AwaitingInternalSignature(Routed { stamp, routing }))
            }
            (
                "awaiting_customer_signature",
                Some(stamp),
                Some(routing),
                Some(internal),
                None,
                None,
            ) => Ok(Phase::AwaitingCustomerSignature(
                Routed { stamp, routing },
                internal,
            )),
            (
                "signed",
                Some(stamp),
                Some(routing),
                Some(internal),
                Some(customer),
                Some(signed_sow),
            ) => {
                let routed = Routed { stamp, routing };
                Ok(Phase::Signed(Signed {
                    routed,
                    internal,
                    customer,
                    signed_sow,
                }))
            }
            _ => Err(inconsistent("cases.phase")),
        }
    }

    fn stamp(&self) -> Result<Option<Stamp>, Failure> {
        match (&self.stamped_digest, &self.stamped_by, self.stamped_at) {
            (None, None, None) => Ok(None),
            (Some(bytes), Some(by), Some(at)) => Ok(Some(Stamp {
                digest: digest(bytes)?,
                by: by.parse().map_err(|_| inconsistent("cases.stamped_by"))?,
                at,
            })),
            _ => Err(inconsistent("a stamp")),
        }
    }

    fn routing(&self) -> Result<Option<Routing>, Failure> {
        let signatories = (
            self.internal_signatory.clone(),
            self.customer_signatory.clone(),
        );
        match (&self.routed_sow_digest, self.routed_at, signatories) {
            (None, None, (None, None)) => Ok(None),
            (Some(bytes), Some(at), (Some(internal_signatory), Some(customer_signatory))) => {
                let sow_digest = digest(bytes)?;
                Ok(Some(Routing {
                    sow_digest,
                    internal_signatory,
                    customer_signatory,
                    at,
                }))
            }
            _ => Err(inconsistent("a routing")),
        }
    }
}

fn signature(by: Option<String>, at: Option<DateTime<Utc>>) -> Result<Option<Signature>, Failure> {
    match (by, at) {
        (None, None) => Ok(None),
        (Some(signatory), Some(at)) => Ok(Some(Signature { signatory, at })),
        _ => Err(inconsistent("a signature")),
    }
}

impl From<&Case> for CaseColumns {
    fn from(case: &Case) -> Self {
        let columns = Self {
            case_id: Some(case.case_id),
            phase: Some(case.phase.word().to_owned()),
            one_person_may_decide_several_steps: Some(case.one_person_may_decide_several_steps),
            steps: Some(Json(case.steps.iter().map(StepJson::from).collect())),
            checklist: Some(Json(case.checklist.iter().map(ItemJson::from).collect())),
            ..Self::default()
        };
        columns
            .stamped(case.phase.stamp())
            .routed(case.phase.routed())
            .signed(&case.phase)
    }
}

impl CaseColumns {
    fn stamped(mut self, stamp: Option<&Stamp>) -> Self {
        if let Some(stamp) = stamp {
            self.stamped_digest = Some(stamp.digest.as_bytes().to_vec());
            self.stamped_by = Some(stamp.by.to_string());
            self.stamped_at = Some(stamp.at);
        }
        self
    }

    fn routed(mut self, routed: Option<&Routed>) -> Self {
        if let Some(Routed { routing, .. }) = routed {
            self.routed_sow_digest = Some(routing.sow_digest.as_bytes().to_vec());
            self.routed_at = Some(routing.at);
            self.internal_signatory = Some(routing.internal_signatory.clone());
            self.customer_signatory = Some(routing.customer_signatory.clone());
        }
        self
    }

    fn signed(mut self, phase: &Phase) -> Self {
        let (internal, customer) = match phase {
            Phase::AwaitingCustomerSignature(_, internal) => (Some(internal), None),
            Phase::Signed(signed) => {
                self.signed_sow_document_id = Some(signed.signed_sow.document_id);
                (Some(&signed.internal), Some(&signed.customer))
            }
            Phase::InReview
            | Phase::ChangesRequested
            | Phase::AwaitingEstimate
            | Phase::Rejected
            | Phase::Stamped(_)
            | Phase::AwaitingInternalSignature(_) => (None, None),
        };
        self.internal_signed_by = internal.map(|one| one.signatory.clone());
        self.internal_signed_at = internal.map(|one| one.at);
        self.customer_signed_by = customer.map(|one| one.signatory.clone());
        self.customer_signed_at = customer.map(|one| one.at);
        self
    }
}
