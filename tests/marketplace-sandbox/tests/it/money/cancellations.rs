//! A cancellation request: silence, the buyer's no, the seller's withdrawal.

use aws_sdk_marketplaceagreement::error::ProvideErrorMetadata;
use aws_sdk_marketplaceagreement::types::AgreementCancellationRequestReasonCode as CancelReason;

use super::{agreement, billed, installments, market, wait};
use crate::market::agreement_client;

#[tokio::test]
async fn silence_of_seven_days_cancels_and_stops_future_invoices_only() {
    let market = market().await;
    let id = installments(&market, &[]).await;
    wait(&market, 25).await;
    let ask = || {
        let request = market
            .agreement
            .send_agreement_cancellation_request()
            .agreement_id(&id);
        request
            .reason_code(CancelReason::ReplacingAgreement)
            .client_token("token-1")
            .send()
    };
    let sent = ask().await.unwrap();
    assert_eq!(sent.status().unwrap().as_str(), "PENDING_APPROVAL");
    let again = ask().await.unwrap();
    assert_eq!(
        again.agreement_cancellation_request_id(),
        sent.agreement_cancellation_request_id()
    );
    let second = market
        .agreement
        .send_agreement_cancellation_request()
        .agreement_id(&id);
    let second = second
        .reason_code(CancelReason::Other)
        .send()
        .await
        .unwrap_err();
    assert!(
        second.into_service_error().is_conflict_exception(),
        "one open request at a time"
    );
    wait(&market, 6).await;
    assert_eq!(agreement(&market, &id).await["status"], "ACTIVE");
    wait(&market, 40).await;
    let ended = agreement(&market, &id).await;
    assert_eq!(ended["status"], "CANCELLED");
    assert_eq!(
        billed(&market, &id).await.len(),
        2,
        "the charge of day 30 fell due before day 32"
    );
    let late = ask().await.unwrap();
    assert_eq!(
        late.status().unwrap().as_str(),
        "APPROVED",
        "the token still answers"
    );
    let more = market
        .agreement
        .send_agreement_cancellation_request()
        .agreement_id(&id);
    let more = more
        .reason_code(CancelReason::Other)
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        more.into_service_error().code(),
        Some("ValidationException")
    );
}

#[tokio::test]
async fn a_buyer_may_reject_a_cancellation_and_the_seller_may_withdraw_it() {
    let market = market().await;
    let id = installments(&market, &[]).await;
    let buyer = agreement_client(&market.url, "AKIABUYER", "any");
    let send = async || {
        let request = market
            .agreement
            .send_agreement_cancellation_request()
            .agreement_id(&id);
        let sent = request
            .reason_code(CancelReason::Other)
            .send()
            .await
            .unwrap();
        sent.agreement_cancellation_request_id().unwrap().to_owned()
    };
    let rejected = send().await;
    let own = market
        .agreement
        .accept_agreement_cancellation_request()
        .agreement_id(&id);
    let own = own
        .agreement_cancellation_request_id(&rejected)
        .send()
        .await
        .unwrap_err();
    assert!(
        own.into_service_error().is_access_denied_exception(),
        "only the buyer may answer"
    );
    let answer = buyer
        .reject_agreement_cancellation_request()
        .agreement_id(&id);
    let answer = answer
        .agreement_cancellation_request_id(&rejected)
        .rejection_reason("no");
    assert_eq!(
        answer.send().await.unwrap().status().unwrap().as_str(),
        "REJECTED"
    );
    let withdrawn = send().await;
    let withdraw = || {
        let request = market
            .agreement
            .cancel_agreement_cancellation_request()
            .agreement_id(&id);
        request
            .agreement_cancellation_request_id(&withdrawn)
            .cancellation_reason("mistake")
            .send()
    };
    assert_eq!(
        withdraw().await.unwrap().status().unwrap().as_str(),
        "CANCELLED"
    );
    assert!(
        withdraw()
            .await
            .unwrap_err()
            .into_service_error()
            .is_conflict_exception()
    );
    wait(&market, 10).await;
    assert_eq!(agreement(&market, &id).await["status"], "ACTIVE");
}
