//! The whole of a direct private offer: published, accepted, found, invoiced, paid, disbursed.

use std::time::Duration;

use aws_sdk_marketplaceagreement::types::{AcceptedTerm, AgreementStatus, Filter, Sort, SortOrder};
use aws_sdk_marketplacecatalog::types::{
    ChangeStatus, EntityTypeFilters, OfferFilters, OfferStateFilter,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::market::{BUYER, Market, PDF};

pub(crate) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

#[tokio::test]
async fn a_deal_from_change_set_to_cash() {
    let market = Market::with(|config| {
        config.settings.preparing_ms = 60_000;
        config.settings.applying_ms = 120_000;
        config.settings.rate_limit = false;
    })
    .await;
    let id = market.start(&market.handbook().await).await;
    let preparing = market.describe(&id).await;
    assert_eq!(preparing.status(), Some(&ChangeStatus::Preparing));
    assert!(
        preparing.change_set()[0]
            .entity()
            .unwrap()
            .identifier()
            .is_none()
    );
    market.set_clock(Duration::from_secs(61));
    assert_eq!(
        market.describe(&id).await.status(),
        Some(&ChangeStatus::Applying)
    );
    market.set_clock(Duration::from_secs(181));
    let ended = market.ended(&id).await;
    assert_eq!(
        ended.status(),
        Some(&ChangeStatus::Succeeded),
        "{:?}",
        ended.change_set()
    );
    assert!(ended.end_time().is_some_and(|time| time.len() == 20));
    let identifier = ended.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap()
        .to_owned();
    let offer = identifier.strip_suffix("@1").unwrap().to_owned();

    describe_offer(&market, &offer).await;

    let agreement = market.accept(&offer).await;
    find_agreement(&market, &offer, &agreement).await;
    read_terms(&market, &agreement).await;
    pay(&market, &agreement).await;
}

async fn describe_offer(market: &Market, offer: &str) {
    let entity = market
        .catalog
        .describe_entity()
        .catalog("AWSMarketplace")
        .entity_id(offer)
        .send()
        .await
        .unwrap();
    assert_eq!(entity.entity_type(), Some("Offer@1.0"));
    assert_eq!(
        entity.entity_identifier(),
        Some(format!("{offer}@1").as_str())
    );
    let details: Value = serde_json::from_str(entity.details().unwrap()).unwrap();
    assert_eq!(details["State"], "Released");
    assert_eq!(details["Name"], "Handbook deal");
    let term = |kind: &str| {
        details["Terms"]
            .as_array()
            .unwrap()
            .iter()
            .find(|term| term["Type"] == kind)
            .cloned()
            .unwrap()
    };
    let charge = &term("PaymentScheduleTerm")["Schedule"][0];
    assert_eq!(charge["ChargeAmount"], "102500.00");
    assert!(
        charge["ChargeDate"]
            .as_str()
            .unwrap()
            .ends_with("T00:00:00.000Z")
    );
    assert_eq!(term("FixedUpfrontPricingTerm")["Price"], "0");
    let copy = term("LegalTerm")["Documents"][0]["Url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        copy.contains("/legal/"),
        "the marketplace shows its own copy: {copy}"
    );
    let (status, body) = market.raw(|http| http.get(&copy)).await;
    assert_eq!((status, body.as_bytes()), (200, PDF));
    assert!(entity.details_document().is_some());

    let state = OfferStateFilter::builder()
        .value_list("Released".into())
        .build();
    let filters = EntityTypeFilters::OfferFilters(OfferFilters::builder().state(state).build());
    let request = market
        .catalog
        .list_entities()
        .catalog("AWSMarketplace")
        .entity_type("Offer");
    let listed = request.entity_type_filters(filters).send().await.unwrap();
    assert_eq!(listed.entity_summary_list()[0].entity_id(), Some(offer));
    let summary = listed.entity_summary_list()[0].offer_summary().unwrap();
    assert_eq!(summary.buyer_accounts(), [BUYER]);
}

async fn find_agreement(market: &Market, offer: &str, agreement: &str) {
    let search = |since: String| {
        market
            .agreement
            .search_agreements()
            .catalog("AWSMarketplace")
            .filters(filter("PartyType", "Proposer"))
            .filters(filter("AgreementType", "PurchaseAgreement"))
            .filters(filter("AfterLastUpdateTime", &since))
            .sort(
                Sort::builder()
                    .sort_by("LastUpdateTime")
                    .sort_order(SortOrder::Ascending)
                    .build(),
            )
            .max_results(10)
            .send()
    };
    let now = market.now().await;
    let found = search((now - TimeDelta::minutes(5)).to_rfc3339())
        .await
        .unwrap();
    let [summary] = found.agreement_view_summaries() else {
        panic!("{found:?}")
    };
    assert_eq!(summary.agreement_id(), Some(agreement));
    assert_eq!(summary.status(), Some(&AgreementStatus::Active));
    assert_eq!(
        summary.acceptor().and_then(|party| party.account_id()),
        Some(BUYER)
    );
    assert_eq!(
        summary
            .proposal_summary()
            .and_then(|proposal| proposal.offer_id()),
        Some(offer)
    );
    let lasts = summary.end_time().unwrap().secs() - summary.start_time().unwrap().secs();
    assert_eq!(lasts, 90 * 86_400);
    let later = search((now + TimeDelta::minutes(5)).to_rfc3339())
        .await
        .unwrap();
    assert!(later.agreement_view_summaries().is_empty());
}

async fn read_terms(market: &Market, agreement: &str) {
    let described = market
        .agreement
        .describe_agreement()
        .agreement_id(agreement)
        .send()
        .await
        .unwrap();
    let charges = described.estimated_charges().unwrap();
    assert_eq!(
        (charges.currency_code(), charges.agreement_value()),
        (Some("USD"), Some("102500.00"))
    );
    assert!(described.acceptance_time().is_some());

    let mut terms = Vec::new();
    let mut pages = market
        .agreement
        .get_agreement_terms()
        .agreement_id(agreement)
        .max_results(3)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        terms.extend(page.unwrap().accepted_terms.unwrap());
    }
    assert_eq!(terms.len(), 4, "{terms:?}");
    let schedule = terms
        .iter()
        .find_map(|term| term.as_payment_schedule_term().ok())
        .unwrap();
    assert_eq!(schedule.schedule()[0].charge_amount(), Some("102500.00"));
    assert_eq!(
        schedule.schedule()[0].charge_date().unwrap().secs() % 86_400,
        0
    );
    let pricing = terms
        .iter()
        .find_map(|term| term.as_fixed_upfront_pricing_term().ok())
        .unwrap();
    assert_eq!(
        (pricing.price(), pricing.duration()),
        (Some("0"), Some("P90D"))
    );
    assert_eq!(pricing.grants()[0].max_quantity(), 1);
    let validity = terms
        .iter()
        .find_map(|term| term.as_validity_term().ok())
        .unwrap();
    assert_eq!(validity.agreement_duration(), Some("P90D"));
    let legal = terms
        .iter()
        .find_map(|term| term.as_legal_term().ok())
        .unwrap();
    assert_eq!(legal.documents()[0].r#type(), Some("CustomEula"));
    assert!(!terms.iter().any(AcceptedTerm::is_unknown));
}

async fn pay(market: &Market, agreement: &str) {
    let bill = market
        .act("bill", json!({ "agreementId": agreement }))
        .await;
    assert_eq!(bill["invoices"][0]["amount"], "102500.00");
    assert_eq!(bill["invoices"][0]["fee"], "2562.50");
    let again = market
        .act("bill", json!({ "agreementId": agreement }))
        .await;
    assert_eq!(again["invoices"], json!([]));
    let nothing = market.try_act("disburse", json!({})).await.unwrap_err();
    assert_eq!(nothing["error"], "NOTHING_TO_DISBURSE");
    let collected = market
        .act("collect", json!({ "agreementId": agreement }))
        .await;
    assert_eq!(collected["collected"], "102500.00");
    let paid = market
        .act("disburse", json!({ "bankTraceId": "BANK-1" }))
        .await;
    assert_eq!(paid["disbursements"][0]["amount"], "99937.50");
    assert_eq!(paid["disbursements"][0]["bankTraceId"], "BANK-1");
}

#[tokio::test]
async fn a_buyer_can_only_accept_what_is_there_for_them() {
    let market = Market::open().await;
    let mut draft = market.handbook().await;
    draft.retain(|(kind, _)| *kind != "ReleaseOffer");
    let draft = market.succeed(&draft).await;
    let offer = market.succeed(&market.handbook().await).await;
    let refused = async |offer: &str, buyer: &str| {
        let body = json!({ "offerId": offer, "buyerAccountId": buyer });
        market.try_act("accept", body).await.unwrap_err()["error"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(refused("offer-none", BUYER).await, "OFFER_NOT_FOUND");
    assert_eq!(refused(&draft, BUYER).await, "OFFER_NOT_RELEASED");
    assert_eq!(
        refused(&offer, "999900001111").await,
        "ACCOUNT_NOT_TARGETED"
    );
    market.set_clock(Duration::from_hours(360));
    assert_eq!(refused(&offer, BUYER).await, "OFFER_EXPIRED");
    market.set_clock(Duration::ZERO);
    market.accept(&offer).await;
    assert_eq!(refused(&offer, BUYER).await, "ALREADY_ACCEPTED");
    let second = market.succeed(&market.handbook().await).await;
    assert_eq!(refused(&second, BUYER).await, "ACTIVE_AGREEMENT_EXISTS");
    market.set_clock(Duration::from_hours(2184));
    let agreements = market.get("/sandbox/agreements").await;
    assert_eq!(agreements[0]["status"], "EXPIRED");
}

/// Facts §3: above a billion of US dollars where buyers are named, above a million where none is.
#[tokio::test]
async fn an_agreement_above_its_quota_of_value_is_not_accepted() {
    let market = Market::open().await;
    let order = |price: &str| {
        json!({ "currencyCode": "USD", "price": price, "duration": "P90D",
            "dimensionKey": "implementation" })
    };
    let denied = market.try_act("public-order", order("1000000.01")).await;
    let quota = "ServiceQuotaExceededException";
    assert_eq!(denied.unwrap_err()["error"], quota);
    market.act("public-order", order("1000000.00")).await;

    let cap = |cap: &str| {
        json!({ "name": "With a cap", "buyerAccounts": [BUYER], "currencyCode": "USD",
            "maxTotalChargeAmount": cap, "duration": "P90D",
            "availabilityEndDate": "2099-01-01",
            "legalDocumentUrl": "https://files.example/eula.pdf" })
    };
    for (amount, above) in [("1000000000.01", true), ("1000000000.00", false)] {
        let offer = market.act("portal/variable-offer", cap(amount)).await;
        let accept = json!({ "offerId": offer["offerId"], "buyerAccountId": BUYER });
        let answer = market.try_act("accept", accept).await;
        assert_eq!(
            answer.is_err_and(|no| no["error"] == quota),
            above,
            "{amount}"
        );
    }
    let agreements = market.get("/sandbox/agreements").await;
    assert_eq!(agreements.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_account_under_the_targeted_payer_may_accept() {
    let market = Market::open().await;
    let offer = market.succeed(&market.handbook().await).await;
    let body =
        json!({ "offerId": offer, "buyerAccountId": "777788889999", "payerAccountId": BUYER });
    let agreement = market.act("accept", body).await;
    assert_eq!(agreement["acceptorAccountId"], "777788889999");
    let id = agreement["agreementId"].as_str().unwrap();
    let described = market
        .agreement
        .describe_agreement()
        .agreement_id(id)
        .send()
        .await
        .unwrap();
    assert_eq!(
        described.acceptor().and_then(|party| party.account_id()),
        Some("777788889999")
    );
}

#[tokio::test]
async fn an_agreement_may_show_later_than_it_was_accepted() {
    let market = Market::with(|config| {
        config.settings.preparing_ms = 0;
        config.settings.applying_ms = 0;
        config.settings.agreement_visible_ms = 3_600_000;
    })
    .await;
    let agreement = market
        .accept(&market.succeed(&market.handbook().await).await)
        .await;
    let describe = || {
        market
            .agreement
            .describe_agreement()
            .agreement_id(&agreement)
            .send()
    };
    assert!(
        describe()
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
    market.set_clock(Duration::from_secs(3601));
    assert_eq!(
        describe().await.unwrap().agreement_id(),
        Some(agreement.as_str())
    );
}
