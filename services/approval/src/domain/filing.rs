//! Documents in and out of an engagement (O6, A4).

use countersign_kernel::role;
use uuid::Uuid;

use super::Rejection;
use super::command::Facts;
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
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    may_file(document.kind, facts)?;
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

/// P5: what stands between us and an e-signature provider brings what was signed, and nothing that is
/// still to be approved.
fn may_file(kind: DocumentKind, facts: &Facts) -> Result<(), Rejection> {
    let roles = &facts.actor.roles;
    let is_author = roles.contains(role::ENGAGEMENT_MANAGER);
    if kind.is_approved() && roles.contains(role::SIGNATURE_GATEWAY) && !is_author {
        return Err(Rejection::SignedCopiesOnly);
    }
    Ok(())
}

/// A6: what approvals bind stays as it is once routed; signed copies come only then, and stay once
/// the customer's signature rests on them.
fn may_change(draft: &Draft, kind: DocumentKind) -> Result<(), Rejection> {
    let phase = draft.state().case.as_ref().map(|case| &case.phase);
    match kind {
        DocumentKind::Sow
        | DocumentKind::Eula
        | DocumentKind::Annex
        | DocumentKind::ResellerContract => {
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
