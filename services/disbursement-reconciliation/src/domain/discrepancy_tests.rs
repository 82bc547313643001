//! Which difference is which case (R3, R8).

use countersign_kernel::chrono::DateTime;

use super::billing_event::BillingEvent;
use super::cash::charges;
use super::discrepancy::{Accepted, Case, CaseId, Finding, Kind, Topic, findings};
use super::samples::{Row, accepted, deposit_failed, handbook, handbook_rows, usd};

fn found(rows: Vec<BillingEvent>) -> Vec<(Kind, String, String)> {
    let terms = handbook();
    let cash = charges(&terms, &rows.into_iter().collect())
        .unwrap()
        .remove(0);
    let zero = usd("0");
    let accepted = Accepted {
        price: zero,
        fee: zero,
        wholesale: zero,
        payment: zero,
    };
    findings(&terms, &cash, accepted)
        .unwrap()
        .iter()
        .map(|finding| {
            (
                finding.kind,
                finding.expected.amount_text(),
                finding.actual.amount_text(),
            )
        })
        .collect()
}

fn changed(rows: Vec<BillingEvent>, id: &str, amount: &str) -> Vec<BillingEvent> {
    let change = |mut row: BillingEvent| {
        if row.id.as_str() == id {
            row.amount = usd(amount);
        }
        row
    };
    rows.into_iter().map(change).collect()
}

/// R3: which difference is which kind; a penny is its own class whatever it is about.
#[test]
fn kinds() {
    let rows = || handbook_rows("99937.50");
    let case =
        |kind, expected: &str, actual: &str| vec![(kind, expected.to_owned(), actual.to_owned())];
    for (name, rows, expected) in [
        ("none", rows(), vec![]),
        ("nothing invoiced", vec![], vec![]),
        (
            "the fee is not charged yet",
            rows().into_iter().take(1).collect(),
            vec![],
        ),
        (
            "penny short",
            handbook_rows("99937.49"),
            case(Kind::PennyDifference, "99937.50", "99937.49"),
        ),
        (
            "penny over",
            handbook_rows("99937.51"),
            case(Kind::PennyDifference, "99937.50", "99937.51"),
        ),
        (
            "short",
            handbook_rows("99937.48"),
            case(Kind::ShortPaid, "99937.50", "99937.48"),
        ),
        (
            "over",
            handbook_rows("99937.52"),
            case(Kind::OverPaid, "99937.50", "99937.52"),
        ),
        (
            "the paid-out row itself is a penny short",
            changed(handbook_rows("99937.49"), "pay-rev", "-102499.99"),
            case(Kind::PennyDifference, "99937.50", "99937.49"),
        ),
        (
            "another rate, seen before it is paid",
            changed(rows(), "inv-fee", "-3075.00")
                .into_iter()
                .take(2)
                .collect(),
            case(Kind::FeeRate, "-2562.50", "-3075.00"),
        ),
        (
            "the deposit came back",
            handbook_rows("99937.50")
                .into_iter()
                .chain([deposit_failed("dep")])
                .collect(),
            case(Kind::DepositFailed, "99937.50", "0.00"),
        ),
        (
            "another rate",
            changed(
                changed(handbook_rows("99425.00"), "inv-fee", "-3075.00"),
                "pay-fee",
                "3075.00",
            ),
            case(Kind::FeeRate, "-2562.50", "-3075.00"),
        ),
        (
            "a penny of fee",
            changed(
                changed(handbook_rows("99937.49"), "inv-fee", "-2562.51"),
                "pay-fee",
                "2562.51",
            ),
            case(Kind::PennyDifference, "-2562.50", "-2562.51"),
        ),
        (
            "another price, at the agreed rate",
            changed(
                changed(rows(), "inv-rev", "100000.00"),
                "inv-fee",
                "-2500.00",
            )
            .into_iter()
            .take(2)
            .collect(),
            case(Kind::Price, "102500.00", "100000.00"),
        ),
    ] {
        assert_eq!(found(rows), expected, "{name}");
    }
}

/// R3: a charge's fee is its share of the whole fee, which the rate alone may miss by a penny.
#[test]
fn the_fee_of_a_charge_is_its_share() {
    let parts = [
        ("2027-01-05", "33.33"),
        ("2027-02-05", "33.33"),
        ("2027-03-05", "33.34"),
    ];
    let terms = accepted(&parts, "2.50");
    let rows = [
        Row::new("i", "INVOICED", "SELLER_REV_SHARE", "33.34").on("2027-03-05"),
        Row::new("f", "INVOICED", "AWS_REV_SHARE", "-0.84").on("2027-03-05"),
    ];
    let book = rows.map(Row::build).into_iter().collect();
    let zero = usd("0");
    let nothing = Accepted {
        price: zero,
        fee: zero,
        wholesale: zero,
        payment: zero,
    };
    let third = charges(&terms, &book).unwrap().remove(2);
    assert_eq!(findings(&terms, &third, nothing), Ok(vec![]));
}

/// R3: AWS pays on as the buyer pays; a part payment is no short payment.
#[test]
fn a_part_payment_waits_for_the_buyer() {
    let rows: Vec<_> = handbook_rows("50000.00")
        .into_iter()
        .filter(|row| !row.id.as_str().starts_with("col") && !row.id.as_str().starts_with("pay"))
        .chain([
            Row::new("part", "DISBURSED", "SELLER_REV_SHARE", "-50000.00")
                .disbursement("dep")
                .parent("inv-rev")
                .build(),
        ])
        .collect();
    assert_eq!(found(rows.clone()), vec![]);
    let collected = Row::new("col", "COLLECTED", "SELLER_REV_SHARE", "102500.00").build();
    let kinds: Vec<Kind> = found(rows.into_iter().chain([collected]).collect())
        .into_iter()
        .map(|(kind, _, _)| kind)
        .collect();
    assert_eq!(kinds, [Kind::ShortPaid]);
}

/// The same difference is the same case; any other is another.
#[test]
fn a_case_is_named_by_what_differs() {
    let finding = Finding {
        charge: 1,
        topic: Topic::Payment,
        kind: Kind::PennyDifference,
        expected: usd("1.00"),
        actual: usd("0.99"),
        difference: usd("-0.01"),
    };
    let after = |agreement: &str, finding: Finding, earlier| {
        let agreement = agreement.parse().unwrap();
        Case::open(&agreement, finding, earlier, DateTime::UNIX_EPOCH).id
    };
    let id = |agreement: &str, finding: Finding| after(agreement, finding, 0);
    assert_eq!(id("a", finding), id("a", finding));
    assert_ne!(id("a", finding), after("a", finding, 1));
    assert_ne!(id("a", finding), id("b", finding));
    assert_ne!(
        id("a", finding),
        id(
            "a",
            Finding {
                charge: 2,
                ..finding
            }
        )
    );
    assert_ne!(
        id("a", finding),
        id(
            "a",
            Finding {
                actual: usd("0.98"),
                ..finding
            }
        )
    );
    let named = id("a", finding);
    assert_eq!(named.to_string().parse(), Ok(named.clone()));
    assert_eq!(named.as_str(), named.to_string());
    for wrong in ["xyz", "abc", &"x".repeat(32), &"a".repeat(33)] {
        assert!(wrong.parse::<CaseId>().is_err(), "{wrong}");
    }
}
