//! What a buyer does by API: a quote, its acceptance, purchase orders, answers to the seller's requests.
//!
//! The Rust SDK's model has no contacts yet: that step speaks CBOR by hand, in the SDK's place.

use aws_sdk_marketplaceagreement::operation::create_agreement_request::CreateAgreementRequestOutput as Quote;
use aws_sdk_marketplaceagreement::types::builders::PurchaseOrderBuilder;
use aws_sdk_marketplaceagreement::types::{
    AgreementCancellationRequestReasonCode as CancelReason,
    AgreementCancellationRequestStatus as CancelStatus, Intent,
    PaymentRequestApprovalStrategy as Strategy, PaymentRequestStatus, PurchaseOrder, RequestedTerm,
    TaxConfiguration, TaxEstimation, Timing,
};
use serde_json::{Value, json};

use super::flow::{Party, Seen, millis};
use super::{direct, requests};
use crate::buyer::{Proposal, ask, proposal};
use crate::by_hand::agreement_cbor;
use crate::market::Market;
use crate::resale::partner;

/// A key of the buyer's whose signatures are not verified.
pub(super) const BY_HAND: &str = "AKIABUYER";

struct Parties {
    isv: Party,
    partner: Party,
    buyer: Party,
}

pub(super) async fn run(market: &Market, seen: &mut Seen) {
    let parties = Parties {
        isv: Party::isv(market),
        partner: partner(market),
        buyer: Party::buyer(market),
    };
    let today = market.today().await;
    let later = today + chrono::Days::new(30);
    let mut changes = market.handbook().await;
    changes[5].1["Terms"][0]["Schedule"] = json!([
        { "ChargeDate": today, "ChargeAmount": "100.00" },
        { "ChargeDate": later, "ChargeAmount": "200.00" },
    ]);
    let isv = &parties.isv;
    let offer = seen.make(isv, "offer", "Offer@1.0", &changes).await;
    let agreement = accepted(market, seen, &parties, &offer).await;
    ordered(seen, &parties, &agreement).await;
    let second = seen.make(isv, "second offer", "Offer@1.0", &changes).await;
    cancelled(market, seen, &parties, &agreement, &second).await;
    paid(market, seen, &parties).await;
}

async fn accepted(market: &Market, seen: &mut Seen, parties: &Parties, offer: &str) -> String {
    let buyer = &parties.buyer.agreement;
    let proposal = proposal(market, offer).await;
    let kinds: Vec<_> = proposal.terms.iter().map(|(kind, _)| kind).collect();
    seen.see("proposal", json!({ "id": proposal.id, "kinds": kinds }));
    let good = || ask(buyer, &proposal, &[]);
    let taxed = |estimation: TaxEstimation| {
        let tax = TaxConfiguration::builder().tax_estimation(estimation);
        good()
            .client_token("quote-1")
            .tax_configuration(tax.build())
            .send()
    };
    let quote = taxed(TaxEstimation::Enabled).await.unwrap();
    see_quote(seen, &quote);
    let again = taxed(TaxEstimation::Enabled).await.unwrap();
    seen.see("same token", json!({ "id": again.agreement_request_id() }));
    seen.refused("another body", taxed(TaxEstimation::Disabled).await);
    let foreign = ask(&parties.partner.agreement, &proposal, &[]);
    seen.refused("not their offer", foreign.send().await);
    let none = good().agreement_proposal_identifier("ap-none");
    seen.refused("no such proposal", none.send().await);
    let terms = proposal.terms.iter().map(|(_, id)| term(id));
    let terms: Vec<_> = terms.collect();
    let fewer = good().set_requested_terms(Some(terms[1..].to_vec()));
    seen.refused("a term is missing", fewer.send().await);
    let odd = [terms, vec![term("term-none")]].concat();
    let odd = good().set_requested_terms(Some(odd));
    seen.refused("no such term", odd.send().await);
    seen.refused("no source", good().intent(Intent::Amend).send().await);

    let id = quote.agreement_request_id().unwrap();
    let taking = |party: &Party| {
        let accept = party.agreement.accept_agreement_request();
        accept.agreement_request_id(id)
    };
    seen.refused(
        "somebody else's quote",
        taking(&parties.partner).send().await,
    );
    let order = |charge: &str| {
        let order = PurchaseOrder::builder().charge_id(charge);
        order.purchase_order_reference("PO-1").build().unwrap()
    };
    let odd = taking(&parties.buyer).purchase_orders(order("ch-none"));
    seen.refused("no such charge", odd.send().await);
    let charge = quote.charge_summary().unwrap().expected_charges()[0].id();
    let with = taking(&parties.buyer).purchase_orders(order(charge.unwrap()));
    let agreement = with.send().await.unwrap().agreement_id.unwrap();
    seen.see("accepted", json!({ "id": agreement }));
    seen.refused("accepted before", taking(&parties.buyer).send().await);
    direct::describe(seen, "agreement", &parties.buyer, &agreement).await;
    seen.refused("their offer no more", good().send().await);
    agreement
}

fn term(id: &str) -> RequestedTerm {
    RequestedTerm::builder().id(id).build().unwrap()
}

fn see_quote(seen: &mut Seen, quote: &Quote) {
    let summary = quote.charge_summary().unwrap();
    let charges = summary.expected_charges().iter().map(|charge| {
        let tax = charge.estimated_taxes().unwrap();
        json!([
            charge.id(),
            millis(charge.time()),
            charge.amount(),
            charge.amount_after_tax(),
            charge.timing().map(Timing::as_str),
            tax.total_amount()
        ])
    });
    let charges: Vec<Value> = charges.collect();
    let taxes = summary.estimated_taxes().unwrap().breakdown().iter();
    let taxes: Vec<Value> = taxes
        .map(|tax| json!([tax.amount(), tax.rate(), tax.r#type()]))
        .collect();
    let entity = summary.invoicing_entity().unwrap();
    seen.see(
        "quote",
        json!({ "id": quote.agreement_request_id(), "currency": summary.currency_code(),
            "value": [summary.new_agreement_value(), summary.new_agreement_value_after_tax()],
            "taxes": taxes, "by": entity.legal_name(), "charges": charges }),
    );
}

async fn ordered(seen: &mut Seen, parties: &Parties, agreement: &str) {
    let ids = charges(seen, "charges", &parties.buyer, agreement).await;
    let (first, second) = (&ids[0], &ids[1]);
    let bare = |charge: &str, reference: &str| {
        let order = PurchaseOrder::builder().agreement_id(agreement);
        order.charge_id(charge).purchase_order_reference(reference)
    };
    let order = |charge: &str, revision: i64, reference: &str| {
        bare(charge, reference).charge_revision(revision)
    };
    let update = |party: &Party, order: PurchaseOrderBuilder| {
        let request = party.agreement.update_purchase_orders();
        request.purchase_orders(order.build().unwrap()).send()
    };
    let buyer = &parties.buyer;
    let due = update(buyer, order(first, 1, "PO-2")).await;
    seen.refused("due already", due);
    update(buyer, order(second, 1, "PO-2")).await.unwrap();
    charges(seen, "ordered", buyer, agreement).await;
    let stale = update(buyer, order(second, 1, "PO-3")).await;
    seen.refused("an old revision", stale);
    let seller = update(&parties.isv, order(second, 2, "PO-3")).await;
    seen.refused("the seller's order", seller);
    seen.refused("no revision", update(buyer, bare(second, "PO-3")).await);
}

/// The charges and their orders; their ids.
async fn charges(seen: &mut Seen, step: &str, buyer: &Party, agreement: &str) -> Vec<String> {
    let listed = buyer.agreement.list_agreement_charges();
    let listed = listed.agreement_id(agreement).send().await.unwrap();
    let rows: Vec<Value> = listed
        .items()
        .iter()
        .map(|charge| {
            json!([
                charge.id(),
                charge.revision(),
                charge.purchase_order_reference(),
                charge.amount(),
                millis(charge.time())
            ])
        })
        .collect();
    seen.see(step, json!({ "charges": rows }));
    let ids = listed.items().iter();
    ids.map(|charge| charge.id().unwrap().to_owned()).collect()
}

async fn cancelled(
    market: &Market,
    seen: &mut Seen,
    parties: &Parties,
    agreement: &str,
    second_offer: &str,
) {
    let (buyer, isv) = (&parties.buyer.agreement, &parties.isv.agreement);
    let second = proposal(market, second_offer).await;
    seen.refused("one at a time", ask(buyer, &second, &[]).send().await);
    let cancel = buyer.cancel_agreement();
    let contract = cancel.clone().agreement_id(agreement).send().await;
    seen.refused("a contract", contract);
    let seller = isv.cancel_agreement().agreement_id(agreement);
    seen.refused("the seller", seller.send().await);
    let none = cancel.clone().agreement_id("agmt-none").send().await;
    seen.refused("no such agreement", none);

    let request = async || {
        let sent = isv.send_agreement_cancellation_request();
        let sent = sent
            .agreement_id(agreement)
            .reason_code(CancelReason::Other);
        let sent = sent.send().await.unwrap();
        sent.agreement_cancellation_request_id.unwrap()
    };
    let asked = request().await;
    let accept = |party: &Party, id: &str| {
        let accept = party.agreement.accept_agreement_cancellation_request();
        let accept = accept.agreement_id(agreement);
        accept.agreement_cancellation_request_id(id).send()
    };
    let reject = |id: &str, why: &str| {
        let reject = buyer.reject_agreement_cancellation_request();
        let reject = reject.agreement_id(agreement).rejection_reason(why);
        reject.agreement_cancellation_request_id(id).send()
    };
    seen.refused("the seller's own", accept(&parties.isv, &asked).await);
    let answer = reject(&asked, "We need it").await.unwrap();
    seen.see(
        "rejected",
        json!({ "id": answer.agreement_cancellation_request_id(), "said": answer.status_message(),
            "status": answer.status().map(CancelStatus::as_str), "updated": millis(answer.updated_at()) }),
    );
    seen.refused("too late to accept", accept(&parties.buyer, &asked).await);
    let asked = request().await;
    let answer = accept(&parties.buyer, &asked).await.unwrap();
    seen.see(
        "agreed",
        json!({ "id": answer.agreement_cancellation_request_id(), "said": null,
            "status": answer.status().map(CancelStatus::as_str), "updated": millis(answer.updated_at()) }),
    );
    seen.refused("too late to reject", reject(&asked, "No").await);
    direct::describe(seen, "over", &parties.buyer, agreement).await;
    let over = cancel.agreement_id(agreement).send().await;
    seen.refused("over already", over);
}

async fn paid(market: &Market, seen: &mut Seen, parties: &Parties) {
    let (buyer, isv) = (&parties.buyer.agreement, &parties.isv.agreement);
    let offer = requests::milestone_offer(market).await;
    let proposal = proposal(market, offer.as_str().unwrap()).await;
    seen.refused("not configured", ask(buyer, &proposal, &[]).send().await);
    let agreement = named(market, &proposal).await;
    direct::terms(seen, "milestones", &parties.buyer, &agreement).await;
    for step in ["own contact", "buyer's contact"] {
        seen.see(step, json!({ "contact": contact() }));
    }
    let terms = isv.get_agreement_terms().agreement_id(&agreement);
    let terms = terms.send().await.unwrap();
    let mut terms = terms.accepted_terms().iter();
    let term = terms.find_map(|term| term.as_variable_payment_term().ok());
    let term = term.unwrap().id().unwrap();
    let request = async |name: &str| {
        let send = isv
            .send_agreement_payment_request()
            .agreement_id(&agreement);
        let send = send.term_id(term).name(name).charge_amount("400.00");
        send.send().await.unwrap().payment_request_id.unwrap()
    };
    let first = request("Milestone one").await;
    let second = request("Milestone two").await;
    let accept = |party: &Party, id: &str| {
        let accept = party.agreement.accept_agreement_payment_request();
        accept.agreement_id(&agreement).payment_request_id(id)
    };
    let reject = |id: &str| {
        let reject = buyer.reject_agreement_payment_request();
        reject.agreement_id(&agreement).payment_request_id(id)
    };
    let own = accept(&parties.isv, &first).send().await;
    seen.refused("the seller's answer", own);
    let answer = accept(&parties.buyer, &first).purchase_order_reference("PO-9");
    let answer = answer.send().await.unwrap();
    seen.see(
        "paid",
        json!({ "id": answer.payment_request_id(), "said": null, "amount": answer.charge_amount(),
            "status": answer.status().map(PaymentRequestStatus::as_str), "updated": millis(answer.updated_at()) }),
    );
    let answer = reject(&second).rejection_reason("Not done").send().await;
    let answer = answer.unwrap();
    seen.see(
        "not paid",
        json!({ "id": answer.payment_request_id(), "said": answer.status_message(), "amount": answer.charge_amount(),
            "status": answer.status().map(PaymentRequestStatus::as_str), "updated": millis(answer.updated_at()) }),
    );
    let again = accept(&parties.buyer, &second).send().await;
    seen.refused("rejected before", again);
    seen.refused("paid before", reject(&first).send().await);
    charges(seen, "charged", &parties.buyer, &agreement).await;
}

fn contact() -> Value {
    json!({ "firstName": "Ada", "lastName": "Byron", "emailAddress": "ada@buyer.example.com",
        "companyName": "Buyer", "countryCode": "GB" })
}

/// Accepts with a contact, which is read back.
async fn named(market: &Market, proposal: &Proposal) -> String {
    let terms = proposal.terms.iter().map(|(kind, id)| {
        let strategy = json!({ "variablePaymentTermConfiguration": {
            "paymentRequestApprovalStrategy": Strategy::WaitForApproval.as_str() } });
        if kind == "VariablePaymentTerm" {
            json!({ "id": id, "configuration": strategy })
        } else {
            json!({ "id": id })
        }
    });
    let request = json!({ "intent": "NEW", "agreementProposalIdentifier": proposal.id,
        "requestedTerms": terms.collect::<Vec<_>>(), "acceptorContact": contact() });
    let call = async |operation: &str, input: Value| {
        agreement_cbor(market, BY_HAND, operation, &input).await
    };
    let quote = call("CreateAgreementRequest", request).await;
    let accept = json!({ "agreementRequestId": quote["agreementRequestId"] });
    let accepted = call("AcceptAgreementRequest", accept).await;
    let ask = json!({ "agreementId": accepted["agreementId"] });
    let told = call("GetAgreementContacts", ask).await;
    assert_eq!(told, json!({ "acceptorContact": contact() }));
    accepted["agreementId"].as_str().unwrap().to_owned()
}
