//! Payment requests under a cap, and a change order: cancellation and billing adjustments.

use aws_sdk_marketplaceagreement::primitives::DateTime;
use aws_sdk_marketplaceagreement::types::{
    AgreementCancellationRequestReasonCode as CancelReason,
    AgreementCancellationRequestStatus as CancelStatus,
    BatchCreateBillingAdjustmentRequestEntry as Entry, BillingAdjustmentReasonCode as AdjustReason,
    InvoiceType, LineItemGroupBy, PaymentRequestStatus,
};
use serde_json::{Value, json};

use super::direct;
use super::flow::{Party, Seen, millis};
use crate::market::{BUYER, Market};

const DAY: u64 = 86_400;

/// A cap of 1,000.00 for 90 days.
pub(super) async fn milestone_offer(market: &Market) -> Value {
    let until = market.today().await + chrono::Days::new(14);
    let offer = json!({ "name": "Milestones", "buyerAccounts": [BUYER], "currencyCode": "USD",
        "maxTotalChargeAmount": "1000.00", "duration": "P90D", "availabilityEndDate": until,
        "legalDocumentUrl": format!("{}/bucket/terms.pdf", market.url) });
    market.act("portal/variable-offer", offer).await["offerId"].clone()
}

pub(super) async fn milestones(market: &Market, seen: &mut Seen) {
    let isv = Party::isv(market);
    let offer = milestone_offer(market).await;
    let body = json!({ "offerId": offer, "buyerAccountId": BUYER });
    let id = market.act("accept", body).await["agreementId"]
        .as_str()
        .unwrap()
        .to_owned();
    direct::describe(seen, "agreement", &isv, &id).await;
    direct::terms(seen, "terms", &isv, &id).await;
    let terms = isv
        .agreement
        .get_agreement_terms()
        .agreement_id(&id)
        .send()
        .await
        .unwrap();
    let variable = terms
        .accepted_terms()
        .iter()
        .find_map(|term| term.as_variable_payment_term().ok());
    let term = variable.unwrap().id().unwrap();
    let ask = |amount: &str, token: &str| {
        let request = isv
            .agreement
            .send_agreement_payment_request()
            .agreement_id(&id)
            .term_id(term);
        request
            .name("Milestone one")
            .charge_amount(amount)
            .client_token(token)
            .send()
    };
    let sent = ask("400.00", "token-1").await.unwrap();
    let request = sent.payment_request_id().unwrap();
    seen.see(
        "sent",
        json!({ "id": request, "status": sent.status().map(PaymentRequestStatus::as_str), "amount": sent.charge_amount(),
            "currency": sent.currency_code(), "created": millis(sent.created_at()) }),
    );
    seen.see(
        "same token",
        json!({ "id": ask("400.00", "token-1").await.unwrap().payment_request_id() }),
    );
    seen.refused("another body", ask("401.00", "token-1").await);
    seen.refused("over the cap", ask("600.01", "token-2").await);
    payment(seen, "waiting", &isv, &id, request).await;
    market
        .act("clock", json!({ "advanceSeconds": 10 * DAY }))
        .await;
    payment(seen, "approved by silence", &isv, &id, request).await;
    let cancel = isv
        .agreement
        .cancel_agreement_payment_request()
        .agreement_id(&id);
    seen.refused(
        "too late to cancel",
        cancel.payment_request_id(request).send().await,
    );
    let listed = isv
        .agreement
        .list_agreement_payment_requests()
        .party_type("Proposer")
        .agreement_id(&id);
    let listed = listed.send().await.unwrap();
    let items: Vec<_> = listed
        .items()
        .iter()
        .map(|item| item.payment_request_id())
        .collect();
    seen.see("list", json!({ "ids": items }));
    let none = isv
        .agreement
        .get_agreement_payment_request()
        .agreement_id(&id)
        .payment_request_id("pr-none");
    seen.refused("no such request", none.send().await);
}

async fn payment(seen: &mut Seen, step: &str, isv: &Party, agreement: &str, id: &str) {
    let request = isv
        .agreement
        .get_agreement_payment_request()
        .agreement_id(agreement);
    let found = request.payment_request_id(id).send().await.unwrap();
    seen.see(
        step,
        json!({ "status": found.status().map(PaymentRequestStatus::as_str), "charge": found.charge_id(),
            "updated": millis(found.updated_at()) }),
    );
}

pub(super) async fn change_order(market: &Market, seen: &mut Seen) {
    let isv = Party::isv(market);
    let offer = seen
        .make(&isv, "offer", "Offer@1.0", &market.handbook().await)
        .await;
    let id = market.accept(&offer).await;
    market.act("bill", json!({ "agreementId": id })).await;
    let ask = isv
        .agreement
        .send_agreement_cancellation_request()
        .agreement_id(&id);
    let asked = ask
        .reason_code(CancelReason::ReplacingAgreement)
        .description("Change order 1")
        .send();
    let sent = asked.await.unwrap();
    let request = sent.agreement_cancellation_request_id().unwrap();
    seen.see(
        "asked",
        json!({ "id": request, "status": sent.status().map(CancelStatus::as_str),
            "reason": sent.reason_code().map(CancelReason::as_str), "created": millis(sent.created_at()) }),
    );
    let second = isv
        .agreement
        .send_agreement_cancellation_request()
        .agreement_id(&id);
    seen.refused(
        "one at a time",
        second.reason_code(CancelReason::Other).send().await,
    );
    market
        .act("clock", json!({ "advanceSeconds": 7 * DAY }))
        .await;
    let found = isv
        .agreement
        .get_agreement_cancellation_request()
        .agreement_id(&id);
    let found = found
        .agreement_cancellation_request_id(request)
        .send()
        .await
        .unwrap();
    seen.see(
        "silence",
        json!({ "status": found.status().map(CancelStatus::as_str), "updated": millis(found.updated_at()) }),
    );
    let listed = isv
        .agreement
        .list_agreement_cancellation_requests()
        .party_type("Proposer");
    let listed = listed.send().await.unwrap();
    let items: Vec<_> = listed
        .items()
        .iter()
        .map(|item| item.agreement_cancellation_request_id())
        .collect();
    seen.see("list", json!({ "ids": items }));
    direct::describe(seen, "cancelled", &isv, &id).await;
    adjust(market, seen, &isv, &id).await;
}

async fn adjust(market: &Market, seen: &mut Seen, isv: &Party, id: &str) {
    let invoice = lines(seen, "invoices", isv, id).await;
    let entry = |invoice: &str, amount: &str, token: &str| {
        let entry = Entry::builder()
            .agreement_id(id)
            .original_invoice_id(invoice)
            .adjustment_amount(amount);
        let entry = entry
            .currency_code("USD")
            .adjustment_reason_code(AdjustReason::IncorrectTermsAccepted);
        entry.client_token(token).build().unwrap()
    };
    let made = isv.agreement.batch_create_billing_adjustment_request();
    let made = made.billing_adjustment_request_entries(entry(&invoice, "2500.00", "one"));
    let made = made.billing_adjustment_request_entries(entry("0000000000", "1.00", "two"));
    let made = made.send().await.unwrap();
    let items: Vec<Value> = made
        .items()
        .iter()
        .map(|item| json!([item.client_token(), item.billing_adjustment_request_id()]))
        .collect();
    let errors: Vec<Value> = made
        .errors()
        .iter()
        .map(|error| json!([error.client_token(), error.code().as_str()]))
        .collect();
    seen.see("adjusted", json!({ "items": items, "errors": errors }));
    let adjustment = made.items()[0].billing_adjustment_request_id();
    let found = isv
        .agreement
        .get_billing_adjustment_request()
        .agreement_id(id);
    let found = found
        .billing_adjustment_request_id(adjustment)
        .send()
        .await
        .unwrap();
    seen.see(
        "adjustment",
        json!({ "status": found.status().as_str(), "amount": found.adjustment_amount(),
            "invoice": found.original_invoice_id(), "updated": millis(Some(found.updated_at())) }),
    );
    let listed = |after: i64| {
        let request = isv.agreement.list_billing_adjustment_requests();
        request.created_after(DateTime::from_secs(after)).send()
    };
    let now = market.now().await.timestamp();
    let before: Vec<_> = listed(now - 60).await.unwrap().items;
    let after: Vec<_> = listed(now + 60).await.unwrap().items;
    seen.see(
        "by time",
        json!({ "before": before.len(), "after": after.len() }),
    );
    lines(seen, "credited", isv, id).await;
}

/// The invoice lines; the id of the first.
async fn lines(seen: &mut Seen, step: &str, isv: &Party, agreement: &str) -> String {
    let request = isv
        .agreement
        .list_agreement_invoice_line_items()
        .agreement_id(agreement);
    let found = request
        .group_by(LineItemGroupBy::InvoiceId)
        .send()
        .await
        .unwrap();
    let found = found.agreement_invoice_line_item_group_summaries();
    let rows: Vec<Value> = found
        .iter()
        .map(|line| {
            let amount = line.pricing_currency_amount().unwrap();
            let period = line.invoice_billing_period().unwrap();
            json!([
                line.invoice_id(),
                line.invoice_type().map(InvoiceType::as_str),
                amount.amount(),
                amount.max_adjustment_amount(),
                millis(line.issued_time()),
                period.month(),
                period.year()
            ])
        })
        .collect();
    seen.see(step, json!({ "lines": rows }));
    found[0].invoice_id().unwrap().to_owned()
}
