//! The legal documents: what goes into the one PDF, and the PDF (O6).

use super::{Candidate, Kinds, REFUSED_AT_ONCE, Rule, more_than, when};
use crate::domain::deal::{DocumentKind, MediaType};
use crate::domain::resale::Kind;

/// Beside the EULA.
const OTHERS: u32 = 5;

/// What AWS answers to a document that it cannot use, in an offer (facts §1.3) and in an authorization's terms for
/// the buyer (DG/work-with-resale-authorizations), where one that is too large has no code of its own.
const UNUSABLE: &str = "INVALID_LEGAL_DOCUMENTS";
/// See [`UNUSABLE`].
const UNUSABLE_FOR_BUYER: &str = "INVALID_BUYER_LEGAL_DOCUMENTS";

const SIZE: Rule = Rule::error(
    "DOCUMENT_SIZE",
    Kinds::OFFERS,
    "documents",
    "LIMIT_EXCEEDED_LEGAL_DOCUMENT_SIZE",
    "keep each document at or below what AWS takes, which is 10 MB as far as is known",
    size,
);
const TYPE: Rule = Rule::error(
    "DOCUMENT_TYPE",
    Kinds::OFFERS,
    "documents",
    UNUSABLE,
    "name a text file .txt and a PDF .pdf: the portal takes no others",
    file_type,
)
.warning();
const READY: Rule = Rule::error(
    "LEGAL_DOCUMENT_READY",
    Kinds::OFFERS,
    "legal_document",
    UNUSABLE,
    "wait until it is assembled; once it failed, have the documents mended and approved, cancel this draft and draft the offer again",
    ready,
);

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "EULA_PRESENT",
        Kinds::ALL,
        "documents",
        "MISSING_MANDATORY_TERMS",
        "add the seller's EULA to the deal: professional services need a custom one",
        eula_present,
    ),
    // Merged they are the one that AWS takes.
    Rule::error(
        "DOCUMENT_COUNT",
        Kinds::ALL,
        "documents",
        REFUSED_AT_ONCE,
        "leave at most 5 documents beside the EULA",
        count,
    ),
    SIZE,
    SIZE.in_authorizations(UNUSABLE_FOR_BUYER),
    TYPE,
    TYPE.in_authorizations(UNUSABLE_FOR_BUYER),
    READY,
    READY.in_authorizations(UNUSABLE_FOR_BUYER),
];

/// A reseller's offer carries the seller's EULA of the authorization, if there is one (facts §1.4).
fn eula_present(candidate: &Candidate) -> Option<String> {
    let own = candidate
        .documents
        .iter()
        .any(|document| document.kind == DocumentKind::Eula);
    let received = match &candidate.plan.kind {
        Kind::Partner(partner) => partner.authorization.has_eula,
        Kind::Direct | Kind::Authorization(_) => false,
    };
    when(!own && !received, || "the deal has no EULA".into())
}

fn count(candidate: &Candidate) -> Option<String> {
    let others = candidate
        .documents
        .iter()
        .filter(|document| matches!(document.kind, DocumentKind::Sow | DocumentKind::Annex))
        .count();
    more_than(others, OTHERS, "documents beside the EULA")
}

fn size(candidate: &Candidate) -> Option<String> {
    let most = candidate.limits.document_bytes;
    let mut documents = candidate.documents.iter();
    let large = documents.find(|document| document.size_bytes > most)?;
    let (name, size) = (&large.file_name, large.size_bytes);
    Some(format!("{name:?} has {size} bytes, at most {most}"))
}

/// What a document is was looked at when it was uploaded (A7): its name is for people.
fn file_type(candidate: &Candidate) -> Option<String> {
    let mut documents = candidate.documents.iter();
    let odd = documents.find(|document| {
        let ending = match document.media_type {
            MediaType::Pdf => ".pdf",
            MediaType::PlainText => ".txt",
        };
        !document.file_name.to_ascii_lowercase().ends_with(ending)
    })?;
    Some(format!("{:?} is not named as what it is", odd.file_name))
}

fn ready(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.legal_document.is_none(), || {
        candidate.document_failure.as_ref().map_or_else(
            || "the legal document is being assembled".into(),
            |reason| format!("the legal document cannot be made: {reason}"),
        )
    })
}
