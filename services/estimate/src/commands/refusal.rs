//! The domain's rejections in the words of the harness, which makes gRPC statuses and inbox
//! entries of them.

use countersign_platform::{Failure, INVALID_FIELDS, Rejection as Refusal, RejectionCode};
use uuid::Uuid;

use crate::domain::Rejection;
use crate::domain::rejection::Violation;

/// A rejection as the failure of a unit of work.
pub(crate) fn refused(rejection: Rejection) -> Failure {
    refusal(rejection).into()
}

/// There is no such version of the estimate.
pub(crate) fn version_not_found(estimate_id: Uuid, number: u32) -> Failure {
    let name = format!("{number} of estimate {estimate_id}");
    Refusal::not_found("VERSION_UNKNOWN", "version", &name).into()
}

/// A rejection with its code, its stable reason and every variable of its message.
pub(crate) fn refusal(rejection: Rejection) -> Refusal {
    let (reason, message) = (rejection.reason(), rejection.to_string());
    match rejection {
        Rejection::Invalid(violations) => invalid(&violations),
        Rejection::NotFound => Refusal::new(RejectionCode::NotFound, reason, message),
        Rejection::EngagementHasOpenEstimate { engagement_id } => {
            Refusal::already_exists(reason, "open estimate of engagement", &engagement_id)
                .with("engagement_id", engagement_id)
        }
        Rejection::VersionStale { given, latest } => Refusal::aborted(reason, message)
            .with("given", given)
            .with("latest", latest),
        Rejection::NotDraft { state }
        | Rejection::NotUnderReview { state }
        | Rejection::Closed { state } => {
            Refusal::failed_precondition(reason, message).with("state", state)
        }
        Rejection::ValidUntilPast { valid_until } => {
            Refusal::failed_precondition(reason, message).with("valid_until", valid_until)
        }
        Rejection::UnderReview | Rejection::Unpriced(_) => {
            Refusal::failed_precondition(reason, message)
        }
    }
}

fn invalid(violations: &[Violation]) -> Refusal {
    let fields: Vec<&str> = violations
        .iter()
        .map(|wrong| wrong.field.as_str())
        .collect();
    let message = format!("wrong: {}", fields.join(", "));
    violations.iter().fold(
        Refusal::invalid_argument(INVALID_FIELDS, message),
        |refusal, wrong| refusal.violation(&wrong.field, wrong.reason.code(), &wrong.description),
    )
}
