//! An agreement that ends before its schedule does: what AWS no longer invoices is no longer expected, and what
//! it invoiced stands (O15, R1, R5).

use std::collections::BTreeSet;

use countersign_kernel::chrono::{DateTime, Utc};

use super::agreement::{Command, Event, Facts, Position, State, decide, evolve};
use super::agreement_tests::balance;
use super::billing_event::BillingEvent;
use super::book::Book;
use super::cash::{ChargeState, charges};
use super::ledger::Account;
use super::samples::{Row, accepted, date};

fn now() -> DateTime<Utc> {
    "2027-02-10T12:00:00Z".parse().unwrap()
}

fn decided(state: &State, command: Command, rows: &[BillingEvent]) -> (State, Vec<Event>) {
    let book: Book = rows.iter().cloned().collect();
    let facts = Facts {
        now: now(),
        book: &book,
    };
    let events = decide(state, command, facts).unwrap();
    let state = events.iter().try_fold(state.clone(), evolve).unwrap();
    (state, events)
}

/// Three charges of 102 500.00 in all, as the deal of change-order.yaml.
fn agreed(rows: &[BillingEvent]) -> State {
    let terms = accepted(
        &[
            ("2027-01-05", "41000.00"),
            ("2027-02-20", "30750.30"),
            ("2027-03-20", "30749.70"),
        ],
        "2562.50",
    );
    decided(&State::Unknown, Command::Accept(Box::new(terms)), rows).0
}

fn end(dropped: &[u32]) -> Command {
    let dropped: BTreeSet<u32> = dropped.iter().copied().collect();
    Command::End { dropped }
}

fn known(state: &State) -> &Position {
    match state {
        State::Known(position) => position,
        State::Unknown => panic!("known"),
    }
}

fn states(state: &State, rows: &[BillingEvent]) -> Vec<ChargeState> {
    let book: Book = rows.iter().cloned().collect();
    let position = known(state);
    let charges = charges(&position.terms, &book).unwrap();
    let states = charges.iter().map(|cash| {
        let accepted = position.accepted(cash.expected.number).unwrap();
        cash.state(accepted.payment, date("2027-02-10")).unwrap()
    });
    states.collect()
}

/// The first charge, invoiced and paid out.
fn first_paid() -> Vec<BillingEvent> {
    [
        Row::new("i", "INVOICED", "SELLER_REV_SHARE", "41000.00"),
        Row::new("f", "INVOICED", "AWS_REV_SHARE", "-1025.00"),
        Row::new("c", "COLLECTED", "SELLER_REV_SHARE", "41000.00").parent("i"),
        Row::new("p", "DISBURSED", "SELLER_REV_SHARE", "-41000.00")
            .parent("i")
            .disbursement("d"),
        Row::new("q", "DISBURSED", "AWS_REV_SHARE", "1025.00")
            .parent("f")
            .disbursement("d"),
        Row::new("d", "DISBURSED", "DISBURSEMENT", "39975.00")
            .agreement(None)
            .offer(None),
    ]
    .into_iter()
    .map(Row::build)
    .collect()
}

fn balances(state: &State) -> Vec<(Account, String)> {
    let accounts = [
        Account::UnbilledReceivable,
        Account::AwsReceivable,
        Account::AccruedListingFee,
        Account::DisbursementClearing,
        Account::DeferredRevenue,
        Account::ListingFeeExpense,
        Account::Cash,
    ];
    let of = |account| (account, balance(known(state), account).amount_text());
    accounts.into_iter().map(of).collect()
}

fn expected(amounts: [&str; 7]) -> Vec<(Account, String)> {
    let accounts = balances(&agreed(&[]))
        .into_iter()
        .map(|(account, _)| account);
    accounts.zip(amounts.map(str::to_owned)).collect()
}

/// What was booked of the other charges is taken back by further entries, and the first settles the rest.
#[test]
fn future_charges_are_dropped_and_the_rest_settles() {
    let rows = first_paid();
    let state = agreed(&rows);
    assert_eq!(known(&state).settled_at, None);
    let (ended, events) = decided(&state, end(&[2, 3]), &rows);
    let posted = events
        .iter()
        .filter(|event| matches!(event, Event::Posted { .. }));
    assert_eq!(posted.count(), 2, "{events:?}");
    assert!(known(&ended).settled_at.is_some());
    let found = states(&ended, &rows);
    let dropped = ChargeState::Dropped;
    assert_eq!(found, [ChargeState::Disbursed, dropped, dropped]);
    assert_eq!(
        balances(&ended),
        expected([
            "0.00",
            "0.00",
            "0.00",
            "0.00",
            "-41000.00",
            "1025.00",
            "39975.00"
        ])
    );
    // Heard again, nothing happens.
    assert_eq!(decided(&ended, end(&[2, 3]), &rows).1, []);
    assert_eq!(decided(&ended, end(&[]), &rows).1, []);
}

/// Nothing was invoiced: nothing is left.
#[test]
fn an_agreement_that_ends_before_all_its_charges_balances_to_nothing() {
    let (ended, _) = decided(&agreed(&[]), end(&[1, 2, 3]), &[]);
    assert_eq!(balances(&ended), expected(["0.00"; 7]));
    assert!(known(&ended).settled_at.is_some());
}

/// What AWS invoices after all counts all the same, whenever the rows come.
#[test]
fn an_invoice_of_a_dropped_charge_is_expected_again() {
    let (ended, _) = decided(&agreed(&[]), end(&[1, 2, 3]), &[]);
    let rows = first_paid();
    let (late, events) = decided(&ended, Command::Reconcile, &rows);
    let early = decided(&agreed(&rows), end(&[1, 2, 3]), &rows).0;
    for state in [&late, &early] {
        assert_eq!(states(state, &rows)[0], ChargeState::Disbursed);
        assert_eq!(
            balances(state),
            expected([
                "0.00",
                "0.00",
                "0.00",
                "0.00",
                "-41000.00",
                "1025.00",
                "39975.00"
            ])
        );
        assert!(known(state).settled_at.is_some());
    }
    let told = |event: &&Event| matches!(event, Event::Unsettled { .. } | Event::CaseOpened(_));
    assert_eq!(events.iter().filter(told).count(), 0, "{events:?}");
}

/// A billing adjustment after the end: AWS keeps it from another deposit, until which it is owed.
#[test]
fn an_adjustment_is_a_refund_that_unsettles_until_it_is_kept() {
    let mut rows = first_paid();
    let ended = decided(&agreed(&rows), end(&[2, 3]), &rows).0;
    let refunds = [
        Row::new("ri", "INVOICED", "SELLER_REV_SHARE_REFUND", "-2050.00"),
        Row::new("rf", "INVOICED", "AWS_REV_SHARE_REFUND", "51.25"),
    ];
    rows.extend(refunds.map(|row| row.on("2027-02-11").build()));
    let (owing, _) = decided(&ended, Command::Reconcile, &rows);
    assert_eq!(known(&owing).settled_at, None);
    let at = |state: &State| balance(known(state), Account::AwsReceivable).amount_text();
    assert_eq!(at(&owing), "-1998.75");
    let kept = [
        Row::new("rp", "DISBURSED", "SELLER_REV_SHARE_REFUND", "2050.00")
            .parent("ri")
            .disbursement("d2"),
        Row::new("rq", "DISBURSED", "AWS_REV_SHARE_REFUND", "-51.25")
            .parent("rf")
            .disbursement("d2"),
        Row::new("other", "DISBURSED", "SELLER_REV_SHARE", "-3000.00")
            .agreement(Some("agmt-2"))
            .disbursement("d2"),
        Row::new("d2", "DISBURSED", "DISBURSEMENT", "1001.25")
            .agreement(None)
            .offer(None),
    ];
    rows.extend(kept.map(Row::build));
    let (settled, events) = decided(&owing, Command::Reconcile, &rows);
    assert!(known(&settled).settled_at.is_some(), "{events:?}");
    assert_eq!(
        balances(&settled),
        expected([
            "0.00",
            "0.00",
            "0.00",
            "0.00",
            "-38950.00",
            "973.75",
            "37976.25"
        ])
    );
}
