//! A4: each part's digest changes with what it holds, and with nothing else.

use countersign_kernel::{Currency, Money};

use super::*;
use crate::domain::estimate::Installment;
use crate::domain::{Part, Parts};

type Change = fn(&mut Estimate, &mut Vec<Document>);

/// A case per row: what is changed, and the parts that must differ then.
const CHANGES: &[(&str, Change, &[Part])] = &[
    (
        "a price",
        |e, _| e.packages[0].price = usd("41000.01"),
        &[Part::Price],
    ),
    (
        "a base price",
        |e, _| e.packages[0].base_price = usd("1"),
        &[Part::Price],
    ),
    ("prices swapped", |e, _| swap_prices(e), &[Part::Price]),
    (
        "a package less",
        |e, _| drop(e.packages.pop()),
        &[Part::Price, Part::Scope],
    ),
    (
        "a package's name",
        |e, _| e.packages[1].name.push('!'),
        &[Part::Scope],
    ),
    (
        "a package's text",
        |e, _| e.packages[1].description.push('!'),
        &[Part::Scope],
    ),
    (
        "the description",
        |e, _| e.scope_description.push('!'),
        &[Part::Scope],
    ),
    (
        "the customer",
        |e, _| e.customer_name.push('!'),
        &[Part::Scope],
    ),
    (
        "the duration",
        |e, _| e.scope_duration = "P91D".parse().unwrap(),
        &[Part::Duration],
    ),
    (
        "the plan",
        |e, _| e.payment_plan = installments("2027-01-01"),
        &[Part::PaymentSchedule],
    ),
    (
        "the currency",
        |e, _| e.currency = Currency::Eur,
        &[Part::Currency, Part::Price],
    ),
    ("a renewal", |e, _| e.renewal = true, &[Part::Price]),
    (
        "what is followed, of no renewal",
        |e, _| e.follows_agreement_id = "agmt-before".to_owned(),
        &[],
    ),
    ("the version", |e, _| e.version = 2, &[]),
    ("the author", |e, _| e.author = LEAD.parse().unwrap(), &[]),
    (
        "the validity",
        |e, _| e.valid_until = "2027-12-31".parse().unwrap(),
        &[],
    ),
    (
        "a document more",
        |_, d| d.push(document(3, DocumentKind::Annex)),
        &[Part::Documents],
    ),
    ("a document less", |_, d| drop(d.pop()), &[Part::Documents]),
    (
        "a document's bytes",
        |_, d| d[0].digest = Digest::of(b"other"),
        &[Part::Documents],
    ),
    (
        "a document's kind",
        |_, d| d[0].kind = DocumentKind::Annex,
        &[Part::Documents],
    ),
    (
        "the documents' order",
        |_, d| d.swap(0, 1),
        &[Part::Documents],
    ),
    ("a file's name", |_, d| d[0].file_name.push('!'), &[]),
    (
        "a signed copy",
        |_, d| d.push(document(4, DocumentKind::SignedSow)),
        &[],
    ),
];

fn swap_prices(estimate: &mut Estimate) {
    let first = estimate.packages[0].price;
    estimate.packages[0].price = estimate.packages[1].price;
    estimate.packages[1].price = first;
}

fn installments(date: &str) -> PaymentPlan {
    let one = Installment {
        charge_date: date.parse().unwrap(),
        amount: usd("102500.00"),
    };
    PaymentPlan::Installments(vec![one])
}

fn documents() -> Vec<Document> {
    vec![
        document(1, DocumentKind::Sow),
        document(2, DocumentKind::Eula),
    ]
}

#[test]
fn digests_change_with_what_they_bind() {
    let before = Parts::of(&estimate(1), &documents());
    for (what, change, expected) in CHANGES {
        let (mut estimate, mut documents) = (estimate(1), documents());
        change(&mut estimate, &mut documents);
        let after = Parts::of(&estimate, &documents);
        let differing: Vec<Part> = Part::ALL
            .into_iter()
            .filter(|part| before.digest(*part) != after.digest(*part))
            .collect();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(differing, expected, "{what}");
        assert_eq!(
            before.subject() != after.subject(),
            !differing.is_empty(),
            "{what}"
        );
    }
}

/// A4: digests are stored, told and compared years later: the words and the order that make them
/// never change. If this fails, every approval there is would fall; make a `.v2` instead.
#[test]
fn digests_stay_what_they_are() {
    let documents = [
        document(1, DocumentKind::Sow),
        document(2, DocumentKind::Eula),
        document(3, DocumentKind::Annex),
    ];
    let mut scheduled = estimate(1);
    scheduled.payment_plan = installments("2027-01-01");
    let parts = Parts::of(&scheduled, &documents);
    let found = Part::ALL.map(|part| format!("{} {}", part.word(), parts.digest(part)));
    assert_eq!(found, GOLDEN);
    assert_eq!(parts.subject().to_string(), GOLDEN_SUBJECT);
    let words = Part::ALL.map(|part| Part::from_word(part.word()));
    assert_eq!(words, Part::ALL.map(Some));
    assert_eq!(Part::from_word("prize"), None);
}

/// Computed apart from this code, by the words of [`crate::domain::subject`].
const GOLDEN: [&str; 6] = [
    "price 294c40a391b951fffed942fafe516c467c700094012667e2daed3187fce3288f",
    "payment_schedule 42debbae3ca6fb48757f4adaf2e52e0b9f1cbd821b776d22ea519f77c1b82d39",
    "scope 64e01908054d6b7b834e977b7aa08a8f88626691cd6cd19952529e1e47ab12ac",
    "duration 62344564416ddaf5f5b2479cbe67f445e4b462926a065138ca25bc3925539171",
    "currency e9f31237e944c009fd58116a2ec9fabb435e58c371dbc73c26f52d3860632379",
    "documents 5d69e0eb6e0e8d6c81a40b15cf7a269e0e30214837d034d65042880a012134da",
];
const GOLDEN_SUBJECT: &str = "c96975d31429d57edd99464350b4e0802d9a7588a49df63b1f8eacedb2331a59";

#[test]
fn schedules_of_equal_sums_differ_by_date_and_kind() {
    let digest = |plan| {
        let estimate = Estimate {
            payment_plan: plan,
            ..estimate(1)
        };
        Parts::of(&estimate, &[]).digest(Part::PaymentSchedule)
    };
    let digests = [
        digest(PaymentPlan::Prepaid),
        digest(PaymentPlan::Variable {
            cap: usd("102500.00"),
        }),
        digest(installments("2027-01-01")),
        digest(installments("2027-01-02")),
    ];
    let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
}

#[test]
fn what_a_step_binds_does_not_depend_on_how_it_is_listed() {
    let parts = Parts::of(&estimate(1), &documents());
    assert_eq!(
        parts.bound(&[Part::Scope, Part::Price, Part::Scope]),
        parts.bound(&[Part::Price, Part::Scope])
    );
    assert_ne!(
        parts.bound(&[Part::Price]),
        parts.bound(&[Part::Price, Part::Scope])
    );
}

#[test]
fn the_handbook_s_total_is_exact() {
    assert_eq!(estimate(1).total().unwrap(), usd("102500.00"));
    let mut mixed = estimate(1);
    mixed.packages[0].price = Money::zero(Currency::Eur);
    assert!(mixed.total().is_err());
}
