//! The agreement as an aggregate: its expectation, its cases, what it has posted (R1, R3, R5, R8).
//!
//! The billing events are not in the state: they are facts, kept once and for ever, and every
//! decision is taken on the whole set of them. So a row that arrives late, early or twice leads to
//! the same state as one that arrives in its turn.

mod decide;

use std::collections::{BTreeMap, BTreeSet};

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::money::MoneyError;
use countersign_kernel::{Money, Principal};

use super::book::Book;
use super::cash::{ChargeCash, charges};
use super::discrepancy::{Accepted, Case, CaseId, Topic};
use super::ids::BillingEventId;
use super::ledger::{Account, LedgerError, Posting, Source, Transaction};
use super::terms::{Charge, ExpectedCharge, Terms, TermsError};

pub(crate) use decide::{decide, evolve};

/// An agreement, known or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Billing events may be there already; they wait.
    Unknown,
    Known(Box<Position>),
}

/// A known agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) terms: Terms,
    pub(crate) posted: BTreeMap<Source, Posted>,
    pub(crate) cases: BTreeMap<CaseId, Case>,
    /// When it was told that everything is settled; none while something is owed, or owed again.
    pub(crate) settled_at: Option<DateTime<Utc>>,
}

/// What a source has posted so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Posted {
    /// How many transactions it has written.
    pub(crate) transactions: u32,
    pub(crate) net: Posting,
}

/// What can be asked of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// The buyer accepted: this cash is expected.
    Accept(Box<Terms>),
    /// The buyer approved a payment request: AWS will charge it (O17).
    Expect(Charge),
    /// AWS shows that it is over: no further request is approved (O17), and of a schedule nothing further
    /// is invoiced than what was due by then (O15).
    End {
        /// The charges, by number, whose day had not come.
        dropped: BTreeSet<u32>,
    },
    /// Billing events came in.
    Reconcile,
    /// A person accepts a difference.
    Resolve {
        case: CaseId,
        by: Principal,
        reason: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Accepted(Box<Terms>),
    /// A further charge is expected.
    Expected(ExpectedCharge),
    /// No further charge comes.
    Ended,
    /// These charges are no longer expected, unless AWS invoices them after all.
    Dropped(BTreeSet<u32>),
    /// `revision` counts the transactions of a source: 0, then its corrections.
    Posted {
        source: Source,
        revision: u32,
        transaction: Transaction,
        effective: NaiveDate,
        description: String,
    },
    /// A deposit holds this much of the agreement's money.
    CashDisbursed(CashDisbursed),
    CaseOpened(Case),
    CaseCleared {
        case: CaseId,
        at: DateTime<Utc>,
    },
    CaseResolved {
        case: CaseId,
        by: Principal,
        reason: String,
        at: DateTime<Utc>,
    },
    Settled(Settlement),
    /// It was told to be settled, and later rows say otherwise: it will be told again.
    Unsettled {
        at: DateTime<Utc>,
    },
}

/// The agreement's part of a deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CashDisbursed {
    pub(crate) deposit: BillingEventId,
    pub(crate) bank_trace: Option<String>,
    pub(crate) amount: Money,
    pub(crate) at: DateTime<Utc>,
}

/// Everything came, or its absence was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) at: DateTime<Utc>,
    pub(crate) totals: Totals,
    pub(crate) bank_traces: BTreeSet<String>,
}

/// Sums over the charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Prices invoiced, less what was given back to the buyer.
    pub(crate) invoiced: Money,
    /// At or below zero.
    pub(crate) fee: Money,
    /// What went to the manufacturer of what is resold: at or below zero.
    pub(crate) wholesale: Money,
    pub(crate) collected: Money,
    pub(crate) disbursed: Money,
    /// What AWS still owes.
    pub(crate) undisbursed: Money,
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("the agreement was accepted before, on other terms")]
    OtherTerms,
    #[error("there is no such agreement")]
    UnknownAgreement,
    #[error("the agreement charges by its schedule, not by payment requests")]
    NotByRequests,
    #[error("charge {0} was approved before, with another day or amount")]
    OtherCharge(u32),
    #[error("the charge cannot be expected")]
    Terms(#[from] TermsError),
    #[error("there is no such case")]
    UnknownCase,
    #[error("the case was resolved before by {by}")]
    AlreadyResolved { by: Principal },
    #[error("later rows left no difference: there is nothing to resolve")]
    NothingToResolve,
    #[error("the amounts cannot be added up")]
    Money(#[from] MoneyError),
    #[error("the entries do not balance")]
    Ledger(#[from] LedgerError),
}

/// What a decision is taken on besides the state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) now: DateTime<Utc>,
    pub(crate) book: &'a Book,
}

impl Position {
    /// Whether nothing is owed and no difference is open, on any charge that is expected.
    pub(crate) fn is_settled(&self, book: &Book) -> Result<bool, MoneyError> {
        if self.cases.values().any(Case::is_open) || !self.terms.is_complete()? {
            return Ok(false);
        }
        for cash in charges(&self.terms, book)? {
            let accepted = self.accepted(cash.expected.number)?.payment;
            let awaited = !cash.is_invoiced() && !cash.is_dropped();
            if awaited || !cash.residual(accepted)?.is_zero() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The sums over all charges.
    pub(crate) fn totals(&self, book: &Book) -> Result<Totals, MoneyError> {
        let charges = charges(&self.terms, book)?;
        let sum = |of: fn(&ChargeCash) -> Money| {
            Money::sum(charges.iter().map(of), self.terms.currency())
        };
        let undisbursed = charges
            .iter()
            .map(|cash| cash.residual(self.accepted(cash.expected.number)?.payment));
        let undisbursed = undisbursed.collect::<Result<Vec<_>, _>>()?;
        Ok(Totals {
            invoiced: sum(|cash| cash.gross)?.checked_add(sum(|cash| cash.returned)?)?,
            fee: sum(|cash| cash.fee)?.checked_add(sum(|cash| cash.fee_returned)?)?,
            wholesale: sum(|cash| cash.wholesale)?
                .checked_add(sum(|cash| cash.wholesale_returned)?)?,
            collected: sum(|cash| cash.collected)?,
            disbursed: sum(|cash| cash.disbursed)?,
            undisbursed: Money::sum(undisbursed, self.terms.currency())?,
        })
    }

    /// The bank trace ids of the deposits that hold any of the agreement's money.
    pub(crate) fn bank_traces(&self, book: &Book) -> Result<BTreeSet<String>, MoneyError> {
        let deposits = book.deposits()?;
        let held = book.own(&self.terms).filter(|event| event.is_payout());
        let held = held.filter_map(|event| deposits.get(event.disbursement.as_ref()?));
        Ok(held
            .filter(|deposit| !deposit.failed)
            .filter_map(|deposit| deposit.row.bank_trace.clone())
            .collect())
    }

    /// How many differences of a topic of a charge people have accepted.
    fn resolved(&self, charge: u32, topic: Topic) -> usize {
        let cases = self.cases.values();
        cases
            .filter(|case| case.accepted(charge, topic).is_some())
            .count()
    }

    /// What people have accepted on a charge.
    pub(crate) fn accepted(&self, charge: u32) -> Result<Accepted, MoneyError> {
        let of = |topic: Topic| {
            let differences = self
                .cases
                .values()
                .filter_map(|case| case.accepted(charge, topic));
            Money::sum(differences, self.terms.currency())
        };
        Ok(Accepted {
            price: of(Topic::Price)?,
            fee: of(Topic::Fee)?,
            wholesale: of(Topic::Wholesale)?,
            payment: of(Topic::Payment)?,
        })
    }

    /// What of a charge stands in `clearing:disbursement`: what its deposits lacked, less what was
    /// written off before.
    fn clearing(&self, cash: &ChargeCash) -> Result<Money, MoneyError> {
        let earlier = self.cases.values().filter(|case| {
            case.accepted(cash.expected.number, Topic::Payment)
                .is_some()
        });
        let written = earlier.filter_map(|case| {
            let posted = self.posted.get(&Source::Resolution(case.id.clone()))?;
            Some(
                posted
                    .net
                    .balance(Account::DisbursementClearing, self.terms.currency()),
            )
        });
        cash.deposit_difference
            .negated()
            .checked_add(Money::sum(written, self.terms.currency())?)
    }
}
