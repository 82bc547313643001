//! How a call is made: with a token for every attempt, and no attempt without one.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_marketplacecatalog::error::ErrorMetadata;
use aws_sdk_marketplacecatalog::operation::start_change_set::StartChangeSetError;
use countersign_platform::testing::TestBed;

use super::*;
use crate::marketplace::Later;
use crate::store::rate::tests::bed;

const OPERATION: &str = "StartChangeSet";

fn calls(bed: &TestBed<()>) -> Calls {
    let parts = bed.fresh_parts();
    let seller = "acme".parse().unwrap();
    let rates = Rates::new(parts.database.clone(), seller, 100, &parts.metrics);
    Calls::new(rates, Duration::from_secs(30), &parts.metrics)
}

fn refusal(code: &str, status: u16) -> SdkError<StartChangeSetError, HttpResponse> {
    let error = StartChangeSetError::generic(ErrorMetadata::builder().code(code).build());
    let answer = HttpResponse::new(status.try_into().unwrap(), "".into());
    SdkError::service_error(error, answer)
}

/// How often AWS is asked when it always answers so.
async fn attempts(calls: &Calls, code: &'static str, status: u16) -> u32 {
    let made = AtomicU32::new(0);
    let answer = calls.make::<(), _, _>(OPERATION, || {
        made.fetch_add(1, Ordering::SeqCst);
        async move { Err(refusal(code, status)) }
    });
    answer.await.unwrap_err();
    made.into_inner()
}

/// O9: what passes in a moment is tried again, what does not is left to its task. Each attempt is one
/// of the account's calls.
#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_takes_a_token() {
    let bed = bed().await;
    let calls = calls(&bed);
    let spent = async || -> chrono::DateTime<chrono::Utc> {
        let spent = "SELECT spent_until FROM aws_rate WHERE operation = $1";
        let spent = sqlx::query_scalar(spent).bind(OPERATION);
        spent.fetch_one(bed.pool()).await.unwrap()
    };
    assert_eq!(
        attempts(&calls, "ServiceQuotaExceededException", 402).await,
        1
    );
    assert_eq!(attempts(&calls, "ResourceInUseException", 423).await, 1);
    assert_eq!(attempts(&calls, "ValidationException", 422).await, 1);
    let before = spent().await;
    assert_eq!(attempts(&calls, "InternalServiceException", 500).await, 3);
    let step = chrono::TimeDelta::milliseconds(250);
    assert!(spent().await - before >= step * 3);
    let before = spent().await;
    assert_eq!(attempts(&calls, "ThrottlingException", 429).await, 3);
    let put_off = chrono::TimeDelta::seconds(1);
    assert!(spent().await - before >= put_off * 3);
}

/// O9: calls go on only with what they can prove.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_s_word_no_call_is_made() {
    let bed = bed().await;
    let calls = calls(&bed);
    let away = sqlx::query("ALTER TABLE aws_rate RENAME TO aws_rate_away");
    away.execute(&mut bed.superuser().await).await.unwrap();
    let answer =
        calls.make::<(), StartChangeSetError, _>(OPERATION, || async { panic!("a call was made") });
    let later = answer.await.unwrap_err();
    let CallError::Later(Later { problem, .. }) = later else {
        panic!("{later:?}")
    };
    assert!(
        problem.starts_with("the rate of StartChangeSet is not known"),
        "{problem}"
    );
}

/// P6: what pages somebody is told from what the offer's author must mend.
#[test]
fn each_answer_has_its_word() {
    for (code, status, word) in [
        (Some("ThrottlingException"), 400, "throttled"),
        (None, 429, "throttled"),
        (Some("RequestThrottled"), 403, "throttled"),
        (Some("OverLimit"), 403, "quota"),
        (Some("ServiceQuotaExceededException"), 402, "quota"),
        (Some("InternalServiceException"), 500, "failed"),
        (Some("AccessDeniedException"), 403, "unauthorised"),
        (Some("AccessDenied"), 403, "unauthorised"),
        (Some("KMS.AccessDeniedException"), 400, "unauthorised"),
        (Some("ExpiredTokenException"), 403, "unauthorised"),
        (Some("RequestExpired"), 400, "unauthorised"),
        (None, 401, "unauthorised"),
        (Some("ValidationException"), 422, "refused"),
        (Some("ResourceInUseException"), 423, "locked"),
        (Some("ConflictException"), 409, "failed"),
    ] {
        assert_eq!(answered(code, status), word, "{code:?} {status}");
    }
}
