//! Entities as AWS shows them, read.

use serde_json::json;

use super::*;
use crate::domain::resale::{Contract, Kind, NetTerms};
use crate::domain::{portal, sample};

#[test]
fn an_offer_is_read_as_aws_shows_it() {
    let details = json!({
        "Id": "offer-abc",
        "State": "Released",
        "Name": "Landing zone for Example Corp",
        "Description": "By hand",
        "ProductId": "prod-landingzone1",
        "Unknown": { "Anything": [1] },
        "Terms": [
            { "Type": "LegalTerm", "Documents": [
                { "Type": "CustomEula", "Url": "https://aws.example/copy.pdf?signed=now" },
            ] },
            {
                "Type": "FixedUpfrontPricingTerm",
                "Price": "0",
                "Duration": "P90D",
                "Grants": [{ "DimensionKey": "landing_zone", "MaxQuantity": 1 }],
            },
            { "Type": "ValidityTerm", "AgreementDuration": "P90D" },
            {
                "Type": "PaymentScheduleTerm",
                "CurrencyCode": "USD",
                "Schedule": [{ "ChargeDate": "2026-03-02", "ChargeAmount": "102500.00" }],
            },
        ],
        "Rules": [
            {
                "Type": "TargetingRule",
                "PositiveTargeting": { "BuyerAccounts": ["123456789012"] },
            },
            { "Type": "AvailabilityRule", "AvailabilityEndDate": "2026-03-31T23:59:59Z" },
        ],
    });
    let shown = read("Offer@1.0", &details.to_string()).unwrap();
    assert!(shown.is_released());
    assert_eq!(shown.description.as_deref(), Some("By hand"));
    assert_eq!(shown.legal, ["CustomEula https://aws.example/copy.pdf"]);
    assert_eq!(portal::differences(&sample::candidate().plan, &shown), []);
}

/// O10: what else somebody entered is seen: more of a dimension, another one, a term that renews.
#[test]
fn what_nobody_approved_is_read() {
    let grant = |key: &str, most: Option<u32>| json!({ "DimensionKey": key, "MaxQuantity": most });
    let details = json!({ "Terms": [
        { "Type": "FixedUpfrontPricingTerm", "Grants": [
            grant("a", Some(1)), grant("b", Some(2)), grant("c", None),
        ] },
        { "Type": "RenewalTerm" },
        { "Type": "ResaleLegalTerm" },
        { "Type": "UsageBasedPricingTerm" },
    ] });
    let shown = read("Offer@1.0", &details.to_string()).unwrap();
    assert_eq!(shown.granted, ["a", "b x 2", "c x any"]);
    assert_eq!(
        shown.further_terms,
        ["RenewalTerm", "UsageBasedPricingTerm"]
    );
}

/// O16: what AWS was told that the buyer had before, of an offer and of an authorization.
#[test]
fn a_renewal_is_read_as_aws_shows_it() {
    let had = json!({ "AcquisitionChannel": "AwsMarketplace", "PricingModel": "Contract" });
    for field in ["PreExistingAgreement", "PreExistingBuyerAgreement"] {
        let shown = read("Offer@1.0", &json!({ field: had }).to_string()).unwrap();
        assert_eq!(
            shown.pre_existing.as_deref(),
            Some("AwsMarketplace Contract")
        );
    }
}

/// As the portal's variable payments come: a cap, and no fixed price (O17).
#[test]
fn an_offer_with_variable_payments_is_read_as_aws_shows_it() {
    let details = json!({
        "State": "Released",
        "Name": "Landing zone for Example Corp",
        "ProductId": "prod-landingzone1",
        "Terms": [
            { "Type": "LegalTerm", "Documents": [
                { "Type": "CustomEula", "Url": "https://aws.example/copy.pdf" },
            ] },
            { "Type": "ValidityTerm", "AgreementDuration": "P90D" },
            {
                "Type": "VariablePaymentTerm",
                "CurrencyCode": "USD",
                "MaxTotalChargeAmount": "102500.00",
            },
        ],
        "Rules": [
            { "PositiveTargeting": { "BuyerAccounts": ["123456789012"] } },
            { "AvailabilityEndDate": "2026-03-31T23:59:59.999Z" },
        ],
    });
    let shown = read("Offer@1.0", &details.to_string()).unwrap();
    let plan = sample::candidate_of(&sample::variable_draft()).plan;
    assert_eq!(portal::differences(&plan, &shown), []);
}

/// Without installments the price and the duration stand on a rate card.
#[test]
fn an_authorization_with_a_rate_card_is_read_as_aws_shows_it() {
    let details = json!({
        "Status": "Active",
        "Name": "Landing zone for Example Corp",
        "ProductId": "prod-landingzone1",
        "PreExistingBuyerAgreement": {
            "AcquisitionChannel": "Unknown",
            "PricingModel": "Unknown",
        },
        "Terms": [
            {
                "Type": "BuyerTargetingTerm",
                "PositiveTargeting": { "BuyerAccounts": [{ "AwsAccountId": "123456789012" }] },
            },
            {
                "Type": "ResaleConfigurableUpfrontPricingTerm",
                "CurrencyCode": "USD",
                "RateCards": [{
                    "Selector": { "Type": "Duration", "Value": "P90D" },
                    "RateCard": [{ "DimensionKey": "landing_zone", "Price": "1.00" }],
                    "Constraints": {
                        "MultipleDimensionSelection": "Disallowed",
                        "QuantityConfiguration": "Disallowed",
                    },
                }],
            },
            { "Type": "ResaleNetPaymentTerm", "PaymentDuePeriod": "P30D" },
            { "Type": "BuyerLegalTerm", "Documents": [{ "Type": "CustomEula" }] },
        ],
        "Rules": [
            {
                "Type": "AvailabilityRule",
                "Usage": "Limited",
                "AvailabilityEndDate": "2026-03-16T23:59:59Z",
                "OffersMaxQuantity": 1,
            },
            { "Type": "PartnerTargetingRule", "ResellerAccountId": "999988887777" },
        ],
    });
    let shown = read("ResaleAuthorization@1.0", &details.to_string()).unwrap();
    assert!(shown.is_released() && shown.reseller_contract.is_empty());
    let mut plan = sample::candidate_of(&sample::authorization_draft()).plan;
    plan.schedule.clear();
    plan.upfront = Some(sample::usd("1.00"));
    let mut allowed = sample::authorization();
    allowed.net_terms = NetTerms::of_days(30).ok();
    allowed.contract = Contract::None;
    plan.kind = Kind::Authorization(allowed);
    assert_eq!(portal::differences(&plan, &shown), []);
}

#[test]
fn what_is_no_offer_says_so() {
    assert!(read("Offer@1.0", "\"offer\"").is_err());
    assert!(!read("Offer@1.0", "{}").unwrap().is_released());
}

/// O9: a word of AWS's that is not known here is kept, and says nothing that it does not say.
#[test]
fn a_state_that_is_not_known_is_kept_as_it_is() {
    for (text, state, released) in [
        ("{ \"State\": \"Released\" }", "Released", true),
        ("{ \"Status\": \"Active\" }", "Active", true),
        ("{ \"Status\": \"Restricted\" }", "Restricted", false),
        ("{ \"State\": \"Resting\" }", "Resting", false),
    ] {
        let shown = read("Offer@1.0", text).unwrap();
        assert_eq!(
            (shown.state.as_str(), shown.is_released()),
            (state, released)
        );
    }
}
