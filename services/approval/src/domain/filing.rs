//! Documents in and out of an engagement (O6, A4).

use uuid::Uuid;

use super::Rejection;
use super::decide::Draft;
use super::document::{Document, DocumentKind, check_counts};
use super::dossier::Phase;
use super::event::Event;
use super::intake::not_routed;
use super::review;

/// Puts a document in, at the end or in the place of another of its kind.
pub(super) fn add(
    mut draft: Draft,
    document: Document,
    replaces: Option<Uuid>,
) -> Result<Vec<Event>, Rejection> {
    may_change(&draft, document.kind)?;
    let present = &draft.state().documents;
    if present
        .iter()
        .any(|one| one.document_id == document.document_id)
    {
        return Ok(Vec::new());
    }
    if let Some(replaces) = replaces {
        let place = present.iter().find(|one| one.document_id == replaces);
        let place = place.ok_or(Rejection::DocumentUnknown)?;
        if place.kind != document.kind {
            return Err(Rejection::DocumentKindMismatch);
        }
    }
    let staying = present
        .iter()
        .filter(|one| Some(one.document_id) != replaces);
    check_counts(staying.chain([&document]))?;
    draft.record(Event::DocumentAdded { document, replaces });
    review::reconsider(&mut draft, "a document was added or replaced");
    Ok(draft.finish())
}

/// Takes a document out.
pub(super) fn remove(
    mut draft: Draft,
    document_id: Uuid,
    reason: String,
) -> Result<Vec<Event>, Rejection> {
    let present = draft
        .state()
        .documents
        .iter()
        .find(|one| one.document_id == document_id);
    let kind = present.ok_or(Rejection::DocumentUnknown)?.kind;
    may_change(&draft, kind)?;
    draft.record(Event::DocumentRemoved {
        document_id,
        reason,
    });
    review::reconsider(&mut draft, "a document was removed");
    Ok(draft.finish())
}

/// A6: what approvals bind stays as it is once routed; signed copies come only then, and stay once
/// the customer's signature rests on them.
fn may_change(draft: &Draft, kind: DocumentKind) -> Result<(), Rejection> {
    let phase = draft.state().case.as_ref().map(|case| &case.phase);
    match kind {
        DocumentKind::Sow | DocumentKind::Eula | DocumentKind::Annex => {
            if phase == Some(&Phase::Rejected) {
                return Err(Rejection::CaseRejected);
            }
            not_routed(draft.state())
        }
        DocumentKind::SignedSow => match phase {
            Some(Phase::AwaitingInternalSignature(_) | Phase::AwaitingCustomerSignature(..)) => {
                Ok(())
            }
            Some(Phase::Signed(_)) => Err(Rejection::SignatureAlreadyRecorded),
            Some(
                Phase::InReview
                | Phase::ChangesRequested
                | Phase::AwaitingEstimate
                | Phase::Rejected
                | Phase::Stamped(_),
            )
            | None => Err(Rejection::NotRoutedForSignature),
        },
    }
}
