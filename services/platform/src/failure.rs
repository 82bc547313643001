//! Why a piece of work did not happen: what is the caller's, what passes, what needs a person.

use std::error::Error;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::rejection::{DOMAIN, Rejection};

/// Any error, for `#[source]`.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// How a command, an event handler or a task fails. The harness decides by the kind: a rejection
/// is recorded and answered; a conflict or an absence is tried again; the rest needs a person.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A business refusal. Nothing of the work stays, the refusal does.
    #[error("rejected")]
    Rejected(#[source] Rejection),
    /// Another writer was first (a version that moved on, a serialization failure, a lost lease).
    #[error("conflict: {0}")]
    Conflict(String),
    /// Something outside is away; the same will work later.
    #[error("unavailable: {what}")]
    Unavailable {
        /// What was attempted.
        what: String,
        /// What came back.
        #[source]
        source: BoxError,
    },
    /// These bytes will never be understood.
    #[error("undecodable: {what}")]
    Undecodable {
        /// What was decoded.
        what: String,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// A bug or an inconsistency.
    #[error("internal: {what}")]
    Internal {
        /// What was attempted.
        what: String,
        /// What came back.
        #[source]
        source: BoxError,
    },
}

impl Failure {
    /// Something outside is away.
    pub fn unavailable(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Unavailable {
            what: what.into(),
            source: source.into(),
        }
    }

    /// These bytes will never be understood.
    pub fn undecodable(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Undecodable {
            what: what.into(),
            source: source.into(),
        }
    }

    /// A bug or an inconsistency, such as a row that cannot be a state.
    pub fn internal(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Internal {
            what: what.into(),
            source: source.into(),
        }
    }

    /// `Ok` if an update guarded by version changed exactly one row (style rule 6).
    ///
    /// # Errors
    /// [`Failure::Conflict`] naming `what`.
    pub fn unless_one_row(what: &str, rows_affected: u64) -> Result<(), Self> {
        if rows_affected == 1 {
            return Ok(());
        }
        Err(Self::Conflict(format!(
            "{what} was changed by another writer"
        )))
    }

    /// The error and its sources in one line, for logs and operators; never for callers.
    #[must_use]
    pub fn report(&self) -> String {
        report(self)
    }
}

/// An error and its sources in one line.
pub(crate) fn report(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// SQLSTATEs after which the same transaction, begun again, can succeed.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// SQLSTATE classes, and states, that say that the database is away or overloaded for now:
/// connection, resources, operator, lock timeout, read-only standby, idle transaction killed.
const AWAY: [&str; 6] = ["08", "53", "57", "55P03", "25006", "25P03"];

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let what = "a database statement";
        let state = match &error {
            sqlx::Error::Database(database) => database.code().map(std::borrow::Cow::into_owned),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => return Self::unavailable(what, error),
            _ => None,
        };
        match state {
            Some(state) if CONFLICTS.contains(&state.as_str()) => Self::Conflict(error.to_string()),
            Some(state) if AWAY.iter().any(|away| state.starts_with(away)) => {
                Self::unavailable(what, error)
            }
            _ => Self::internal(what, error),
        }
    }
}

impl From<prost::DecodeError> for Failure {
    fn from(error: prost::DecodeError) -> Self {
        Self::undecodable("a protobuf message", error)
    }
}

impl From<Failure> for Status {
    /// Internal text never leaves the process (style rule 8): it is logged here.
    fn from(failure: Failure) -> Self {
        let (code, reason, message) = match failure {
            Failure::Rejected(rejection) => return rejection.into(),
            Failure::Conflict(_) => {
                tracing::warn!(error = failure.report(), "gave up after conflicts");
                (
                    Code::Aborted,
                    "CONCURRENT_CHANGE",
                    "changed by another; try again",
                )
            }
            Failure::Unavailable { .. } => {
                tracing::warn!(error = failure.report(), "something is away");
                (
                    Code::Unavailable,
                    "UNAVAILABLE",
                    "a part is away; try again",
                )
            }
            Failure::Undecodable { .. } | Failure::Internal { .. } => {
                tracing::error!(error = failure.report(), "a call failed");
                (Code::Internal, "INTERNAL", "internal error")
            }
        };
        let details = ErrorDetails::with_error_info(
            reason,
            DOMAIN,
            std::collections::HashMap::<String, String>::new(),
        );
        Status::with_error_details(code, message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Style rule 8: a caller sees a reason, never the text of an inner error.
    #[test]
    fn inner_text_stays_inside() {
        let status = Status::from(Failure::internal("reading", "password is hunter2"));
        assert_eq!(status.code(), Code::Internal);
        assert!(!format!("{status:?}").contains("hunter2"));
        let status = Status::from(Failure::from(sqlx::Error::PoolTimedOut));
        assert_eq!(status.code(), Code::Unavailable);
    }

    #[test]
    fn a_report_names_every_source_once() {
        let failure = Failure::Rejected(Rejection::aborted("STALE", "etag moved"));
        assert_eq!(failure.report(), "rejected: STALE: etag moved");
    }
}
