//! One transaction per command: lock, decide, fold, write the state, then audit, events and tasks.
//! Nothing here commits, and nothing here reaches outside the database.

pub(crate) mod agreement;
pub(crate) mod association;
pub(crate) mod change_order;
pub(crate) mod change_set;
pub(crate) mod clock;
pub(crate) mod cloning;
pub(crate) mod engagement;
pub(crate) mod follow_up;
pub(crate) mod import;
pub(crate) mod limits;
pub(crate) mod listing;
pub(crate) mod news;
pub(crate) mod offer;
pub(crate) mod order;
pub(crate) mod payment;
pub(crate) mod prerequisite;
pub(crate) mod renewal;
pub(crate) mod subject;

use countersign_platform::{Failure, Rejection, RejectionCode};

use crate::domain::rejection as domain;
use crate::store::StoreError;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(source) => source.into(),
            StoreError::Row(source) => Self::internal("reading a row", source),
            StoreError::Conflict(what) => {
                Self::Conflict(format!("{what} was changed by another writer"))
            }
        }
    }
}

/// The refusal as callers get it: its reason, and every wrong field or finding.
pub(crate) fn refusal(rejection: &domain::Rejection) -> Rejection {
    let code = match rejection {
        domain::Rejection::Invalid(_) => RejectionCode::InvalidArgument,
        domain::Rejection::StaleRevision { .. } | domain::Rejection::ComparisonOutdated { .. } => {
            RejectionCode::Aborted
        }
        domain::Rejection::SowNotSigned { .. }
        | domain::Rejection::StampInvalid { .. }
        | domain::Rejection::ChecklistOpen { .. }
        | domain::Rejection::DigestMismatch { .. }
        | domain::Rejection::IntakeMissing
        | domain::Rejection::IntakeOutdated
        | domain::Rejection::OfferOpen { .. }
        | domain::Rejection::PreflightFailed { .. }
        | domain::Rejection::OfferNotDraft { .. }
        | domain::Rejection::OfferNotPublished { .. }
        | domain::Rejection::OfferAccepted
        | domain::Rejection::ReleaseInProgress
        | domain::Rejection::ChangeInProgress
        | domain::Rejection::AuthorizationFixed
        | domain::Rejection::ChangedInPortal
        | domain::Rejection::PortalNotAwaited { .. }
        | domain::Rejection::AwsOfferTaken { .. }
        | domain::Rejection::AwsOfferNotReleased
        | domain::Rejection::AuthorizationNotRead { .. }
        | domain::Rejection::AwsOfferDiffers { .. }
        | domain::Rejection::LegalDocumentNotRead
        | domain::Rejection::OrderRegistered
        | domain::Rejection::OfferNotAccepted { .. }
        | domain::Rejection::NoVariablePayments
        | domain::Rejection::PaymentRefused { .. }
        | domain::Rejection::PaymentRequestSending
        | domain::Rejection::PaymentRequestEnded { .. }
        | domain::Rejection::ChangeOrder(_) => RejectionCode::FailedPrecondition,
    };
    let refusal = Rejection::new(code, rejection.reason(), rejection.to_string());
    let refusal = match rejection {
        domain::Rejection::Invalid(violations)
        | domain::Rejection::AwsOfferDiffers {
            differences: violations,
        } => violations.iter().fold(refusal, |all, wrong| {
            all.violation(wrong.field, wrong.reason, wrong.problem.clone())
        }),
        domain::Rejection::OfferOpen { offer_id }
        | domain::Rejection::AwsOfferTaken { offer_id } => refusal.with("offer_id", offer_id),
        domain::Rejection::DigestMismatch { approved, .. } => {
            refusal.with("approved_digest", approved)
        }
        domain::Rejection::ComparisonOutdated { digest } => refusal.with("digest", digest),
        domain::Rejection::StaleRevision { expected, actual } => refusal
            .with("expected_revision", expected)
            .with("revision", actual),
        domain::Rejection::OfferNotDraft { state }
        | domain::Rejection::OfferNotAccepted { state }
        | domain::Rejection::PaymentRequestEnded { state }
        | domain::Rejection::PortalNotAwaited { state }
        | domain::Rejection::OfferNotPublished { state } => refusal.with("state", state),
        domain::Rejection::SowNotSigned { .. }
        | domain::Rejection::StampInvalid { .. }
        | domain::Rejection::ChecklistOpen { .. }
        | domain::Rejection::IntakeMissing
        | domain::Rejection::IntakeOutdated
        | domain::Rejection::PreflightFailed { .. }
        | domain::Rejection::OfferAccepted
        | domain::Rejection::ReleaseInProgress
        | domain::Rejection::ChangeInProgress
        | domain::Rejection::AuthorizationFixed
        | domain::Rejection::ChangedInPortal
        | domain::Rejection::AwsOfferNotReleased
        | domain::Rejection::AuthorizationNotRead { .. }
        | domain::Rejection::LegalDocumentNotRead
        | domain::Rejection::OrderRegistered
        | domain::Rejection::NoVariablePayments
        | domain::Rejection::PaymentRefused { .. }
        | domain::Rejection::PaymentRequestSending
        | domain::Rejection::ChangeOrder(_) => refusal,
    };
    rejection.findings().iter().fold(refusal, |all, finding| {
        all.violation(
            finding.field,
            finding.rule,
            format!("{}; {}", finding.problem, finding.fix),
        )
    })
}

impl From<domain::Rejection> for Failure {
    fn from(rejection: domain::Rejection) -> Self {
        refusal(&rejection).into()
    }
}
