//! What an error of AWS means (facts §1.1): try again later, or never. The typed code decides, and
//! the HTTP status where AWS sends a code that the SDK does not know.

use aws_sdk_marketplacecatalog::config::http::HttpResponse;
use aws_sdk_marketplacecatalog::error::{ProvideErrorMetadata, SdkError};

use crate::domain::offer::AwsError;

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// Throttled, locked, over a quota, broken, or not reached: the same call works later.
    #[error("AWS says to come back: {0}")]
    Later(String),
    /// AWS will never take it.
    #[error("AWS refuses: {} {}", .0.code, .0.message)]
    Refused(AwsError),
}

/// Ours to wait for.
const LATER: [&str; 6] = [
    "ThrottlingException",
    "ResourceInUseException",
    "ServiceQuotaExceededException",
    "InternalServiceException",
    "InternalServerException",
    "ConflictException",
];

/// Wrong credentials, or a clock that is: an operator's to mend, and no fault of the offer.
const CREDENTIALS: [&str; 7] = [
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "MissingAuthenticationTokenException",
    "ExpiredTokenException",
    "RequestExpired",
];

/// Whether AWS does not accept who calls, or what the caller may do: every such call fails until an
/// operator mends it.
pub(super) fn is_unauthorised(code: &str) -> bool {
    code == "AccessDeniedException" || CREDENTIALS.contains(&code)
}

impl<E> From<SdkError<E, HttpResponse>> for CallError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(context) => {
                let metadata = context.err().meta();
                let status = context.raw().status().as_u16();
                classify(metadata.code(), metadata.message(), status)
            }
            _ => Self::Later(chain(&error)),
        }
    }
}

fn classify(code: Option<&str>, message: Option<&str>, status: u16) -> CallError {
    let code = code.map_or_else(|| format!("HTTP_{status}"), str::to_owned);
    let message = message.unwrap_or_default().to_owned();
    // 402 is a quota of open change sets, 423 a lock on the entity, 429 a rate (facts §1.1).
    let later = matches!(status, 402 | 408 | 423 | 429) || status >= 500;
    let known = LATER.contains(&code.as_str()) || CREDENTIALS.contains(&code.as_str());
    if later || known {
        CallError::Later(format!("{code} ({status}) {message}"))
    } else {
        CallError::Refused(AwsError { code, message })
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_aws_has_its_handling() {
        let cases = [
            (Some("ValidationException"), 422, false),
            (Some("AccessDeniedException"), 403, false),
            (Some("ResourceNotFoundException"), 404, false),
            (Some("ResourceInUseException"), 423, true),
            (Some("ThrottlingException"), 429, true),
            (Some("ServiceQuotaExceededException"), 402, true),
            (Some("InternalServiceException"), 500, true),
            (Some("ThrottlingException"), 400, true),
            (Some("ResourceInUseException"), 400, true),
            (Some("SomethingNew"), 423, true),
            (Some("SomethingNew"), 503, true),
            (Some("SomethingNew"), 400, false),
            (Some("ExpiredTokenException"), 403, true),
            (Some("MissingAuthenticationTokenException"), 403, true),
            (None, 429, true),
            (None, 400, false),
        ];
        for (code, status, later) in cases {
            let class = classify(code, Some("why"), status);
            assert_eq!(
                matches!(class, CallError::Later(_)),
                later,
                "{code:?} {status}"
            );
        }
        let refused = classify(Some("ValidationException"), Some("Name is too long"), 422);
        assert_eq!(
            refused.to_string(),
            "AWS refuses: ValidationException Name is too long"
        );
    }
}
