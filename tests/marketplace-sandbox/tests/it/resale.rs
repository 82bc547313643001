//! A channel partner's sale, from the manufacturer's authorization to both parties' cash (facts §1.4, §1.5).

use aws_sdk_marketplacecatalog::types::OwnershipType;
use chrono::{Days, NaiveDate};
use countersign_marketplace_sandbox::{
    DEFAULT_PARTNER_ACCESS_KEY_ID, DEFAULT_PARTNER_ACCOUNT, DEFAULT_PRODUCT_ID,
    DEFAULT_SECRET_ACCESS_KEY, DEFAULT_SELLER_ACCOUNT,
};
use serde_json::{Value, json};

use crate::clients::flow::Party;
use crate::market::{BUYER, Changes, Market, change, errors};

pub(crate) const AUTHORIZATION: &str = "ResaleAuthorization@1.0";

pub(crate) fn partner(market: &Market) -> Party {
    Party::of(
        market,
        DEFAULT_PARTNER_ACCESS_KEY_ID,
        DEFAULT_SECRET_ACCESS_KEY,
    )
}

fn day(today: NaiveDate, days: u64) -> String {
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

fn schedule(kind: &str, today: NaiveDate, amounts: &[&str]) -> Value {
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

fn markup(percentage: &str) -> (&'static str, Value) {
    ("UpdateMarkup", json!({ "Percentage": percentage }))
}

async fn released(market: &Market, changes: &Changes) -> String {
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

#[tokio::test]
async fn each_rule_of_an_authorization_has_its_code() {
    let market = Market::open().await;
    let today = market.today().await;
    let good = authorization(&market, today);
    let with = |kind: &str, details: Value| -> Changes {
        let mut changes = good.clone();
        changes.retain(|(known, _)| *known != kind);
        let place = usize::from(kind != "CreateResaleAuthorization");
        let kind = good.iter().find(|(known, _)| *known == kind).unwrap().0;
        changes.insert(place, (kind, details));
        changes
    };
    let without = |kind: &str| -> Changes {
        good.iter()
            .filter(|(known, _)| *known != kind)
            .cloned()
            .collect()
    };
    let schedule = |amounts: &[&str]| schedule("ResalePaymentScheduleTerm", today, amounts);
    let mut twice = schedule(&["1", "1"]);
    twice["Terms"][0]["Schedule"][1]["ChargeDate"] = json!(day(today, 40));
    let mut soon = schedule(&["1", "1"]);
    soon["Terms"][0]["Schedule"][0]["ChargeDate"] = json!(day(today, 30));
    let create = |reseller: &str| json!({ "ProductId": DEFAULT_PRODUCT_ID, "Name": "S1", "ResellerAccountId": reseller });
    let buyers = json!({ "Terms": [{ "Type": "BuyerTargetingTerm",
        "PositiveTargeting": { "BuyerAccounts": ["000000000000"] } }] });
    for (changes, expected) in [
        (
            with("CreateResaleAuthorization", create("999988887777")),
            vec!["CreateResaleAuthorization: INVALID_RESELLER_ACCOUNT"],
        ),
        (
            with("CreateResaleAuthorization", create(DEFAULT_SELLER_ACCOUNT)),
            vec!["CreateResaleAuthorization: INVALID_RESELLER_ACCOUNT"],
        ),
        (
            with("UpdateBuyerTargetingTerms", buyers),
            vec!["UpdateBuyerTargetingTerms: INVALID_BUYER_ACCOUNTS"],
        ),
        (
            with("UpdateAvailability", json!({})),
            vec!["UpdatePaymentScheduleTerms: MISSING_MANDATORY_TERMS"],
        ),
        (
            with(
                "UpdateAvailability",
                json!({ "AvailabilityEndDate": day(today, 30) }),
            ),
            vec!["UpdatePaymentScheduleTerms: MISSING_MANDATORY_TERMS"],
        ),
        (
            with("UpdatePaymentScheduleTerms", twice),
            vec!["UpdatePaymentScheduleTerms: DUPLICATE_CHARGE_DATES"],
        ),
        (
            with("UpdatePaymentScheduleTerms", soon),
            vec!["UpdatePaymentScheduleTerms: INVALID_CHARGE_DATES"],
        ),
        (
            without("UpdateLegalTerms"),
            vec!["ReleaseResaleAuthorization: MISSING_MANDATORY_TERMS"],
        ),
        (
            without("UpdatePricingTerms"),
            vec![
                "UpdatePaymentScheduleTerms: MISSING_MANDATORY_TERMS",
                "ReleaseResaleAuthorization: MISSING_MANDATORY_TERMS",
            ],
        ),
        (without("UpdatePaymentScheduleTerms"), vec![]),
    ] {
        let ended = Party::isv(&market).run(AUTHORIZATION, &changes).await;
        assert_eq!(errors(&ended), expected);
    }
}

#[tokio::test]
async fn each_rule_of_a_partner_s_offer_has_its_code() {
    let market = Market::open().await;
    let today = market.today().await;
    let own = |amounts: &[&str]| {
        (
            "UpdatePaymentScheduleTerms",
            schedule("PaymentScheduleTerm", today, amounts),
        )
    };
    let mut late = own(&["0.55", "0.55"]);
    late.1["Terms"][0]["Schedule"][1]["ChargeDate"] = json!(day(today, 71));
    let stranger = json!({ "PositiveTargeting": { "BuyerAccounts": ["777788889999"] } });
    let upfront = json!({ "PricingModel": "Contract", "Terms": [{ "Type": "FixedUpfrontPricingTerm",
        "CurrencyCode": "USD", "Price": "0", "Duration": "P91D",
        "Grants": [{ "DimensionKey": "implementation", "MaxQuantity": 2 }] }] });
    for (pricing, expected) in [
        (markup("10"), vec![]),
        (own(&["0.55", "0.55"]), vec![]),
        (
            own(&["0.55", "0.49"]),
            vec!["UpdatePaymentScheduleTerms: INCOMPATIBLE_TERMS"],
        ),
        (
            own(&["1.10"]),
            vec!["UpdatePaymentScheduleTerms: INVALID_CHARGE_DATES"],
        ),
        (
            late,
            vec!["UpdatePaymentScheduleTerms: INVALID_CHARGE_DATES"],
        ),
        (
            ("UpdateTargeting", stranger),
            vec!["UpdateTargeting: INCOMPATIBLE_RESALE_AUTHORIZATION"],
        ),
        (
            ("UpdatePricingTerms", upfront),
            vec![
                "UpdatePricingTerms: INVALID_DURATION",
                "UpdatePricingTerms: INVALID_GRANTS",
            ],
        ),
        (
            (
                "UpdateNetPaymentTerms",
                json!({ "Terms": [{ "Type": "NetPaymentTerm", "PaymentDuePeriod": "P30D" }] }),
            ),
            vec!["UpdateNetPaymentTerms: INCOMPATIBLE_TERMS"],
        ),
    ] {
        let id = released(&market, &authorization(&market, today)).await;
        let ended = partner(&market)
            .run("Offer@1.0", &offer(&id, today, pricing))
            .await;
        assert_eq!(errors(&ended), expected);
        let again = partner(&market)
            .run("Offer@1.0", &offer(&id, today, markup("1")))
            .await;
        let used = vec!["CreateOfferUsingResaleAuthorization: INCOMPATIBLE_RESALE_AUTHORIZATION"];
        let expected = if expected.is_empty() { used } else { vec![] };
        assert_eq!(
            errors(&again),
            expected,
            "single use: counted when an offer is made"
        );
    }
}

#[tokio::test]
async fn markup_and_own_schedule_exclude_each_other() {
    let market = Market::open().await;
    let today = market.today().await;
    let id = released(&market, &authorization(&market, today)).await;
    let reseller = partner(&market);
    let mut draft = offer(&id, today, markup("10"));
    draft.truncate(2);
    let ended = reseller.run("Offer@1.0", &draft).await;
    let entity = ended.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap();
    let entity = entity.strip_suffix("@1").unwrap();
    let own = (
        "UpdatePaymentScheduleTerms",
        schedule("PaymentScheduleTerm", today, &["0.6", "0.6"]),
    );
    for (changes, expected) in [
        (
            vec![own.clone()],
            vec!["UpdatePaymentScheduleTerms: INCOMPATIBLE_MARKUP"],
        ),
        (vec![markup("0"), own], vec![]),
        (
            vec![markup("5")],
            vec!["UpdateMarkup: INCOMPATIBLE_MARKUP_PERCENTAGE"],
        ),
    ] {
        let changes = changes
            .iter()
            .map(|(kind, details)| change(kind, details, Some(entity), None))
            .collect();
        let request = reseller
            .catalog
            .start_change_set()
            .catalog("AWSMarketplace");
        let started = request.set_change_set(Some(changes)).send().await.unwrap();
        let ended = reseller.ended(started.change_set_id().unwrap()).await;
        assert_eq!(errors(&ended), expected);
    }
}

#[tokio::test]
async fn a_contract_must_be_accepted_and_a_restricted_authorization_makes_no_offers() {
    let market = Market::open().await;
    let today = market.today().await;
    let mut changes = authorization(&market, today);
    let url = format!("{}/bucket/terms.pdf", market.url);
    changes[3].1["Terms"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "Type": "ResaleLegalTerm",
        "Documents": [{ "Type": "CustomResellerContract", "Url": url }] }));
    let id = released(&market, &changes).await;
    let make = async || {
        let ended = partner(&market)
            .run("Offer@1.0", &offer(&id, today, markup("0")))
            .await;
        errors(&ended)
    };
    let refused = ["CreateOfferUsingResaleAuthorization: INCOMPATIBLE_RESALE_AUTHORIZATION"];
    assert_eq!(make().await, refused);
    market
        .act(
            "portal/accept-reseller-contract",
            json!({ "resaleAuthorizationId": id }),
        )
        .await;
    let restrict = async || {
        let one = crate::market::typed_change(
            AUTHORIZATION,
            "RestrictResaleAuthorization",
            &json!({}),
            Some(&id),
            None,
        );
        let isv = Party::isv(&market);
        let request = isv
            .catalog
            .start_change_set()
            .catalog("AWSMarketplace")
            .change_set(one);
        let started = request.send().await.unwrap();
        errors(&isv.ended(started.change_set_id().unwrap()).await)
    };
    assert_eq!(restrict().await, Vec::<String>::new());
    assert_eq!(
        restrict().await,
        ["RestrictResaleAuthorization: INVALID_UPDATE_REQUEST"],
        "irreversible"
    );
    assert_eq!(make().await, refused);
}

#[tokio::test]
async fn an_authorization_without_schedule_is_reused_at_one_price() {
    let market = Market::open().await;
    let today = market.today().await;
    let mut changes = authorization(&market, today);
    changes
        .retain(|(kind, _)| !["UpdatePaymentScheduleTerms", "UpdateAvailability"].contains(kind));
    changes[3].1["Terms"][0]["Price"] = json!("1000");
    let id = released(&market, &changes).await;
    for expected in [BUYER, BUYER] {
        let ended = partner(&market)
            .run("Offer@1.0", &offer(&id, today, markup("2.5")))
            .await;
        assert_eq!(errors(&ended), Vec::<String>::new(), "{expected}");
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
