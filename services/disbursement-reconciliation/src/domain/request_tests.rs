//! Charges of payment requests: what is expected grows with each approval, and is settled when the cap is
//! used up (O17, R1, R4).

use std::collections::BTreeSet;

use countersign_kernel::chrono::{DateTime, Utc};

use super::agreement::{Command, Event, Facts, Rejection, State, decide, evolve};
use super::agreement_tests::balance;
use super::billing_event::BillingEvent;
use super::book::Book;
use super::ledger::Account;
use super::samples::{Row, handbook, request, requested};

fn now() -> DateTime<Utc> {
    "2027-02-10T12:00:00Z".parse().unwrap()
}

fn decided(
    state: &State,
    command: Command,
    rows: &[BillingEvent],
) -> Result<(State, Vec<Event>), Rejection> {
    let book: Book = rows.iter().cloned().collect();
    let facts = Facts {
        now: now(),
        book: &book,
    };
    let events = decide(state, command, facts)?;
    let state = events.iter().try_fold(state.clone(), evolve)?;
    Ok((state, events))
}

fn accepted(rows: &[BillingEvent]) -> State {
    let terms = Box::new(requested(&[]));
    decided(&State::Unknown, Command::Accept(terms), rows)
        .unwrap()
        .0
}

fn end() -> Command {
    let dropped = BTreeSet::new();
    Command::End { dropped }
}

fn approve(state: &State, number: u32, on: &str, amount: &str, rows: &[BillingEvent]) -> State {
    let charge = request(number, on, amount);
    decided(state, Command::Expect(charge), rows).unwrap().0
}

fn at(state: &State, account: Account) -> String {
    let State::Known(position) = state else {
        panic!("known")
    };
    balance(position, account).amount_text()
}

/// The rows of an approved request, paid out in a deposit of its own.
fn paid(n: u32, day: &str, amount: &str, fee: &str, net: &str) -> Vec<BillingEvent> {
    let (i, f, dep) = (format!("i{n}"), format!("f{n}"), format!("d{n}"));
    let row = |id: String, action: &str, kind: &str, amount: &str| {
        Row::new(&id, action, kind, amount)
            .on(day)
            .invoice(&format!("inv-{id}"))
    };
    [
        row(i.clone(), "INVOICED", "SELLER_REV_SHARE", amount),
        row(f.clone(), "INVOICED", "AWS_REV_SHARE", &format!("-{fee}")),
        row(format!("c{n}"), "COLLECTED", "SELLER_REV_SHARE", amount).parent(&i),
        row(
            format!("p{n}"),
            "DISBURSED",
            "SELLER_REV_SHARE",
            &format!("-{amount}"),
        )
        .parent(&i)
        .disbursement(&dep),
        row(format!("q{n}"), "DISBURSED", "AWS_REV_SHARE", fee)
            .parent(&f)
            .disbursement(&dep),
        Row::new(&dep, "DISBURSED", "DISBURSEMENT", net)
            .agreement(None)
            .offer(None),
    ]
    .into_iter()
    .map(Row::build)
    .collect()
}

/// Two requests of one day, the cap used up, everything to the cent; settled only then, and once.
#[test]
fn the_cap_is_used_up_and_settles() {
    let state = accepted(&[]);
    assert_eq!(at(&state, Account::UnbilledReceivable), "0.00");
    let state = approve(&state, 1, "2027-01-10", "400.00", &[]);
    let state = approve(&state, 3, "2027-01-10", "600.00", &[]);
    assert_eq!(at(&state, Account::UnbilledReceivable), "1000.00");
    assert_eq!(at(&state, Account::AccruedListingFee), "-25.00");
    let mut rows = paid(1, "2027-01-12", "400.00", "10.00", "390.00");
    let (state, events) = decided(&state, Command::Reconcile, &rows).unwrap();
    let settled = |event: &Event| matches!(event, Event::Settled(_));
    let opened = |event: &Event| matches!(event, Event::CaseOpened(_));
    assert!(
        !events.iter().any(settled) && !events.iter().any(opened),
        "{events:?}"
    );
    rows.extend(paid(3, "2027-01-12", "600.00", "15.00", "585.00"));
    let (state, events) = decided(&state, Command::Reconcile, &rows).unwrap();
    assert_eq!(events.iter().filter(|event| settled(event)).count(), 1);
    assert!(!events.iter().any(opened), "{events:?}");
    for (account, expected) in [
        (Account::UnbilledReceivable, "0.00"),
        (Account::AwsReceivable, "0.00"),
        (Account::DisbursementClearing, "0.00"),
        (Account::AccruedListingFee, "0.00"),
        (Account::Cash, "975.00"),
        (Account::ListingFeeExpense, "25.00"),
        (Account::DeferredRevenue, "-1000.00"),
    ] {
        assert_eq!(at(&state, account), expected, "{}", account.name());
    }
}

/// A part of the cap that is not drawn yet keeps it open, however much of the rest is paid.
#[test]
fn what_may_still_be_charged_is_not_settled() {
    let state = approve(&accepted(&[]), 1, "2027-01-10", "999.99", &[]);
    let rows = paid(1, "2027-01-12", "999.99", "25.00", "974.99");
    let (state, _) = decided(&state, Command::Reconcile, &rows).unwrap();
    let State::Known(position) = &state else {
        panic!("known")
    };
    assert_eq!(position.settled_at, None);
    assert_eq!(position.cases.len(), 0);
    let state = approve(&state, 2, "2027-01-20", "0.01", &rows);
    assert_eq!(at(&state, Account::UnbilledReceivable), "0.01");
}

/// Once the agreement is over, what was approved is all that comes; a late approval opens it again.
#[test]
fn an_end_settles_what_was_drawn() {
    let rows = paid(1, "2027-01-12", "400.00", "10.00", "390.00");
    let state = approve(&accepted(&rows), 1, "2027-01-10", "400.00", &rows);
    let settled_at = |state: &State| match state {
        State::Known(position) => position.settled_at,
        State::Unknown => panic!("known"),
    };
    assert_eq!(settled_at(&state), None);
    let (ended, events) = decided(&state, end(), &rows).unwrap();
    assert!(matches!(events[0], Event::Ended), "{events:?}");
    assert!(settled_at(&ended).is_some());
    assert_eq!(decided(&ended, end(), &rows).unwrap().1, []);
    let late = approve(&ended, 2, "2027-01-20", "1.00", &rows);
    assert_eq!(settled_at(&late), None);
    let terms = Box::new(handbook());
    let (scheduled, _) = decided(&State::Unknown, Command::Accept(terms), &[]).unwrap();
    assert_eq!(decided(&scheduled, end(), &[]).unwrap().1, []);
}

/// The feed may be faster than the event: the row is booked, and the charge takes it over.
#[test]
fn rows_that_come_before_the_approval_are_not_lost() {
    let rows = paid(1, "2027-01-12", "1000.00", "25.00", "975.00");
    let early = accepted(&rows);
    assert_eq!(at(&early, Account::UnbilledReceivable), "-1000.00");
    let late = approve(&early, 1, "2027-01-10", "1000.00", &rows);
    assert_eq!(at(&late, Account::UnbilledReceivable), "0.00");
    assert_eq!(at(&late, Account::Cash), "975.00");
    let State::Known(position) = &late else {
        panic!("known")
    };
    assert!(position.settled_at.is_some());
}

#[test]
fn what_is_approved_again_is_the_same_charge() {
    let state = approve(&accepted(&[]), 1, "2027-01-10", "400.00", &[]);
    let (_, events) = decided(
        &state,
        Command::Expect(request(1, "2027-01-10", "400.00")),
        &[],
    )
    .unwrap();
    assert_eq!(events, []);
    let terms = Box::new(requested(&[]));
    let (_, events) = decided(&state, Command::Accept(terms), &[]).unwrap();
    assert_eq!(events, [], "the acceptance again");
    let other = Command::Expect(request(1, "2027-01-10", "400.01"));
    assert_eq!(decided(&state, other, &[]), Err(Rejection::OtherCharge(1)));
    let one = || Command::Expect(request(1, "2027-01-10", "400.00"));
    let unknown = decided(&State::Unknown, one(), &[]);
    assert_eq!(unknown, Err(Rejection::UnknownAgreement));
    let terms = Box::new(handbook());
    let (scheduled, _) = decided(&State::Unknown, Command::Accept(terms), &[]).unwrap();
    assert_eq!(
        decided(&scheduled, one(), &[]),
        Err(Rejection::NotByRequests)
    );
    let nothing = Command::Expect(request(2, "2027-01-10", "0.00"));
    assert!(decided(&state, nothing, &[]).is_err());
}
