//! Payment requests under the cap of variable payments: silence, the buyer's yes and no.

use aws_sdk_marketplaceagreement::types::PaymentRequestStatus;
use serde_json::json;

use super::{billed, market, milestones, wait};
use crate::market::agreement_client;

#[tokio::test]
async fn payment_requests_under_the_cap() {
    let market = market().await;
    let (id, term) = milestones(&market, "AUTO_APPROVE_ON_EXPIRATION").await;
    let send = |amount: &str| {
        let request = market
            .agreement
            .send_agreement_payment_request()
            .agreement_id(&id);
        request
            .term_id(&term)
            .name("Milestone")
            .charge_amount(amount)
            .send()
    };
    let first = send("400.00").await.unwrap();
    let first = first.payment_request_id().unwrap();
    for wrong in ["600.01", "0", "1.001"] {
        let refused = send(wrong).await.unwrap_err().into_service_error();
        assert!(refused.is_validation_exception(), "{wrong}");
    }
    let second = send("600.00").await.unwrap();
    let second = second.payment_request_id().unwrap();
    let cancel = market
        .agreement
        .cancel_agreement_payment_request()
        .agreement_id(&id);
    cancel.payment_request_id(second).send().await.unwrap();
    let status = async |request: &str| {
        let get = market
            .agreement
            .get_agreement_payment_request()
            .agreement_id(&id);
        let found = get.payment_request_id(request).send().await.unwrap();
        (found.status().unwrap().clone(), found.charge_id().is_some())
    };
    wait(&market, 9).await;
    assert_eq!(
        status(first).await,
        (PaymentRequestStatus::PendingApproval, false)
    );
    wait(&market, 1).await;
    assert_eq!(
        status(first).await,
        (PaymentRequestStatus::Approved, true),
        "ten days of silence"
    );
    assert_eq!(
        status(second).await,
        (PaymentRequestStatus::Cancelled, false)
    );
    assert_eq!(
        billed(&market, &id).await[0],
        ("400.00".to_owned(), "2027-01-14T10:00:00Z".to_owned()).clone()
    );
    let third = send("600.00").await.unwrap();
    let third = third.payment_request_id().unwrap();
    let answer = json!({ "id": third, "approve": false, "reason": "not delivered" });
    market.act("payment-request/answer", answer).await;
    assert_eq!(status(third).await, (PaymentRequestStatus::Rejected, false));
    let list = market
        .agreement
        .list_agreement_payment_requests()
        .party_type("Proposer");
    let all = list.clone().send().await.unwrap();
    assert_eq!(all.items().len(), 3);
    let rejected = list
        .status(PaymentRequestStatus::Rejected)
        .send()
        .await
        .unwrap();
    assert_eq!(rejected.items()[0].payment_request_id(), Some(third));
    wait(&market, 90).await;
    let over = send("1.00").await.unwrap_err().into_service_error();
    assert!(over.is_validation_exception(), "the agreement has ended");
}

#[tokio::test]
async fn a_buyer_who_wants_to_be_asked_is_waited_for() {
    let market = market().await;
    let (id, term) = milestones(&market, "WAIT_FOR_APPROVAL").await;
    let request = market
        .agreement
        .send_agreement_payment_request()
        .agreement_id(&id);
    let request = request
        .term_id(&term)
        .name("Milestone")
        .charge_amount("400");
    let sent = request.send().await.unwrap();
    wait(&market, 30).await;
    assert!(billed(&market, &id).await.is_empty());
    let buyer = agreement_client(&market.url, "AKIABUYER", "any");
    let accept = buyer.accept_agreement_payment_request().agreement_id(&id);
    let accepted = accept
        .payment_request_id(sent.payment_request_id().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(accepted.status(), Some(&PaymentRequestStatus::Approved));
    market.get("/sandbox/state").await;
    assert_eq!(billed(&market, &id).await.len(), 1);
}
