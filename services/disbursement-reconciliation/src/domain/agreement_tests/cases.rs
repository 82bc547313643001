//! Differences that people accept, that rows make up for, and that come back (R3, R8).

use super::{accept, apply, balance, now, open_cases, position, resolve, settled};
use crate::domain::agreement::{Command, Event, Facts, Rejection, decide};
use crate::domain::billing_event::BillingEvent;
use crate::domain::book::Book;
use crate::domain::discrepancy::{CaseStatus, Kind};
use crate::domain::ledger::{Account, Source};
use crate::domain::samples::{Row, deposit_failed, handbook, handbook_rows, usd};

/// The short-paid deal: one penny case, not settled until a person accepts it, booked as such.
#[test]
fn a_penny_waits_for_a_person() {
    let rows = handbook_rows("99937.49");
    let (state, events) = accept(handbook(), &rows);
    assert_eq!(settled(&events), 0);
    let [case] = open_cases(&state)[..] else {
        panic!("one case")
    };
    assert_eq!(case.finding.kind, Kind::PennyDifference);
    assert_eq!(case.finding.difference, usd("-0.01"));
    assert_eq!(
        balance(position(&state), Account::DisbursementClearing),
        usd("0.01")
    );
    assert_eq!(
        position(&state)
            .totals(&rows.iter().cloned().collect())
            .unwrap()
            .undisbursed,
        usd("0.01")
    );

    let (state, events) = apply(&state, resolve(&case.id), &rows);
    assert_eq!(settled(&events), 1);
    assert_eq!(
        balance(position(&state), Account::DisbursementClearing),
        usd("0.00")
    );
    assert_eq!(
        balance(position(&state), Account::PennyDifference),
        usd("0.01")
    );
    assert_eq!(balance(position(&state), Account::Cash), usd("99937.49"));
    assert!(matches!(
        events[0],
        Event::Posted {
            source: Source::Resolution(_),
            ..
        }
    ));

    let case = position(&state).cases.values().next().unwrap().id.clone();
    let book: Book = rows.into_iter().collect();
    let again = decide(
        &state,
        resolve(&case),
        Facts {
            now: now(),
            book: &book,
        },
    );
    assert!(matches!(again, Err(Rejection::AlreadyResolved { .. })));
}

/// A difference may stand in the deposit or in its rows; either way the account it is on is emptied.
#[test]
fn every_resolution_empties_the_account_that_showed_the_difference() {
    let change = |rows: &mut Vec<BillingEvent>, id: &str, amount: &str| {
        for row in rows.iter_mut().filter(|row| row.id.as_str() == id) {
            row.amount = usd(amount);
        }
    };
    let mut short_row = handbook_rows("99837.50");
    change(&mut short_row, "pay-rev", "-102400.00");
    let mut rate = handbook_rows("99425.00");
    change(&mut rate, "inv-fee", "-3075.00");
    change(&mut rate, "pay-fee", "3075.00");
    let mut price = handbook_rows("97500.00");
    change(&mut price, "inv-rev", "100000.00");
    change(&mut price, "inv-fee", "-2500.00");
    change(&mut price, "pay-rev", "-100000.00");
    change(&mut price, "pay-fee", "2500.00");
    for (name, rows, kind, account, amount) in [
        (
            "deposit",
            handbook_rows("99837.50"),
            Kind::ShortPaid,
            Account::PaymentDifference,
            "100.00",
        ),
        (
            "row",
            short_row,
            Kind::ShortPaid,
            Account::PaymentDifference,
            "100.00",
        ),
        (
            "over",
            handbook_rows("99947.50"),
            Kind::OverPaid,
            Account::PaymentDifference,
            "-10.00",
        ),
        (
            "rate",
            rate,
            Kind::FeeRate,
            Account::ListingFeeExpense,
            "3075.00",
        ),
        (
            "price",
            price,
            Kind::Price,
            Account::DeferredRevenue,
            "-100000.00",
        ),
    ] {
        let (state, events) = accept(handbook(), &rows);
        assert_eq!(settled(&events), 0, "{name}");
        let [case] = open_cases(&state)[..] else {
            panic!("{name}: one case")
        };
        assert_eq!(case.finding.kind, kind, "{name}");
        let (state, events) = apply(&state, resolve(&case.id), &rows);
        assert_eq!(settled(&events), 1, "{name}");
        assert_eq!(balance(position(&state), account), usd(amount), "{name}");
        for emptied in [
            Account::UnbilledReceivable,
            Account::AwsReceivable,
            Account::DisbursementClearing,
            Account::AccruedListingFee,
        ] {
            assert_eq!(
                balance(position(&state), emptied),
                usd("0"),
                "{name} {}",
                emptied.name()
            );
        }
    }
}

/// A later row that makes up for the difference clears the case; a further difference is another.
#[test]
fn a_case_that_later_rows_make_up_for_is_cleared() {
    let mut rows = handbook_rows("99937.49");
    let (state, _) = accept(handbook(), &rows);
    let first = open_cases(&state)[0].id.clone();
    rows.extend([
        Row::new("dep2", "DISBURSED", "DISBURSEMENT", "0.01")
            .agreement(None)
            .build(),
        Row::new("adj", "INVOICED", "BALANCE_ADJUSTMENT", "0.00").build(),
        Row::new("pay2", "DISBURSED", "SELLER_REV_SHARE", "0.00")
            .parent("inv-rev")
            .disbursement("dep2")
            .build(),
    ]);
    // A person who closes it before the rows are reconciled would accept what is no longer there.
    let book: Book = rows.iter().cloned().collect();
    let facts = Facts {
        now: now(),
        book: &book,
    };
    assert_eq!(
        decide(&state, resolve(&first), facts),
        Err(Rejection::NothingToResolve)
    );
    let (state, events) = apply(&state, Command::Reconcile, &rows);
    assert!(open_cases(&state).is_empty());
    assert!(matches!(
        position(&state).cases[&first].status,
        CaseStatus::Cleared { .. }
    ));
    assert_eq!(settled(&events), 1);
    let book: Book = rows.into_iter().collect();
    let refused = decide(
        &state,
        resolve(&first),
        Facts {
            now: now(),
            book: &book,
        },
    );
    assert_eq!(refused, Err(Rejection::NothingToResolve));
}

/// R8: a difference that comes back after it was accepted is another case, and is booked anew.
#[test]
fn an_accepted_difference_that_comes_back_is_another_case() {
    let mut rows = handbook_rows("99937.49");
    let (state, _) = accept(handbook(), &rows);
    let first = open_cases(&state)[0].id.clone();
    let (state, _) = apply(&state, resolve(&first), &rows);
    rows.extend([
        Row::new("dep2", "DISBURSED", "DISBURSEMENT", "0.01").build(),
        Row::new("pay2", "DISBURSED", "SELLER_REV_SHARE", "0.00")
            .parent("inv-rev")
            .disbursement("dep2")
            .build(),
    ]);
    let (state, _) = apply(&state, Command::Reconcile, &rows);
    let (state, _) = apply(&state, resolve(&open_cases(&state)[0].id), &rows);
    rows.push(deposit_failed("dep2"));
    let (state, _) = apply(&state, Command::Reconcile, &rows);
    let third = open_cases(&state)[0].clone();
    assert_eq!(third.finding, position(&state).cases[&first].finding);
    let (state, events) = apply(&state, resolve(&third.id), &rows);
    assert_eq!(settled(&events), 1);
    assert_eq!(position(&state).cases.len(), 3);
    for (account, expected) in [
        (Account::DisbursementClearing, "0.00"),
        (Account::AwsReceivable, "0.00"),
        (Account::PennyDifference, "0.01"),
        (Account::Cash, "99937.49"),
    ] {
        let found = balance(position(&state), account);
        assert_eq!(found, usd(expected), "{}", account.name());
    }
}
