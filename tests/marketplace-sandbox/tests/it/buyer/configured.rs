//! Terms that a buyer configures: a rate card, a renewal, variable payments.

use aws_sdk_marketplaceagreement::types::{
    ConfigurableUpfrontPricingTermConfiguration as Card, Dimension,
    PaymentRequestApprovalStrategy as Strategy, RenewalTermConfiguration as Renewal,
    RequestedTermConfiguration as Configuration, VariablePaymentTermConfiguration as Variable,
};
use serde_json::{Value, json};

use super::{ask, client, found, proposal};
use crate::market::{BUYER, Market};
use crate::money;
use crate::reasons::reason;

const WRONG: &str = "INVALID_REQUESTED_TERM_CONFIGURATION";
const MISSING: &str = "MISSING_REQUESTED_TERM_CONFIGURATION";

/// Accepts the offer with one term configured; the agreement's id.
async fn accept(market: &Market, offer: &str, kind: &str, configuration: Configuration) -> String {
    let (buyer, proposal) = (client(market), proposal(market, offer).await);
    let bare = ask(&buyer, &proposal, &[]).send().await;
    assert_eq!(reason(bare), MISSING, "{kind}");
    let quote = ask(&buyer, &proposal, &[(kind, configuration)]).send();
    let quote = quote.await.unwrap();
    let accept = buyer.accept_agreement_request();
    let accept = accept.agreement_request_id(quote.agreement_request_id().unwrap());
    accept.send().await.unwrap().agreement_id.unwrap()
}

fn renewal(renew: bool) -> Configuration {
    let renewal = Renewal::builder().enable_auto_renew(renew);
    Configuration::RenewalTermConfiguration(renewal.build().unwrap())
}

#[tokio::test]
async fn a_renewal_is_the_buyer_s_to_take_or_to_leave() {
    for (renew, then) in [(true, "RENEWED"), (false, "EXPIRED")] {
        let market = money::market().await;
        let mut changes = market.handbook().await;
        changes.insert(8, money::renewal());
        let offer = market.succeed(&changes).await;
        let id = accept(&market, &offer, "RenewalTerm", renewal(renew)).await;
        let described = market.agreement.describe_agreement().agreement_id(&id);
        let described = described.send().await.unwrap();
        let behaviour = described.end_time_behavior().unwrap();
        let why = behaviour.reason_code().map(|code| code.as_str().to_owned());
        let seen = (behaviour.r#type().as_str(), why.as_deref());
        let told = if renew {
            ("RENEW", None)
        } else {
            ("EXPIRE", Some("ACCEPTOR_RENEW_OPTED_OUT"))
        };
        assert_eq!(seen, told);
        let terms = market.agreement.get_agreement_terms().agreement_id(&id);
        let terms = terms.send().await.unwrap();
        let mut terms = terms.accepted_terms().iter();
        let term = terms.find_map(|term| term.as_renewal_term().ok()).unwrap();
        assert_eq!(term.configuration().unwrap().enable_auto_renew(), renew);
        money::wait(&market, 91).await;
        assert_eq!(found(&market, &id).await["status"], then);
    }
}

#[tokio::test]
async fn payment_requests_are_answered_as_the_buyer_chose() {
    for (strategy, then) in [
        (Strategy::AutoApproveOnExpiration, "APPROVED"),
        (Strategy::WaitForApproval, "PENDING_APPROVAL"),
    ] {
        let market = money::market().await;
        let offer = json!({ "name": "Milestones", "buyerAccounts": [BUYER], "currencyCode": "USD",
            "maxTotalChargeAmount": "1000.00", "duration": "P90D", "availabilityEndDate": "2027-01-31",
            "legalDocumentUrl": "http://127.0.0.1/terms.pdf" });
        let offer = market.act("portal/variable-offer", offer).await["offerId"].clone();
        let offer = offer.as_str().unwrap();
        let kind = "VariablePaymentTerm";
        let chosen = |strategy: Strategy, days: Option<&str>| {
            let chosen = Variable::builder().payment_request_approval_strategy(strategy);
            let chosen = chosen.set_expiration_duration(days.map(str::to_owned));
            Configuration::VariablePaymentTermConfiguration(chosen.build().unwrap())
        };
        let (buyer, terms) = (client(&market), proposal(&market, offer).await);
        for wrong in [
            chosen(Strategy::AutoApproveOnExpiration, Some("P5D")),
            chosen(Strategy::WaitForApproval, Some("P10D")),
            chosen(Strategy::from("NEVER"), None),
            renewal(true),
        ] {
            let sent = ask(&buyer, &terms, &[(kind, wrong)]).send().await;
            assert_eq!(reason(sent), WRONG);
        }
        let id = accept(&market, offer, kind, chosen(strategy, None)).await;
        let all = market.agreement.get_agreement_terms().agreement_id(&id);
        let all = all.send().await.unwrap();
        let mut all = all.accepted_terms().iter();
        let term = all.find_map(|term| term.as_variable_payment_term().ok());
        let request = market.agreement.send_agreement_payment_request();
        let request = request
            .agreement_id(&id)
            .term_id(term.unwrap().id().unwrap());
        let sent = request
            .name("Milestone 1")
            .charge_amount("1.00")
            .send()
            .await;
        let sent = sent.unwrap();
        money::wait(&market, 11).await;
        let get = buyer.get_agreement_payment_request().agreement_id(&id);
        let get = get.payment_request_id(sent.payment_request_id().unwrap());
        assert_eq!(get.send().await.unwrap().status().unwrap().as_str(), then);
    }
}

fn card(selector: &str, taken: &[(&str, i32)]) -> Configuration {
    let dimensions = taken.iter().map(|(key, value)| {
        let dimension = Dimension::builder().dimension_key(*key);
        dimension.dimension_value(*value).build().unwrap()
    });
    let card = Card::builder().selector_value(selector);
    let card = card.set_dimensions(Some(dimensions.collect()));
    Configuration::ConfigurableUpfrontPricingTermConfiguration(card.build().unwrap())
}

#[tokio::test]
async fn one_dimension_of_a_rate_card_is_taken_once() {
    let market = money::market().await;
    let kind = "ConfigurableUpfrontPricingTerm";
    let mut changes = market.handbook().await;
    changes[4].1 = json!({ "PricingModel": "Contract", "Terms": [{ "Type": kind, "CurrencyCode": "USD",
        "RateCards": [{ "Selector": { "Type": "Duration", "Value": "P90D" },
            "Constraints": { "MultipleDimensionSelection": "Disallowed", "QuantityConfiguration": "Disallowed" },
            "RateCard": [{ "DimensionKey": "implementation", "Price": "100.00" },
                { "DimensionKey": "training", "Price": "50.00" }] }] }] });
    changes.remove(5);
    let offer = market.succeed(&changes).await;
    let (buyer, terms) = (client(&market), proposal(&market, &offer).await);
    for wrong in [
        card("P91D", &[("training", 1)]),
        card("P90D", &[]),
        card("P90D", &[("training", 1), ("implementation", 1)]),
        card("P90D", &[("training", 2)]),
        card("P90D", &[("assessment", 1)]),
    ] {
        let sent = ask(&buyer, &terms, &[(kind, wrong.clone())]).send().await;
        assert_eq!(reason(sent), WRONG, "{wrong:?}");
    }
    let training = card("P90D", &[("training", 1)]);
    let quote = ask(&buyer, &terms, &[(kind, training.clone())]).send();
    let quote = quote.await.unwrap();
    let summary = quote.charge_summary().unwrap();
    let [item] = summary.itemized_charges() else {
        panic!("{summary:?}")
    };
    assert_eq!(item.dimension_key(), Some("training"));
    assert_eq!(
        (item.old_quantity(), item.new_quantity()),
        (Some(0), Some(1))
    );
    assert_eq!(item.incremental_charge_amount(), Some("50.00"));
    assert_eq!(item.charge_reference(), summary.expected_charges()[0].id());
    let id = accept(&market, &offer, kind, training).await;
    let made: Value = found(&market, &id).await;
    assert_eq!(made["total"], "50.00");
}
