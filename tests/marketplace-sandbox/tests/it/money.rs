//! What is billed over time: installments, payment requests, cancellations, adjustments, renewals.

mod cancellations;
mod payments;
mod terminations;

use aws_sdk_marketplaceagreement::error::ProvideErrorMetadata;
use aws_sdk_marketplaceagreement::types::{
    BatchCreateBillingAdjustmentRequestEntry as Entry, BillingAdjustmentReasonCode as AdjustReason,
    LineItemGroupBy,
};
use chrono::Days;
use serde_json::{Value, json};

use crate::market::{BUYER, Market};

const DAY: u64 = 86_400;

pub(crate) async fn market() -> Market {
    Market::with(|config| {
        config.settings.preparing_ms = 0;
        config.settings.applying_ms = 0;
        config.settings.rate_limit = false;
        config.settings.auto_bill = true;
        config.frozen_at = Some("2027-01-04T10:00:00Z".parse().unwrap());
        config
            .access_keys
            .push("AKIABUYER=444455556666".parse().unwrap());
    })
    .await
}

pub(crate) async fn wait(market: &Market, days: u64) {
    market
        .act("clock", json!({ "advanceSeconds": days * DAY }))
        .await;
}

/// An offer of three installments: today, in 30 and in 60 days.
pub(crate) async fn installments(market: &Market, extra: &[(&'static str, Value)]) -> String {
    let today = market.today().await;
    let day = |days: u64| today.checked_add_days(Days::new(days)).unwrap().to_string();
    let mut changes = market.handbook().await;
    let rows: Vec<Value> = [(0, "100.00"), (30, "200.00"), (60, "300.00")]
        .iter()
        .map(|(days, amount)| json!({ "ChargeDate": day(*days), "ChargeAmount": amount }))
        .collect();
    changes[5].1["Terms"][0]["Schedule"] = json!(rows);
    changes.splice(8..8, extra.iter().cloned());
    market.accept(&market.succeed(&changes).await).await
}

async fn agreement(market: &Market, id: &str) -> Value {
    let all = market.get("/sandbox/agreements").await;
    let found = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["agreementId"] == id);
    found.cloned().unwrap()
}

async fn billed(market: &Market, id: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let invoices = agreement(market, id).await["invoices"].clone();
    invoices
        .as_array()
        .unwrap()
        .iter()
        .map(|invoice| (text(&invoice["amount"]), text(&invoice["invoicedAt"])))
        .collect()
}

#[tokio::test]
async fn installments_are_invoiced_each_at_its_time() {
    let market = market().await;
    let id = installments(&market, &[]).await;
    let pair = |amount: &str, at: &str| (amount.to_owned(), at.to_owned());
    let first = pair("100.00", "2027-01-04T10:00:00Z");
    assert_eq!(
        billed(&market, &id).await,
        std::slice::from_ref(&first),
        "its day had begun: invoiced on acceptance"
    );
    wait(&market, 29).await;
    assert_eq!(billed(&market, &id).await.len(), 1);
    wait(&market, 60).await;
    let rest = [
        pair("200.00", "2027-02-03T00:00:00Z"),
        pair("300.00", "2027-03-05T00:00:00Z"),
    ];
    assert_eq!(
        billed(&market, &id).await,
        [vec![first], rest.to_vec()].concat()
    );
}

pub(crate) async fn milestones(market: &Market, strategy: &str) -> (String, String) {
    let offer = json!({ "name": "Milestones", "buyerAccounts": [BUYER], "currencyCode": "USD",
        "maxTotalChargeAmount": "1000.00", "duration": "P90D", "availabilityEndDate": "2027-01-31",
        "legalDocumentUrl": "http://127.0.0.1/terms.pdf" });
    let offer = market.act("portal/variable-offer", offer).await["offerId"].clone();
    let body = json!({ "offerId": offer, "buyerAccountId": BUYER, "paymentRequestApprovalStrategy": strategy });
    let id = market.act("accept", body).await["agreementId"]
        .as_str()
        .unwrap()
        .to_owned();
    let terms = market
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
    (id, variable.unwrap().id().unwrap().to_owned())
}

fn entry(agreement: &str, invoice: &str, amount: &str, token: &str) -> Entry {
    Entry::builder()
        .agreement_id(agreement)
        .original_invoice_id(invoice)
        .adjustment_amount(amount)
        .currency_code("USD")
        .adjustment_reason_code(AdjustReason::Other)
        .client_token(token)
        .build()
        .unwrap()
}

#[tokio::test]
async fn adjustments_succeed_in_part_and_credit_the_invoice() {
    let market = market().await;
    let id = installments(&market, &[]).await;
    market.get("/sandbox/state").await;
    let invoice = agreement(&market, &id).await["invoices"][0]["invoiceId"]
        .as_str()
        .unwrap()
        .to_owned();
    let create = |entries: Vec<Entry>| {
        let request = market.agreement.batch_create_billing_adjustment_request();
        request
            .set_billing_adjustment_request_entries(Some(entries))
            .send()
    };
    let made = create(vec![
        entry(&id, &invoice, "40.00", "one"),
        entry(&id, "0000000000", "1.00", "two"),
        entry(&id, &invoice, "60.01", "three"),
    ])
    .await
    .unwrap();
    assert_eq!(made.items().len(), 1);
    let codes: Vec<(&str, &str)> = made
        .errors()
        .iter()
        .map(|error| (error.client_token(), error.code().as_str()))
        .collect();
    assert_eq!(
        codes,
        [
            ("two", "RESOURCE_NOT_FOUND_EXCEPTION"),
            ("three", "VALIDATION_EXCEPTION")
        ]
    );
    let again = create(vec![entry(&id, &invoice, "40.00", "one")])
        .await
        .unwrap();
    assert_eq!(again.items(), made.items(), "the token answers for 8 hours");
    let other = create(vec![entry(&id, &invoice, "41.00", "one")])
        .await
        .unwrap();
    assert_eq!(other.errors()[0].code().as_str(), "CONFLICT_EXCEPTION");
    market
        .act("clock", json!({ "advanceSeconds": 8 * 3600 }))
        .await;
    let forgotten = create(vec![entry(&id, &invoice, "40.00", "one")])
        .await
        .unwrap();
    assert_ne!(
        forgotten.items(),
        made.items(),
        "and is forgotten then: 40.00 is taken back twice"
    );
    market.get("/sandbox/state").await;
    let lines = market
        .agreement
        .list_agreement_invoice_line_items()
        .agreement_id(&id);
    let lines = lines
        .group_by(LineItemGroupBy::InvoiceId)
        .send()
        .await
        .unwrap();
    let seen: Vec<_> = lines
        .agreement_invoice_line_item_group_summaries()
        .iter()
        .map(|line| {
            let amount = line.pricing_currency_amount().unwrap();
            (
                line.invoice_type().unwrap().as_str(),
                amount.amount().unwrap(),
                amount.max_adjustment_amount(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("INVOICE", "100.00", Some("20.00")),
            ("CREDIT_MEMO", "-40.00", None),
            ("CREDIT_MEMO", "-40.00", None)
        ]
    );
    let paid = market.act("collect", json!({ "agreementId": id })).await;
    assert_eq!(paid["collected"], "20.00", "the buyer owes what is left");
    let deposit = market.act("disburse", json!({})).await;
    assert_eq!(
        deposit["disbursements"][0]["amount"], "19.50",
        "20.00 less 2.5 %"
    );
}

/// Renews once, at 5 % more, in two charges.
pub(crate) fn renewal() -> (&'static str, Value) {
    let terms = json!({ "Terms": [{ "Type": "RenewalTerm", "LockoutPeriod": "P30D", "MaxRenewals": 1,
        "PriceIncrease": { "FixedPercentage": { "Value": "5.00" } },
        "TermTemplates": [{ "PaymentScheduleTermTemplate": { "Schedule": [
            { "ChargeDateOffset": "P0M", "ChargePercentage": "50" },
            { "ChargeDateOffset": "P1M", "ChargePercentage": "50" }] } }] }] });
    ("UpdateRenewalTerms", terms)
}

#[tokio::test]
async fn a_renewal_costs_more_and_begins_where_the_last_one_ended() {
    let market = market().await;
    let id = installments(&market, &[renewal()]).await;
    let described = market
        .agreement
        .describe_agreement()
        .agreement_id(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(
        described.end_time_behavior().unwrap().r#type().as_str(),
        "RENEW"
    );
    wait(&market, 91).await;
    let all = market.get("/sandbox/agreements").await;
    assert_eq!(all[0]["status"], "RENEWED");
    assert_eq!(
        (&all[1]["status"], &all[1]["total"]),
        (&json!("ACTIVE"), &json!("630.00"))
    );
    assert_eq!(all[1]["acceptanceTime"], all[0]["endTime"]);
    assert_eq!(
        billed(&market, all[1]["agreementId"].as_str().unwrap()).await[0].0,
        "315.00"
    );
    wait(&market, 91).await;
    let all = market.get("/sandbox/agreements").await;
    let states: Vec<&Value> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    assert_eq!(states, ["RENEWED", "EXPIRED"], "once");
}

/// Facts §6.1: what the offer said that the buyer had before makes the fee a renewal's.
#[tokio::test]
async fn what_is_marked_as_a_renewal_costs_the_fee_of_one() {
    let market = Market::open().await;
    let mut changes = market.handbook().await;
    let renewing = |channel: &str| json!({ "PreExistingAgreement": { "AcquisitionChannel": channel, "PricingModel": "Contract" } });
    changes[1].1 = renewing("Elsewhere");
    let refused = market.request(&changes).send().await.unwrap_err();
    assert_eq!(
        refused.into_service_error().code(),
        Some("ValidationException"),
        "a channel that AWS does not have"
    );
    changes[1].1 = renewing("AwsMarketplace");
    changes[1].1["Description"] = json!("Engagement E-2");
    let id = market.accept(&market.succeed(&changes).await).await;
    let bill = market.act("bill", json!({ "agreementId": id })).await;
    assert_eq!(bill["invoices"][0]["fee"], "1537.50");
}
