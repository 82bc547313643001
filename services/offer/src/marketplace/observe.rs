//! Every call to AWS takes its turn ([`super::rate`]), is a step of a trace, and counted (P6). There is no
//! other way to make one.
//!
//! The SDK repeats nothing by itself, so that every attempt takes a token. A fault of AWS's own, a broken
//! connection and a call too many are tried again here; what AWS does not answer in time is its task's,
//! which looks first for what AWS may have done.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_marketplacecatalog::config::http::HttpResponse;
use aws_sdk_marketplacecatalog::error::{ProvideErrorMetadata, SdkError};
use countersign_platform::{Counter, Metrics, back_off};
use tracing::Instrument;

use super::error::{DENIED, why};
use super::rate::Rates;
use super::{CallError, Why};

/// Attempts of one call, before its task's own back-off takes over.
const ATTEMPTS: i32 = 3;

/// Makes calls to AWS, and counts them.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    rates: Rates,
    /// How long one call goes on being tried.
    limit: Duration,
    made: Counter,
    throttled: Counter,
}

impl Calls {
    /// `limit` is how long a call may take, with its repetitions; one attempt takes at most half of it.
    pub(super) fn new(rates: Rates, limit: Duration, metrics: &Metrics) -> Self {
        let throttled = metrics.counter(
            "countersign.aws.throttled",
            "Calls that AWS put off: too many at a time, or a quota is used up.",
        );
        throttled.add(0, &[]);
        Self {
            rates,
            limit,
            made: metrics.counter("countersign.aws.calls", "Calls to AWS, by how they ended."),
            throttled,
        }
    }

    /// Makes a call: `operation` is its name in AWS's documentation, `call` makes one attempt.
    pub(super) async fn make<T, E, F>(
        &self,
        operation: &'static str,
        call: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let begun = Instant::now();
        let mut attempt = 1;
        loop {
            self.rates.take(operation).await?;
            let error = match self.attempt(operation, call()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let unanswered = is_unanswered(&error);
            let error = CallError::from(error);
            let CallError::Later(later) = &error else {
                return Err(error);
            };
            if later.why == Why::Rate {
                self.rates.put_off(operation).await;
            }
            let passes = matches!(later.why, Why::Rate | Why::Fault) && later.asked.is_none();
            let late = begun.elapsed() >= self.limit / 2;
            if attempt == ATTEMPTS || late || unanswered || !passes {
                return Err(error);
            }
            let pause = back_off(attempt).to_std().unwrap_or_default();
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        E: ProvideErrorMetadata,
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
        answer
    }
}

/// Whether AWS may have done it without our hearing of it: its task looks before it calls again. A fault
/// and a broken connection are not told apart from that, but what writes carries its token, so that AWS
/// does it once.
fn is_unanswered<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ServiceError(_) => false,
        SdkError::DispatchFailure(failure) => !failure.is_io(),
        _ => true,
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

/// What AWS answered, in the words of the metrics.
fn answered(code: Option<&str>, status: u16) -> &'static str {
    match why(code, status) {
        Some(Why::Rate) => "throttled",
        Some(Why::Quota) => "quota",
        Some(Why::Lock) => "locked",
        Some(Why::Fault) => "failed",
        Some(Why::Credentials) => "unauthorised",
        // Also a refusal of the call, but an operator's to mend.
        None if status == 401 || code.is_some_and(|code| DENIED.contains(&code)) => "unauthorised",
        None => "refused",
    }
}

#[cfg(test)]
mod tests;
