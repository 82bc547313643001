//! The sheet, and a case for each difference from it (O10).

use super::*;
use crate::domain::sample;

fn shown() -> Shown {
    Shown {
        status: Status::Released,
        entity_type: "Offer".into(),
        product_id: Some("prod-landingzone1".into()),
        name: Some("Landing zone for Example Corp".into()),
        buyer_accounts: vec!["123456789012".into()],
        currency: Some("USD".into()),
        schedule: vec![("2026-03-02".into(), "102500".into())],
        duration: Some("P90D".into()),
        available_until: Some("2026-03-31".into()),
        price: Some("0".into()),
        granted: vec!["landing_zone".into()],
        legal: vec!["CustomEula https://aws.example/copy.pdf".into()],
        ..Shown::default()
    }
}

/// S1's authorization.
fn given() -> Shown {
    Shown {
        entity_type: "ResaleAuthorization".into(),
        schedule: ["2026-03-17", "2026-03-18"]
            .map(|day| (day.into(), "0.50".into()))
            .into(),
        available_until: Some("2026-03-16".into()),
        reseller_account: Some("999988887777".into()),
        offers_max_quantity: Some(1),
        reseller_contract: vec!["StandardResellerContract".into()],
        ..shown()
    }
}

/// S1's offer from it.
fn resold() -> Shown {
    Shown {
        schedule: ["2026-03-17", "2026-03-18"]
            .map(|day| (day.into(), "0.55".into()))
            .into(),
        available_until: Some("2026-03-16".into()),
        authorization_id: Some("resaleauthz-1".into()),
        ..shown()
    }
}

fn codes(plan: &Plan, shown: &Shown) -> Vec<String> {
    let found = differences(plan, shown);
    found.into_iter().map(|error| error.code).collect()
}

#[test]
fn what_was_entered_as_the_sheet_says_is_the_offer() {
    assert_eq!(differences(&sample::candidate().plan, &shown()), []);
    let plan = sample::candidate_of(&sample::authorization_draft()).plan;
    assert_eq!(differences(&plan, &given()), []);
    let plan = sample::candidate_of(&sample::partner_draft()).plan;
    assert_eq!(differences(&plan, &resold()), []);
}

/// O16: what was approved as a renewal is sold as one; a reseller's offer says what its authorization does.
#[test]
fn a_renewal_is_entered_and_compared_as_one() {
    let mut plan = sample::candidate().plan;
    plan.pre_existing = Some(PreExisting::AwsMarketplace);
    assert_eq!(codes(&plan, &shown()), ["PRE_EXISTING_AGREEMENT_DIFFERS"]);
    let marked = |shown: Shown| Shown {
        pre_existing: Some("AwsMarketplace Contract".into()),
        ..shown
    };
    assert_eq!(codes(&plan, &marked(shown())), [""; 0]);
    let entered = (
        "Renewal of an existing agreement".to_owned(),
        had(PreExisting::AwsMarketplace),
    );
    assert!(sheet(&plan, "merged.pdf")[0].fields.contains(&entered));
    let resale = sample::candidate_of(&sample::partner_draft()).plan;
    assert_eq!(codes(&resale, &marked(resold())), [""; 0]);
}

/// O17: the cap stands in place of charges, with or without a fixed price of zero beside it.
#[test]
fn variable_payments_are_compared_by_their_cap() {
    let plan = sample::candidate_of(&sample::variable_draft()).plan;
    let shown = |cap: Option<&str>, price: Option<&str>| Shown {
        schedule: Vec::new(),
        cap: cap.map(str::to_owned),
        price: price.map(str::to_owned),
        ..shown()
    };
    for (cap, price, expected) in [
        (Some("102500"), None, &[][..]),
        (Some("102500.00"), Some("0.00"), &[]),
        (Some("102500.01"), None, &["CAP_DIFFERS"]),
        (None, None, &["CAP_DIFFERS"]),
        (Some("102500"), Some("1"), &["PRICE_DIFFERS"]),
    ] {
        assert_eq!(
            codes(&plan, &shown(cap, price)),
            expected,
            "{cap:?} {price:?}"
        );
    }
    let shown = shown(Some("102500"), None);
    let prepaid = codes(&sample::candidate().plan, &shown);
    assert_eq!(
        prepaid,
        ["PRICE_DIFFERS", "CAP_DIFFERS", "SCHEDULE_DIFFERS"]
    );
    let pricing = sheet(&plan, "merged.pdf").remove(1);
    let entered = ("Maximum total charge".to_owned(), "102500.00".to_owned());
    assert!(pricing.fields.contains(&entered), "{pricing:?}");
}

type Change = fn(&mut Shown);

#[test]
fn every_difference_is_told() {
    let cases: [(Change, &str); 22] = [
        (|shown| shown.legal.clear(), "LEGAL_DOCUMENT_DIFFERS"),
        (
            |shown| shown.legal = vec!["StandardEula 2022-07-14".into()],
            "LEGAL_DOCUMENT_DIFFERS",
        ),
        (
            |shown| {
                let another = "CustomEula https://aws.example/2.pdf";
                shown.legal.push(another.into());
            },
            "LEGAL_DOCUMENT_DIFFERS",
        ),
        (|shown| shown.granted.clear(), "DIMENSION_DIFFERS"),
        (
            |shown| shown.granted = vec!["landing_zone x 2".into()],
            "DIMENSION_DIFFERS",
        ),
        (
            |shown| shown.granted.push("extra".into()),
            "DIMENSION_DIFFERS",
        ),
        (
            |shown| shown.further_terms.push("RenewalTerm".into()),
            "FURTHER_TERMS",
        ),
        (
            |shown| shown.pre_existing = Some("External Contract".into()),
            "PRE_EXISTING_AGREEMENT_DIFFERS",
        ),
        (|shown| shown.product_id = None, "PRODUCT_DIFFERS"),
        (|shown| shown.name = Some("Other".into()), "NAME_DIFFERS"),
        (
            |shown| shown.buyer_accounts.push("1".into()),
            "BUYERS_DIFFER",
        ),
        (
            |shown| shown.currency = Some("EUR".into()),
            "CURRENCY_DIFFERS",
        ),
        (
            |shown| shown.schedule[0].1 = "102500.01".into(),
            "SCHEDULE_DIFFERS",
        ),
        (
            |shown| shown.schedule[0].0 = "2026-03-03".into(),
            "SCHEDULE_DIFFERS",
        ),
        (
            |shown| shown.duration = Some("P91D".into()),
            "DURATION_DIFFERS",
        ),
        (|shown| shown.available_until = None, "EXPIRY_DIFFERS"),
        (|shown| shown.price = Some("0.01".into()), "PRICE_DIFFERS"),
        (
            |shown| shown.net_terms = Some("P30D".into()),
            "NET_TERMS_DIFFER",
        ),
        (
            |shown| shown.entity_type = "ResaleAuthorization".into(),
            "KIND_DIFFERS",
        ),
        (
            |shown| shown.reseller_account = Some("999988887777".into()),
            "RESELLER_DIFFERS",
        ),
        (
            |shown| shown.authorization_id = Some("resaleauthz-1".into()),
            "AUTHORIZATION_DIFFERS",
        ),
        (|shown| shown.markup = Some("10".into()), "MARKUP_DIFFERS"),
    ];
    let plan = sample::candidate().plan;
    for (change, code) in cases {
        let mut other = shown();
        change(&mut other);
        assert_eq!(codes(&plan, &other), [code]);
    }
    assert_eq!(differences(&plan, &Shown::default()).len(), 11);
}

#[test]
fn every_difference_of_an_authorization_is_told() {
    let plan = sample::candidate_of(&sample::authorization_draft()).plan;
    let cases: [(Change, &str); 7] = [
        (|shown| shown.legal.clear(), "LEGAL_DOCUMENT_DIFFERS"),
        (
            |shown| shown.legal = vec!["StandardEula 2022-07-14".into()],
            "LEGAL_DOCUMENT_DIFFERS",
        ),
        (
            |shown| shown.reseller_contract.clear(),
            "LEGAL_DOCUMENT_DIFFERS",
        ),
        (
            |shown| shown.reseller_contract = vec!["CustomResellerContract".into()],
            "LEGAL_DOCUMENT_DIFFERS",
        ),
        (|shown| shown.entity_type = "Offer".into(), "KIND_DIFFERS"),
        (|shown| shown.reseller_account = None, "RESELLER_DIFFERS"),
        (|shown| shown.offers_max_quantity = None, "USAGE_DIFFERS"),
    ];
    for (change, code) in cases {
        let mut other = given();
        change(&mut other);
        assert_eq!(codes(&plan, &other), [code]);
    }
}

/// Without a schedule the price is all that says what is charged.
#[test]
fn a_price_without_schedule_is_compared_with_its_currency() {
    let mut plan = sample::candidate_of(&sample::authorization_draft()).plan;
    plan.schedule.clear();
    plan.upfront = Some(sample::usd("1.00"));
    let mut other = given();
    other.schedule.clear();
    assert_eq!(codes(&plan, &other), ["PRICE_DIFFERS"]);
    other.price = Some("1".into());
    assert_eq!(codes(&plan, &other), [""; 0]);
    other.currency = Some("EUR".into());
    assert_eq!(codes(&plan, &other), ["CURRENCY_DIFFERS"]);
}

/// O10: each field as it is entered, for each kind.
#[test]
fn the_sheet_says_what_to_enter() {
    let sections = sheet(&sample::candidate().plan, "legal.pdf");
    let text = printable("Offer offer-1", &sections);
    for line in [
        "1. Offers: create private offer, direct to buyer",
        "[ ] Buyer account ids: 123456789012",
        "[ ] Contract duration: P90D",
        "[ ] Payment 1, invoice date 2026-03-02: 102500.00",
        "[ ] End user license agreement: custom, upload: legal.pdf",
        "[ ] Expiration date (23:59:59 UTC): 2026-03-31",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let plan = sample::candidate_of(&sample::authorization_draft()).plan;
    let text = printable("", &sheet(&plan, "legal.pdf"));
    assert!(text.contains("[ ] Reseller account id: 999988887777"));
    assert!(text.contains("[ ] Usage: Single use"));
    let plan = sample::candidate_of(&sample::partner_draft()).plan;
    let text = printable("", &sheet(&plan, "legal.pdf"));
    assert!(text.contains("[ ] Adjust price: Fixed price"));
    assert!(text.contains("[ ] Total price: 1.10 USD"));
}

/// O5: a percentage leaves parts of a cent, which AWS shows and nobody is charged; a whole one too much differs.
#[test]
fn a_marked_up_price_is_compared_in_whole_cents() {
    let mut plan = sample::candidate_of(&sample::partner_draft()).plan;
    let Kind::Partner(partner) = &mut plan.kind else {
        panic!("{:?}", plan.kind)
    };
    partner.markup = "10.5".parse().ok();
    partner.fixed_amounts = false;
    plan.schedule.clear();
    plan.upfront = Some(sample::usd("1.10"));
    for (price, expected) in [
        ("1.1", &[][..]),
        ("1.104999", &[]),
        ("1.095001", &[]),
        ("1.106", &["PRICE_DIFFERS"]),
        ("dear", &["PRICE_DIFFERS"]),
    ] {
        let other = Shown {
            price: Some(price.into()),
            markup: Some("10.50".into()),
            schedule: Vec::new(),
            ..resold()
        };
        assert_eq!(codes(&plan, &other), expected, "{price}");
    }
}
