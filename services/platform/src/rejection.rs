//! Refusals that a caller can act on: a stable reason, every wrong field at once (P4).

use std::collections::BTreeMap;
use std::fmt;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The domain of every reason code, in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "countersign";

/// The reason of a field that had to be given and was not.
pub const REQUIRED: &str = "REQUIRED";

/// The reason of a request of which fields are wrong; which, and why, is in its violations.
pub const INVALID_FIELDS: &str = "INVALID_FIELDS";

/// How much a status may say. It travels in trailers, of which clients take some 16 KiB by default:
/// one byte more, and the caller hears `RESOURCE_EXHAUSTED` instead of what is wrong. Details are
/// encoded as base64, messages may triple.
const MAX_MESSAGE_BYTES: usize = 1_000;
const MAX_DESCRIPTION_BYTES: usize = 500;
const MAX_VIOLATIONS_BYTES: usize = 5_000;
/// What protobuf adds to a violation.
const FRAME_BYTES: usize = 12;
/// The variable that tells how many violations found no room.
const VIOLATIONS_LEFT_OUT: &str = "violations_left_out";

/// What kind of refusal it is: which gRPC code it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionCode {
    /// The request can never be right as it stands.
    InvalidArgument,
    /// The state does not allow it now.
    FailedPrecondition,
    /// There is no such thing, for this caller.
    NotFound,
    /// There is such a thing already.
    AlreadyExists,
    /// The caller may not.
    PermissionDenied,
    /// Somebody else changed it first; read again and decide again.
    Aborted,
}

impl RejectionCode {
    const fn grpc(self) -> Code {
        match self {
            Self::InvalidArgument => Code::InvalidArgument,
            Self::FailedPrecondition => Code::FailedPrecondition,
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::Aborted => Code::Aborted,
        }
    }
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field in the request, such as `lines[0].price.amount`.
    pub field: String,
    /// A stable code, `UPPER_SNAKE`.
    pub reason: &'static str,
    /// What is wrong and what would be right, for a person.
    pub description: String,
}

/// A business refusal: a fact like any other, recorded and answered the same way to a retry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}", reason = .0.reason, message = .0.message)]
pub struct Rejection(Box<Body>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Body {
    code: RejectionCode,
    reason: &'static str,
    message: String,
    metadata: BTreeMap<String, String>,
    violations: Vec<Violation>,
    resource: Option<(String, String)>,
}

impl Rejection {
    /// A refusal with a stable `reason` (`UPPER_SNAKE`, at most 63 characters) and a message for a
    /// person. Every variable of the message belongs into [`Rejection::with`] too.
    #[must_use]
    pub fn new(code: RejectionCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            code,
            reason,
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            resource: None,
        }))
    }

    /// The request can never be right as it stands. For fields, collect [`crate::Violations`] instead.
    #[must_use]
    pub fn invalid_argument(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(RejectionCode::InvalidArgument, reason, message)
    }

    /// The state does not allow it now.
    #[must_use]
    pub fn failed_precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(RejectionCode::FailedPrecondition, reason, message)
    }

    /// There is no `kind` called `name`, for this caller.
    #[must_use]
    pub fn not_found(reason: &'static str, kind: &str, name: &str) -> Self {
        Self::new(
            RejectionCode::NotFound,
            reason,
            format!("there is no {kind} {name}"),
        )
        .resource(kind, name)
    }

    /// There is a `kind` called `name` already.
    #[must_use]
    pub fn already_exists(reason: &'static str, kind: &str, name: &str) -> Self {
        Self::new(
            RejectionCode::AlreadyExists,
            reason,
            format!("there is a {kind} {name} already"),
        )
        .resource(kind, name)
    }

    /// The caller may not.
    #[must_use]
    pub fn permission_denied(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(RejectionCode::PermissionDenied, reason, message)
    }

    /// Somebody else changed it first.
    #[must_use]
    pub fn aborted(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(RejectionCode::Aborted, reason, message)
    }

    /// Adds a variable of the message, for programs.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl fmt::Display) -> Self {
        self.0.metadata.insert(key.into(), value.to_string());
        self
    }

    /// Adds a wrong field.
    #[must_use]
    pub fn violation(
        mut self,
        field: impl Into<String>,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        self.0.violations.push(Violation {
            field: field.into(),
            reason,
            description: description.into(),
        });
        self
    }

    /// Adds wrong fields.
    pub(crate) fn violations_found(mut self, found: Vec<Violation>) -> Self {
        self.0.violations.extend(found);
        self
    }

    fn resource(mut self, kind: &str, name: &str) -> Self {
        self.0.resource = Some((kind.to_owned(), name.to_owned()));
        self
    }

    /// What kind of refusal it is.
    #[must_use]
    pub fn code(&self) -> RejectionCode {
        self.0.code
    }

    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// The message for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The wrong fields.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The variables of the message.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }
}

impl Body {
    /// The same refusal, as far as a status has room for it: the first violations, and how many
    /// more there are.
    fn fitting(mut self) -> Self {
        cut(&mut self.message, MAX_MESSAGE_BYTES);
        let (all, mut room) = (self.violations.len(), MAX_VIOLATIONS_BYTES);
        self.violations = self
            .violations
            .into_iter()
            .map_while(|mut violation| {
                cut(&mut violation.description, MAX_DESCRIPTION_BYTES);
                let size = FRAME_BYTES
                    + violation.field.len()
                    + violation.reason.len()
                    + violation.description.len();
                room = room.checked_sub(size)?;
                Some(violation)
            })
            .collect();
        let left_out = all - self.violations.len();
        if left_out > 0 {
            let left_out = left_out.to_string();
            self.metadata
                .insert(VIOLATIONS_LEFT_OUT.to_owned(), left_out);
        }
        self
    }
}

/// Cuts a text to at most `bytes`, between two characters.
fn cut(text: &mut String, bytes: usize) {
    let end = text.floor_char_boundary(bytes);
    if end < text.len() {
        text.truncate(end);
        text.push('…');
    }
}

impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let body = rejection.0.fitting();
        let mut details = ErrorDetails::new();
        let metadata: std::collections::HashMap<_, _> = body.metadata.into_iter().collect();
        details.set_error_info(body.reason, DOMAIN, metadata);
        if !body.violations.is_empty() {
            let violations: Vec<FieldViolation> = body
                .violations
                .into_iter()
                .map(|violation| FieldViolation {
                    field: violation.field,
                    description: violation.description,
                    reason: violation.reason.to_owned(),
                    localized_message: None,
                })
                .collect();
            details.set_bad_request(violations);
        }
        if body.code == RejectionCode::FailedPrecondition {
            details.add_precondition_failure_violation(body.reason, "", body.message.clone());
        }
        if let Some((kind, name)) = body.resource {
            details.set_resource_info(kind, name, "", body.message.clone());
        }
        Status::with_error_details(body.code.grpc(), body.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violations::Violations;

    /// P4: reason, every field, precondition and resource arrive as `google.rpc` details.
    #[test]
    fn a_rejection_becomes_a_status_with_details() {
        let mut wrong = Violations::default();
        wrong.within("lines[0]", |wrong| {
            wrong.add("price", "NEGATIVE", "at or above zero");
        });
        wrong.add("currency", "UNKNOWN", "one of USD, EUR");
        let status = Status::from(wrong.into_rejection());
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let found: Vec<(&str, &str)> = details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|violation| (violation.field.as_str(), violation.reason.as_str()))
            .collect();
        assert_eq!(
            found,
            [("lines[0].price", "NEGATIVE"), ("currency", "UNKNOWN")]
        );
        assert_eq!(details.error_info().unwrap().reason, INVALID_FIELDS);
        assert_eq!(details.error_info().unwrap().domain, DOMAIN);

        let status = Status::from(
            Rejection::failed_precondition("NOT_DRAFT", "it is released").with("state", "released"),
        );
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["state"], "released");
        assert_eq!(
            details.precondition_failure().unwrap().violations[0].r#type,
            "NOT_DRAFT"
        );

        assert!(
            !details
                .error_info()
                .unwrap()
                .metadata
                .contains_key(VIOLATIONS_LEFT_OUT)
        );

        let status = Status::from(Rejection::not_found("NO_SUCH_THING", "thing", "things/7"));
        assert_eq!(
            status
                .get_error_details()
                .resource_info()
                .unwrap()
                .resource_name,
            "things/7"
        );
    }

    /// P4: a status fits into what clients take, whatever was sent; what is left out is counted.
    #[test]
    fn a_status_has_room_for_so_much() {
        let mut wrong = Violations::default();
        for line in 0..1_000 {
            wrong.add(&format!("lines[{line}]"), "NEGATIVE", "ü".repeat(300));
        }
        let status = Status::from(wrong.into_rejection());
        let details = status.get_error_details();
        let found = &details.bad_request().unwrap().field_violations;
        assert!(!found.is_empty());
        assert_eq!(found[0].description, format!("{}…", "ü".repeat(250)));
        let left_out = &details.error_info().unwrap().metadata[VIOLATIONS_LEFT_OUT];
        assert_eq!(*left_out, (1_000 - found.len()).to_string());
        assert!(status.message().len() <= MAX_MESSAGE_BYTES + "…".len());
        assert!(status.details().len() < 8_000, "{}", status.details().len());
    }
}
