//! The data feeds on disk: layout, sums as documented (facts §6.6), history, and bad deliveries.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono::Datelike;
use rust_decimal::Decimal;
use serde_json::json;

use crate::market::Market;

type Row = HashMap<String, String>;

async fn file(market: &Market, feed: &str) -> PathBuf {
    let now = market.now().await;
    let month = format!("year={:04}/month={:02}", now.year(), now.month());
    market.feeds.join(feed).join(month).join("data.csv")
}

async fn rows(market: &Market, feed: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(file(market, feed).await).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn amount(row: &Row) -> Decimal {
    row["amount"].parse().unwrap()
}

fn sum<'a>(rows: impl IntoIterator<Item = &'a Row>) -> String {
    rows.into_iter().map(amount).sum::<Decimal>().to_string()
}

async fn paid_deal(market: &Market) -> String {
    let agreement = market
        .accept(&market.succeed(&market.handbook().await).await)
        .await;
    market
        .act("bill", json!({ "agreementId": agreement }))
        .await;
    market
        .act("collect", json!({ "agreementId": agreement }))
        .await;
    agreement
}

#[tokio::test]
async fn rows_add_up_and_point_to_each_other() {
    let market = Market::open().await;
    let agreement = paid_deal(&market).await;
    market
        .act("disburse", json!({ "bankTraceId": "BANK-1" }))
        .await;
    let written = market.act("feeds/write", json!({})).await;
    assert_eq!(written["files"].as_array().unwrap().len(), 9);

    let events = rows(&market, "billingeventfeed_v1").await;
    let of = |action: &str, kind: &str| -> Vec<&Row> {
        events
            .iter()
            .filter(|row| row["action"] == action && row["transaction_type"] == kind)
            .collect()
    };
    assert_eq!(sum(of("INVOICED", "SELLER_REV_SHARE")), "102500.00");
    assert_eq!(sum(of("INVOICED", "AWS_REV_SHARE")), "-2562.50");
    assert_eq!(sum(of("INVOICED", "AWS_TAX_SHARE")), "6150.00");
    assert_eq!(of("INVOICED", "AWS_TAX_SHARE")[0]["balance_impacting"], "0");
    assert_eq!(sum(of("COLLECTED", "SELLER_REV_SHARE")), "102500.00");
    let deposits = of("DISBURSED", "DISBURSEMENT");
    let [deposit] = deposits[..] else {
        panic!("one deposit")
    };
    assert_eq!(
        (
            deposit["amount"].as_str(),
            deposit["bank_trace_id"].as_str()
        ),
        ("99937.50", "BANK-1")
    );

    let mirrors: Vec<&Row> = events
        .iter()
        .filter(|row| row["disbursement_billing_event_id"] == deposit["billing_event_id"])
        .collect();
    assert_eq!(
        sum(mirrors.iter().copied()),
        "-99937.50",
        "the mirrors are the deposit, negative"
    );
    for mirror in mirrors {
        let parent = events
            .iter()
            .find(|row| row["billing_event_id"] == mirror["parent_billing_event_id"])
            .unwrap();
        assert_eq!(
            amount(parent) + amount(mirror),
            Decimal::ZERO,
            "nothing is left of the invoice"
        );
        assert_eq!(parent["action"], "INVOICED");
    }
    let invoice = of("INVOICED", "SELLER_REV_SHARE")[0];
    let fee = of("INVOICED", "AWS_REV_SHARE")[0];
    assert_eq!(invoice["agreement_id"], agreement);
    assert_eq!(
        invoice["buyer_transaction_reference_id"],
        fee["buyer_transaction_reference_id"]
    );
    assert_ne!(
        fee["transaction_reference_id"],
        fee["buyer_transaction_reference_id"]
    );
    assert_eq!(fee["charge_variant"], "LISTING_FEE");
    assert_eq!(
        fee["from_account_id"], invoice["to_account_id"],
        "the seller owes the fee"
    );
    assert_eq!(invoice["billing_event_id"].len(), 40);
    assert_eq!(invoice["valid_from"].len(), 20);

    let accounts = rows(&market, "accountfeed_v1").await;
    assert!(
        accounts
            .iter()
            .any(|row| row["account_id"] == invoice["from_account_id"])
    );
    let agreements = rows(&market, "agreementfeed_v1").await;
    assert_eq!(agreements[0]["estimated_agreement_value"], "102500.00");
    assert_eq!(
        agreements[0]["offer_id"],
        rows(&market, "offerfeed_v1").await[0]["offer_id"]
    );
    assert_eq!(rows(&market, "agreementtermfeed_v1").await.len(), 4);
}

#[tokio::test]
async fn a_penny_stays_behind_and_comes_later() {
    let market = Market::open().await;
    paid_deal(&market).await;
    let short = market.act("disburse", json!({ "shortBy": "0.01" })).await;
    assert_eq!(short["disbursements"][0]["amount"], "99937.49");
    let rest = market.act("disburse", json!({})).await;
    assert_eq!(rest["disbursements"][0]["amount"], "0.01");
    market.act("feeds/write", json!({})).await;
    let events = rows(&market, "billingeventfeed_v1").await;
    let deposits = events
        .iter()
        .filter(|row| row["transaction_type"] == "DISBURSEMENT");
    assert_eq!(sum(deposits), "99937.50");
    let residual = events.iter().filter(|row| {
        row["action"] != "COLLECTED"
            && ["SELLER_REV_SHARE", "AWS_REV_SHARE"].contains(&&*row["transaction_type"])
    });
    assert_eq!(sum(residual), "0.00");
}

#[tokio::test]
async fn parts_of_a_payment_carry_their_part_of_the_fee() {
    let market = Market::open().await;
    let agreement = market
        .accept(&market.succeed(&market.handbook().await).await)
        .await;
    market
        .act("bill", json!({ "agreementId": agreement }))
        .await;
    let too_much = json!({ "agreementId": agreement, "amount": "102500.01" });
    assert_eq!(
        market.try_act("collect", too_much).await.unwrap_err()["error"],
        "WRONG_AMOUNT"
    );
    market
        .act(
            "collect",
            json!({ "agreementId": agreement, "amount": "33333.33" }),
        )
        .await;
    let first = market.act("disburse", json!({})).await;
    assert_eq!(first["disbursements"][0]["amount"], "32500.00");
    market
        .act("collect", json!({ "agreementId": agreement }))
        .await;
    let second = market.act("disburse", json!({})).await;
    assert_eq!(
        second["disbursements"][0]["amount"], "67437.50",
        "together 99,937.50"
    );
}

#[tokio::test]
async fn a_failed_deposit_is_reversed_and_due_again() {
    let market = Market::open().await;
    paid_deal(&market).await;
    market.act("disburse", json!({})).await;
    let failure = market.act("disbursement-failure", json!({})).await;
    assert_eq!(failure["failure"]["amount"], "-99937.50");
    let twice = market
        .try_act("disbursement-failure", json!({}))
        .await
        .unwrap_err();
    assert_eq!(twice["error"], "NO_SUCH_DISBURSEMENT");
    let again = market.act("disburse", json!({})).await;
    assert_eq!(again["disbursements"][0]["amount"], "99937.50");
    market.act("feeds/write", json!({})).await;
    let events = rows(&market, "billingeventfeed_v1").await;
    let paid = events
        .iter()
        .filter(|row| row["transaction_type"].starts_with("DISBURSEMENT"));
    assert_eq!(sum(paid), "99937.50");
    let reversal = events
        .iter()
        .find(|row| row["transaction_type"] == "DISBURSEMENT_FAILURE")
        .unwrap();
    let deposit = events
        .iter()
        .find(|row| row["billing_event_id"] == reversal["parent_billing_event_id"])
        .unwrap();
    assert_eq!(deposit["transaction_type"], "DISBURSEMENT");
    let reversed = events
        .iter()
        .filter(|row| row["disbursement_billing_event_id"] == reversal["billing_event_id"]);
    assert_eq!(sum(reversed), "99937.50");
}

#[tokio::test]
async fn the_month_is_rewritten_whole_and_rows_keep_their_history() {
    let market = Market::open().await;
    market.act("feeds/write", json!({})).await;
    assert!(
        rows(&market, "billingeventfeed_v1").await.is_empty(),
        "header only"
    );
    let agreement = paid_deal(&market).await;
    market.act("feeds/write", json!({})).await;
    let first = rows(&market, "billingeventfeed_v1").await;
    assert_eq!(first.len(), 4);
    let old_file = file(&market, "billingeventfeed_v1").await;
    let old = std::fs::read(&old_file).unwrap();

    market.set_clock(Duration::from_hours(768));
    market.act("disburse", json!({})).await;
    market.act("feeds/write", json!({})).await;
    assert_ne!(file(&market, "billingeventfeed_v1").await, old_file);
    assert_eq!(
        rows(&market, "billingeventfeed_v1").await.len(),
        3,
        "only what is new in the new month"
    );
    assert_eq!(
        std::fs::read(&old_file).unwrap(),
        old,
        "last month is left as it was"
    );

    market.set_clock(Duration::from_hours(2184));
    market.act("feeds/write", json!({})).await;
    let expired = rows(&market, "agreementfeed_v1").await;
    assert_eq!(
        (
            expired[0]["agreement_id"].as_str(),
            expired[0]["status"].as_str()
        ),
        (agreement.as_str(), "EXPIRED")
    );
}

#[tokio::test]
async fn bad_deliveries_on_demand() {
    let market = Market::open().await;
    paid_deal(&market).await;
    let path = file(&market, "billingeventfeed_v1").await;
    let deliver = async |body| {
        market.act("feeds/write", body).await;
        std::fs::read(&path).unwrap()
    };
    let good = deliver(json!({})).await;
    let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count();
    assert_eq!(
        lines(&deliver(json!({ "duplicateRow": true })).await),
        lines(&good) + 1
    );
    assert_eq!(
        lines(&deliver(json!({ "sameFileAgain": true })).await),
        lines(&good) + 1
    );
    assert!(std::str::from_utf8(&deliver(json!({ "invalidUtf8": true })).await).is_err());
    assert!(
        !deliver(json!({ "truncateLastLine": true }))
            .await
            .ends_with(b"\n")
    );
    let header = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(!header(&deliver(json!({ "dropColumn": "amount" })).await).contains(",amount,"));
    assert!(header(&deliver(json!({ "extraColumn": "surprise" })).await).ends_with(",surprise"));
    assert!(header(&deliver(json!({ "reorderColumns": true })).await).starts_with("delete_date,"));
    assert_eq!(
        deliver(json!({})).await,
        good,
        "the next good delivery heals it"
    );
    let unknown = market
        .try_act("feeds/write", json!({ "dropColumn": "nope" }))
        .await
        .unwrap_err();
    assert_eq!(unknown["error"], "BAD_REQUEST");
}
