//! The agreement's decisions, a case per row.

mod cases;
mod resale;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Currency, Money};

use super::agreement::{Command, Event, Facts, Position, Rejection, State, decide, evolve};
use super::billing_event::BillingEvent;
use super::book::Book;
use super::discrepancy::{Case, CaseId, Kind};
use super::ledger::{Account, Posting, Source};
use super::samples::{Row, accepted, deposit_failed, handbook, handbook_rows, usd};
use super::terms::Terms;

fn now() -> DateTime<Utc> {
    "2027-02-10T12:00:00Z".parse().unwrap()
}

/// Decides and folds; gives the state and what happened.
fn apply(state: &State, command: Command, rows: &[BillingEvent]) -> (State, Vec<Event>) {
    let book: Book = rows.iter().cloned().collect();
    let events = decide(
        state,
        command,
        Facts {
            now: now(),
            book: &book,
        },
    )
    .unwrap();
    let folded = events.iter().try_fold(state.clone(), evolve).unwrap();
    (folded, events)
}

fn accept(terms: Terms, rows: &[BillingEvent]) -> (State, Vec<Event>) {
    apply(&State::Unknown, Command::Accept(Box::new(terms)), rows)
}

fn position(state: &State) -> &Position {
    let State::Known(position) = state else {
        panic!("known")
    };
    position
}

pub(super) fn balance(position: &Position, account: Account) -> Money {
    let balances = position
        .posted
        .values()
        .map(|posted| posted.net.balance(account, Currency::Usd));
    Money::sum(balances, Currency::Usd).unwrap()
}

fn open_cases(state: &State) -> Vec<&Case> {
    position(state)
        .cases
        .values()
        .filter(|case| case.is_open())
        .collect()
}

fn settled(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::Settled(_)))
        .count()
}

fn resolve(case: &CaseId) -> Command {
    Command::Resolve {
        case: case.clone(),
        by: "finance@acme.example".parse().unwrap(),
        reason: "AWS rounds".to_owned(),
    }
}

/// The main job: 102 500.00 invoiced, 2 562.50 fee, 99 937.50 on the bank, nothing left over.
#[test]
fn the_handbook_deal_settles_to_the_cent() {
    let (state, events) = accept(handbook(), &[]);
    assert_eq!(
        balance(position(&state), Account::UnbilledReceivable),
        usd("102500.00")
    );
    assert_eq!(settled(&events), 0);

    let rows = handbook_rows("99937.50");
    let (state, _) = apply(&state, Command::Reconcile, &rows[..2]);
    assert_eq!(
        balance(position(&state), Account::AwsReceivable),
        usd("99937.50")
    );
    let (state, events) = apply(&state, Command::Reconcile, &rows[..3]);
    assert_eq!(events, [], "collecting posts nothing");
    let (state, events) = apply(&state, Command::Reconcile, &rows);

    for (account, expected) in [
        (Account::UnbilledReceivable, "0.00"),
        (Account::AwsReceivable, "0.00"),
        (Account::DisbursementClearing, "0.00"),
        (Account::AccruedListingFee, "0.00"),
        (Account::Cash, "99937.50"),
        (Account::ListingFeeExpense, "2562.50"),
        (Account::DeferredRevenue, "-102500.00"),
    ] {
        assert_eq!(
            balance(position(&state), account),
            usd(expected),
            "{}",
            account.name()
        );
    }
    let Some(Event::Settled(settlement)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(settlement.totals.invoiced, usd("102500.00"));
    assert_eq!(settlement.totals.fee, usd("-2562.50"));
    assert_eq!(settlement.totals.disbursed, usd("99937.50"));
    assert_eq!(settlement.totals.undisbursed, usd("0.00"));
    assert_eq!(
        settlement.bank_traces.iter().collect::<Vec<_>>(),
        ["TRACE-1"]
    );
    let cash: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::CashDisbursed(cash) => Some((cash.amount, cash.bank_trace.as_deref())),
            Event::Accepted(_)
            | Event::Expected(_)
            | Event::Ended
            | Event::Dropped(_)
            | Event::Posted { .. }
            | Event::CaseOpened(_)
            | Event::CaseCleared { .. }
            | Event::CaseResolved { .. }
            | Event::Unsettled { .. }
            | Event::Settled(_) => None,
        })
        .collect();
    assert_eq!(cash, [(usd("99937.50"), Some("TRACE-1"))]);

    let (_, again) = apply(&state, Command::Reconcile, &rows);
    assert_eq!(again, [], "the same rows again do nothing");
}

/// Rows that come before the agreement wait for it.
#[test]
fn rows_may_come_first() {
    let rows = handbook_rows("99937.50");
    let (state, events) = apply(&State::Unknown, Command::Reconcile, &rows);
    assert_eq!((state, events), (State::Unknown, vec![]));
    let (early, events) = accept(handbook(), &rows);
    assert_eq!(settled(&events), 1);
    let (late, _) = accept(handbook(), &[]);
    let (late, _) = apply(&late, Command::Reconcile, &rows);
    assert_eq!(early, late);
}

/// R3, R4, R5: a deposit that came back is reversed by new entries, somebody hears of it, and when it
/// is paid again that is told too, with what came the second time.
#[test]
fn a_failed_deposit_is_corrected_by_new_entries() {
    let mut rows = handbook_rows("99937.50");
    let (state, _) = accept(handbook(), &rows);
    rows.push(deposit_failed("dep"));
    let (state, events) = apply(&state, Command::Reconcile, &rows);
    let corrections = |event: &&Event| matches!(event, Event::Posted { revision: 1, .. });
    assert_eq!(events.iter().filter(corrections).count(), 3);
    assert!(matches!(
        events[3..],
        [Event::CaseOpened(_), Event::Unsettled { .. }]
    ));
    assert_eq!(open_cases(&state)[0].finding.kind, Kind::DepositFailed);
    assert_eq!(balance(position(&state), Account::Cash), usd("0.00"));
    assert_eq!(
        balance(position(&state), Account::AwsReceivable),
        usd("99937.50")
    );
    assert_eq!(position(&state).settled_at, None);

    let again = |id: &str, kind: &str, amount: &str, parent: &str| {
        let row = Row::new(id, "DISBURSED", kind, amount);
        row.parent(parent).disbursement("dep2").build()
    };
    rows.extend([
        again("pay-rev2", "SELLER_REV_SHARE", "-102500.00", "inv-rev"),
        again("pay-fee2", "AWS_REV_SHARE", "2562.50", "inv-fee"),
        Row::new("dep2", "DISBURSED", "DISBURSEMENT", "99937.50")
            .bank_trace("TRACE-2")
            .build(),
    ]);
    let (state, events) = apply(&state, Command::Reconcile, &rows);
    assert!(open_cases(&state).is_empty());
    let Some(Event::Settled(settlement)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        settlement.bank_traces.iter().collect::<Vec<_>>(),
        ["TRACE-2"]
    );
    assert_eq!(balance(position(&state), Account::Cash), usd("99937.50"));
    let (_, again) = apply(&state, Command::Reconcile, &rows);
    assert_eq!(again, []);
}

/// R5: forgiveness is booked on the day on which it happens, not on the invoice's.
#[test]
fn forgiveness_takes_effect_when_it_happens() {
    let mut forgiven = Row::new("f", "FORGIVEN", "SELLER_REV_SHARE", "-102500.00").build();
    forgiven.acted_at = now();
    let (_, events) = accept(handbook(), &[forgiven]);
    let effective = events.iter().find_map(|event| match event {
        Event::Posted {
            source: Source::BillingEvent(_),
            effective,
            ..
        } => Some(*effective),
        Event::Posted { .. }
        | Event::Accepted(_)
        | Event::Expected(_)
        | Event::Ended
        | Event::Dropped(_)
        | Event::CashDisbursed(_)
        | Event::CaseOpened(_)
        | Event::CaseCleared { .. }
        | Event::CaseResolved { .. }
        | Event::Unsettled { .. }
        | Event::Settled(_) => None,
    });
    assert_eq!(effective, Some(now().date_naive()));
}

/// R4: settled means every charge; what is owed again is settled again.
#[test]
fn every_charge_must_come() {
    let terms = || {
        accepted(
            &[("2027-01-05", "102500.00"), ("2027-02-05", "100.00")],
            "2565.00",
        )
    };
    let mut rows = handbook_rows("99937.50");
    let (state, events) = accept(terms(), &rows);
    assert_eq!(settled(&events), 0);
    rows.extend(
        [
            Row::new("i2", "INVOICED", "SELLER_REV_SHARE", "100.00").on("2027-02-05"),
            Row::new("f2", "INVOICED", "AWS_REV_SHARE", "-2.50").on("2027-02-05"),
            Row::new("p2", "DISBURSED", "SELLER_REV_SHARE", "-100.00")
                .parent("i2")
                .disbursement("d2"),
            Row::new("q2", "DISBURSED", "AWS_REV_SHARE", "2.50")
                .parent("f2")
                .disbursement("d2"),
            Row::new("d2", "DISBURSED", "DISBURSEMENT", "97.50").bank_trace("TRACE-2"),
        ]
        .map(Row::build),
    );
    let (state, events) = apply(&state, Command::Reconcile, &rows);
    assert_eq!(settled(&events), 1);
    rows.push(Row::new("late", "INVOICED", "BALANCE_ADJUSTMENT", "1.00").build());
    let (state, events) = apply(&state, Command::Reconcile, &rows);
    assert_eq!(settled(&events), 0);
    assert!(matches!(events.last(), Some(Event::Unsettled { .. })));
    rows.extend([
        Row::new("adj", "DISBURSED", "BALANCE_ADJUSTMENT", "-1.00")
            .parent("late")
            .disbursement("d3")
            .build(),
        Row::new("d3", "DISBURSED", "DISBURSEMENT", "1.00").build(),
    ]);
    let (_, events) = apply(&state, Command::Reconcile, &rows);
    assert_eq!(settled(&events), 1);
}

#[test]
fn an_acceptance_is_taken_once_and_never_changed() {
    let (state, _) = accept(handbook(), &[]);
    let (_, again) = apply(&state, Command::Accept(Box::new(handbook())), &[]);
    assert_eq!(again, []);
    let other = Command::Accept(Box::new(accepted(
        &[("2027-01-05", "102500.01")],
        "2562.50",
    )));
    let book = Book::default();
    let facts = Facts {
        now: now(),
        book: &book,
    };
    assert_eq!(decide(&state, other, facts), Err(Rejection::OtherTerms));
    let unknown = "0".repeat(32).parse().unwrap();
    assert_eq!(
        decide(&state, resolve(&unknown), facts),
        Err(Rejection::UnknownCase)
    );
    assert_eq!(
        decide(&State::Unknown, resolve(&unknown), facts),
        Err(Rejection::UnknownCase)
    );
}

/// The ledger of one source is what its transactions add up to.
#[test]
fn posted_is_the_sum_of_its_transactions() {
    let (state, events) = accept(handbook(), &handbook_rows("99937.50"));
    for (source, posted) in &position(&state).posted {
        let sum = events
            .iter()
            .fold(Posting::default(), |sum, event| match event {
                Event::Posted {
                    source: of,
                    transaction,
                    ..
                } if of == source => sum.with(transaction).unwrap(),
                Event::Posted { .. }
                | Event::Accepted(_)
                | Event::Expected(_)
                | Event::Ended
                | Event::Dropped(_)
                | Event::CashDisbursed(_)
                | Event::CaseOpened(_)
                | Event::CaseCleared { .. }
                | Event::CaseResolved { .. }
                | Event::Unsettled { .. }
                | Event::Settled(_) => sum,
            });
        assert_eq!(sum, posted.net);
    }
}
