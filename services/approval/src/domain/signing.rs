//! Routing and signatures, internal first (A6).

use countersign_kernel::Digest;
use countersign_kernel::chrono::{DateTime, Utc};

use super::Rejection;
use super::command::{Facts, SignedCopy, SigningParty};
use super::decide::Draft;
use super::document::{Document, DocumentKind};
use super::dossier::{Dossier, Phase, Routing, Signature};
use super::event::Event;

/// A signature as it was reported.
pub(super) struct Offered {
    pub(super) party: SigningParty,
    pub(super) signatory: String,
    pub(super) signed_at: DateTime<Utc>,
    pub(super) routed_sow_digest: Digest,
    pub(super) signed_copy: Option<SignedCopy>,
}

/// A5, A6: only what holds a stamp goes out; the SOW's digest is recorded as it goes.
pub(super) fn route(
    mut draft: Draft,
    internal_signatory: String,
    customer_signatory: String,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    let case = draft.state().case.as_ref().ok_or(Rejection::CaseNotOpen)?;
    match &case.phase {
        Phase::Stamped(_) => {}
        Phase::InReview | Phase::ChangesRequested | Phase::AwaitingEstimate => {
            return Err(Rejection::StampMissing);
        }
        Phase::Rejected => return Err(Rejection::CaseRejected),
        Phase::AwaitingInternalSignature(_)
        | Phase::AwaitingCustomerSignature(..)
        | Phase::Signed(_) => return Err(Rejection::RoutedForSignature),
    }
    let sow = draft
        .state()
        .documents
        .iter()
        .find(|one| one.kind == DocumentKind::Sow);
    let sow_digest = sow.ok_or(Rejection::SowMissing)?.digest;
    let routing = Routing {
        sow_digest,
        internal_signatory,
        customer_signatory,
        at: facts.now,
    };
    draft.record(Event::RoutedForSignature(routing));
    Ok(draft.finish())
}

/// Records the next signature; the second completes the signing.
pub(super) fn record(
    mut draft: Draft,
    offered: Offered,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    let case = draft.state().case.as_ref().ok_or(Rejection::CaseNotOpen)?;
    next_party(&case.phase, offered.party)?;
    let routed = case
        .phase
        .routed()
        .ok_or(Rejection::NotRoutedForSignature)?;
    if routed.routing.sow_digest != offered.routed_sow_digest {
        return Err(Rejection::SowDigestMismatch);
    }
    if offered.signed_at > facts.now {
        return Err(Rejection::SignedInFuture);
    }
    if let Phase::AwaitingCustomerSignature(_, internal) = &case.phase
        && offered.signed_at < internal.at
    {
        return Err(Rejection::SignatureOutOfOrder);
    }
    let signature = Signature {
        signatory: offered.signatory,
        at: offered.signed_at,
    };
    let event = match offered.party {
        SigningParty::Internal => Event::InternalSigned(signature),
        SigningParty::Customer => {
            let signed_sow = signed_copy(draft.state(), offered.signed_copy)?.clone();
            Event::SowSigned {
                customer: signature,
                signed_sow,
            }
        }
    };
    draft.record(event);
    Ok(draft.finish())
}

/// Whose turn it is.
fn next_party(phase: &Phase, party: SigningParty) -> Result<(), Rejection> {
    match (phase, party) {
        (Phase::AwaitingInternalSignature(_), SigningParty::Internal)
        | (Phase::AwaitingCustomerSignature(..), SigningParty::Customer) => Ok(()),
        (Phase::AwaitingInternalSignature(_), SigningParty::Customer) => {
            Err(Rejection::SignatureOutOfOrder)
        }
        (Phase::AwaitingCustomerSignature(..), SigningParty::Internal) | (Phase::Signed(_), _) => {
            Err(Rejection::SignatureAlreadyRecorded)
        }
        (Phase::Stamped(_), _) => Err(Rejection::NotRoutedForSignature),
        (Phase::Rejected, _) => Err(Rejection::CaseRejected),
        (Phase::InReview | Phase::ChangesRequested | Phase::AwaitingEstimate, _) => {
            Err(Rejection::StampMissing)
        }
    }
}

fn signed_copy(state: &Dossier, named: Option<SignedCopy>) -> Result<&Document, Rejection> {
    let named = named.ok_or(Rejection::SignedSowMissing)?;
    let is_named = |one: &Document| match named {
        SignedCopy::Document(id) => one.document_id == id,
        SignedCopy::Bytes(digest) => one.digest == digest,
    };
    state
        .documents
        .iter()
        .find(|one| one.kind == DocumentKind::SignedSow && is_named(one))
        .ok_or(Rejection::SignedSowMissing)
}
