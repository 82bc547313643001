//! Every call to AWS is a step of a trace, and counted (P6).

use std::future::Future;

use aws_sdk_marketplacecatalog::config::http::HttpResponse;
use aws_sdk_marketplacecatalog::error::{ProvideErrorMetadata, SdkError};
use countersign_platform::{Counter, Metrics};
use tracing::Instrument;

use super::CallError;

/// Counts calls to AWS.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    made: Counter,
    throttled: Counter,
}

impl Calls {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let throttled = metrics.counter(
            "countersign.aws.throttled",
            "Calls that AWS put off: too many at a time, or a quota is used up.",
        );
        throttled.add(0, &[]);
        Self {
            made: metrics.counter("countersign.aws.calls", "Calls to AWS, by how they ended."),
            throttled,
        }
    }

    /// Makes a call: `operation` is its name in AWS's documentation.
    pub(super) async fn make<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let span = tracing::debug_span!(
            "aws",
            otel.name = operation,
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            "rpc.system.name" = "aws-api",
            "rpc.method" = operation,
            "error.type" = tracing::field::Empty,
        );
        let answer = call.instrument(span.clone()).await;
        let outcome = answer.as_ref().map_or_else(outcome, |_| "ok");
        if outcome != "ok" {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", outcome);
        }
        self.made
            .increment(&[("operation", operation), ("outcome", outcome)]);
        if matches!(outcome, "throttled" | "quota") {
            self.throttled.increment(&[]);
        }
        answer.map_err(CallError::from)
    }
}

/// AWS's codes for credentials that are wrong, have expired, or lack the right: every call will fail
/// until somebody mends them.
const UNAUTHORISED: [&str; 7] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
];

/// How a call failed, in few words: a rate (429), a quota (402), AWS itself, our credentials, a refusal,
/// or the way. Without credentials nothing is sent at all.
fn outcome<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &'static str {
    let context = match error {
        SdkError::ServiceError(context) => context,
        SdkError::ConstructionFailure(_) => return "unauthorised",
        _ => return "unreachable",
    };
    let code = context.err().meta().code();
    match (code, context.raw().status().as_u16()) {
        (Some("ThrottlingException"), _) | (_, 429) => "throttled",
        (Some("ServiceQuotaExceededException"), _) | (_, 402) => "quota",
        (_, 500..) => "failed",
        (Some(code), _) if UNAUTHORISED.contains(&code) => "unauthorised",
        (_, 401) => "unauthorised",
        _ => "refused",
    }
}
