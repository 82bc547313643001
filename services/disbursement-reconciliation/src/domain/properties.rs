//! Whatever the order and however often rows come: the same state (R2, R3, R5).

use std::collections::BTreeSet;

use countersign_kernel::chrono::{DateTime, NaiveDate};
use countersign_kernel::{Currency, Money};
use proptest::prelude::*;

use super::agreement::{Command, Facts, Position, State, decide, evolve};
use super::agreement_tests::balance;
use super::billing_event::BillingEvent;
use super::book::Book;
use super::cash::{ChargeState, charges};
use super::discrepancy::CaseId;
use super::ledger::Account;
use super::samples::{Row, accepted};
use super::terms::Terms;

const ACCOUNTS: [Account; 11] = [
    Account::UnbilledReceivable,
    Account::AwsReceivable,
    Account::Cash,
    Account::DisbursementClearing,
    Account::DeferredRevenue,
    Account::ListingFeeExpense,
    Account::AccruedListingFee,
    Account::SellerTax,
    Account::AwsAdjustments,
    Account::PennyDifference,
    Account::PaymentDifference,
];

/// Three charges have at most three differences each.
const MAX_CASES: usize = 9;

/// What must not depend on order or repetition.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    states: Vec<ChargeState>,
    balances: Vec<Money>,
    open: BTreeSet<CaseId>,
    settled: bool,
}

fn terms() -> Terms {
    accepted(
        &[
            ("2027-01-05", "1000.00"),
            ("2027-02-05", "500.00"),
            ("2027-03-05", "33.33"),
        ],
        "38.33",
    )
}

/// How far a charge has come, and what went wrong on the way.
#[derive(Debug, Clone)]
struct Fate {
    stage: u8,
    drift: i64,
    fails: bool,
    shared_deposit: bool,
    refunded: bool,
}

fn fate() -> impl Strategy<Value = Fate> {
    (
        0_u8..4,
        prop_oneof![Just(0_i64), Just(-1), Just(1), -300_i64..300],
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(stage, drift, fails, shared_deposit, refunded)| Fate {
            stage,
            drift,
            fails,
            shared_deposit,
            refunded,
        })
}

/// The rows of charges with these fates, and another agreement's rows in the shared deposit.
fn rows(fates: &[Fate]) -> Vec<BillingEvent> {
    let mut rows = Vec::new();
    let mut shared = 0;
    let drift = fates.iter().map(|fate| fate.drift).sum::<i64>();
    for (charge, fate) in terms().charges.iter().zip(fates) {
        let n = charge.number;
        let day = charge.on.to_string();
        let (price, fee) = (
            charge.amount.amount_text(),
            charge.fee.negated().amount_text(),
        );
        let row = |name: &str, action: &str, kind: &str, amount: &str| {
            Row::new(&format!("{name}{n}"), action, kind, amount).on(&day)
        };
        if fate.stage > 0 {
            rows.push(row("i", "INVOICED", "SELLER_REV_SHARE", &price));
            rows.push(row("f", "INVOICED", "AWS_REV_SHARE", &fee));
        }
        if fate.stage > 0 && fate.refunded {
            let back = |name, kind, amount, of: &str| {
                row(name, "INVOICED", kind, amount).parent(&format!("{of}{n}"))
            };
            rows.push(back("r", "SELLER_REV_SHARE_REFUND", "-10.00", "i"));
            rows.push(back("s", "AWS_REV_SHARE_REFUND", "0.25", "f"));
        }
        if fate.stage > 1 {
            rows.push(row("c", "COLLECTED", "SELLER_REV_SHARE", &price).parent(&format!("i{n}")));
        }
        if fate.stage > 2 {
            let deposit = if fate.shared_deposit {
                "d0".to_owned()
            } else {
                format!("d{n}")
            };
            let mirror = |amount: Money| amount.negated().amount_text();
            rows.push(
                row("p", "DISBURSED", "SELLER_REV_SHARE", &mirror(charge.amount))
                    .parent(&format!("i{n}"))
                    .disbursement(&deposit),
            );
            rows.push(
                row("q", "DISBURSED", "AWS_REV_SHARE", &charge.fee.amount_text())
                    .parent(&format!("f{n}"))
                    .disbursement(&deposit),
            );
            if fate.shared_deposit {
                shared += charge.net.minor_units();
            } else {
                rows.push(deposited(&deposit, charge.net.minor_units() + fate.drift));
                if fate.fails {
                    rows.push(row("x", "DISBURSED", "DISBURSEMENT_FAILURE", "0").parent(&deposit));
                }
            }
        }
    }
    rows.push(
        Row::new("other", "DISBURSED", "SELLER_REV_SHARE", "-700.00")
            .agreement(Some("agmt-9"))
            .disbursement("d0"),
    );
    rows.push(deposited("d0", shared + 70_000 + drift));
    rows.into_iter().map(Row::build).collect()
}

fn deposited(id: &str, minor_units: i64) -> Row {
    let amount = Money::from_minor_units(minor_units, Currency::Usd).unwrap();
    Row::new(id, "DISBURSED", "DISBURSEMENT", &amount.amount_text())
        .agreement(None)
        .bank_trace(id)
}

/// Feeds the rows in steps of `chunk`, each a reconciliation, the acceptance before step `known`.
fn run(rows: &[BillingEvent], chunk: usize, known: usize) -> Outcome {
    let mut state = State::Unknown;
    let mut arrived: Vec<BillingEvent> = Vec::new();
    let steps: Vec<&[BillingEvent]> = rows.chunks(chunk).collect();
    let known = known.min(steps.len());
    for step in 0..=steps.len() {
        if step == known {
            state = advance(&state, Command::Accept(Box::new(terms())), &arrived);
        }
        arrived.extend(
            steps
                .get(step)
                .into_iter()
                .flat_map(|rows| rows.iter().cloned()),
        );
        state = advance(&state, Command::Reconcile, &arrived);
    }
    let State::Known(position) = &state else {
        panic!("accepted")
    };
    outcome(position, &arrived.into_iter().collect())
}

fn first_open(state: &State) -> Option<CaseId> {
    let State::Known(position) = state else {
        panic!("accepted")
    };
    let mut open = position.cases.values().filter(|case| case.is_open());
    open.next().map(|case| case.id.clone())
}

fn advance(state: &State, command: Command, rows: &[BillingEvent]) -> State {
    let book: Book = rows.iter().cloned().collect();
    let facts = Facts {
        now: DateTime::UNIX_EPOCH,
        book: &book,
    };
    let events = decide(state, command, facts).unwrap();
    events.iter().try_fold(state.clone(), evolve).unwrap()
}

fn outcome(position: &Position, book: &Book) -> Outcome {
    let today: NaiveDate = "2027-04-01".parse().unwrap();
    let nothing = Money::zero(Currency::Usd);
    let cash = charges(&position.terms, book).unwrap();
    Outcome {
        states: cash
            .iter()
            .map(|cash| cash.state(nothing, today).unwrap())
            .collect(),
        balances: ACCOUNTS
            .iter()
            .map(|account| balance(position, *account))
            .collect(),
        open: position
            .cases
            .values()
            .filter(|case| case.is_open())
            .map(|case| case.id.clone())
            .collect(),
        settled: position.is_settled(book).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// R2, R3: any order, any repetition, any cut into files, the acceptance at any point: the same.
    #[test]
    fn order_and_repetition_do_not_matter(
        (rows, shuffled) in prop::collection::vec(fate(), 3).prop_map(|fates| rows(&fates)).prop_flat_map(|rows| {
            let twice: Vec<_> = rows.iter().chain(&rows).cloned().collect();
            (Just(rows), Just(twice).prop_shuffle())
        }),
        chunk in 1_usize..12,
        known in 0_usize..12,
    ) {
        let at_once = run(&rows, rows.len(), 0);
        prop_assert_eq!(run(&shuffled, chunk, known), at_once);
    }

    /// R5: the ledger balances, and its receivable and clearing are what the figures say is owed.
    #[test]
    fn the_ledger_agrees_with_the_figures(
        rows in prop::collection::vec(fate(), 3).prop_map(|fates| rows(&fates)),
    ) {
        let state = advance(&State::Unknown, Command::Accept(Box::new(terms())), &rows);
        let State::Known(position) = &state else { panic!("accepted") };
        let book: Book = rows.into_iter().collect();
        let all = ACCOUNTS.iter().map(|account| balance(position, *account));
        prop_assert!(Money::sum(all, Currency::Usd).unwrap().is_zero());
        let totals = position.totals(&book).unwrap();
        prop_assert_eq!(balance(position, Account::Cash), totals.disbursed);
        let owed = balance(position, Account::AwsReceivable)
            .checked_add(balance(position, Account::DisbursementClearing))
            .unwrap();
        prop_assert_eq!(owed, totals.undisbursed);
    }

    /// R5, R8: whatever a person accepts, the ledger still is what the figures say; and what is settled
    /// has left nothing on any account that shows what is still to come.
    #[test]
    fn what_is_settled_has_left_nothing(
        rows in prop::collection::vec(fate(), 3).prop_map(|fates| rows(&fates)),
    ) {
        let mut state = advance(&State::Unknown, Command::Accept(Box::new(terms())), &rows);
        for _ in 0..MAX_CASES {
            let Some(case) = first_open(&state) else { break };
            let by = "finance@acme.example".parse().unwrap();
            let reason = "accepted".to_owned();
            state = advance(&state, Command::Resolve { case, by, reason }, &rows);
        }
        prop_assert_eq!(first_open(&state), None);
        let State::Known(position) = &state else { panic!("accepted") };
        let book: Book = rows.into_iter().collect();
        let totals = position.totals(&book).unwrap();
        let owed = balance(position, Account::AwsReceivable)
            .checked_add(balance(position, Account::DisbursementClearing))
            .unwrap();
        prop_assert_eq!(owed, totals.undisbursed);
        prop_assert_eq!(balance(position, Account::Cash), totals.disbursed);
        prop_assert_eq!(position.settled_at.is_some(), position.is_settled(&book).unwrap());
        if position.settled_at.is_some() {
            for account in [
                Account::UnbilledReceivable,
                Account::AwsReceivable,
                Account::DisbursementClearing,
                Account::AccruedListingFee,
            ] {
                prop_assert!(balance(position, account).is_zero(), "{}", account.name());
            }
        }
    }
}
