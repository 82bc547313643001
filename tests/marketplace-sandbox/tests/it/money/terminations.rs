//! An agreement that AWS ends, and what was asked of one that is over.

use aws_sdk_marketplaceagreement::types::{
    AgreementCancellationRequestReasonCode as CancelReason, AgreementStatus,
};
use serde_json::{Value, json};

use super::{agreement, billed, installments, market, milestones, wait};
use crate::deal::filter;
use crate::market::Market;

/// What was told of an agreement: detail-type and the agreement's status.
async fn told(market: &Market, id: &str) -> Vec<(String, Value)> {
    let state = market.get("/sandbox/state").await;
    let events = state["queuedEvents"].as_array().unwrap().iter();
    let bodies = events
        .map(|event| -> Value { serde_json::from_str(event["body"].as_str().unwrap()).unwrap() });
    let own = bodies.filter(|body| body["detail"]["agreement"]["id"] == id);
    own.map(|body| {
        let kind = body["detail-type"].as_str().unwrap().to_owned();
        (kind, body["detail"]["agreement"]["status"].clone())
    })
    .collect()
}

#[tokio::test]
async fn what_aws_ends_is_charged_no_more() {
    let market = market().await;
    let id = installments(&market, &[]).await;
    wait(&market, 31).await;
    assert_eq!(billed(&market, &id).await.len(), 2);
    let body = json!({ "agreementId": id });
    let ended = market.act("terminate", body.clone()).await;
    assert_eq!(ended["status"], "TERMINATED");
    let again = market.try_act("terminate", body.clone()).await.unwrap_err();
    assert_eq!(again["error"], "NOT_ACTIVE");
    let none = json!({ "agreementId": "agmt-none" });
    let none = market.try_act("terminate", none).await.unwrap_err();
    assert_eq!(none["error"], "AGREEMENT_NOT_FOUND");

    let described = market.agreement.describe_agreement().agreement_id(&id);
    let described = described.send().await.unwrap();
    assert_eq!(described.status(), Some(&AgreementStatus::Terminated));
    let found = market
        .agreement
        .search_agreements()
        .filters(filter("PartyType", "Proposer"))
        .filters(filter("AgreementType", "PurchaseAgreement"))
        .filters(filter("Status", "TERMINATED"));
    let found = found.send().await.unwrap();
    assert_eq!(found.agreement_view_summaries().len(), 1);
    let told = told(&market, &id).await;
    let terminated = json!("TERMINATED");
    for role in ["Proposer", "Manufacturer"] {
        let kind = format!("Purchase Agreement Ended - {role}");
        assert!(told.contains(&(kind, terminated.clone())), "{told:?}");
    }
    wait(&market, 91).await;
    assert_eq!(agreement(&market, &id).await["status"], "TERMINATED");
    assert_eq!(billed(&market, &id).await.len(), 2, "no third charge");
    let paid = market.act("collect", body).await;
    assert_eq!(paid["collected"], "300.00", "what was invoiced is owed");
}

#[tokio::test]
async fn nothing_waits_for_an_agreement_that_is_over() {
    let market = market().await;
    let (id, term) = milestones(&market, "AUTO_APPROVE_ON_EXPIRATION").await;
    wait(&market, 85).await;
    let sdk = &market.agreement;
    let send = sdk.send_agreement_payment_request().agreement_id(&id);
    let send = send.term_id(term).name("Milestone 1").charge_amount("1.00");
    send.send().await.unwrap();
    let ask = sdk.send_agreement_cancellation_request().agreement_id(&id);
    let ask = ask.reason_code(CancelReason::Other);
    ask.send().await.unwrap();
    wait(&market, 30).await;
    let state = market.get("/sandbox/state").await;
    assert_eq!(state["agreements"][0]["status"], "EXPIRED");
    assert_eq!(state["paymentRequests"][0]["status"], "CANCELLED");
    assert_eq!(
        state["cancellationRequests"][0]["status"], "CANCELLED",
        "the silence of seven days does not cancel what has expired"
    );
}
