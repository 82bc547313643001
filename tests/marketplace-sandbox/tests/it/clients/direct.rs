//! A direct offer from its change set to its agreement's terms, and what both APIs refuse.

use aws_sdk_marketplaceagreement::types::{
    AcceptedTerm, AgreementStatus, ConfigurableUpfrontRateCardItem, Sort, SortOrder,
};
use aws_sdk_marketplacecatalog::types::{EntityTypeFilters, OfferFilters, OfferStateFilter};
use serde_json::{Value, json};

use super::flow::{Party, Seen, millis};
use crate::deal::filter;
use crate::market::{Market, change};

pub(crate) async fn run(market: &Market, seen: &mut Seen) {
    let isv = Party::isv(market);
    let changes = market.handbook().await;
    let offer = seen.make(&isv, "offer", "Offer@1.0", &changes).await;
    let request = isv.catalog.describe_entity().catalog("AWSMarketplace");
    let entity = request.entity_id(&offer).send().await.unwrap();
    let details: Value = serde_json::from_str(entity.details().unwrap()).unwrap();
    let kinds: Vec<&Value> = details["Terms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|term| &term["Type"])
        .collect();
    seen.see(
        "entity",
        json!({ "type": entity.entity_type(), "identifier": entity.entity_identifier(),
            "arn": entity.entity_arn(), "modified": entity.last_modified_date(),
            "state": details["State"], "terms": kinds, "same": entity.details_document().is_some() }),
    );
    let state = OfferStateFilter::builder()
        .value_list("Released".into())
        .build();
    let filters = EntityTypeFilters::OfferFilters(OfferFilters::builder().state(state).build());
    let request = isv
        .catalog
        .list_entities()
        .catalog("AWSMarketplace")
        .entity_type("Offer");
    let listed = request.entity_type_filters(filters).send().await.unwrap();
    let listed = listed.entity_summary_list();
    let ids: Vec<_> = listed.iter().map(|entity| entity.entity_id()).collect();
    let buyers: Vec<_> = listed
        .iter()
        .map(|entity| entity.offer_summary().unwrap().buyer_accounts())
        .collect();
    seen.see("offers", json!({ "ids": ids, "buyers": buyers }));
    let agreement = market.accept(&offer).await;
    let filters = [
        ("PartyType", "Proposer"),
        ("AgreementType", "PurchaseAgreement"),
    ];
    search(seen, "agreements", &isv, &filters).await;
    describe(seen, "agreement", &isv, &agreement).await;
    terms(seen, "terms", &isv, &agreement).await;
    refusals(market, seen, &isv, &agreement).await;
}

pub(crate) async fn search(seen: &mut Seen, step: &str, party: &Party, filters: &[(&str, &str)]) {
    let by_end = Sort::builder()
        .sort_by("EndTime")
        .sort_order(SortOrder::Ascending)
        .build();
    let filters = filters
        .iter()
        .map(|(name, value)| filter(name, value))
        .collect();
    let request = party
        .agreement
        .search_agreements()
        .catalog("AWSMarketplace");
    let found = request
        .set_filters(Some(filters))
        .sort(by_end)
        .send()
        .await
        .unwrap();
    let agreements: Vec<Value> = found
        .agreement_view_summaries()
        .iter()
        .map(|summary| {
            json!({
                "id": summary.agreement_id(),
                "status": summary.status().map(AgreementStatus::as_str),
                "acceptor": summary.acceptor().and_then(|party| party.account_id()),
                "proposer": summary.proposer().and_then(|party| party.account_id()),
                "offer": summary.proposal_summary().and_then(|proposal| proposal.offer_id()),
                "accepted": millis(summary.acceptance_time()),
                "ends": millis(summary.end_time()),
                "updated": millis(summary.last_update_time()),
            })
        })
        .collect();
    seen.see(step, json!({ "agreements": agreements }));
}

pub(crate) async fn describe(seen: &mut Seen, step: &str, party: &Party, id: &str) {
    let request = party.agreement.describe_agreement().agreement_id(id);
    let described = request.send().await.unwrap();
    let charges = described.estimated_charges().unwrap();
    let resource = &described.proposal_summary().unwrap().resources()[0];
    seen.see(
        step,
        json!({ "id": described.agreement_id(), "status": described.status().map(AgreementStatus::as_str),
            "value": charges.agreement_value(), "currency": charges.currency_code(),
            "starts": millis(described.start_time()), "ends": millis(described.end_time()),
            "resource": resource.id(), "type": resource.r#type() }),
    );
}

pub(crate) async fn terms(seen: &mut Seen, step: &str, party: &Party, agreement: &str) {
    let request = party
        .agreement
        .get_agreement_terms()
        .agreement_id(agreement);
    let mut pages = request.max_results(3).into_paginator().send();
    let mut facts = json!({ "schedule": [], "price": null, "quantities": [], "duration": null,
        "documents": [], "cap": null, "strategy": null, "taken": null });
    let mut kinds = Vec::new();
    while let Some(page) = pages.next().await {
        for term in page.unwrap().accepted_terms() {
            kinds.push(read_term(term, &mut facts));
        }
    }
    kinds.sort_unstable();
    facts["kinds"] = json!(kinds);
    seen.see(step, facts);
}

fn read_term(term: &AcceptedTerm, facts: &mut Value) -> &'static str {
    match term {
        AcceptedTerm::LegalTerm(term) => {
            let kinds: Vec<_> = term
                .documents()
                .iter()
                .map(|document| document.r#type())
                .collect();
            facts["documents"] = json!(kinds);
            "legalTerm"
        }
        AcceptedTerm::FixedUpfrontPricingTerm(term) => {
            let quantities: Vec<_> = term
                .grants()
                .iter()
                .map(aws_sdk_marketplaceagreement::types::GrantItem::max_quantity)
                .collect();
            facts["quantities"] = json!(quantities);
            facts["price"] = json!(term.price());
            "fixedUpfrontPricingTerm"
        }
        AcceptedTerm::ConfigurableUpfrontPricingTerm(term) => {
            let taken = term.configuration().unwrap();
            let dimensions = taken.dimensions().iter();
            let dimensions: Vec<_> = dimensions
                .map(|taken| json!([taken.dimension_key(), taken.dimension_value()]))
                .collect();
            let cards = term.rate_cards().iter();
            let rates: Vec<_> = cards
                .flat_map(ConfigurableUpfrontRateCardItem::rate_card)
                .map(|rate| json!([rate.dimension_key(), rate.price()]))
                .collect();
            facts["taken"] = json!([taken.selector_value(), dimensions, rates]);
            "configurableUpfrontPricingTerm"
        }
        AcceptedTerm::PaymentScheduleTerm(term) => {
            let rows: Vec<Value> = term
                .schedule()
                .iter()
                .map(|row| json!([millis(row.charge_date()), row.charge_amount()]))
                .collect();
            facts["schedule"] = json!(rows);
            "paymentScheduleTerm"
        }
        AcceptedTerm::ValidityTerm(term) => {
            facts["duration"] = json!(term.agreement_duration());
            "validityTerm"
        }
        AcceptedTerm::VariablePaymentTerm(term) => {
            let chosen = term
                .configuration()
                .map(|chosen| chosen.payment_request_approval_strategy().as_str());
            facts["cap"] = json!(term.max_total_charge_amount());
            facts["strategy"] = json!(chosen);
            "variablePaymentTerm"
        }
        AcceptedTerm::RenewalTerm(_) => "renewalTerm",
        AcceptedTerm::NetPaymentTerm(_) => "netPaymentTerm",
        other => panic!("{other:?}"),
    }
}

async fn refusals(market: &Market, seen: &mut Seen, isv: &Party, agreement: &str) {
    let describe = |id: &str| isv.agreement.describe_agreement().agreement_id(id).send();
    seen.refused("no such agreement", describe("agmt-none").await);
    let entity = isv
        .catalog
        .describe_entity()
        .catalog("AWSMarketplace")
        .entity_id("offer-none");
    seen.refused("no such entity", entity.send().await);
    let kind = filter("AgreementType", "PurchaseAgreement");
    let search = |filters| {
        isv.agreement
            .search_agreements()
            .set_filters(Some(filters))
            .send()
    };
    seen.refused("no party", search(vec![kind.clone()]).await);
    let odd = vec![
        filter("PartyType", "Proposer"),
        kind,
        filter("Colour", "red"),
    ];
    seen.refused("no such filter", search(odd).await);
    let terms = isv
        .agreement
        .get_agreement_terms()
        .agreement_id(agreement)
        .next_token("nonsense");
    seen.refused("foreign token", terms.send().await);
    let release = || {
        let empty = change("ReleaseOffer", &json!({}), None, None);
        isv.catalog
            .start_change_set()
            .catalog("AWSMarketplace")
            .change_set(empty)
            .send()
    };
    seen.refused("nothing to release", release().await);
    for failure in ["throttle", "fault", "access-denied"] {
        market.inject("DescribeAgreement", failure, false).await;
        seen.refused(&format!("agreement {failure}"), describe(agreement).await);
    }
    for failure in ["throttle", "fault", "lock", "access-denied"] {
        market.inject("StartChangeSet", failure, false).await;
        seen.refused(&format!("catalog {failure}"), release().await);
    }
}
