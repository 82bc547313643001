//! Whom a buyer names. The Rust SDK's model has neither the field nor the operation yet, so both are sent by
//! hand, in AWS JSON.

use serde_json::{Value, json};

use super::proposal;
use crate::by_hand::agreement as call;
use crate::market::{BUYER, Market};
use crate::money;
use crate::resale::{authorization, markup, offer, partner, released};

pub(super) async fn market() -> Market {
    Market::with(|config| {
        config.settings.preparing_ms = 0;
        config.settings.applying_ms = 0;
        config.settings.rate_limit = false;
        config.frozen_at = Some("2027-01-04T10:00:00Z".parse().unwrap());
        for (key, account) in [
            ("AKIABUYER", BUYER),
            ("AKIAISV", "111122223333"),
            ("AKIACP", "222233334444"),
        ] {
            let key = format!("{key}={account}").parse().unwrap();
            config.access_keys.push(key);
        }
    })
    .await
}

fn contact() -> Value {
    json!({ "firstName": "Ada", "lastName": "Byron", "emailAddress": "ada@buyer.example.com",
        "companyName": "Buyer", "countryCode": "GB" })
}

/// What asks for the offer, with a contact.
pub(super) async fn request(market: &Market, offer: &str) -> Value {
    let proposal = proposal(market, offer).await;
    let terms = proposal.terms.iter().map(|(_, id)| json!({ "id": id }));
    json!({ "intent": "NEW", "agreementProposalIdentifier": proposal.id,
        "requestedTerms": terms.collect::<Vec<_>>(), "acceptorContact": contact() })
}

/// What asks for the contact of the agreement that comes of it.
async fn accepted(market: &Market, request: &Value) -> Value {
    let (status, quote) = call(market, "AKIABUYER", "CreateAgreementRequest", request).await;
    assert_eq!(status, 200, "{quote}");
    assert_eq!(quote["status"], "DRAFT");
    assert_eq!(quote["approvalRequirement"], "NOT_REQUIRED");
    let accept = json!({ "agreementRequestId": quote["agreementRequestId"] });
    let (_, made) = call(market, "AKIABUYER", "AcceptAgreementRequest", &accept).await;
    json!({ "agreementId": made["agreementId"] })
}

#[tokio::test]
async fn a_contact_is_shown_to_the_parties_while_the_agreement_lasts() {
    let market = market().await;
    let offer = market.succeed(&market.handbook().await).await;
    let good = request(&market, &offer).await;
    for (field, wrong) in [
        ("firstName", json!("")),
        ("lastName", json!("l".repeat(81))),
        ("emailAddress", json!("ada")),
        ("companyName", Value::Null),
        ("countryCode", json!("gb")),
    ] {
        let mut request = good.clone();
        request["acceptorContact"][field] = wrong;
        let (status, refused) =
            call(&market, "AKIABUYER", "CreateAgreementRequest", &request).await;
        assert_eq!(
            (status, &refused["reason"]),
            (400, &json!("INVALID_ACCEPTOR_CONTACT")),
            "{field}"
        );
    }
    let ask = accepted(&market, &good).await;
    for key in ["AKIABUYER", "AKIAISV"] {
        let (_, told) = call(&market, key, "GetAgreementContacts", &ask).await;
        assert_eq!(told, json!({ "acceptorContact": contact() }), "{key}");
    }
    let (status, _) = call(&market, "AKIACP", "GetAgreementContacts", &ask).await;
    assert_eq!(status, 404, "no party");
    let (status, missing) = call(&market, "AKIAISV", "GetAgreementContacts", &json!({})).await;
    assert_eq!(
        (status, &missing["reason"]),
        (400, &json!("MISSING_AGREEMENT_ID"))
    );
    money::wait(&market, 91).await;
    let (_, told) = call(&market, "AKIAISV", "GetAgreementContacts", &ask).await;
    assert_eq!(told, json!({}), "the agreement is over");
}

#[tokio::test]
async fn a_contact_is_shown_to_the_manufacturer_of_what_a_partner_sold() {
    let market = market().await;
    let today = market.today().await;
    let authorized = released(&market, &authorization(&market, today)).await;
    let resold = offer(&authorized, today, markup("10"));
    let resold = partner(&market).run("Offer@1.0", &resold).await;
    let resold = resold.change_set()[0].entity().unwrap();
    let resold = resold.identifier().unwrap().split('@').next().unwrap();
    let ask = accepted(&market, &request(&market, resold).await).await;
    for key in ["AKIACP", "AKIAISV"] {
        let (_, told) = call(&market, key, "GetAgreementContacts", &ask).await;
        assert_eq!(told, json!({ "acceptorContact": contact() }), "{key}");
    }
}
