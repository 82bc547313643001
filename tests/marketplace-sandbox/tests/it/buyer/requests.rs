//! A buyer's agreement requests, read, listed and given up. The Rust SDK's model has none of these operations
//! yet, so they are sent by hand, in AWS JSON.

use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;
use serde_json::{Value, json};

use super::contacts::{market, request};
use super::two_charges;
use crate::by_hand::{agreement, agreement_cbor};
use crate::market::Market;

pub(super) const BUYER_KEY: &str = "AKIABUYER";
/// Keys of accounts that the offers are not made to.
pub(super) const OTHERS: [&str; 2] = ["AKIAISV", "AKIACP"];

/// A call of the buyer's that must succeed.
pub(super) async fn call(market: &Market, operation: &str, input: Value) -> Value {
    let (status, answer) = agreement(market, BUYER_KEY, operation, &input).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

/// A call that must be refused: its reason, or its status with the kind and id of what it is about.
pub(super) async fn refusal(market: &Market, operation: &str, input: &Value) -> String {
    refusal_of(market, BUYER_KEY, operation, input).await
}

pub(super) async fn refusal_of(
    market: &Market,
    key: &str,
    operation: &str,
    input: &Value,
) -> String {
    let (status, answer) = agreement(market, key, operation, input).await;
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    match status {
        200 => format!("not refused: {answer}"),
        400 => text("reason"),
        _ => format!("{status} {} {}", text("resourceType"), text("resourceId")),
    }
}

/// What names a request.
pub(super) fn named(id: &Value) -> Value {
    json!({ "agreementRequestId": id })
}

/// A quote of an offer of two charges.
pub(super) async fn quoted(market: &Market) -> Value {
    let offer = market.succeed(&two_charges(market).await).await;
    quote_of(market, &offer).await
}

pub(super) async fn quote_of(market: &Market, offer: &str) -> Value {
    let mut ask = request(market, offer).await;
    ask["taxConfiguration"] = json!({ "taxEstimation": "ENABLED" });
    call(market, "CreateAgreementRequest", ask).await
}

pub(super) async fn status(market: &Market, id: &Value) -> String {
    let found = call(market, "GetAgreementRequest", named(id)).await;
    found["status"].as_str().unwrap().to_owned()
}

/// The ids that a list gives, over all its pages of that many.
pub(super) async fn listed(market: &Market, operation: &str, ask: &Value, id: &str) -> Vec<Value> {
    let (mut ask, mut ids) = (ask.clone(), Vec::new());
    loop {
        let page = call(market, operation, ask.clone()).await;
        let items = page["items"].as_array().unwrap();
        if let Some(size) = ask["maxResults"].as_u64() {
            assert!(items.len() <= usize::try_from(size).unwrap());
        }
        ids.extend(items.iter().map(|item| item[id].clone()));
        match page.get("nextToken") {
            Some(token) => ask["nextToken"] = token.clone(),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn a_request_is_read_as_it_was_quoted_until_and_after_its_acceptance() {
    let market = market().await;
    let quote = quoted(&market).await;
    let id = &quote["agreementRequestId"];
    let found = call(&market, "GetAgreementRequest", named(id)).await;
    let mut expected = quote.clone();
    expected["intent"] = json!("NEW");
    expected["proposer"] = json!({ "accountId": "111122223333" });
    let offers = market.get("/sandbox/offers").await;
    expected["proposalSummary"] = json!({ "offerId": offers[0]["offerId"],
        "resources": [{ "id": DEFAULT_PRODUCT_ID, "type": "ProfessionalServicesProduct" }] });
    assert_eq!(found, expected);
    assert_eq!(
        found["chargeSummary"]["newAgreementValueAfterTax"],
        "318.00"
    );
    let cbor = agreement_cbor(&market, BUYER_KEY, "GetAgreementRequest", &named(id)).await;
    assert_eq!(cbor, found, "both protocols");

    let terms = call(&market, "GetAgreementRequestTerms", named(id)).await;
    let kinds = terms["terms"].as_array().unwrap().iter();
    let kinds = kinds.flat_map(|term| term.as_object().unwrap().keys().cloned());
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            "legalTerm",
            "fixedUpfrontPricingTerm",
            "validityTerm",
            "paymentScheduleTerm"
        ]
    );

    let charge = &quote["chargeSummary"]["expectedCharges"][0]["id"];
    let mut accept = named(id);
    accept["purchaseOrders"] = json!([{ "chargeId": charge, "purchaseOrderReference": "PO-1" }]);
    let made = call(&market, "AcceptAgreementRequest", accept).await;
    expected["status"] = json!("ACCEPTED");
    expected["agreementId"] = made["agreementId"].clone();
    expected["chargeSummary"]["expectedCharges"][0]["purchaseOrderReference"] = json!("PO-1");
    let found = call(&market, "GetAgreementRequest", named(id)).await;
    assert_eq!(found, expected);
    let accepted = call(&market, "GetAgreementTerms", made).await;
    assert_eq!(accepted["acceptedTerms"], terms["terms"], "with their ids");
}

#[tokio::test]
async fn requests_are_listed_newest_first_by_status_and_product() {
    let market = market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let quote = quote_of(&market, &offer).await;
        made.insert(0, quote["agreementRequestId"].clone());
    }
    call(&market, "CancelAgreementRequest", named(&made[1])).await;
    let accepted = call(&market, "AcceptAgreementRequest", named(&made[3])).await;
    let of = |positions: &[usize]| -> Vec<Value> {
        positions
            .iter()
            .map(|position| made[*position].clone())
            .collect()
    };
    for (ask, expected) in [
        (json!({}), of(&[0, 1, 2, 3, 4])),
        (json!({ "maxResults": 2 }), of(&[0, 1, 2, 3, 4])),
        (
            json!({ "catalog": "AWSMarketplace", "maxResults": 50 }),
            of(&[0, 1, 2, 3, 4]),
        ),
        (
            json!({ "status": "DRAFT", "maxResults": 1 }),
            of(&[0, 2, 4]),
        ),
        (json!({ "status": "CANCELLED" }), of(&[1])),
        (json!({ "status": "ACCEPTED" }), of(&[3])),
        (json!({ "status": "REJECTED" }), of(&[])),
        (
            json!({ "resourceId": DEFAULT_PRODUCT_ID, "status": "ACCEPTED" }),
            of(&[3]),
        ),
        (json!({ "resourceId": "prod-other" }), of(&[])),
    ] {
        let found = listed(&market, "ListAgreementRequests", &ask, "agreementRequestId").await;
        assert_eq!(found, expected, "{ask}");
    }
    let ask = json!({ "status": "ACCEPTED" });
    let page = call(&market, "ListAgreementRequests", ask).await;
    assert_eq!(
        page["items"],
        json!([{ "agreementRequestId": made[3], "agreementType": "PurchaseAgreement",
            "status": "ACCEPTED", "agreementId": accepted["agreementId"],
            "proposalSummary": { "offerId": offer,
                "resources": [{ "id": DEFAULT_PRODUCT_ID, "type": "ProfessionalServicesProduct" }] } }])
    );
    for key in OTHERS {
        let (_, none) = agreement(&market, key, "ListAgreementRequests", &json!({})).await;
        assert_eq!(none, json!({ "items": [] }), "{key}");
    }
}

#[tokio::test]
async fn a_page_has_twenty_requests_unless_asked() {
    let market = market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    for _ in 0..21 {
        quote_of(&market, &offer).await;
    }
    let page = call(&market, "ListAgreementRequests", json!({})).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 20);
    assert!(page["nextToken"].is_string());
}

#[tokio::test]
async fn a_request_is_given_up_once_and_not_after_it_was_accepted() {
    let market = market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let quote = quote_of(&market, &offer).await;
    let id = &quote["agreementRequestId"];
    let done = call(&market, "CancelAgreementRequest", named(id)).await;
    assert_eq!(done, json!({}));
    assert_eq!(status(&market, id).await, "CANCELLED");
    for operation in ["AcceptAgreementRequest", "CancelAgreementRequest"] {
        let told = refusal(&market, operation, &named(id)).await;
        assert_eq!(told, "CLOSED_AGREEMENT_REQUEST", "{operation}");
    }
    let second = quote_of(&market, &offer).await;
    let id = &second["agreementRequestId"];
    call(&market, "AcceptAgreementRequest", named(id)).await;
    let told = refusal(&market, "CancelAgreementRequest", &named(id)).await;
    assert_eq!(told, "CLOSED_AGREEMENT_REQUEST");
    assert_eq!(status(&market, id).await, "ACCEPTED");
}

#[tokio::test]
async fn a_quote_that_ran_out_is_cancelled() {
    let market = market().await;
    let quote = quoted(&market).await;
    let id = &quote["agreementRequestId"];
    market.act("clock", json!({ "advanceSeconds": 3599 })).await;
    assert_eq!(status(&market, id).await, "DRAFT");
    market.act("clock", json!({ "advanceSeconds": 1 })).await;
    assert_eq!(status(&market, id).await, "CANCELLED");
}
