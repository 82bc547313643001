//! What `SearchAgreements` finds: each filter alone, against two agreements that differ in everything but
//! their product (facts §3).

use aws_sdk_marketplaceagreement::types::Filter;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;
use serde_json::{Value, json};

use crate::market::{BUYER, Market};

const OTHER: &str = "777788889999";

/// Bought at the public price, for so long.
async fn bought(market: &Market, buyer: &str, duration: &str) -> (String, String) {
    let body = json!({ "buyerAccountId": buyer, "currencyCode": "USD", "price": "10.00",
        "duration": duration, "dimensionKey": "training" });
    let agreement = market.act("public-order", body).await;
    let text = |field: &str| agreement[field].as_str().map(str::to_owned);
    (text("agreementId").unwrap(), text("offerId").unwrap())
}

async fn advance(market: &Market, days: i64) {
    let seconds = json!({ "advanceSeconds": TimeDelta::days(days).num_seconds() });
    market.act("clock", seconds).await;
}

async fn found(market: &Market, name: &str, value: &str) -> Vec<String> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let request = market
        .agreement
        .search_agreements()
        .filters(filter("PartyType", "Proposer"))
        .filters(filter("AgreementType", "PurchaseAgreement"))
        .filters(filter(name, value));
    let found = request.send().await.unwrap();
    let mut ids: Vec<_> = found
        .agreement_view_summaries()
        .iter()
        .map(|summary| summary.agreement_id().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn each_filter_finds_what_it_names() {
    let market = Market::open().await;
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (short, short_offer) = bought(&market, BUYER, "P30D").await;
    advance(&market, 1).await;
    let between = market.now().await;
    advance(&market, 1).await;
    let (long, long_offer) = bought(&market, OTHER, "P90D").await;
    advance(&market, 10).await;
    let unchanged = market.now().await;
    // The short one ends, which changes it.
    advance(&market, 30).await;
    let now = market.now().await;
    let mut both = vec![short.clone(), long.clone()];
    both.sort_unstable();
    let (short_only, long_only) = (vec![short.clone()], vec![long.clone()]);
    for (name, value, expected) in [
        ("AcceptorAccountId", BUYER, &short_only),
        ("AcceptorAccountId", OTHER, &long_only),
        ("OfferId", &short_offer, &short_only),
        ("OfferId", &long_offer, &long_only),
        ("ResourceIdentifier", DEFAULT_PRODUCT_ID, &both),
        ("ResourceIdentifier", "prod-another", &vec![]),
        ("ResourceType", "ProfessionalServicesProduct", &both),
        ("ResourceType", "SaaSProduct", &vec![]),
        ("Status", "ACTIVE", &long_only),
        ("Status", "EXPIRED", &short_only),
        ("Status", "CANCELLED", &vec![]),
        ("Status", "SUPERSEDED", &vec![]),
        ("InitialAgreementId", &short, &short_only),
        ("EndTimeBehaviorType", "EXPIRE", &both),
        ("EndTimeBehaviorType", "RENEW", &vec![]),
        ("EndTimeBehaviorReasonCode", "NO_RENEWAL_TERM", &both),
        (
            "EndTimeBehaviorReasonCode",
            "ACCEPTOR_RENEW_OPTED_OUT",
            &vec![],
        ),
        ("OfferSetId", "offerset-none", &vec![]),
        (
            "LicenseArn",
            "arn:aws:license-manager:::license:l-none",
            &vec![],
        ),
        ("IncludesContactOfType", "ACCEPTOR", &vec![]),
        ("AfterEndTime", &text(now), &long_only),
        ("BeforeEndTime", &text(now), &short_only),
        ("AfterStartTime", &text(between), &long_only),
        ("BeforeStartTime", &text(between), &short_only),
        ("AfterLastUpdateTime", &text(unchanged), &short_only),
        ("BeforeLastUpdateTime", &text(unchanged), &long_only),
    ] {
        assert_eq!(
            &found(&market, name, value).await,
            expected,
            "{name} {value}"
        );
    }
    let state: Value = market.get("/sandbox/agreements").await;
    assert_eq!(state.as_array().unwrap().len(), 2);
}
