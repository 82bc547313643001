//! A buyer that accepts by the Agreement API: a quote, its acceptance, and what each is refused for (facts §3).

mod approvals;
mod configured;
mod contacts;
mod orders;
mod refused;
mod requests;

use aws_sdk_marketplaceagreement::Client;
use aws_sdk_marketplaceagreement::operation::create_agreement_request::CreateAgreementRequestOutput as Quote;
use aws_sdk_marketplaceagreement::operation::create_agreement_request::builders::CreateAgreementRequestFluentBuilder as Ask;
use aws_sdk_marketplaceagreement::types::{
    Intent, RequestedTerm, RequestedTermConfiguration, TaxConfiguration, TaxEstimation,
};
use chrono::Days;
use serde_json::{Value, json};

use crate::clients::flow::millis;
use crate::deal::filter;
use crate::market::{BUYER, Changes, Market, agreement_client};
use crate::money;
use crate::reasons::reason;

pub(crate) fn client(market: &Market) -> Client {
    agreement_client(&market.url, "AKIABUYER", "any")
}

/// What the buyer knows of an offer: its proposal, and its terms by type.
pub(crate) struct Proposal {
    pub(crate) id: String,
    pub(crate) terms: Vec<(String, String)>,
}

pub(crate) async fn proposal(market: &Market, offer: &str) -> Proposal {
    let offers = market.get("/sandbox/offers").await;
    let offers = offers.as_array().unwrap();
    let found = offers.iter().find(|one| one["offerId"] == offer).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let terms = found["terms"].as_array().unwrap().iter();
    Proposal {
        id: text(&found["agreementProposalId"]),
        terms: terms
            .map(|term| (text(&term["type"]), text(&term["id"])))
            .collect(),
    }
}

/// A request for a new agreement of every term, those named configured.
pub(crate) fn ask(
    client: &Client,
    proposal: &Proposal,
    configured: &[(&str, RequestedTermConfiguration)],
) -> Ask {
    let terms = proposal.terms.iter().map(|(kind, id)| {
        let configuration = configured.iter().find(|(of, _)| of == kind);
        let configuration = configuration.map(|(_, configuration)| configuration.clone());
        let term = RequestedTerm::builder().id(id);
        term.set_configuration(configuration).build().unwrap()
    });
    client
        .create_agreement_request()
        .intent(Intent::New)
        .agreement_proposal_identifier(&proposal.id)
        .set_requested_terms(Some(terms.collect()))
}

/// An offer of two charges: today, and in 30 days.
async fn two_charges(market: &Market) -> Changes {
    let today = market.today().await;
    let later = today.checked_add_days(Days::new(30)).unwrap();
    let mut changes = market.handbook().await;
    changes[5].1["Terms"][0]["Schedule"] = json!([
        { "ChargeDate": today, "ChargeAmount": "100.00" },
        { "ChargeDate": later, "ChargeAmount": "200.00" },
    ]);
    changes
}

/// A quote for the offer, with nothing to configure.
async fn quote(market: &Market, offer: &str) -> Quote {
    let proposal = proposal(market, offer).await;
    ask(&client(market), &proposal, &[]).send().await.unwrap()
}

/// The agreement that came of it, as whoever looks at the sandbox sees it.
async fn found(market: &Market, id: &str) -> Value {
    let all = market.get("/sandbox/agreements").await;
    let mut all = all.as_array().unwrap().iter();
    all.find(|one| one["agreementId"] == id).unwrap().clone()
}

#[tokio::test]
async fn a_quote_says_what_will_be_charged_and_acceptance_makes_it_so() {
    let market = money::market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let (buyer, proposal) = (client(&market), proposal(&market, &offer).await);
    let tax = TaxConfiguration::builder().tax_estimation(TaxEstimation::Enabled);
    let ask = ask(&buyer, &proposal, &[]).client_token("quote-1");
    let quote = ask
        .clone()
        .tax_configuration(tax.build())
        .send()
        .await
        .unwrap();
    let id = quote.agreement_request_id().unwrap();
    assert!(id.starts_with("ar-"), "{id}");
    let summary = quote.charge_summary().unwrap();
    assert_eq!(summary.new_agreement_value(), Some("300.00"));
    assert_eq!(summary.new_agreement_value_after_tax(), Some("318.00"));
    let charges: Vec<_> = summary
        .expected_charges()
        .iter()
        .map(|charge| {
            let tax = charge.estimated_taxes().unwrap().total_amount().unwrap();
            (
                charge.amount().unwrap(),
                charge.amount_after_tax().unwrap(),
                tax,
                charge.timing().unwrap().as_str(),
                millis(charge.time()).unwrap(),
            )
        })
        .collect();
    let (now, later) = (1_799_056_800_000, 1_801_612_800_000);
    assert_eq!(
        charges,
        [
            ("100.00", "106.00", "6.00", "ON_ACCEPTANCE", now),
            ("200.00", "212.00", "12.00", "SCHEDULED", later),
        ]
    );
    assert_eq!(
        market.get("/sandbox/agreements").await,
        json!([]),
        "a quote is no agreement"
    );
    let again = ask.clone().send().await.unwrap_err();
    assert!(
        again.into_service_error().is_conflict_exception(),
        "the token was used with an estimate of taxes"
    );

    let accept = || buyer.accept_agreement_request().agreement_request_id(id);
    let accepted = accept().send().await.unwrap();
    let agreement = accepted.agreement_id().unwrap();
    let made = found(&market, agreement).await;
    assert_eq!(made["status"], "ACTIVE");
    assert_eq!(made["acceptorAccountId"], BUYER);
    let told = summary.expected_charges().iter();
    let told: Vec<_> = told.map(|charge| charge.id().unwrap()).collect();
    let listed = buyer.list_agreement_charges().agreement_id(agreement);
    let listed = listed.send().await.unwrap();
    let listed: Vec<_> = listed
        .items()
        .iter()
        .map(|charge| charge.id().unwrap())
        .collect();
    assert_eq!(listed, told, "the charges are those of the quote");
    assert_eq!(
        reason(accept().send().await),
        "CLOSED_AGREEMENT_REQUEST",
        "a quote is accepted once"
    );
    let own = market
        .agreement
        .search_agreements()
        .filters(filter("PartyType", "Proposer"))
        .filters(filter("AgreementType", "PurchaseAgreement"))
        .filters(filter("OfferId", &offer));
    let own = own.send().await.unwrap();
    let own = own.agreement_view_summaries();
    assert_eq!(
        own.iter().map(|one| one.agreement_id()).collect::<Vec<_>>(),
        [Some(agreement)]
    );
}

/// What differs between two agreements because every id does.
fn without_ids(mut agreement: Value) -> Value {
    for field in ["agreementId", "offerId"] {
        agreement[field].take();
    }
    for invoice in agreement["invoices"].as_array_mut().unwrap() {
        for field in [
            "invoiceId",
            "feeInvoiceId",
            "buyerReference",
            "feeReference",
        ] {
            invoice[field].take();
        }
        for line in invoice["lines"].as_array_mut().unwrap() {
            line["event"].take();
        }
    }
    agreement
}

#[tokio::test]
async fn it_is_the_acceptance_that_a_rehearsal_s_buyer_makes() {
    let mut made = Vec::new();
    for by_api in [true, false] {
        let market = money::market().await;
        let offer = market.succeed(&two_charges(&market).await).await;
        let id = if by_api {
            let quote = quote(&market, &offer).await;
            let accept = client(&market).accept_agreement_request();
            let accept = accept.agreement_request_id(quote.agreement_request_id().unwrap());
            accept.send().await.unwrap().agreement_id.unwrap()
        } else {
            market.accept(&offer).await
        };
        let state = market.get("/sandbox/state").await;
        let events = state["queuedEvents"].as_array().unwrap().iter();
        let told = events
            .filter(|event| {
                event["body"]
                    .as_str()
                    .unwrap()
                    .contains("Agreement Created")
            })
            .count();
        made.push((without_ids(found(&market, &id).await), told));
    }
    assert_eq!(made[0], made[1]);
    assert_eq!(made[0].1, 2, "told to the proposer and to the manufacturer");
    assert_eq!(made[0].0["invoices"][0]["amount"], "100.00");
}

#[tokio::test]
async fn a_contract_is_not_cancelled_by_its_buyer() {
    let market = money::market().await;
    let id = money::installments(&market, &[]).await;
    let cancel = |client: Client| client.cancel_agreement().agreement_id(&id).send();
    assert_eq!(reason(cancel(client(&market)).await), "UNSUPPORTED_ACTION");
    let seller = cancel(market.agreement.clone()).await.unwrap_err();
    assert!(seller.into_service_error().is_access_denied_exception());
    let none = client(&market).cancel_agreement().agreement_id("agmt-none");
    let none = none.send().await.unwrap_err().into_service_error();
    assert!(none.is_resource_not_found_exception());
    let none = client(&market).cancel_agreement().send().await;
    assert_eq!(reason(none), "MISSING_AGREEMENT_ID");
    money::wait(&market, 91).await;
    assert_eq!(reason(cancel(client(&market)).await), "INACTIVE_AGREEMENT");
}
