//! What an error of AWS means (facts §1.1): try again later, and how much later, or never. The typed code
//! decides, and the HTTP status where AWS sends a code that the SDK does not know. SQS has words of its own,
//! and answers them all with 400 or 403.
//!
//! | AWS says | it means | what is done |
//! |---|---|---|
//! | 429, `ThrottlingException`, `RequestThrottled` | more calls than its rate | all replicas pause; tried again, then later |
//! | 402, `ServiceQuotaExceededException`, `OverLimit` | too many open change sets, or events received and not deleted | later: some of them must end |
//! | 423, `ResourceInUseException` | another change set has the entity | later: that one must end |
//! | 5xx, no answer, one that is none | AWS or the way to it is broken | tried again, then later |
//! | credentials that are not valid | an operator's to mend | later |
//! | anything else | it will never be taken | the offer's author is told |

use aws_sdk_marketplaceagreement::types::ValidationExceptionReason;
use aws_sdk_marketplaceagreement::types::error::{AccessDeniedException, ValidationException};
use aws_sdk_marketplacecatalog::config::http::HttpResponse;
use aws_sdk_marketplacecatalog::error::{ProvideErrorMetadata, SdkError};
use chrono::{DateTime, TimeDelta};

use crate::domain::offer::AwsError;

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The same call works later.
    #[error("AWS says to come back: {0}")]
    Later(Later),
    /// AWS will never take it.
    #[error("AWS refuses: {} {}", .0.code, .0.message)]
    Refused(AwsError),
}

/// When the same call works, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(crate) struct Later {
    /// What must pass first.
    pub(crate) why: Why,
    /// For whoever looks at the task.
    pub(crate) problem: String,
    /// The pause that AWS asked for, at most [`LONGEST_ASKED`].
    pub(crate) asked: Option<TimeDelta>,
}

/// What must pass before a call works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// A moment: there were more calls than the rate.
    Rate,
    /// Other change sets of the account: too many are open.
    Quota,
    /// The change set that has the entity.
    Lock,
    /// Whatever broke AWS, or the way to it.
    Fault,
    /// An operator: the credentials are not valid, or have not this right.
    Credentials,
}

impl Why {
    /// How much further up the ladder of [`countersign_platform::back_off`] the first pause is: each
    /// step doubles it. Half a second is enough for a fault; a change set takes minutes to end.
    pub(crate) const fn head_start(self) -> i32 {
        match self {
            Self::Fault => 0,
            Self::Rate => 1,
            Self::Lock => 3,
            Self::Credentials => 4,
            Self::Quota => 5,
        }
    }
}

/// The longest pause that is kept because AWS asks for it: a longer one is no answer of a service that
/// publishes its rates by the second.
const LONGEST_ASKED: TimeDelta = TimeDelta::hours(1);

/// Of a fault, as AWS's two APIs call it, and of two calls that met.
const FAULTS: [&str; 3] = [
    "InternalServiceException",
    "InternalServerException",
    "ConflictException",
];

/// More calls than the rate: of the two APIs, of SQS, and of the key that its queue is encrypted with.
const THROTTLED: [&str; 3] = [
    "ThrottlingException",
    "RequestThrottled",
    "KMS.ThrottlingException",
];

/// More at a time than AWS allows.
const QUOTA: [&str; 2] = ["ServiceQuotaExceededException", "OverLimit"];

/// Wrong credentials, or a clock that is: an operator's to mend, and no fault of the offer.
const CREDENTIALS: [&str; 9] = [
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationTokenException",
    "MissingAuthenticationToken",
    "ExpiredTokenException",
    "RequestExpired",
];

/// AWS's word for what the account does not have.
const NOT_FOUND: &str = "ResourceNotFoundException";
/// The caller may not do that: fatal for what was asked (facts §1.1). SQS has names of its own for it.
pub(super) const DENIED: [&str; 3] = [
    "AccessDeniedException",
    "AccessDenied",
    "KMS.AccessDeniedException",
];

impl Later {
    /// The same works later, for a reason that AWS did not give.
    pub(crate) fn fault(problem: impl Into<String>) -> Self {
        Self {
            why: Why::Fault,
            problem: problem.into(),
            asked: None,
        }
    }
}

impl CallError {
    /// When to look again, where a refusal says nothing about what is looked for: not being allowed to
    /// look is an operator's to mend.
    pub(crate) fn into_later(self) -> Later {
        match self {
            Self::Later(later) => later,
            Self::Refused(_) => Later {
                why: Why::Credentials,
                problem: self.to_string(),
                asked: None,
            },
        }
    }

    /// Whether AWS has nothing by that name, or does not let this account know.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused(error) if error.code == NOT_FOUND)
    }

    /// With the reason that the Agreement API gives beside its code, and without which the code tells little
    /// (O9, facts §3): what is wrong takes the place of `ValidationException`, and why something is denied
    /// stands before the message.
    fn because(self, error: &(dyn std::error::Error + 'static)) -> Self {
        let Self::Refused(refused) = self else {
            return self;
        };
        let source = error.source();
        let invalid = source.and_then(|source| source.downcast_ref::<ValidationException>());
        let invalid = invalid.and_then(ValidationException::reason);
        let denied = source.and_then(|source| source.downcast_ref::<AccessDeniedException>());
        let denied = denied.and_then(AccessDeniedException::reason);
        let AwsError { code, message } = refused;
        Self::Refused(match (invalid, denied) {
            (Some(reason), _) if *reason != ValidationExceptionReason::Other => AwsError {
                code: reason.as_str().to_owned(),
                message,
            },
            (_, Some(reason)) => AwsError {
                code,
                message: format!("{}: {message}", reason.as_str()),
            },
            _ => AwsError { code, message },
        })
    }
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
                let asked = asked(|name| context.raw().headers().get(name));
                let classified = classify(metadata.code(), metadata.message(), status, asked);
                classified.because(context.err())
            }
            _ => Self::Later(Later::fault(chain(&error))),
        }
    }
}

fn classify(
    code: Option<&str>,
    message: Option<&str>,
    status: u16,
    asked: Option<TimeDelta>,
) -> CallError {
    let why = why(code, status);
    let code = code.map_or_else(|| format!("HTTP_{status}"), str::to_owned);
    let message = message.unwrap_or_default().to_owned();
    match why {
        Some(why) => CallError::Later(Later {
            why,
            problem: format!("{code} ({status}) {message}"),
            asked,
        }),
        None => CallError::Refused(AwsError { code, message }),
    }
}

/// What must pass before the call works; `None`: it never will.
pub(super) fn why(code: Option<&str>, status: u16) -> Option<Why> {
    match (code.unwrap_or_default(), status) {
        (_, 429) => Some(Why::Rate),
        (code, _) if THROTTLED.contains(&code) => Some(Why::Rate),
        (_, 402) => Some(Why::Quota),
        (code, _) if QUOTA.contains(&code) => Some(Why::Quota),
        ("ResourceInUseException", _) | (_, 423) => Some(Why::Lock),
        // Of a success, an answer that is none: it says nothing about what was asked.
        (_, 200..=299 | 408 | 500..) => Some(Why::Fault),
        (code, _) if FAULTS.contains(&code) => Some(Why::Fault),
        (code, _) if CREDENTIALS.contains(&code) => Some(Why::Credentials),
        _ => None,
    }
}

/// The pause that an answer asks for: seconds, a date (RFC 9110 §10.2.3), or AWS's own header in
/// milliseconds. A date is one of AWS's clock, so the pause is counted from when that answered.
fn asked<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<TimeDelta> {
    let number = |name: &str| header(name)?.trim().parse::<u32>().ok();
    let date = |name: &str| DateTime::parse_from_rfc2822(header(name)?.trim()).ok();
    let milliseconds = number("x-amz-retry-after").map(|ms| TimeDelta::milliseconds(ms.into()));
    let seconds = || number("retry-after").map(|seconds| TimeDelta::seconds(seconds.into()));
    let until = || Some((date("retry-after")? - date("date")?).max(TimeDelta::zero()));
    let asked = milliseconds.or_else(seconds).or_else(until)?;
    Some(asked.min(LONGEST_ASKED))
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
            (None, 200, Some(Why::Fault)),
            (Some("ValidationException"), 422, None),
            (Some("AccessDeniedException"), 403, None),
            (Some("ResourceNotFoundException"), 404, None),
            (Some("ResourceNotSupportedException"), 415, None),
            (Some("ResourceInUseException"), 423, Some(Why::Lock)),
            (Some("ThrottlingException"), 429, Some(Why::Rate)),
            (Some("ServiceQuotaExceededException"), 402, Some(Why::Quota)),
            (Some("InternalServiceException"), 500, Some(Why::Fault)),
            (Some("InternalServerException"), 500, Some(Why::Fault)),
            (Some("ConflictException"), 409, Some(Why::Fault)),
            (Some("ThrottlingException"), 400, Some(Why::Rate)),
            (Some("ResourceInUseException"), 400, Some(Why::Lock)),
            (Some("SomethingNew"), 402, Some(Why::Quota)),
            (Some("SomethingNew"), 423, Some(Why::Lock)),
            (Some("SomethingNew"), 503, Some(Why::Fault)),
            (Some("SomethingNew"), 400, None),
            (Some("ExpiredTokenException"), 403, Some(Why::Credentials)),
            (Some("RequestExpired"), 400, Some(Why::Credentials)),
            (Some("RequestThrottled"), 403, Some(Why::Rate)),
            (Some("KMS.ThrottlingException"), 400, Some(Why::Rate)),
            (Some("OverLimit"), 403, Some(Why::Quota)),
            (
                Some("MissingAuthenticationToken"),
                403,
                Some(Why::Credentials),
            ),
            (Some("AccessDenied"), 403, None),
            (Some("AWS.SimpleQueueService.NonExistentQueue"), 400, None),
            (None, 429, Some(Why::Rate)),
            (None, 400, None),
        ];
        for (code, status, expected) in cases {
            assert_eq!(why(code, status), expected, "{code:?} {status}");
        }
        let refused = classify(
            Some("ValidationException"),
            Some("Name is too long"),
            422,
            None,
        );
        assert_eq!(
            refused.to_string(),
            "AWS refuses: ValidationException Name is too long"
        );
    }

    /// O9: what is wrong with a payment, a cancellation or an adjustment is told by its reason.
    #[test]
    fn the_reason_of_a_refusal_is_told() {
        use aws_sdk_marketplaceagreement::operation::send_agreement_payment_request::SendAgreementPaymentRequestError as Error;
        use aws_sdk_marketplaceagreement::types::AccessDeniedExceptionReason;
        let invalid = |reason: Option<ValidationExceptionReason>| {
            let error = ValidationException::builder().set_reason(reason).build();
            ("ValidationException", Error::ValidationException(error))
        };
        let denied = AccessDeniedException::builder();
        let denied = denied.reason(AccessDeniedExceptionReason::FailedKycCompliance);
        let denied = Error::AccessDeniedException(denied.build());
        for ((code, error), expected) in [
            (
                invalid(Some(ValidationExceptionReason::InvalidChargeAmount)),
                ("INVALID_CHARGE_AMOUNT", "No."),
            ),
            (
                invalid(Some("NEWER_THAN_THIS".into())),
                ("NEWER_THAN_THIS", "No."),
            ),
            (
                invalid(Some(ValidationExceptionReason::Other)),
                ("ValidationException", "No."),
            ),
            (invalid(None), ("ValidationException", "No.")),
            (
                ("AccessDeniedException", denied),
                ("AccessDeniedException", "FAILED_KYC_COMPLIANCE: No."),
            ),
        ] {
            let refused = classify(Some(code), Some("No."), 400, None).because(&error);
            let CallError::Refused(told) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!((told.code.as_str(), told.message.as_str()), expected);
        }
    }

    /// O9: what must end first at AWS is waited for longer than what passes in a moment.
    #[test]
    fn each_reason_has_its_own_first_pause() {
        let mut starts = [
            Why::Fault,
            Why::Rate,
            Why::Lock,
            Why::Credentials,
            Why::Quota,
        ]
        .map(Why::head_start);
        assert!(starts.is_sorted_by(|left, right| left < right));
        starts.reverse();
        assert_eq!(starts, [5, 4, 3, 1, 0]);
    }

    #[test]
    fn the_pause_that_aws_asks_for_is_kept() {
        const ANSWERED: &str = "Mon, 02 Mar 2026 10:00:00 GMT";
        const SOON: &str = "Mon, 02 Mar 2026 10:00:20 GMT";
        const LATE: &str = "Tue, 03 Mar 2026 10:00:00 GMT";
        let cases = [
            (vec![("retry-after", "7")], Some(7_000)),
            (vec![("x-amz-retry-after", "1500")], Some(1_500)),
            (
                vec![("retry-after", "7"), ("x-amz-retry-after", "1500")],
                Some(1_500),
            ),
            (vec![("retry-after", "100000")], Some(3_600_000)),
            (vec![("retry-after", "-7")], None),
            (vec![("retry-after", "soon")], None),
            (
                vec![("date", ANSWERED), ("retry-after", SOON)],
                Some(20_000),
            ),
            (vec![("date", SOON), ("retry-after", ANSWERED)], Some(0)),
            (
                vec![("date", ANSWERED), ("retry-after", LATE)],
                Some(3_600_000),
            ),
            (vec![("retry-after", SOON)], None),
            (vec![("date", ANSWERED)], None),
            (
                vec![("date", ANSWERED), ("retry-after", "Mon, 02 Mar 2026")],
                None,
            ),
            (vec![], None),
        ];
        for (headers, expected) in cases {
            let header = |name: &str| {
                let mut headers = headers.iter();
                headers
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| *value)
            };
            let asked = asked(header).map(|pause| pause.num_milliseconds());
            assert_eq!(asked, expected, "{headers:?}");
        }
    }
}
