//! Requests → commands: parsed, not validated, and every wrong field at once (P4).

use chrono::{DateTime, Utc};
use countersign_kernel::{Digest, EngagementId};
use countersign_platform::{Rejection, Violations};
use countersign_proto::approval::v1;
use countersign_proto::approval::v1::decide_step_request::Decision as DecisionNumber;
use uuid::Uuid;

use crate::domain::command::{Decision, ItemClosing, SignedCopy, SigningParty};
use crate::domain::{Command, DocumentKind};
use crate::wire;

/// The longest name of a step, role, item, signatory or file, in characters.
pub(super) const MAX_NAME: usize = 200;
/// The longest comment or reason, in characters.
const MAX_COMMENT: usize = 4_000;
/// Cases on a page when nothing is said, and at most.
const PAGE_SIZE: i64 = 50;
const MAX_PAGE_SIZE: i64 = 200;

const INVALID: &str = "INVALID";
const TOO_LONG: &str = "TOO_LONG";

pub(super) fn engagement(wrong: &mut Violations, text: &str) -> Option<EngagementId> {
    let text = wrong.required("engagement_id", text)?;
    wrong.check("engagement_id", "ENGAGEMENT_ID_INVALID", text.parse())
}

pub(super) fn id(wrong: &mut Violations, field: &str, text: &str) -> Option<Uuid> {
    let text = wrong.required(field, text)?;
    wrong.check(field, "ID_INVALID", text.parse())
}

pub(super) fn digest_in(wrong: &mut Violations, field: &str, text: &str) -> Option<Digest> {
    let text = wrong.required(field, text)?;
    wrong.check(field, "DIGEST_INVALID", text.parse())
}

/// A name for people: one line, of visible length.
pub(super) fn name(wrong: &mut Violations, field: &str, text: &str) -> Option<String> {
    let text = wrong.required(field, text)?;
    if text.chars().count() > MAX_NAME {
        wrong.add(field, TOO_LONG, format!("at most {MAX_NAME} characters"));
        return None;
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        wrong.add(field, INVALID, "one line, without blanks around it");
        return None;
    }
    Some(text.to_owned())
}

fn comment(wrong: &mut Violations, field: &str, text: &str) -> Option<String> {
    if text.chars().count() > MAX_COMMENT {
        wrong.add(field, TOO_LONG, format!("at most {MAX_COMMENT} characters"));
        return None;
    }
    Some(text.trim().to_owned())
}

/// A reason that must be given.
fn reason(wrong: &mut Violations, field: &str, text: &str) -> Option<String> {
    wrong.required(field, text.trim())?;
    comment(wrong, field, text)
}

pub(super) fn digest(text: &str) -> Result<Digest, Rejection> {
    let mut wrong = Violations::default();
    let digest = digest_in(&mut wrong, "digest", text);
    wrong.finish(digest)
}

/// What an upload's header says, once its bytes are known.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) engagement: EngagementId,
    pub(super) kind: DocumentKind,
    pub(super) file_name: String,
    pub(super) replaces: Option<Uuid>,
    pub(super) digest: Option<Digest>,
}

pub(super) fn upload_header(header: &v1::UploadHeader) -> Result<Header, Rejection> {
    let mut wrong = Violations::default();
    let engagement = engagement(&mut wrong, &header.engagement_id);
    let kind = wrong.present("kind", wire::document_kind(header.kind));
    let file_name = name(&mut wrong, "file_name", &header.file_name);
    if file_name
        .as_ref()
        .is_some_and(|name| name.contains(['/', '\\']))
    {
        wrong.add("file_name", INVALID, "a name, not a path");
    }
    let replaces = Some(&header.replaces_document_id).filter(|text| !text.is_empty());
    let replaces = replaces.map(|text| id(&mut wrong, "replaces_document_id", text));
    let digest = Some(&header.digest).filter(|text| !text.is_empty());
    let digest = digest.map(|text| digest_in(&mut wrong, "digest", text));
    let header = engagement
        .zip(kind)
        .zip(file_name)
        .map(|((engagement, kind), file_name)| Header {
            engagement,
            kind,
            file_name,
            replaces: replaces.flatten(),
            digest: digest.flatten(),
        });
    wrong.finish(header)
}

pub(super) fn remove_document(
    request: &v1::RemoveDocumentRequest,
) -> Result<(EngagementId, Command), Rejection> {
    let mut wrong = Violations::default();
    let engagement = engagement(&mut wrong, &request.engagement_id);
    let document_id = id(&mut wrong, "document_id", &request.document_id);
    let reason = reason(&mut wrong, "reason", &request.reason);
    let command = document_id
        .zip(reason)
        .map(|(document_id, reason)| Command::RemoveDocument {
            document_id,
            reason,
        });
    wrong.finish(engagement.zip(command))
}

/// A case by its own name or by its engagement's.
#[derive(Debug)]
pub(super) enum CaseName {
    Case(Uuid),
    Engagement(EngagementId),
}

pub(super) fn case_name(request: &v1::GetCaseRequest) -> Result<CaseName, Rejection> {
    let mut wrong = Violations::default();
    let by = wrong.present("by", request.by.as_ref());
    let by = by.and_then(|by| match by {
        v1::get_case_request::By::CaseId(text) => {
            id(&mut wrong, "case_id", text).map(CaseName::Case)
        }
        v1::get_case_request::By::EngagementId(text) => {
            engagement(&mut wrong, text).map(CaseName::Engagement)
        }
    });
    wrong.finish(by)
}

/// Which page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) size: i64,
    pub(super) before: Option<Uuid>,
}

pub(super) fn page(request: &v1::ListCasesRequest) -> Result<Page, Rejection> {
    let mut wrong = Violations::default();
    let size = match i64::from(request.page_size) {
        0 => Some(PAGE_SIZE),
        size @ 1..=MAX_PAGE_SIZE => Some(size),
        _ => {
            let range = format!("0 for {PAGE_SIZE}, or 1 to {MAX_PAGE_SIZE}");
            wrong.add("page_size", "PAGE_SIZE_INVALID", range);
            None
        }
    };
    let token = Some(&request.page_token).filter(|token| !token.is_empty());
    let before = token
        .and_then(|token| wrong.check("page_token", "PAGE_TOKEN_INVALID", Uuid::try_parse(token)));
    wrong.finish(size.map(|size| Page { size, before }))
}

pub(super) fn decide_step(request: &v1::DecideStepRequest) -> Result<(Uuid, Command), Rejection> {
    let mut wrong = Violations::default();
    let case_id = id(&mut wrong, "case_id", &request.case_id);
    let step = name(&mut wrong, "step", &request.step);
    let decision = match DecisionNumber::try_from(request.decision) {
        Ok(DecisionNumber::Approve) => Some(Decision::Approve),
        Ok(DecisionNumber::RequestChanges) => Some(Decision::RequestChanges),
        Ok(DecisionNumber::Reject) => Some(Decision::Reject),
        Ok(DecisionNumber::Unspecified) | Err(_) => None,
    };
    let decision = wrong.present("decision", decision);
    let comment = match decision {
        Some(Decision::RequestChanges | Decision::Reject) => {
            reason(&mut wrong, "comment", &request.comment)
        }
        Some(Decision::Approve) | None => comment(&mut wrong, "comment", &request.comment),
    };
    let subject_digest = digest_in(&mut wrong, "subject_digest", &request.subject_digest);
    let command = step.zip(decision).zip(comment).zip(subject_digest).map(
        |(((step, decision), comment), subject_digest)| Command::DecideStep {
            step,
            decision,
            comment,
            subject_digest,
        },
    );
    wrong.finish(case_id.zip(command))
}

pub(super) fn route_for_signature(
    request: &v1::RouteForSignatureRequest,
) -> Result<(Uuid, Command), Rejection> {
    let mut wrong = Violations::default();
    let case_id = id(&mut wrong, "case_id", &request.case_id);
    let internal = name(
        &mut wrong,
        "internal_signatory",
        &request.internal_signatory,
    );
    let customer = name(
        &mut wrong,
        "customer_signatory",
        &request.customer_signatory,
    );
    let command = internal
        .zip(customer)
        .map(
            |(internal_signatory, customer_signatory)| Command::RouteForSignature {
                internal_signatory,
                customer_signatory,
            },
        );
    wrong.finish(case_id.zip(command))
}

pub(super) fn record_signature(
    request: &v1::RecordSignatureRequest,
) -> Result<(Uuid, Command), Rejection> {
    let mut wrong = Violations::default();
    let case_id = id(&mut wrong, "case_id", &request.case_id);
    let party = match v1::SigningParty::try_from(request.party) {
        Ok(v1::SigningParty::Internal) => Some(SigningParty::Internal),
        Ok(v1::SigningParty::Customer) => Some(SigningParty::Customer),
        Ok(v1::SigningParty::Unspecified) | Err(_) => None,
    };
    let party = wrong.present("party", party);
    let signatory = name(&mut wrong, "signatory", &request.signatory);
    let signed_at = time(&mut wrong, "signed_at", &request.signed_at);
    let digest = digest_in(&mut wrong, "routed_sow_digest", &request.routed_sow_digest);
    let copy = Some(&request.signed_document_id).filter(|text| !text.is_empty());
    let copy = copy.map(|text| id(&mut wrong, "signed_document_id", text));
    let command = party.zip(signatory).zip(signed_at).zip(digest).map(
        |(((party, signatory), signed_at), routed_sow_digest)| Command::RecordSignature {
            party,
            signatory,
            signed_at,
            routed_sow_digest,
            signed_copy: copy.flatten().map(SignedCopy::Document),
        },
    );
    wrong.finish(case_id.zip(command))
}

/// RFC 3339, to the microsecond that the database keeps.
pub(super) fn time(wrong: &mut Violations, field: &str, text: &str) -> Option<DateTime<Utc>> {
    let text = wrong.required(field, text)?;
    let time = wrong.check(field, "TIME_INVALID", DateTime::parse_from_rfc3339(text))?;
    DateTime::from_timestamp_micros(time.timestamp_micros())
}

pub(super) fn close_checklist_item(
    request: &v1::CloseChecklistItemRequest,
) -> Result<(Uuid, Command), Rejection> {
    let mut wrong = Violations::default();
    let case_id = id(&mut wrong, "case_id", &request.case_id);
    let item = name(&mut wrong, "item", &request.item);
    let closing = if request.waive {
        let reason = reason(&mut wrong, "reason", &request.reason);
        reason.map(|reason| ItemClosing::Waived { reason })
    } else {
        if !request.reason.is_empty() {
            wrong.add("reason", INVALID, "only what is waived has a reason");
        }
        Some(ItemClosing::Done)
    };
    let command = item
        .zip(closing)
        .map(|(item, closing)| Command::CloseChecklistItem { item, closing });
    wrong.finish(case_id.zip(command))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::grpc) fn reasons<T: std::fmt::Debug>(
        parsed: Result<T, Rejection>,
    ) -> Vec<(String, &'static str)> {
        let rejection = parsed.unwrap_err();
        let found = rejection.violations().iter();
        found
            .map(|violation| (violation.field.clone(), violation.reason))
            .collect()
    }

    pub(in crate::grpc) fn expected(pairs: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        pairs
            .iter()
            .map(|(field, reason)| ((*field).to_owned(), *reason))
            .collect()
    }

    /// P4: every wrong field at once, each with its reason.
    #[test]
    fn every_wrong_field_is_named() {
        let header = v1::UploadHeader {
            engagement_id: "a b".to_owned(),
            kind: 9,
            file_name: "../sow.pdf".to_owned(),
            replaces_document_id: "one".to_owned(),
            digest: "ABC".to_owned(),
        };
        assert_eq!(
            reasons(upload_header(&header)),
            expected(&[
                ("engagement_id", "ENGAGEMENT_ID_INVALID"),
                ("kind", "REQUIRED"),
                ("file_name", "INVALID"),
                ("replaces_document_id", "ID_INVALID"),
                ("digest", "DIGEST_INVALID"),
            ])
        );
        let decision = v1::DecideStepRequest {
            case_id: "7".to_owned(),
            decision: DecisionNumber::Reject.into(),
            comment: " ".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            reasons(decide_step(&decision)),
            expected(&[
                ("case_id", "ID_INVALID"),
                ("step", "REQUIRED"),
                ("comment", "REQUIRED"),
                ("subject_digest", "REQUIRED"),
            ])
        );
        let signature = v1::RecordSignatureRequest {
            signed_at: "yesterday".to_owned(),
            routed_sow_digest: "x".to_owned(),
            signed_document_id: "x".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            reasons(record_signature(&signature)),
            expected(&[
                ("case_id", "REQUIRED"),
                ("party", "REQUIRED"),
                ("signatory", "REQUIRED"),
                ("signed_at", "TIME_INVALID"),
                ("routed_sow_digest", "DIGEST_INVALID"),
                ("signed_document_id", "ID_INVALID"),
            ])
        );
    }

    /// A8: a waiver needs a reason, and only a waiver has one.
    #[test]
    fn waivers_have_reasons() {
        let close = |waive, reason: &str| v1::CloseChecklistItemRequest {
            case_id: Uuid::nil().to_string(),
            item: "staffing-confirmed".to_owned(),
            waive,
            reason: reason.to_owned(),
        };
        assert!(close_checklist_item(&close(false, "")).is_ok());
        assert!(close_checklist_item(&close(true, "remote")).is_ok());
        for wrong in [close(true, ""), close(true, " "), close(false, "why")] {
            assert_eq!(reasons(close_checklist_item(&wrong))[0].0, "reason");
        }
    }

    #[test]
    fn pages_are_bounded() {
        let asked = |page_size, token: &str| {
            page(&v1::ListCasesRequest {
                page_size,
                page_token: token.to_owned(),
            })
        };
        assert_eq!(asked(0, "").unwrap().size, 50);
        assert_eq!(asked(200, "").unwrap().size, 200);
        for wrong in [-1, 201] {
            assert_eq!(
                reasons(asked(wrong, "")),
                expected(&[("page_size", "PAGE_SIZE_INVALID")])
            );
        }
        assert_eq!(
            reasons(asked(1, "x")),
            expected(&[("page_token", "PAGE_TOKEN_INVALID")])
        );
    }
}
