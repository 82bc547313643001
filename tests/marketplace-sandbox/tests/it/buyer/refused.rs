//! Whom a proposal is not made to, what makes it void, and each reason of a malformed request.

use std::error::Error;

use aws_sdk_marketplaceagreement::Client;
use aws_sdk_marketplaceagreement::config::http::HttpResponse;
use aws_sdk_marketplaceagreement::error::SdkError;
use aws_sdk_marketplaceagreement::types::error::{ConflictException, ResourceNotFoundException};
use aws_sdk_marketplaceagreement::types::{
    Intent, PurchaseOrder, RenewalTermConfiguration, RequestedTerm, RequestedTermConfiguration,
    TaxConfiguration,
};
use serde_json::json;

use super::{Proposal, Quote, ask, client, proposal, quote, two_charges};
use crate::market::{Market, agreement_client};
use crate::money;
use crate::reasons::reason;

const PARTNER: &str = "222233334444";

/// Kind and id of what was not found, or is in the way.
fn about<T: std::fmt::Debug, E: Error + 'static>(
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> (u16, String, String) {
    let error = sent.unwrap_err();
    let status = error.raw_response().unwrap().status().as_u16();
    let error = error.as_service_error().unwrap().source().unwrap();
    let (kind, id) = if let Some(error) = error.downcast_ref::<ResourceNotFoundException>() {
        (error.resource_type(), error.resource_id())
    } else if let Some(error) = error.downcast_ref::<ConflictException>() {
        (error.resource_type(), error.resource_id())
    } else {
        panic!("{error:?}")
    };
    let kind = kind.unwrap().as_str().to_owned();
    (status, kind, id.unwrap().to_owned())
}

fn known(status: u16, kind: &str, id: &str) -> (u16, String, String) {
    (status, kind.to_owned(), id.to_owned())
}

async fn market() -> Market {
    money::market().await
}

fn partner(market: &Market) -> Client {
    let (key, secret) = ("AKIACOUNTERSIGN00002", "countersign-sandbox-secret");
    agreement_client(&market.url, key, secret)
}

#[tokio::test]
async fn an_offer_is_there_for_its_buyers_only_and_once_it_is_released() {
    let market = market().await;
    let mut draft = two_charges(&market).await;
    let release = draft.pop().unwrap();
    let offer = market.succeed(&draft).await;
    let early = proposal(&market, &offer).await;
    let absent = known(404, "AgreementProposal", &early.id);
    let buyer = client(&market);
    assert_eq!(about(ask(&buyer, &early, &[]).send().await), absent);

    let release = [(release.0, release.1)];
    assert!(market.errors_of(&offer, &release).await.is_empty());
    let released = proposal(&market, &offer).await;
    let sent = ask(&buyer, &early, &[]).send().await;
    assert_eq!(about(sent), absent, "a draft was no proposal");
    let sent = ask(&partner(&market), &released, &[]).send().await;
    let absent = known(404, "AgreementProposal", &released.id);
    assert_eq!(about(sent), absent, "not made to {PARTNER}");

    let quote = ask(&buyer, &released, &[]).send().await.unwrap();
    let id = quote.agreement_request_id().unwrap();
    let accept = |client: Client| client.accept_agreement_request().agreement_request_id(id);
    let foreign = accept(partner(&market)).send().await;
    assert_eq!(about(foreign), known(404, "AgreementRequest", id));
    let none = buyer.accept_agreement_request();
    assert_eq!(reason(none.send().await), "MISSING_AGREEMENT_REQUEST_ID");
    let longer = json!({ "Terms": [{ "Type": "ValidityTerm", "AgreementDuration": "P120D" }] });
    let longer = [("UpdateValidityTerms", longer)];
    assert!(market.errors_of(&offer, &longer).await.is_empty());
    let superseded = "SUPERSEDED_AGREEMENT_PROPOSAL";
    let sent = ask(&buyer, &released, &[]).send().await;
    assert_eq!(reason(sent), superseded, "a proposal is one revision's");
    assert_eq!(reason(accept(buyer.clone()).send().await), superseded);

    let last = proposal(&market, &offer).await;
    let open = ask(&buyer, &last, &[]).send().await.unwrap();
    money::wait(&market, 15).await;
    let sent = ask(&buyer, &last, &[]).send().await;
    assert_eq!(reason(sent), "EXPIRED_AGREEMENT_PROPOSAL");
    let late = buyer
        .accept_agreement_request()
        .agreement_request_id(open.agreement_request_id().unwrap());
    assert_eq!(reason(late.send().await), "CLOSED_AGREEMENT_REQUEST");
}

#[tokio::test]
async fn a_quote_holds_for_an_hour_and_not_beside_another_agreement() {
    let market = market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let buyer = client(&market);
    let (old, new) = (quote(&market, &offer).await, {
        market.act("clock", json!({ "advanceSeconds": 3599 })).await;
        quote(&market, &offer).await
    });
    let accept = |quote: &Quote| {
        let accept = buyer.accept_agreement_request();
        accept
            .agreement_request_id(quote.agreement_request_id().unwrap())
            .send()
    };
    market.act("clock", json!({ "advanceSeconds": 1 })).await;
    assert_eq!(reason(accept(&old).await), "CLOSED_AGREEMENT_REQUEST");
    let third = quote(&market, &offer).await;
    let made = accept(&new).await.unwrap().agreement_id.unwrap();
    let conflict = known(409, "Agreement", &made);
    assert_eq!(about(accept(&third).await), conflict, "the offer is taken");
    let same = proposal(&market, &offer).await;
    let sent = ask(&buyer, &same, &[]).send().await;
    assert_eq!(about(sent), conflict);
    let other = market.succeed(&two_charges(&market).await).await;
    let other = proposal(&market, &other).await;
    let sent = ask(&buyer, &other, &[]).send().await;
    assert_eq!(about(sent), conflict, "one agreement for a product");
}

/// Facts §3: a thousand million, of an offer to named buyers.
#[tokio::test]
async fn an_agreement_is_not_worth_more_than_the_quota() {
    let market = market().await;
    let today = market.today().await;
    for (rows, refused) in [(10, false), (11, true)] {
        let mut changes = market.handbook().await;
        let schedule: Vec<_> = (0..rows)
            .map(|row| {
                let day = today + chrono::Days::new(15 + row);
                json!({ "ChargeDate": day, "ChargeAmount": "100000000.00" })
            })
            .collect();
        changes[5].1["Terms"][0]["Schedule"] = json!(schedule);
        let offer = market.succeed(&changes).await;
        let proposal = proposal(&market, &offer).await;
        let sent = ask(&client(&market), &proposal, &[]).send().await;
        let quota = sent.map_err(|error| {
            error
                .into_service_error()
                .is_service_quota_exceeded_exception()
        });
        assert_eq!(quota.err(), refused.then_some(true), "{rows} charges");
    }
}

#[tokio::test]
async fn each_reason_of_a_quote() {
    let market = market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let (buyer, proposal) = (client(&market), proposal(&market, &offer).await);
    let good = || ask(&buyer, &proposal, &[]);
    let bare = buyer.create_agreement_request();
    assert_eq!(reason(bare.send().await), "MISSING_INTENT");
    let sent = good().intent(Intent::from("RENT")).send().await;
    assert_eq!(reason(sent), "INVALID_INTENT");
    let id = |id: &str| good().agreement_proposal_identifier(id).send();
    assert_eq!(
        reason(id("").await),
        "MISSING_AGREEMENT_PROPOSAL_IDENTIFIER"
    );
    for wrong in [
        "offer-1",
        "ap-",
        "ap-a_b",
        &format!("ap-{}", "a".repeat(62)),
    ] {
        let sent = id(wrong).await;
        assert_eq!(
            reason(sent),
            "INVALID_AGREEMENT_PROPOSAL_IDENTIFIER",
            "{wrong}"
        );
    }
    let absent = known(404, "AgreementProposal", "at-none");
    assert_eq!(about(id("at-none").await), absent);
    let sent = good().client_token("a b").send().await;
    assert_eq!(reason(sent), "INVALID_CLIENT_TOKEN");
    let odd = TaxConfiguration::builder().tax_estimation("SOME".into());
    let sent = good().tax_configuration(odd.build()).send().await;
    assert_eq!(reason(sent), "OTHER");

    terms(&buyer, &proposal).await;
    sources(&market, &buyer, &proposal).await;
}

async fn terms(buyer: &Client, proposal: &Proposal) {
    let term = |id: &str| RequestedTerm::builder().id(id).build().unwrap();
    let good = || ask(buyer, proposal, &[]);
    let with = |terms: Vec<RequestedTerm>| good().set_requested_terms(Some(terms)).send();
    let all: Vec<_> = proposal.terms.iter().map(|(_, id)| term(id)).collect();
    let sent = good().set_requested_terms(None).send().await;
    assert_eq!(reason(sent), "MISSING_REQUESTED_TERMS");
    assert_eq!(reason(with(vec![]).await), "INVALID_REQUESTED_TERMS");
    let many = (0..31)
        .map(|number| term(&format!("term-{number}")))
        .collect();
    assert_eq!(reason(with(many).await), "INVALID_REQUESTED_TERMS");
    let twice = [all.clone(), all[..1].to_vec()].concat();
    assert_eq!(reason(with(twice).await), "INVALID_REQUESTED_TERMS");
    let nameless = vec![term("")];
    assert_eq!(reason(with(nameless).await), "MISSING_REQUESTED_TERM_ID");
    for left_out in 0..all.len() {
        let mut fewer = all.clone();
        fewer.remove(left_out);
        let sent = with(fewer).await;
        assert_eq!(reason(sent), "MISSING_MANDATORY_TERMS", "{left_out}");
    }
    let more = [all.clone(), vec![term("term-none")]].concat();
    assert_eq!(reason(with(more).await), "INVALID_REQUESTED_TERM_ID");
    let renew = RenewalTermConfiguration::builder().enable_auto_renew(true);
    let renew = RequestedTermConfiguration::RenewalTermConfiguration(renew.build().unwrap());
    let sent = ask(buyer, proposal, &[("LegalTerm", renew)]).send().await;
    assert_eq!(
        reason(sent),
        "INVALID_REQUESTED_TERM_CONFIGURATION",
        "a legal term takes none"
    );
}

async fn sources(market: &Market, buyer: &Client, proposal: &Proposal) {
    let good = || ask(buyer, proposal, &[]);
    let sent = good().source_agreement_identifier("agmt-1").send().await;
    assert_eq!(reason(sent), "INVALID_SOURCE_AGREEMENT_IDENTIFIER");
    for intent in [Intent::Amend, Intent::Replace] {
        let sent = good().intent(intent.clone()).send().await;
        assert_eq!(reason(sent), "MISSING_SOURCE_AGREEMENT_IDENTIFIER");
        let of = |id: &str| {
            good()
                .intent(intent.clone())
                .source_agreement_identifier(id)
        };
        let absent = known(404, "Agreement", "agmt-none");
        assert_eq!(about(of("agmt-none").send().await), absent);
    }
    let id = money::installments(market, &[]).await;
    for intent in [Intent::Amend, Intent::Replace] {
        let sent = good().intent(intent).source_agreement_identifier(&id);
        assert_eq!(
            reason(sent.send().await),
            "UNSUPPORTED_ACTION",
            "professional services are neither amended nor replaced"
        );
    }
}

#[tokio::test]
async fn each_reason_of_an_acceptance_s_orders() {
    let market = market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let quote = quote(&market, &offer).await;
    let charge = quote.charge_summary().unwrap().expected_charges()[0]
        .id()
        .unwrap();
    let buyer = client(&market);
    let accept = |orders: Vec<PurchaseOrder>| {
        let accept = buyer.accept_agreement_request();
        let accept = accept.agreement_request_id(quote.agreement_request_id().unwrap());
        accept.set_purchase_orders(Some(orders)).send()
    };
    let order = |charge: &str| {
        let order = PurchaseOrder::builder().charge_id(charge);
        order.purchase_order_reference("PO-1")
    };
    let built = |charge: &str| order(charge).build().unwrap();
    assert_eq!(reason(accept(vec![]).await), "INVALID_PURCHASE_ORDERS");
    let many = (0..87)
        .map(|number| built(&format!("ch-{number}")))
        .collect();
    assert_eq!(reason(accept(many).await), "INVALID_PURCHASE_ORDERS");
    let nameless = accept(vec![built("")]).await;
    assert_eq!(reason(nameless), "MISSING_CHARGE_ID");
    let none = accept(vec![built("ch-none")]).await;
    assert_eq!(reason(none), "INVALID_CHARGE_ID");
    let twice = accept(vec![built(charge), built(charge)]).await;
    assert_eq!(reason(twice), "DUPLICATE_CHARGES");
    let bare = PurchaseOrder::builder().charge_id(charge).build().unwrap();
    let bare = accept(vec![bare]).await;
    assert_eq!(reason(bare), "MISSING_PURCHASE_ORDER_REFERENCE");
    let empty = order(charge).purchase_order_reference("").build().unwrap();
    let empty = accept(vec![empty]).await;
    assert_eq!(reason(empty), "INVALID_PURCHASE_ORDER_REFERENCE");
    let revision = |number| order(charge).charge_revision(number).build().unwrap();
    let zero = accept(vec![revision(0)]).await;
    assert_eq!(reason(zero), "INVALID_CHARGE_REVISION");
    let second = accept(vec![revision(2)]).await;
    assert_eq!(about(second), known(409, "Charge", charge));
    assert!(accept(vec![revision(1)]).await.is_ok());
}
