//! The rules of resale authorizations and of the offers made of them (facts §1.4, §1.5).

use countersign_marketplace_sandbox::{DEFAULT_PRODUCT_ID, DEFAULT_SELLER_ACCOUNT};
use serde_json::{Value, json};

use crate::clients::flow::Party;
use crate::market::{BUYER, Changes, Market, change, errors};
use crate::resale::{
    AUTHORIZATION, authorization, day, markup, offer, offer_to, open_ended, partner, rate_card,
    released, schedule,
};

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
    let mut renewal = without("UpdateBuyerTargetingTerms");
    let before = json!({ "AcquisitionChannel": "AwsMarketplace", "PricingModel": "Contract" });
    let before = json!({ "PreExistingBuyerAgreement": before });
    renewal.insert(1, ("UpdateInformation", before));
    let schedule = |amounts: &[&str]| schedule("ResalePaymentScheduleTerm", today, amounts);
    let mut twice = schedule(&["1", "1"]);
    twice["Terms"][0]["Schedule"][1]["ChargeDate"] = json!(day(today, 40));
    let mut soon = schedule(&["1", "1"]);
    soon["Terms"][0]["Schedule"][0]["ChargeDate"] = json!(day(today, 30));
    let mut late = schedule(&["1", "1"]);
    late["Terms"][0]["Schedule"][1]["ChargeDate"] = json!(day(today, 90));
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
            vec!["UpdatePaymentScheduleTerms: INCOMPATIBLE_TERMS"],
        ),
        (
            with(
                "UpdateAvailability",
                json!({ "AvailabilityEndDate": day(today, 30) }),
            ),
            vec!["UpdatePaymentScheduleTerms: INCOMPATIBLE_TERMS"],
        ),
        (
            with("UpdatePaymentScheduleTerms", twice),
            vec!["UpdatePaymentScheduleTerms: DUPLICATE_CHARGE_DATES"],
        ),
        (
            with("UpdatePaymentScheduleTerms", soon),
            vec!["UpdateAvailability: INVALID_AVAILABILITY_END_DATE"],
        ),
        (
            with("UpdatePaymentScheduleTerms", late),
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
        (
            without("UpdatePaymentScheduleTerms"),
            vec!["ReleaseResaleAuthorization: INCOMPATIBLE_PRICING_TERM"],
        ),
        (
            with("UpdatePricingTerms", rate_card("1000")),
            vec![
                "UpdatePaymentScheduleTerms: MISSING_MANDATORY_TERMS",
                "ReleaseResaleAuthorization: INCOMPATIBLE_PRICING_TERM",
            ],
        ),
        (
            renewal,
            vec!["CreateResaleAuthorization: INCOMPATIBLE_BUYER_TARGETING"],
        ),
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
    let priced = json!({ "PricingModel": "Contract", "Terms": [{ "Type": "FixedUpfrontPricingTerm",
        "CurrencyCode": "USD", "Price": "5", "Duration": "P90D",
        "Grants": [{ "DimensionKey": "implementation", "MaxQuantity": 1 }] }] });
    let upfront = json!({ "PricingModel": "Contract", "Terms": [{ "Type": "FixedUpfrontPricingTerm",
        "CurrencyCode": "USD", "Price": "0", "Duration": "P91D",
        "Grants": [{ "DimensionKey": "implementation", "MaxQuantity": 2 }] }] });
    for (pricing, expected) in [
        (markup("10"), vec![]),
        (own(&["0.55", "0.55"]), vec![]),
        (
            own(&["0.55", "0.49"]),
            vec!["UpdatePaymentScheduleTerms: INCOMPATIBLE_RESALE_AUTHORIZATION"],
        ),
        (
            own(&["1.10"]),
            vec!["UpdatePaymentScheduleTerms: INCOMPATIBLE_RESALE_AUTHORIZATION"],
        ),
        (
            late,
            vec!["UpdatePaymentScheduleTerms: INCOMPATIBLE_RESALE_AUTHORIZATION"],
        ),
        (
            ("UpdatePricingTerms", priced),
            vec!["UpdatePricingTerms: INCOMPATIBLE_TERMS"],
        ),
        (
            ("UpdateTargeting", stranger),
            vec!["UpdateTargeting: INCOMPATIBLE_RESALE_AUTHORIZATION"],
        ),
        (
            ("UpdatePricingTerms", upfront),
            vec!["UpdatePricingTerms: INCOMPATIBLE_RESALE_AUTHORIZATION"; 2],
        ),
        (
            (
                "UpdateValidityTerms",
                json!({ "Terms": [{ "Type": "ValidityTerm", "AgreementDuration": "P91D" }] }),
            ),
            vec!["UpdateValidityTerms: INCOMPATIBLE_RESALE_AUTHORIZATION"],
        ),
        (
            (
                "UpdateNetPaymentTerms",
                json!({ "Terms": [{ "Type": "NetPaymentTerm", "PaymentDuePeriod": "P30D" }] }),
            ),
            vec!["UpdateNetPaymentTerms: INCOMPATIBLE_RESALE_AUTHORIZATION"],
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
async fn a_released_markup_is_fixed_and_buyers_are_25_at_most() {
    let market = Market::open().await;
    let today = market.today().await;
    let open = released(&market, &open_ended(&market, "1000")).await;
    let reseller = partner(&market);
    let buyers = |count: u64| {
        let accounts: Vec<String> = (1..=count).map(|id| format!("{id:012}")).collect();
        let mut changes = offer_to(&open, BUYER, today, markup("10"));
        changes[1].1["PositiveTargeting"]["BuyerAccounts"] = json!(accounts);
        changes
    };
    let many = reseller.run("Offer@1.0", &buyers(26)).await;
    assert_eq!(errors(&many), ["UpdateTargeting: TOO_MANY_BUYER_ACCOUNTS"]);
    let made = reseller.run("Offer@1.0", &buyers(25)).await;
    assert_eq!(errors(&made), Vec::<String>::new());
    let made = made.change_set()[0].entity().unwrap();
    let made = made.identifier().unwrap().split('@').next().unwrap();
    let (kind, details) = markup("5");
    let request = reseller.catalog.start_change_set();
    let request = request.catalog("AWSMarketplace");
    let request = request.change_set(change(kind, &details, Some(made), None));
    let started = request.send().await.unwrap();
    let ended = reseller.ended(started.change_set_id().unwrap()).await;
    assert_eq!(errors(&ended), ["UpdateMarkup: INCOMPATIBLE_MARKUP"]);
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
            vec!["UpdatePaymentScheduleTerms: INCOMPATIBLE_MARKUP_PERCENTAGE"],
        ),
        (vec![markup("0"), own], vec![]),
        (vec![markup("5")], vec!["UpdateMarkup: INCOMPATIBLE_TERMS"]),
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
        ["RestrictResaleAuthorization: INCOMPATIBLE_STATUS"],
        "irreversible"
    );
    assert_eq!(make().await, refused);
}

/// An authorization by rate card: what AWS refuses of the term itself, and of an offer made from it.
#[tokio::test]
async fn each_rule_of_a_rate_card_has_its_code() {
    let market = Market::open().await;
    let today = market.today().await;
    let with = |pointer: &str, value: Value| {
        let mut changes = open_ended(&market, "1000");
        let (_, pricing) = changes
            .iter_mut()
            .find(|(kind, _)| *kind == "UpdatePricingTerms")
            .unwrap();
        let card = pricing.pointer_mut("/Terms/0/RateCards/0").unwrap();
        *card.pointer_mut(pointer).unwrap() = value;
        changes
    };
    let mut twice = open_ended(&market, "1000");
    let cards = twice[2].1.pointer_mut("/Terms/0/RateCards").unwrap();
    let card = cards[0].clone();
    cards.as_array_mut().unwrap().push(card);
    let rate = |key: &str| json!({ "DimensionKey": key, "Price": "1" });
    for (changes, expected) in [
        (
            with("/Selector/Value", json!("P9Y")),
            vec!["INVALID_SELECTOR_DURATION_VALUE"],
        ),
        (
            with("/RateCard", json!([rate("nothing")])),
            vec!["INCOMPATIBLE_PRODUCT"],
        ),
        (
            with("/RateCard", json!([rate("training"), rate("training")])),
            vec!["DUPLICATE_DIMENSION_KEYS"],
        ),
        (
            with("/Constraints/QuantityConfiguration", json!("Allowed")),
            vec!["INCOMPATIBLE_RATE_CARD_CONSTRAINTS"],
        ),
        (
            with("/Constraints", Value::Null),
            vec!["INCOMPATIBLE_RATE_CARD_CONSTRAINTS"],
        ),
        (twice, vec!["DUPLICATE_SELECTORS", "TOO_MANY_RATE_CARDS"]),
    ] {
        let ended = Party::isv(&market).run(AUTHORIZATION, &changes).await;
        let expected: Vec<_> = expected
            .iter()
            .map(|code| format!("UpdatePricingTerms: {code}"))
            .collect();
        assert_eq!(errors(&ended), expected);
    }
    let id = released(&market, &open_ended(&market, "1000")).await;
    let own = schedule("PaymentScheduleTerm", today, &["500", "500"]);
    let sum = json!({ "PricingModel": "Contract", "Terms": [{ "Type": "FixedUpfrontPricingTerm",
        "CurrencyCode": "USD", "Price": "0", "Duration": "P90D",
        "Grants": [{ "DimensionKey": "implementation", "MaxQuantity": 1 }] }] });
    for change in [
        ("UpdatePaymentScheduleTerms", own),
        ("UpdatePricingTerms", sum),
    ] {
        let kind = change.0;
        let ended = partner(&market)
            .run("Offer@1.0", &offer(&id, today, change))
            .await;
        let refused = format!("{kind}: INCOMPATIBLE_RESALE_AUTHORIZATION");
        assert!(errors(&ended).contains(&refused), "{:?}", errors(&ended));
    }
}
