//! Tokens, locks, revisions, quotas, rates, signatures, injected failures: what a client must survive.

use std::time::Duration;

use aws_sdk_marketplacecatalog::error::ProvideErrorMetadata;
use aws_sdk_marketplacecatalog::types::ChangeStatus;
use countersign_marketplace_sandbox::{DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY};
use serde_json::{Value, json};

use crate::deal::filter;
use crate::market::{Market, catalog_client, change, typed_change};
use crate::resale::{AUTHORIZATION, authorization};

fn description(text: &str) -> Value {
    json!({ "Description": text })
}

#[tokio::test]
async fn a_token_starts_one_change_set() {
    let market = Market::open().await;
    let changes = market.handbook().await;
    let send = |name: &str| {
        market
            .request(&changes)
            .change_set_name(name)
            .client_request_token("offer-1-v1")
            .send()
    };
    let first = send("one").await.unwrap().change_set_id.unwrap();
    market.ended(&first).await;
    assert_eq!(
        send("one").await.unwrap().change_set_id.as_deref(),
        Some(first.as_str())
    );
    let other = send("two").await.unwrap_err().into_service_error();
    assert!(other.is_validation_exception(), "{other:?}");
    let listed = market
        .catalog
        .list_change_sets()
        .catalog("AWSMarketplace")
        .send()
        .await
        .unwrap();
    assert_eq!(listed.change_set_summary_list().len(), 1);
    assert_eq!(
        listed.change_set_summary_list()[0].change_set_name(),
        Some("one")
    );
}

#[tokio::test]
async fn an_entity_is_locked_until_its_set_ends() {
    let market = Market::with(|config| {
        config.settings.preparing_ms = 60_000;
        config.settings.applying_ms = 0;
        config.settings.rate_limit = false;
    })
    .await;
    let mut draft = market.handbook().await;
    draft.retain(|(kind, _)| *kind != "ReleaseOffer");
    let id = market.start(&draft).await;
    market.set_clock(Duration::from_mins(1));
    let ended = market.ended(&id).await;
    let offer = ended.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap()
        .split('@')
        .next()
        .unwrap()
        .to_owned();

    let update = |text: &str, entity: String| {
        let one = change("UpdateInformation", &description(text), Some(&entity), None);
        market
            .catalog
            .start_change_set()
            .catalog("AWSMarketplace")
            .change_set(one)
            .send()
    };
    let running = update("a", offer.clone())
        .await
        .unwrap()
        .change_set_id
        .unwrap();
    let locked = update("b", offer.clone())
        .await
        .unwrap_err()
        .into_service_error();
    assert!(locked.is_resource_in_use_exception(), "{locked:?}");
    market
        .catalog
        .cancel_change_set()
        .catalog("AWSMarketplace")
        .change_set_id(&running)
        .send()
        .await
        .unwrap();
    assert_eq!(
        market.describe(&running).await.status(),
        Some(&ChangeStatus::Cancelled)
    );

    let at_latest = update("c", format!("{offer}@1"))
        .await
        .unwrap()
        .change_set_id
        .unwrap();
    market.set_clock(Duration::from_mins(2));
    assert_eq!(
        market.ended(&at_latest).await.status(),
        Some(&ChangeStatus::Succeeded)
    );
    let late = market
        .catalog
        .cancel_change_set()
        .catalog("AWSMarketplace")
        .change_set_id(&at_latest)
        .send()
        .await;
    assert!(
        late.unwrap_err()
            .into_service_error()
            .is_resource_in_use_exception()
    );
    let stale = update("d", format!("{offer}@1"))
        .await
        .unwrap_err()
        .into_service_error();
    assert!(stale.is_validation_exception());
    assert!(
        stale
            .message()
            .is_some_and(|message| message.contains(&format!("{offer}@2"))),
        "{stale:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_at_once_is_refused_at_once() {
    let market = Market::open().await;
    let good = market.handbook().await;
    let refused = async |changes: Vec<(&'static str, Value)>| {
        market
            .request(&changes)
            .send()
            .await
            .unwrap_err()
            .into_service_error()
    };
    let unknown = refused(vec![("CreateOffer", json!({ "ProductId": "prod-none" }))]).await;
    assert!(unknown.is_resource_not_found_exception());
    let eleven = json!({ "PositiveTargeting": { "BuyerAccounts": ["44445555666"] } });
    assert!(
        refused(vec![good[0].clone(), ("UpdateTargeting", eleven)])
            .await
            .is_validation_exception()
    );
    let twice = vec![
        good[0].clone(),
        ("ReleaseOffer", json!({})),
        ("ReleaseOffer", json!({})),
    ];
    assert!(refused(twice).await.is_validation_exception());
    assert!(
        refused(vec![("ReleaseOffer", json!({}))])
            .await
            .is_validation_exception(),
        "nothing to refer to"
    );
    assert!(refused(vec![]).await.is_validation_exception());
    let mut many = vec![good[0].clone()];
    many.extend(std::iter::repeat_n(("ReleaseOffer", json!({})), 20));
    assert!(refused(many).await.is_validation_exception());
    let missing = change("ReleaseOffer", &json!({}), Some("offer-none"), None);
    let request = market
        .catalog
        .start_change_set()
        .catalog("AWSMarketplace")
        .change_set(missing);
    assert!(
        request
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
    let wrong = market.request(&good).catalog("Other").send().await;
    assert!(
        wrong
            .unwrap_err()
            .into_service_error()
            .is_validation_exception()
    );
}

#[tokio::test]
async fn no_more_than_twenty_offers_at_once() {
    let market = Market::with(|config| {
        config.settings.preparing_ms = 60_000;
        config.settings.rate_limit = false;
    })
    .await;
    let one = vec![market.handbook().await[0].clone()];
    for _ in 0..20 {
        market.start(&one).await;
    }
    let full = market.request(&one).send().await.unwrap_err();
    assert_eq!(full.raw_response().unwrap().status().as_u16(), 402);
    assert!(
        full.into_service_error()
            .is_service_quota_exceeded_exception()
    );
}

/// Of resale authorizations, as offers are limited to fewer.
#[tokio::test]
async fn no_more_than_250_change_sets_at_once() {
    let market = Market::with(|config| {
        config.settings.preparing_ms = 60_000;
        config.settings.rate_limit = false;
    })
    .await;
    let today = market.today().await;
    let (kind, details) = authorization(&market, today).swap_remove(0);
    let start = || {
        let one = typed_change(AUTHORIZATION, kind, &details, None, None);
        let request = market.catalog.start_change_set();
        request.catalog("AWSMarketplace").change_set(one).send()
    };
    let first = start().await.unwrap().change_set_id.unwrap();
    for _ in 1..250 {
        start().await.unwrap();
    }
    let full = start().await.unwrap_err();
    assert_eq!(full.raw_response().unwrap().status().as_u16(), 402);
    let full = full.into_service_error();
    assert!(full.is_service_quota_exceeded_exception(), "{full:?}");
    let cancel = market.catalog.cancel_change_set().catalog("AWSMarketplace");
    cancel.change_set_id(first).send().await.unwrap();
    assert!(start().await.is_ok(), "one has ended");
    assert!(start().await.is_err());
}

#[tokio::test]
async fn only_a_known_key_with_its_secret_is_let_in() {
    let market = Market::open().await;
    let list = async |key: &str, secret: &str| {
        let client = catalog_client(&market.url, key, secret);
        let request = client
            .list_entities()
            .catalog("AWSMarketplace")
            .entity_type("ProfessionalServicesProduct");
        match request.send().await {
            Ok(listed) => Ok(listed.entity_summary_list().len()),
            Err(error) => {
                let status = error.raw_response().unwrap().status().as_u16();
                Err((
                    status,
                    error
                        .into_service_error()
                        .code()
                        .unwrap_or_default()
                        .to_owned(),
                ))
            }
        }
    };
    assert_eq!(
        list(DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY).await,
        Ok(1)
    );
    let unknown = list("AKIAUNKNOWN", DEFAULT_SECRET_ACCESS_KEY).await;
    assert_eq!(
        unknown,
        Err((403, "UnrecognizedClientException".to_owned()))
    );
    let wrong = list(DEFAULT_ACCESS_KEY_ID, "another secret").await;
    assert_eq!(wrong, Err((403, "InvalidSignatureException".to_owned())));
    let (status, _) = market
        .raw(|http| http.post(format!("{}/ListEntities", market.url)).body("{}"))
        .await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn another_account_sees_nothing_of_ours() {
    let market = Market::with(|config| {
        config.settings.preparing_ms = 0;
        config.settings.applying_ms = 0;
        config
            .access_keys
            .push("AKIAOTHER=999988887777".parse().unwrap());
    })
    .await;
    let offer = market.succeed(&market.handbook().await).await;
    let other = catalog_client(&market.url, "AKIAOTHER", "any secret");
    let described = other
        .describe_entity()
        .catalog("AWSMarketplace")
        .entity_id(&offer)
        .send()
        .await;
    assert!(
        described
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
    let listed = other
        .list_entities()
        .catalog("AWSMarketplace")
        .entity_type("Offer")
        .send()
        .await
        .unwrap();
    assert!(listed.entity_summary_list().is_empty());
}

#[tokio::test]
async fn agreements_come_in_pages() {
    let market = Market::open().await;
    for index in 0..5 {
        let offer = market.succeed(&market.handbook().await).await;
        let body = json!({ "offerId": offer, "buyerAccountId": format!("90000000000{index}"),
            "payerAccountId": crate::market::BUYER });
        let first = market.try_act("accept", body).await;
        assert_eq!(
            first.is_ok(),
            index == 0,
            "one active agreement per payer and product"
        );
    }
    let search = market
        .agreement
        .search_agreements()
        .filters(filter("PartyType", "Proposer"))
        .filters(filter("AgreementType", "PurchaseAgreement"));
    let all = search.clone().send().await.unwrap();
    assert_eq!(all.agreement_view_summaries().len(), 1);
    let foreign = search
        .next_token("nonsense")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(foreign.is_validation_exception());
    let mut pages = market
        .catalog
        .list_entities()
        .catalog("AWSMarketplace")
        .entity_type("Offer")
        .max_results(2)
        .into_paginator()
        .send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().entity_summary_list().len());
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn it_is_alive_and_serves_only_the_bucket() {
    let market = Market::open().await;
    let get = async |path: &str| {
        market
            .raw(|http| http.get(format!("{}{path}", market.url)))
            .await
            .0
    };
    assert_eq!(get("/healthz").await, 200);
    assert_eq!(get("/bucket/terms.pdf?X-Amz-Signature=1").await, 200);
    assert_eq!(get("/bucket/none.pdf").await, 404);
    assert_eq!(get("/bucket/..%2Fclock").await, 404);
    assert_eq!(get("/legal/none").await, 404);
}
