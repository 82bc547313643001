//! Every call to AWS is a step of a trace, and counted (P6).

use std::future::Future;

use aws_sdk_marketplacecatalog::config::http::HttpResponse;
use aws_sdk_marketplacecatalog::error::{ProvideErrorMetadata, SdkError};
use countersign_platform::{Counter, Metrics};
use tracing::Instrument;

use super::CallError;
use super::error::is_unauthorised;

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

/// How a call failed, in few words. A call that AWS did not answer did not get there: also one for which
/// there were no credentials at all, which the SDK does not tell apart.
fn outcome<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &'static str {
    match error {
        SdkError::ServiceError(context) => {
            answered(context.err().meta().code(), context.raw().status().as_u16())
        }
        _ => "unreachable",
    }
}

/// What AWS answered: a rate (429), a quota (402), its own fault, our credentials, or a refusal.
fn answered(code: Option<&str>, status: u16) -> &'static str {
    match (code, status) {
        (Some("ThrottlingException"), _) | (_, 429) => "throttled",
        (Some("ServiceQuotaExceededException"), _) | (_, 402) => "quota",
        (_, 500..) => "failed",
        (_, 401) => "unauthorised",
        (Some(code), _) if is_unauthorised(code) => "unauthorised",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P6: what pages somebody is told from what the offer's author must mend.
    #[test]
    fn each_answer_has_its_word() {
        for (code, status, word) in [
            (Some("ThrottlingException"), 400, "throttled"),
            (None, 429, "throttled"),
            (Some("ServiceQuotaExceededException"), 402, "quota"),
            (Some("InternalServiceException"), 500, "failed"),
            (Some("AccessDeniedException"), 403, "unauthorised"),
            (Some("ExpiredTokenException"), 403, "unauthorised"),
            (Some("RequestExpired"), 400, "unauthorised"),
            (None, 401, "unauthorised"),
            (Some("ValidationException"), 422, "refused"),
            (Some("ResourceInUseException"), 423, "refused"),
        ] {
            assert_eq!(answered(code, status), word, "{code:?} {status}");
        }
    }
}
