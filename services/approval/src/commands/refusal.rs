//! A rule's rejection → the answer that the caller gets.

use countersign_platform::{Rejection as Answer, RejectionCode};

use crate::domain::Rejection;
use crate::domain::rejection::Class;

/// The answer, with every variable of its message beside it for programs.
pub(super) fn answer(rejection: Rejection) -> Answer {
    let (code, field) = match rejection.class() {
        Class::Forbidden => (RejectionCode::PermissionDenied, None),
        Class::Unknown => (RejectionCode::NotFound, None),
        Class::State => (RejectionCode::FailedPrecondition, None),
        Class::Field(field) => (RejectionCode::InvalidArgument, Some(field)),
    };
    let reason = rejection.code();
    let mut answer = Answer::new(code, reason, rejection.to_string());
    if let Some(field) = field {
        answer = answer.violation(field, reason, rejection.to_string());
    }
    match rejection {
        Rejection::EstimateExpired { valid_until } => answer.with("valid_until", valid_until),
        Rejection::TooManyDocuments { limit } => answer.with("limit", limit),
        Rejection::StepUnknown { step } | Rejection::OneStepPerPerson { step } => {
            answer.with("step", step)
        }
        Rejection::StepBlocked { waits_for } => answer.with("waits_for", waits_for),
        Rejection::RoleMissing { role } => answer.with("role", role),
        Rejection::ItemUnknown { item } => answer.with("item", item),
        _ => answer,
    }
}
