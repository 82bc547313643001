//! A resale authorization, a partner's offer on top of it, and the agreement that comes of it.

use aws_sdk_marketplacecatalog::types::{OwnershipType, ResaleAuthorizationStatusString};
use serde_json::{Value, json};

use super::direct;
use super::flow::{Party, Seen};
use crate::market::{BUYER, Market};
use crate::resale::{AUTHORIZATION, authorization, markup, offer, offer_to, open_ended, partner};

pub(super) async fn run(market: &Market, seen: &mut Seen) {
    let (isv, cp) = (Party::isv(market), partner(market));
    let today = market.today().await;
    let changes = authorization(market, today);
    let id = seen
        .make(&isv, "authorization", AUTHORIZATION, &changes)
        .await;
    for (step, party, ownership) in [
        ("shared with partner", &cp, OwnershipType::Shared),
        ("own of partner", &cp, OwnershipType::from("SELF")),
        ("own of manufacturer", &isv, OwnershipType::from("SELF")),
    ] {
        let request = party.catalog.list_entities().catalog("AWSMarketplace");
        let request = request
            .entity_type("ResaleAuthorization")
            .ownership_type(ownership);
        let listed = request.send().await.unwrap();
        let found: Vec<Value> = listed
            .entity_summary_list()
            .iter()
            .map(|entity| {
                let summary = entity.resale_authorization_summary().unwrap();
                json!([
                    entity.entity_id(),
                    summary
                        .status()
                        .map(ResaleAuthorizationStatusString::as_str),
                    summary.offer_extended_status(),
                    summary.reseller_account_id(),
                    summary.manufacturer_account_id()
                ])
            })
            .collect();
        seen.see(step, json!({ "found": found }));
    }
    let markup = ("UpdateMarkup", json!({ "Percentage": "10" }));
    let resold = seen
        .make(
            &cp,
            "offer",
            "Offer@1.0",
            &offer(&id, today, markup.clone()),
        )
        .await;
    let entity = cp
        .catalog
        .describe_entity()
        .catalog("AWSMarketplace")
        .entity_id(&resold);
    let entity = entity.send().await.unwrap();
    let details: Value = serde_json::from_str(entity.details().unwrap()).unwrap();
    let terms = details["Terms"].as_array().unwrap();
    let schedule = terms
        .iter()
        .find(|term| term["Type"] == "PaymentScheduleTerm")
        .unwrap();
    seen.see(
        "resold",
        json!({ "authorization": details["ResaleAuthorizationId"], "markup": details["MarkupPercentage"],
            "schedule": schedule["Schedule"] }),
    );
    seen.make(&cp, "used", "Offer@1.0", &offer(&id, today, markup))
        .await;
    let hidden = isv
        .catalog
        .describe_entity()
        .catalog("AWSMarketplace")
        .entity_id(&resold);
    seen.refused("not the manufacturer's", hidden.send().await);
    let body = json!({ "offerId": resold, "buyerAccountId": BUYER });
    let agreement = market.act("accept", body).await["agreementId"]
        .as_str()
        .unwrap()
        .to_owned();
    let proposed = [
        ("PartyType", "Proposer"),
        ("AgreementType", "PurchaseAgreement"),
    ];
    direct::search(seen, "partner's agreements", &cp, &proposed).await;
    direct::search(seen, "manufacturer's agreements", &isv, &proposed).await;
    direct::describe(seen, "agreement", &cp, &agreement).await;
    direct::terms(seen, "terms", &cp, &agreement).await;
}

/// An open-ended authorization by rate card, and what a buyer took of it.
pub(super) async fn reusable(market: &Market, seen: &mut Seen) {
    let (isv, cp) = (Party::isv(market), partner(market));
    let today = market.today().await;
    let changes = open_ended(market, "1000");
    let id = seen
        .make(&isv, "authorization", AUTHORIZATION, &changes)
        .await;
    let changes = offer_to(&id, BUYER, today, markup("2.5"));
    let resold = seen.make(&cp, "offer", "Offer@1.0", &changes).await;
    for (step, party, entity) in [("authorized", &cp, &id), ("resold", &cp, &resold)] {
        let described = party
            .catalog
            .describe_entity()
            .catalog("AWSMarketplace")
            .entity_id(entity);
        let described = described.send().await.unwrap();
        let details: Value = serde_json::from_str(described.details().unwrap()).unwrap();
        let priced = details["Terms"].as_array().unwrap().iter();
        let cards: Vec<_> = priced
            .filter_map(|term| term.get("RateCards"))
            .cloned()
            .collect();
        seen.see(step, json!({ "cards": cards, "rules": details["Rules"] }));
    }
    let body = json!({ "offerId": resold, "buyerAccountId": BUYER });
    let agreement = market.act("accept", body).await["agreementId"]
        .as_str()
        .unwrap()
        .to_owned();
    direct::describe(seen, "agreement", &cp, &agreement).await;
    direct::terms(seen, "terms", &cp, &agreement).await;
}
