//! What an agreement gives its buyer and what it charges them (facts §3).

use aws_sdk_marketplaceagreement::Client;
use aws_sdk_marketplaceagreement::types::AgreementCancellationRequestReasonCode as Reason;
use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;

use crate::buyer::client as buyer;
use crate::clients::flow::millis;
use crate::market::Market;
use crate::money::{self, installments, milestones, wait};
use crate::reasons::reason;

async fn entitled(client: &Client, agreement: &str) -> (String, String) {
    let request = client.get_agreement_entitlements().agreement_id(agreement);
    let answer = request.send().await.unwrap();
    let [entitlement] = answer.agreement_entitlements() else {
        panic!("{answer:?}")
    };
    let resource = entitlement.resource().unwrap();
    assert_eq!(resource.id(), Some(DEFAULT_PRODUCT_ID));
    assert_eq!(resource.r#type(), Some("ProfessionalServicesProduct"));
    let reason = entitlement.status_reason_code().unwrap();
    let status = entitlement.status().unwrap();
    (status.as_str().to_owned(), reason.as_str().to_owned())
}

/// Cancelled by the seven days in which the buyer says nothing.
async fn cancel(market: &Market, agreement: &str) {
    let request = market.agreement.send_agreement_cancellation_request();
    let request = request.agreement_id(agreement).reason_code(Reason::Other);
    request.send().await.unwrap();
    wait(market, 8).await;
}

#[tokio::test]
async fn an_agreement_entitles_as_long_as_it_is_active() {
    let market = money::market().await;
    let id = installments(&market, &[]).await;
    let own = |status: &str, reason: &str| (status.to_owned(), reason.to_owned());
    let active = own("PROVISIONED", "AGREEMENT_ACTIVE");
    assert_eq!(entitled(&market.agreement, &id).await, active);
    assert_eq!(entitled(&buyer(&market), &id).await, active);
    cancel(&market, &id).await;
    let over = own("DEPROVISIONED", "AGREEMENT_INACTIVE");
    assert_eq!(entitled(&market.agreement, &id).await, over);
    let request = market.agreement.get_agreement_entitlements();
    let missing = request.clone().send().await;
    assert_eq!(reason(missing), "MISSING_AGREEMENT_ID");
    let absent = request.agreement_id("agmt-none").send().await.unwrap_err();
    assert!(
        absent
            .into_service_error()
            .is_resource_not_found_exception()
    );
}

/// Agreement, id, amount and time of each charge that the client finds.
async fn charges(
    client: &Client,
    agreement: Option<&str>,
) -> Vec<(String, String, String, String)> {
    let request = client.list_agreement_charges().max_results(2);
    let request = request.set_agreement_id(agreement.map(str::to_owned));
    let mut pages = request.into_paginator().send();
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await {
        for charge in page.unwrap().items() {
            assert_eq!(charge.currency_code(), Some("USD"));
            let text = |text: Option<&str>| text.unwrap().to_owned();
            let at = millis(charge.time()).unwrap();
            let at = chrono::DateTime::from_timestamp_millis(at).unwrap();
            let (agreement, id) = (text(charge.agreement_id()), text(charge.id()));
            seen.push((agreement, id, text(charge.amount()), at.to_rfc3339()));
        }
    }
    seen
}

#[tokio::test]
async fn a_buyer_sees_what_is_charged_and_what_will_be() {
    let market = money::market().await;
    let id = installments(&market, &[]).await;
    let buyer = buyer(&market);
    let all = charges(&buyer, Some(&id)).await;
    let due: Vec<_> = all
        .iter()
        .map(|(_, _, amount, at)| [amount.as_str(), at])
        .collect();
    assert_eq!(
        due,
        [
            ["100.00", "2027-01-04T10:00:00+00:00"],
            ["200.00", "2027-02-03T00:00:00+00:00"],
            ["300.00", "2027-03-05T00:00:00+00:00"],
        ]
    );
    assert_eq!(charges(&buyer, None).await, all, "the same ids again");
    assert!(
        charges(&market.agreement, None).await.is_empty(),
        "not the seller"
    );
    assert!(charges(&buyer, Some("agmt-none")).await.is_empty());
    cancel(&market, &id).await;
    let left = charges(&buyer, Some(&id)).await;
    assert_eq!(left, all[..1], "nothing is charged after the end");
    let sent = buyer.list_agreement_charges().catalog("Other").send().await;
    assert_eq!(reason(sent), "INVALID_CATALOG");

    let (id, term) = milestones(&market, "AUTO_APPROVE_ON_EXPIRATION").await;
    assert!(charges(&buyer, Some(&id)).await.is_empty());
    let mut requests = Vec::new();
    for (name, amount) in [("first", "10.00"), ("second", "20.00")] {
        let request = market.agreement.send_agreement_payment_request();
        let request = request.agreement_id(&id).term_id(&term);
        let sent = request.name(name).charge_amount(amount).send().await;
        requests.push(sent.unwrap().payment_request_id.unwrap());
    }
    // Not in the order in which they were sent.
    for request in requests.iter().rev() {
        let answer = buyer.accept_agreement_payment_request().agreement_id(&id);
        answer.payment_request_id(request).send().await.unwrap();
        let approved = buyer.get_agreement_payment_request().agreement_id(&id);
        let approved = approved.payment_request_id(request).send().await.unwrap();
        let last = charges(&buyer, Some(&id)).await.pop().unwrap();
        assert_eq!(approved.charge_id(), Some(last.1.as_str()));
    }
    let amounts = charges(&buyer, Some(&id)).await;
    let amounts: Vec<_> = amounts.iter().map(|charge| charge.2.as_str()).collect();
    assert_eq!(amounts, ["20.00", "10.00"]);
}
