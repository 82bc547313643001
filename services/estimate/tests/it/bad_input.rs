//! Issue 2's bad input, as a caller sees it: every wrong field at once, nothing half-written.

use countersign_proto::estimate::v1 as proto;
use tonic::{Code, Request};

use crate::deals::{create, handbook, usd};
use crate::harness::{Harness, command, from, question, refusal, violations};

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let mut it = Harness::start().await;
    let mut content = handbook();
    content.packages[0].billing = proto::Billing::TimeAndMaterials.into();
    content.packages[0].base_price = Some(usd("1e5"));
    content.packages[1].base_price = Some(usd("30000.005"));
    content.packages[2].base_price = Some(usd("-1.00"));
    content.payment_plan = None;
    content.scope_duration = "90 days".to_owned();
    // The clock stands at 2026-03-02.
    content.valid_until = "2026-03-01".to_owned();
    let mut wrong = create("opp 1", content);
    wrong.customer_name = String::new();
    let refused = it
        .client
        .create_estimate(command("1", wrong.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::InvalidArgument, "INVALID_FIELDS".to_owned())
    );
    let expected = [
        ("engagement_id", "ENGAGEMENT_ID_INVALID"),
        ("customer_name", "NAME_REQUIRED"),
        ("content.packages[0].billing", "NOT_FIXED_FEE"),
        (
            "content.packages[0].base_price.amount",
            "AMOUNT_NOT_PLAIN_DECIMAL",
        ),
        (
            "content.packages[1].base_price.amount",
            "AMOUNT_TOO_PRECISE",
        ),
        (
            "content.packages[2].base_price.amount",
            "PRICE_NOT_POSITIVE",
        ),
        ("content.payment_plan", "PAYMENT_PLAN_REQUIRED"),
        ("content.scope_duration", "DURATION_INVALID"),
        ("content.valid_until", "VALID_UNTIL_PAST"),
    ]
    .map(|(field, reason)| (field.to_owned(), reason.to_owned()));
    assert_eq!(violations(&refused), expected);
    let again = it
        .client
        .create_estimate(command("1", wrong))
        .await
        .unwrap_err();
    assert_eq!(violations(&again), expected);
    it.stop().await;
}

#[tokio::test]
async fn lines_and_currencies_are_checked() {
    let mut it = Harness::start().await;
    let mut unequal = handbook();
    unequal.stated_total = Some(usd("100000.01"));
    let mut unknown = handbook();
    unknown.currency_code = "BTC".to_owned();
    for (key, content, field, reason) in [
        ("1", unequal, "content.stated_total", "LINES_DO_NOT_ADD_UP"),
        ("2", unknown, "content.currency_code", "CURRENCY_UNKNOWN"),
    ] {
        let refused = it
            .client
            .create_estimate(command(key, create("opp-1", content)))
            .await;
        let found = violations(&refused.unwrap_err());
        assert_eq!(found, [(field.to_owned(), reason.to_owned())]);
    }
    it.stop().await;
}

/// Nothing is half-written: no estimate, no version, no event, no entry, no timer.
#[tokio::test]
async fn a_refusal_leaves_nothing_behind() {
    let mut it = Harness::start().await;
    it.client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await
        .unwrap();
    let refused = it
        .client
        .create_estimate(command("2", create("opp-1", handbook())))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::AlreadyExists);
    let empty = it
        .client
        .create_estimate(command("3", proto::CreateEstimateRequest::default()));
    assert_eq!(empty.await.unwrap_err().code(), Code::InvalidArgument);
    for table in ["estimate", "estimate_version", "audit", "task"] {
        let count: i64 = sqlx::query_scalar(match table {
            "estimate" => "SELECT count(*) FROM estimate",
            "estimate_version" => "SELECT count(*) FROM estimate_version",
            "audit" => "SELECT count(*) FROM audit",
            _ => "SELECT count(*) FROM task WHERE kind = 'estimate.expire'",
        })
        .fetch_one(it.bed.pool())
        .await
        .unwrap();
        assert_eq!(count, 1, "{table}");
    }
    assert!(it.bed.published().await.is_empty());
    it.stop().await;
}

/// P4: who calls, for whom, and under which key must be said.
#[tokio::test]
async fn a_command_brings_its_context() {
    let mut it = Harness::start().await;
    let nobody = it
        .client
        .create_estimate(Request::new(create("opp-1", handbook())))
        .await;
    assert_eq!(nobody.unwrap_err().code(), Code::Unauthenticated);
    let no_key = it
        .client
        .create_estimate(question(create("opp-1", handbook())))
        .await;
    assert_eq!(
        refusal(&no_key.unwrap_err()),
        (Code::InvalidArgument, "IDEMPOTENCY_KEY_REQUIRED".to_owned())
    );
    let wrong = from("two words", "em@acme.example", create("opp-1", handbook()));
    let wrong = it.client.create_estimate(wrong).await.unwrap_err();
    assert_eq!(wrong.code(), Code::Unauthenticated);
    it.stop().await;
}

/// P1, E8: the run role cannot change a version, whoever asks it to.
#[tokio::test]
async fn versions_cannot_be_changed() {
    let mut it = Harness::start().await;
    it.client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await
        .unwrap();
    for statement in [
        "UPDATE estimate_version SET margin = 0",
        "DELETE FROM estimate_version",
    ] {
        let refused = sqlx::query(statement)
            .execute(it.bed.pool())
            .await
            .unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{statement}");
    }
    it.stop().await;
}

/// P4: however much is wrong, and however long it is, the caller gets the answer.
#[tokio::test]
async fn a_request_that_is_wrong_all_over_is_refused_as_such() {
    let mut it = Harness::start().await;
    let mut content = handbook();
    let wrong = proto::WorkPackage {
        effort: vec![proto::Effort::default(); 50],
        base_price: Some(usd(&"9".repeat(80_000))),
        ..proto::WorkPackage::default()
    };
    content.packages = vec![wrong; 24];
    let refused = it
        .client
        .create_estimate(command("1", create("opp-1", content)))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::InvalidArgument, "INVALID_FIELDS".to_owned())
    );
    it.stop().await;
}
