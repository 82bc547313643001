//! How a caller is turned away: a code, a stable reason, and nothing about what it asked for.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::rejection::DOMAIN;

/// A status with a stable reason.
pub(crate) fn denied(code: Code, reason: &'static str, message: impl Into<String>) -> Status {
    let details = ErrorDetails::with_error_info(reason, DOMAIN, []);
    Status::with_error_details(code, message, details)
}

/// The same, for what will pass: with `RetryInfo`.
pub(crate) fn denied_for(
    code: Code,
    reason: &'static str,
    message: impl Into<String>,
    retry_after: Duration,
) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, []);
    details.set_retry_info(Some(retry_after));
    Status::with_error_details(code, message, details)
}
