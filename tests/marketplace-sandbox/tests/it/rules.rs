//! The asynchronous rules of facts §1.3: a case per row, through the SDK.

use std::time::Duration;

use aws_sdk_marketplacecatalog::types::{ChangeStatus, FailureCode};
use countersign_marketplace_sandbox::{
    Config, DEFAULT_PARTNER_ACCOUNT, DEFAULT_SELLER_ACCOUNT, Dimension, ProductState,
};
use serde_json::json;

use crate::market::{BUYER, Market, errors};
use crate::terms::{
    date_rows, day, document_rows, missing_rows, party_rows, renewal_rows, schedule, term_rows,
};

#[tokio::test]
async fn each_rule_has_its_code_on_its_change() {
    let market = Market::with(|config| {
        instant(config);
        config.document_limit = 4096;
        // One change set after another touches more than 20 offers, never more than 20 at once.
    })
    .await;
    let put = |name: &str, bytes: &[u8]| std::fs::write(market.bucket.join(name), bytes).unwrap();
    put("letter.pdf", b"Dear customer");
    put("cut.pdf", b"%PDF-1.7\n1 0 obj");
    put("locked.pdf", b"%PDF-1.7\ntrailer <</Encrypt 5 0 R>>\n%%EOF");
    put(
        "huge.pdf",
        &[b"%PDF-1.7\n".as_slice(), &[b' '; 5000], b"%%EOF"].concat(),
    );
    let rows = document_rows(&format!("{}/bucket", market.url))
        .into_iter()
        .chain(missing_rows())
        .chain(term_rows())
        .chain(party_rows())
        .chain(renewal_rows())
        .chain(date_rows());
    let today = market.today().await;
    let mut taken = 0;
    for (number, row) in rows.enumerate() {
        let mut changes = market.handbook().await;
        (row.change)(&mut changes, today);
        let ended = market.ended(&market.start(&changes).await).await;
        assert_eq!(errors(&ended), row.expected, "row {number}: {changes:?}");
        if row.expected.is_empty() {
            taken += 1;
            assert_eq!(ended.status(), Some(&ChangeStatus::Succeeded));
        } else {
            assert_eq!(ended.status(), Some(&ChangeStatus::Failed));
            assert_eq!(ended.failure_code(), Some(&FailureCode::ClientError));
        }
    }
    let offers = market.get("/sandbox/offers").await;
    assert_eq!(
        offers.as_array().unwrap().len(),
        taken,
        "a failed set changes nothing"
    );
}

fn instant(config: &mut Config) {
    config.settings.preparing_ms = 0;
    config.settings.applying_ms = 0;
    config.settings.rate_limit = false;
}

#[tokio::test]
async fn all_findings_come_at_once() {
    let market = Market::open().await;
    let changes = vec![
        market.handbook().await[0].clone(),
        ("ReleaseOffer", json!({})),
    ];
    let ended = market.ended(&market.start(&changes).await).await;
    let codes = errors(&ended);
    for code in [
        "MISSING_DESCRIPTION",
        "MISSING_AVAILABILITY_END_DATE",
        "MISSING_BUYER_ACCOUNTS",
    ] {
        assert!(
            codes.contains(&format!("ReleaseOffer: {code}")),
            "{codes:?}"
        );
    }
}

#[tokio::test]
async fn the_seller_and_the_product_must_be_ready() {
    let draft = Market::with(|config| {
        instant(config);
        config.products[0].state = ProductState::Draft;
    })
    .await;
    let ended = draft
        .ended(&draft.start(&draft.handbook().await).await)
        .await;
    assert_eq!(errors(&ended), ["ReleaseOffer: INCOMPATIBLE_PRODUCT"]);
    let untaxed = Market::with(|config| {
        instant(config);
        config.tax_information_complete = false;
    })
    .await;
    let ended = untaxed
        .ended(&untaxed.start(&untaxed.handbook().await).await)
        .await;
    assert_eq!(errors(&ended), ["ReleaseOffer: INVALID_TAX_INFORMATION"]);
}

/// Each seller by itself, and only while it is so.
#[tokio::test]
async fn a_seller_whom_aws_has_not_verified_releases_nothing() {
    let market = Market::open().await;
    let errors_now = async || {
        let id = market.start(&market.handbook().await).await;
        errors(&market.ended(&id).await)
    };
    let unverified = ["ReleaseOffer: INCOMPATIBLE_SELLER_VERIFICATION"];
    for state in ["IDENTITY_UNVERIFIED", "BANK_ACCOUNT_UNVERIFIED"] {
        market
            .act("sellers", json!({ "verification": state }))
            .await;
        assert_eq!(errors_now().await, unverified, "{state}");
    }
    let mut draft = market.handbook().await;
    draft.retain(|(kind, _)| *kind != "ReleaseOffer");
    market.succeed(&draft).await;
    let verified = json!({ "verification": "VERIFIED", "taxInformationComplete": false });
    market.act("sellers", verified).await;
    let untaxed = ["ReleaseOffer: INVALID_TAX_INFORMATION"];
    assert_eq!(
        errors_now().await,
        untaxed,
        "the other states are as before"
    );

    let sound = json!({ "taxInformationComplete": true });
    market.act("sellers", sound).await;
    let partner = json!({ "account": DEFAULT_PARTNER_ACCOUNT, "verification": "IDENTITY_UNVERIFIED",
        "disbursementCurrencies": ["EUR"] });
    market.act("sellers", partner).await;
    market.succeed(&market.handbook().await).await;
    let sellers = market.get("/sandbox/sellers").await;
    let shown = &sellers[DEFAULT_PARTNER_ACCOUNT];
    assert_eq!(shown["disbursementCurrencies"], json!(["EUR"]));
    assert_eq!(sellers[DEFAULT_SELLER_ACCOUNT]["verification"], "VERIFIED");
    for (wrong, code) in [
        (json!({ "verification": "ALMOST" }), "BAD_REQUEST"),
        (json!({ "standing": "good" }), "BAD_REQUEST"),
        (json!({ "account": BUYER }), "UNKNOWN_SELLER"),
    ] {
        let refused = market.try_act("sellers", wrong).await.unwrap_err();
        assert_eq!(refused["error"], code);
    }
}

#[tokio::test]
async fn more_grants_than_the_pages_allow() {
    let keys: Vec<String> = (0..201).map(|number| format!("package_{number}")).collect();
    let market = Market::with(|config| {
        instant(config);
        let dimension = |key: &String| Dimension {
            key: key.clone(),
            name: key.clone(),
        };
        config.products[0].dimensions = keys.iter().map(dimension).collect();
    })
    .await;
    let granted = async |keys: &[String]| {
        let mut changes = market.handbook().await;
        let grants = keys.iter();
        let grants: Vec<_> = grants
            .map(|key| json!({ "DimensionKey": key, "MaxQuantity": 1 }))
            .collect();
        changes[4].1["Terms"][0]["Grants"] = json!(grants);
        errors(&market.ended(&market.start(&changes).await).await)
    };
    let (too_many, most) = (&keys[..], &keys[..200]);
    assert_eq!(granted(most).await, [""; 0]);
    assert_eq!(
        granted(too_many).await,
        ["UpdatePricingTerms: TOO_MANY_GRANTS"]
    );
}

#[tokio::test]
async fn what_is_frozen_after_release() {
    let market = Market::open().await;
    let good = market.handbook().await;
    let offer = market.succeed(&good).await;
    let details = |kind: &str| {
        good.iter()
            .find(|(known, _)| *known == kind)
            .unwrap()
            .1
            .clone()
    };
    let today = market.today().await;
    let pre_existing = json!({ "PreExistingAgreement": { "AcquisitionChannel": "External", "PricingModel": "Contract" } });
    for (kind, document, expected) in [
        (
            "UpdateTargeting",
            details("UpdateTargeting"),
            "INCOMPATIBLE_TARGETING",
        ),
        (
            "UpdateLegalTerms",
            details("UpdateLegalTerms"),
            "INCOMPATIBLE_TERMS",
        ),
        (
            "UpdatePricingTerms",
            details("UpdatePricingTerms"),
            "INCOMPATIBLE_TERMS",
        ),
        (
            "UpdatePaymentScheduleTerms",
            details("UpdatePaymentScheduleTerms"),
            "INCOMPATIBLE_TERMS",
        ),
        (
            "UpdateInformation",
            pre_existing,
            "INCOMPATIBLE_PRE_EXISTING_AGREEMENT",
        ),
        ("ReleaseOffer", json!({}), "INVALID_UPDATE_REQUEST"),
    ] {
        assert_eq!(
            market.errors_of(&offer, &[(kind, document)]).await,
            [format!("{kind}: {expected}")]
        );
    }
    let name = json!({ "Name": "Renamed", "Description": "still open" });
    assert!(
        market
            .errors_of(&offer, &[("UpdateInformation", name)])
            .await
            .is_empty()
    );
    let later = json!({ "AvailabilityEndDate": day(today, 20) });
    assert!(
        market
            .errors_of(&offer, &[("UpdateAvailability", later)])
            .await
            .is_empty()
    );
    let duration = json!({ "Terms": [{ "Type": "ValidityTerm", "AgreementDuration": "P120D" }] });
    assert!(
        market
            .errors_of(&offer, &[("UpdateValidityTerms", duration)])
            .await
            .is_empty()
    );
    let entity = market
        .catalog
        .describe_entity()
        .catalog("AWSMarketplace")
        .entity_id(&offer)
        .send()
        .await
        .unwrap();
    assert_eq!(
        entity.entity_identifier(),
        Some(format!("{offer}@4").as_str()),
        "failed sets leave no revision"
    );

    let yesterday = json!({ "AvailabilityEndDate": today.pred_opt().unwrap().to_string() });
    assert!(
        market
            .errors_of(&offer, &[("UpdateAvailability", yesterday)])
            .await
            .is_empty(),
        "this is how it expires"
    );
    let refused = market
        .try_act(
            "accept",
            json!({ "offerId": offer, "buyerAccountId": BUYER }),
        )
        .await
        .unwrap_err();
    assert_eq!(refused["error"], "OFFER_EXPIRED");
}

#[tokio::test]
async fn the_currency_of_a_released_offer_is_fixed() {
    let market = Market::open().await;
    let good = market.handbook().await;
    let offer = market.succeed(&good).await;
    for (kind, mut euros) in good {
        if !["UpdatePricingTerms", "UpdatePaymentScheduleTerms"].contains(&kind) {
            continue;
        }
        euros["Terms"][0]["CurrencyCode"] = json!("EUR");
        let errors = market.errors_of(&offer, &[(kind, euros)]).await;
        for code in ["INCOMPATIBLE_TERMS", "INCOMPATIBLE_CURRENCY_CODE"] {
            assert!(errors.contains(&format!("{kind}: {code}")), "{errors:?}");
        }
    }
}

#[tokio::test]
async fn extending_an_offer_must_still_fit_its_schedule() {
    let market = Market::open().await;
    let today = market.today().await;
    let mut changes = market.handbook().await;
    schedule(
        &mut changes,
        &[(day(today, 0), "1.00"), (day(today, 30), "2.00")],
    );
    let offer = market.succeed(&changes).await;
    let to = |days| {
        (
            "UpdateAvailability",
            json!({ "AvailabilityEndDate": day(today, days) }),
        )
    };
    assert_eq!(
        market.errors_of(&offer, &[to(31)]).await,
        ["UpdateAvailability: TOO_MANY_BACKDATED_CHARGES"]
    );
    assert!(market.errors_of(&offer, &[to(29)]).await.is_empty());
    let body = json!({ "offerId": offer, "buyerAccountId": BUYER });
    market.set_clock(Duration::from_hours(48));
    let agreement = market.act("accept", body).await["agreementId"]
        .as_str()
        .unwrap()
        .to_owned();
    let due = async || {
        market
            .act("bill", json!({ "agreementId": agreement }))
            .await["invoices"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        due().await,
        1,
        "the charge whose day has passed is invoiced on acceptance"
    );
    market.set_clock(Duration::from_hours(744));
    assert_eq!(due().await, 1, "the next on its day");
}
