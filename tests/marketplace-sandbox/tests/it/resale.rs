//! A channel partner's sale, from the manufacturer's authorization to both parties' cash (facts §1.4, §1.5).

use aws_sdk_marketplacecatalog::types::OwnershipType;
use chrono::{Days, NaiveDate};
use countersign_marketplace_sandbox::{
    DEFAULT_PARTNER_ACCESS_KEY_ID, DEFAULT_PARTNER_ACCOUNT, DEFAULT_PRODUCT_ID,
    DEFAULT_SECRET_ACCESS_KEY, DEFAULT_SELLER_ACCOUNT,
};
use serde_json::{Value, json};

use crate::clients::flow::Party;
use crate::market::{BUYER, Changes, Market, errors};

pub(crate) const AUTHORIZATION: &str = "ResaleAuthorization@1.0";

pub(crate) fn partner(market: &Market) -> Party {
    Party::of(
        market,
        DEFAULT_PARTNER_ACCESS_KEY_ID,
        DEFAULT_SECRET_ACCESS_KEY,
    )
}

pub(crate) fn day(today: NaiveDate, days: u64) -> String {
    today.checked_add_days(Days::new(days)).unwrap().to_string()
}

/// S1's authorization: single use, 0.50 in 40 days and 0.50 in 70.
pub(crate) fn authorization(market: &Market, today: NaiveDate) -> Changes {
    let document =
        json!({ "Type": "CustomEula", "Url": format!("{}/bucket/terms.pdf", market.url) });
    vec![
        (
            "CreateResaleAuthorization",
            json!({ "ProductId": DEFAULT_PRODUCT_ID, "Name": "S1",
            "Description": "Scenario one", "ResellerAccountId": DEFAULT_PARTNER_ACCOUNT }),
        ),
        (
            "UpdateBuyerTargetingTerms",
            json!({ "Terms": [{ "Type": "BuyerTargetingTerm",
            "PositiveTargeting": { "BuyerAccounts": [BUYER] } }] }),
        ),
        (
            "UpdateAvailability",
            json!({ "AvailabilityEndDate": day(today, 30), "OffersMaxQuantity": 1 }),
        ),
        (
            "UpdateLegalTerms",
            json!({ "Terms": [{ "Type": "BuyerLegalTerm", "Documents": [document] }] }),
        ),
        (
            "UpdatePricingTerms",
            json!({ "PricingModel": "Contract", "Terms": [{
            "Type": "ResaleFixedUpfrontPricingTerm", "CurrencyCode": "USD", "Price": "0.00",
            "Duration": "P90D", "Grants": [{ "DimensionKey": "implementation", "MaxQuantity": 1 }] }] }),
        ),
        (
            "UpdatePaymentScheduleTerms",
            schedule("ResalePaymentScheduleTerm", today, &["0.50", "0.50"]),
        ),
        ("ReleaseResaleAuthorization", json!({})),
    ]
}

pub(crate) fn schedule(kind: &str, today: NaiveDate, amounts: &[&str]) -> Value {
    let rows: Vec<Value> = amounts
        .iter()
        .zip([40, 70])
        .map(|(amount, days)| json!({ "ChargeDate": day(today, days), "ChargeAmount": amount }))
        .collect();
    json!({ "Terms": [{ "Type": kind, "CurrencyCode": "USD", "Schedule": rows }] })
}

/// The partner's offer on top of it, priced by `pricing`.
pub(crate) fn offer(
    authorization: &str,
    today: NaiveDate,
    pricing: (&'static str, Value),
) -> Changes {
    vec![
        (
            "CreateOfferUsingResaleAuthorization",
            json!({ "ResaleAuthorizationId": authorization,
            "Name": "Resold", "Description": "Scenario one" }),
        ),
        pricing,
        (
            "UpdateAvailability",
            json!({ "AvailabilityEndDate": day(today, 30) }),
        ),
        ("ReleaseOffer", json!({})),
    ]
}

pub(crate) fn markup(percentage: &str) -> (&'static str, Value) {
    ("UpdateMarkup", json!({ "Percentage": percentage }))
}

pub(crate) async fn released(market: &Market, changes: &Changes) -> String {
    let ended = Party::isv(market).run(AUTHORIZATION, changes).await;
    assert_eq!(errors(&ended), Vec::<String>::new());
    let identifier = ended.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap();
    identifier.strip_suffix("@1").unwrap().to_owned()
}

#[tokio::test]
async fn s1_runs_to_cash_for_both_parties() {
    let market = Market::open().await;
    let today = market.today().await;
    let id = released(&market, &authorization(&market, today)).await;
    let reseller = partner(&market);
    let request = reseller.catalog.list_entities().catalog("AWSMarketplace");
    let shared = request
        .entity_type("ResaleAuthorization")
        .ownership_type(OwnershipType::Shared);
    let shared = shared.send().await.unwrap();
    let summary = shared.entity_summary_list()[0]
        .resale_authorization_summary()
        .unwrap();
    assert_eq!(summary.status().unwrap().as_str(), "Active");
    assert_eq!(summary.offer_extended_status(), Some("Not Started"));
    let ended = reseller
        .run("Offer@1.0", &offer(&id, today, markup("10")))
        .await;
    assert_eq!(errors(&ended), Vec::<String>::new());
    let offers = market.get("/sandbox/offers").await;
    assert_eq!(offers[0]["total"], "1.10");
    let offer = offers[0]["offerId"].as_str().unwrap();

    let agreement = market.accept(offer).await;
    let described = reseller
        .agreement
        .describe_agreement()
        .agreement_id(&agreement);
    let described = described.send().await.unwrap();
    assert_eq!(
        described.proposer().and_then(|party| party.account_id()),
        Some(DEFAULT_PARTNER_ACCOUNT)
    );
    assert_eq!(
        described.estimated_charges().unwrap().agreement_value(),
        Some("1.10")
    );
    market
        .act("clock", json!({ "advanceSeconds": 71 * 86_400 }))
        .await;
    let bill = market
        .act("bill", json!({ "agreementId": agreement }))
        .await;
    assert_eq!(bill["invoices"].as_array().unwrap().len(), 2);
    market
        .act("collect", json!({ "agreementId": agreement }))
        .await;
    let paid = market.act("disburse", json!({})).await["disbursements"].clone();
    let amounts: Vec<(&str, &str)> = paid
        .as_array()
        .unwrap()
        .iter()
        .map(|deposit| {
            (
                deposit["account"].as_str().unwrap(),
                deposit["amount"].as_str().unwrap(),
            )
        })
        .collect();
    // Wholesale 1.00 less twice 3 % of 0.50, half to even; the margin is the partner's, whole.
    assert_eq!(
        amounts,
        [
            (DEFAULT_SELLER_ACCOUNT, "0.96"),
            (DEFAULT_PARTNER_ACCOUNT, "0.10")
        ]
    );
}

#[tokio::test]
async fn both_parties_feeds_tell_their_own_side() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::with(|config| {
        config.settings.preparing_ms = 0;
        config.settings.applying_ms = 0;
        config.settings.rate_limit = false;
        config.settings.auto_bill = true;
        config.partner_feeds = Some(folder.path().to_owned());
    })
    .await;
    let today = market.today().await;
    let id = released(&market, &authorization(&market, today)).await;
    let changes = offer(&id, today, markup("10"));
    let ended = partner(&market).run("Offer@1.0", &changes).await;
    assert_eq!(errors(&ended), Vec::<String>::new());
    let offers = market.get("/sandbox/offers").await;
    let agreement = market.accept(offers[0]["offerId"].as_str().unwrap()).await;
    market
        .act("clock", json!({ "advanceSeconds": 71 * 86_400 }))
        .await;
    market
        .act("collect", json!({ "agreementId": agreement }))
        .await;
    market.act("disburse", json!({})).await;
    market.act("feeds/write", json!({})).await;

    let sum = |folder: &std::path::Path| rows(folder, "billingeventfeed_v1");
    let (isv, cp) = (
        sum(&market.feeds),
        sum(&folder.path().join(DEFAULT_PARTNER_ACCOUNT)),
    );
    let of = |rows: &[Row], action: &str, side: &str, kind: &str| -> Vec<String> {
        rows.iter()
            .filter(|row| row["action"] == action && row["charge_side"] == side)
            .filter(|row| row["transaction_type"] == kind)
            .map(|row| row["amount"].clone())
            .collect()
    };
    assert_eq!(
        of(&cp, "INVOICED", "", "SELLER_REV_SHARE"),
        ["0.55", "0.55"]
    );
    assert_eq!(
        of(&cp, "INVOICED", "BUYING", "SELLER_REV_SHARE"),
        ["-0.50", "-0.50"]
    );
    assert_eq!(
        of(&cp, "INVOICED", "", "AWS_REV_SHARE"),
        Vec::<String>::new()
    );
    assert_eq!(of(&cp, "DISBURSED", "", "DISBURSEMENT"), ["0.10"]);
    assert_eq!(
        of(&isv, "INVOICED", "SELLING", "SELLER_REV_SHARE"),
        ["0.50", "0.50"]
    );
    assert_eq!(
        of(&isv, "INVOICED", "", "AWS_REV_SHARE"),
        ["-0.02", "-0.02"]
    );
    assert_eq!(of(&isv, "DISBURSED", "", "DISBURSEMENT"), ["0.96"]);
    for rows in [&isv, &cp] {
        let details: Vec<&Row> = rows
            .iter()
            .filter(|row| row["action"] == "DISBURSED")
            .collect();
        for row in details
            .iter()
            .filter(|row| row["transaction_type"] != "DISBURSEMENT")
        {
            let parent = rows
                .iter()
                .find(|other| other["billing_event_id"] == row["parent_billing_event_id"]);
            assert_eq!(
                parent.unwrap()["amount"],
                row["amount"].trim_start_matches('-').replacen(
                    "",
                    if row["amount"].starts_with('-') {
                        ""
                    } else {
                        "-"
                    },
                    1
                )
            );
        }
    }
    let value = |folder: &std::path::Path| {
        rows(folder, "agreementfeed_v1")[0]["estimated_agreement_value"].clone()
    };
    assert_eq!(
        value(&market.feeds),
        "1.00",
        "the manufacturer sees the wholesale value"
    );
    assert_eq!(value(&folder.path().join(DEFAULT_PARTNER_ACCOUNT)), "1.10");
    assert!(
        rows(&market.feeds, "offertargetfeed_v1").is_empty(),
        "not the manufacturer's to know"
    );
}

type Row = std::collections::BTreeMap<String, String>;

/// Every row of a feed, over all its months.
fn rows(folder: &std::path::Path, feed: &str) -> Vec<Row> {
    let mut files: Vec<std::path::PathBuf> = Vec::new();
    for year in std::fs::read_dir(folder.join(feed)).unwrap() {
        for month in std::fs::read_dir(year.unwrap().path()).unwrap() {
            files.push(month.unwrap().path().join("data.csv"));
        }
    }
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            csv::Reader::from_path(file)
                .unwrap()
                .into_deserialize::<Row>()
        })
        .map(Result::unwrap)
        .collect()
}

/// One package at one price, for any buyer and as often as the partner likes, until it is restricted.
pub(crate) fn open_ended(market: &Market, price: &str) -> Changes {
    let document =
        json!({ "Type": "CustomEula", "Url": format!("{}/bucket/terms.pdf", market.url) });
    vec![
        (
            "CreateResaleAuthorization",
            json!({ "ProductId": DEFAULT_PRODUCT_ID, "Name": "Open", "Description": "Open ended",
            "ResellerAccountId": DEFAULT_PARTNER_ACCOUNT }),
        ),
        (
            "UpdateLegalTerms",
            json!({ "Terms": [{ "Type": "BuyerLegalTerm", "Documents": [document] }] }),
        ),
        ("UpdatePricingTerms", rate_card(price)),
        ("ReleaseResaleAuthorization", json!({})),
    ]
}

pub(crate) fn rate_card(price: &str) -> Value {
    json!({ "PricingModel": "Contract", "Terms": [{
        "Type": "ResaleConfigurableUpfrontPricingTerm", "CurrencyCode": "USD",
        "RateCards": [{
            "Selector": { "Type": "Duration", "Value": "P90D" },
            "RateCard": [{ "DimensionKey": "implementation", "Price": price }],
            "Constraints": {
                "MultipleDimensionSelection": "Disallowed", "QuantityConfiguration": "Disallowed",
            },
        }],
    }] })
}

/// The partner's offer of it for one buyer.
pub(crate) fn offer_to(
    authorization: &str,
    buyer: &str,
    today: NaiveDate,
    pricing: (&'static str, Value),
) -> Changes {
    let mut changes = offer(authorization, today, pricing);
    let buyers = json!({ "PositiveTargeting": { "BuyerAccounts": [buyer] } });
    changes.insert(1, ("UpdateTargeting", buyers));
    changes
}

#[tokio::test]
async fn an_open_ended_authorization_is_reused_at_one_price() {
    let market = Market::open().await;
    let today = market.today().await;
    let id = released(&market, &open_ended(&market, "1000")).await;
    for buyer in [BUYER, "777788889999"] {
        let changes = offer_to(&id, buyer, today, markup("2.5"));
        let ended = partner(&market).run("Offer@1.0", &changes).await;
        assert_eq!(errors(&ended), Vec::<String>::new(), "{buyer}");
    }
    let offers = market.get("/sandbox/offers").await;
    let agreement = market.accept(offers[0]["offerId"].as_str().unwrap()).await;
    let bill = market
        .act("bill", json!({ "agreementId": agreement }))
        .await;
    let invoice = &bill["invoices"][0];
    assert_eq!(
        (&invoice["amount"], &invoice["wholesale"]),
        (&json!("1025.00"), &json!("1000.00"))
    );
    assert_eq!(
        invoice["fee"], "30.00",
        "2.5 % and half a point, on the wholesale price"
    );
}
