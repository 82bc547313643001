//! What is compared, and what is adopted of it (O12).

use super::*;
use crate::domain::engagement::Approval;
use crate::domain::offer::{Offer, Origin, evolve};
use crate::domain::portal::Shown;
use crate::domain::portal::Status;
use crate::domain::sample;

const NOW: &str = "2026-03-10T10:00:00Z";

/// The handbook's offer, as another tool made it on 5 March.
fn shown() -> Shown {
    Shown {
        status: Status::Released,
        entity_type: "Offer".into(),
        product_id: Some("prod-landingzone1".into()),
        name: Some("Made elsewhere".into()),
        description: Some("By another tool".into()),
        buyer_accounts: vec!["123456789012".into()],
        currency: Some("USD".into()),
        schedule: vec![("2026-03-05".into(), "102500".into())],
        duration: Some("P90D".into()),
        available_until: Some("2026-04-15".into()),
        price: Some("0".into()),
        legal: vec!["CustomEula https://aws.example/copy.pdf".into()],
        granted: vec!["landing_zone".into()],
        ..Shown::default()
    }
}

fn aws_id() -> AwsOfferId {
    "offer-elsewhere".parse().unwrap()
}

fn seen(shown: &Shown) -> Seen {
    Seen {
        shown: shown.clone(),
        authorization: None,
        given: None,
    }
}

fn compared(shown: &Shown) -> Comparison {
    let (engagement, seen) = (sample::engagement(), seen(shown));
    let compared = compare(
        &aws_id(),
        &engagement,
        &Expected::Direct,
        &seen,
        sample::at(NOW),
    );
    compared.unwrap()
}

fn asked(seen: Digest) -> Asked {
    Asked {
        engagement_id: sample::engagement_id(),
        aws_offer_id: aws_id(),
        expected: Expected::Direct,
        seen,
        legal_document_read: true,
    }
}

fn facts(engagement: &Engagement) -> Facts<'_> {
    Facts {
        id: "offer-1".parse().unwrap(),
        engagement,
        open_offer: None,
        namesake: None,
        agreement: None,
        url: "https://aws.example/offer-elsewhere".into(),
        now: sample::at(NOW),
    }
}

fn ask(shown: &Shown) -> Result<Vec<Event>, Rejection> {
    let comparison = compared(shown);
    let asked = asked(comparison.digest);
    associate(comparison, &asked, facts(&sample::engagement()))
}

#[test]
fn what_is_equal_is_adopted_with_aws_name_description_and_expiry() {
    let comparison = compared(&shown());
    assert!(comparison.adoptable());
    let adopted: Vec<_> = comparison
        .fields
        .iter()
        .filter(|field| field.verdict == Verdict::Adopted)
        .map(|field| (field.name, field.at_aws.as_str()))
        .collect();
    let expected = [
        ("name", "Made elsewhere"),
        ("expires_on", "2026-04-15"),
        ("description", "By another tool"),
    ];
    assert_eq!(adopted, expected);
    let events = ask(&shown()).unwrap();
    let offer: Offer = events.iter().fold(None, evolve).unwrap();
    assert_eq!(offer.stage.name(), "published");
    assert_eq!(offer.terms.name, "Made elsewhere");
    assert_eq!(offer.terms.expires_on, Some(sample::day("2026-04-15")));
    assert_eq!(offer.basis.origin, Origin::Associated);
    assert_eq!(offer.publication().unwrap().aws_offer_id, aws_id());
    let charges = offer.charges(sample::day("2026-03-20"));
    assert_eq!(charges, [sample::dated("2026-03-05", "102500.00")]);
}

/// O3: each field that approval binds.
#[test]
fn what_differs_from_what_was_approved_is_refused() {
    type Change = fn(&mut Shown);
    let cases: [(Change, &str); 13] = [
        (
            |it| it.entity_type = "ResaleAuthorization".into(),
            "KIND_DIFFERS",
        ),
        (
            |it| it.product_id = Some("prod-other".into()),
            "PRODUCT_DIFFERS",
        ),
        (
            |it| it.buyer_accounts = vec!["999988887777".into()],
            "BUYERS_DIFFER",
        ),
        (|it| it.buyer_accounts = Vec::new(), "BUYERS_DIFFER"),
        (|it| it.currency = Some("EUR".into()), "CURRENCY_DIFFERS"),
        (|it| it.price = Some("1".into()), "PRICE_DIFFERS"),
        (
            |it| it.schedule[0].1 = "102500.01".into(),
            "SCHEDULE_DIFFERS",
        ),
        // After the expiry it is no charge on acceptance.
        (
            |it| it.schedule[0].0 = "2026-04-16".into(),
            "SCHEDULE_DIFFERS",
        ),
        (|it| it.duration = Some("P91D".into()), "DURATION_DIFFERS"),
        (
            |it| it.legal = vec!["StandardEula 2022-07-14".into()],
            "LEGAL_DOCUMENT_DIFFERS",
        ),
        (|it| it.legal = Vec::new(), "LEGAL_DOCUMENT_DIFFERS"),
        (|it| it.name = None, "NAME_DIFFERS"),
        (
            |it| it.authorization_id = Some("resaleauthz-1".into()),
            "AUTHORIZATION_DIFFERS",
        ),
    ];
    for (change, code) in cases {
        let mut other = shown();
        change(&mut other);
        assert!(!compared(&other).adoptable(), "{code}");
        let refused = ask(&other).unwrap_err();
        let Rejection::AwsOfferDiffers { differences } = &refused else {
            panic!("{code}: {refused:?}")
        };
        let codes: Vec<_> = differences.iter().map(|one| one.reason).collect();
        assert_eq!(codes, [code], "{other:?}");
    }
}

#[test]
fn only_what_was_looked_at_is_adopted() {
    let seen = compared(&shown()).digest;
    let mut renamed = shown();
    renamed.name = Some("Renamed since".into());
    let now = compared(&renamed);
    let digest = now.digest;
    assert_ne!(seen, digest);
    let refused = associate(now, &asked(seen), facts(&sample::engagement()));
    assert_eq!(refused, Err(Rejection::ComparisonOutdated { digest }));
    let unread = Asked {
        legal_document_read: false,
        ..asked(seen)
    };
    let refused = associate(compared(&shown()), &unread, facts(&sample::engagement()));
    assert_eq!(refused, Err(Rejection::LegalDocumentNotRead));
}

/// O13: what was accepted before is accepted from the first.
#[test]
fn an_offer_that_was_accepted_is_adopted_as_such() {
    let engagement = sample::engagement();
    let comparison = compared(&shown());
    let asked = asked(comparison.digest);
    let agreement = sample::agreement();
    let accepted = Facts {
        agreement: Some(&agreement),
        ..facts(&engagement)
    };
    let events = associate(comparison, &asked, accepted).unwrap();
    let offer: Option<Offer> = events.iter().fold(None, evolve);
    assert_eq!(offer.unwrap().agreement(), Some(&agreement));
}

#[test]
fn it_must_be_free_released_and_all_processes_complete() {
    let comparison = compared(&shown());
    let asked = asked(comparison.digest);
    let engagement = sample::engagement();
    let other: OfferId = "offer-0".parse().unwrap();
    let offer_id = other.clone();
    let taken = Facts {
        namesake: Some(&other),
        ..facts(&engagement)
    };
    let refused = associate(comparison.clone(), &asked, taken);
    assert_eq!(refused, Err(Rejection::AwsOfferTaken { offer_id }));
    let offer_id = other.clone();
    let open = Facts {
        open_offer: Some(&other),
        ..facts(&engagement)
    };
    let refused = associate(comparison.clone(), &asked, open);
    assert_eq!(refused, Err(Rejection::OfferOpen { offer_id }));
    let unchecked = Engagement {
        checklist: None,
        ..engagement
    };
    let refused = associate(comparison, &asked, facts(&unchecked));
    assert_eq!(refused.unwrap_err().reason(), "CHECKLIST_OPEN");
    let mut draft = shown();
    draft.status = Status::Draft;
    assert_eq!(ask(&draft), Err(Rejection::AwsOfferNotReleased));
}

/// O3, O1: there must be something approved to compare with.
#[test]
fn without_approval_or_intake_there_is_nothing_to_compare() {
    let of = |engagement: &Engagement| {
        let (expected, seen) = (Expected::Direct, seen(&shown()));
        let compared = compare(&aws_id(), engagement, &expected, &seen, sample::at(NOW));
        compared.unwrap_err().reason()
    };
    let mut engagement = sample::engagement();
    engagement.intake = None;
    assert_eq!(of(&engagement), "INTAKE_MISSING");
    engagement.approval = Approval::Stamped(sample::deal());
    assert_eq!(of(&engagement), "SOW_NOT_SIGNED");
}
