//! The agreement as an aggregate: its expectation, its cases, what it has posted (R1, R3, R5, R8).
//!
//! The billing events are not in the state: they are facts, kept once and for ever, and every
//! decision is taken on the whole set of them. So a row that arrives late, early or twice leads to
//! the same state as one that arrives in its turn.

use std::collections::{BTreeMap, BTreeSet};

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::money::MoneyError;
use countersign_kernel::{Money, Principal};

use super::book::Book;
use super::cash::{ChargeCash, charges};
use super::discrepancy::{Accepted, Case, CaseId, CaseStatus, Topic, findings, write_off};
use super::ids::BillingEventId;
use super::ledger::{Account, LedgerError, Posting, Source, Transaction};
use super::posting::{Wanted, wanted};
use super::terms::{Charge, ChargedBy, ExpectedCharge, Terms, TermsError};

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

/// Decides a command. No events means that it was done already.
pub(crate) fn decide(
    state: &State,
    command: Command,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    let mut events = match (state, command) {
        (State::Unknown, Command::Accept(terms)) => vec![Event::Accepted(terms)],
        (State::Known(position), Command::Accept(terms)) if same(&position.terms, &terms) => vec![],
        (State::Known(_), Command::Accept(_)) => return Err(Rejection::OtherTerms),
        (State::Unknown, Command::Expect(_) | Command::End { .. }) => {
            return Err(Rejection::UnknownAgreement);
        }
        (State::Known(position), Command::Expect(charge)) => expect(&position.terms, charge)?,
        (State::Known(position), Command::End { dropped }) => end(&position.terms, &dropped),
        (State::Unknown, Command::Reconcile) => return Ok(vec![]),
        (State::Known(_), Command::Reconcile) => vec![],
        (State::Unknown, Command::Resolve { .. }) => return Err(Rejection::UnknownCase),
        (State::Known(position), Command::Resolve { case, by, reason }) => {
            resolve(position, &case, by, reason, facts)?
        }
    };
    let mut state = events.iter().try_fold(state.clone(), evolve)?;
    // Posting first: what is posted decides nothing, but the cases tell of money that is booked.
    for step in [post, review, settle] {
        let State::Known(position) = &state else {
            break;
        };
        let more = step(position, facts)?;
        state = more.iter().try_fold(state, evolve)?;
        events.extend(more);
    }
    Ok(events)
}

/// Folds an event into the state.
pub(crate) fn evolve(state: State, event: &Event) -> Result<State, Rejection> {
    let mut position = match (state, event) {
        (_, Event::Accepted(terms)) => Box::new(Position {
            terms: (**terms).clone(),
            posted: BTreeMap::new(),
            cases: BTreeMap::new(),
            settled_at: None,
        }),
        (State::Known(position), _) => position,
        (State::Unknown, _) => return Ok(State::Unknown),
    };
    match event {
        Event::Accepted(_) | Event::CashDisbursed(_) => {}
        Event::Expected(charge) => position.terms.add(*charge),
        Event::Ended => position.terms.charged_by = ChargedBy::EndedRequests,
        Event::Dropped(numbers) => position.terms.drop_charges(numbers),
        Event::Posted {
            source,
            transaction,
            ..
        } => {
            let posted = position.posted.entry(source.clone()).or_default();
            posted.transactions += 1;
            posted.net = std::mem::take(&mut posted.net).with(transaction)?;
        }
        Event::CaseOpened(case) => {
            position.cases.insert(case.id.clone(), case.clone());
        }
        Event::CaseCleared { case, at } => {
            set_status(&mut position, case, CaseStatus::Cleared { at: *at });
        }
        Event::CaseResolved {
            case,
            by,
            reason,
            at,
        } => {
            let (by, reason, at) = (by.clone(), reason.clone(), *at);
            set_status(&mut position, case, CaseStatus::Resolved { by, reason, at });
        }
        Event::Settled(settlement) => position.settled_at = Some(settlement.at),
        Event::Unsettled { .. } => position.settled_at = None,
    }
    Ok(State::Known(position))
}

fn set_status(position: &mut Position, case: &CaseId, status: CaseStatus) {
    if let Some(case) = position.cases.get_mut(case) {
        case.status = status;
    }
}

/// Of a schedule the charges that were due stand, the others are dropped.
fn end(terms: &Terms, dropped: &BTreeSet<u32>) -> Vec<Event> {
    match terms.charged_by {
        ChargedBy::Requests => vec![Event::Ended],
        ChargedBy::EndedRequests => Vec::new(),
        ChargedBy::Schedule => {
            let charges = terms.charges.iter();
            let news = charges.filter(|charge| !charge.dropped && dropped.contains(&charge.number));
            let news: BTreeSet<u32> = news.map(|charge| charge.number).collect();
            let any = !news.is_empty();
            any.then_some(Event::Dropped(news)).into_iter().collect()
        }
    }
}

/// What is approved again is the same charge. More than the cap is AWS's to refuse: what it approved, it
/// charges.
fn expect(terms: &Terms, charge: Charge) -> Result<Vec<Event>, Rejection> {
    match terms.charged_by {
        ChargedBy::Schedule => return Err(Rejection::NotByRequests),
        // Approved before the end, and heard of after it.
        ChargedBy::Requests | ChargedBy::EndedRequests => {}
    }
    let mut charges = terms.charges.iter();
    match charges.find(|known| known.number == charge.number) {
        Some(known) if (known.on, known.amount) == (charge.on, charge.amount) => Ok(Vec::new()),
        Some(known) => Err(Rejection::OtherCharge(known.number)),
        None => Ok(vec![Event::Expected(terms.expect_request(charge)?)]),
    }
}

/// A repeated acceptance is the same whatever the policy has become since, and whatever was approved.
fn same(known: &Terms, told: &Terms) -> bool {
    let what = |terms: &Terms| {
        let of_schedule = terms.charged_by == ChargedBy::Schedule;
        let charges: Vec<_> = terms
            .charges
            .iter()
            .filter(|_| of_schedule)
            .map(|charge| (charge.number, charge.on, charge.amount, charge.wholesale))
            .collect();
        (
            of_schedule,
            terms.engagement.clone(),
            terms.offer.clone(),
            charges,
            terms.expected_fee,
        )
    };
    what(known) == what(told)
}

fn resolve(
    position: &Position,
    id: &CaseId,
    by: Principal,
    reason: String,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    let case = position.cases.get(id).ok_or(Rejection::UnknownCase)?;
    match &case.status {
        CaseStatus::Open => {}
        CaseStatus::Resolved { by, .. } => {
            return Err(Rejection::AlreadyResolved { by: by.clone() });
        }
        CaseStatus::Cleared { .. } => return Err(Rejection::NothingToResolve),
    }
    // Rows may have come in since the case was opened: what is accepted is what stands.
    if !standing(position, facts)?.contains_key(id) {
        return Err(Rejection::NothingToResolve);
    }
    let finding = &case.finding;
    let all = charges(&position.terms, facts.book)?;
    let charge = all
        .iter()
        .find(|charge| charge.expected.number == finding.charge)
        .ok_or(Rejection::NothingToResolve)?;
    let clearing = position.clearing(charge)?;
    let posting = write_off(&position.terms, &charge.expected, finding, clearing)?;
    let mut events = Vec::new();
    if let Some(transaction) = posting.beyond(&Posting::default())? {
        events.push(Event::Posted {
            source: Source::Resolution(id.clone()),
            revision: 0,
            transaction,
            effective: facts.now.date_naive(),
            description: format!("{} accepted by {by}: {reason}", finding.kind),
        });
    }
    events.push(Event::CaseResolved {
        case: id.clone(),
        by,
        reason,
        at: facts.now,
    });
    Ok(events)
}

/// Brings the ledger to what the rows say, by new entries only (R5).
fn post(position: &Position, facts: Facts<'_>) -> Result<Vec<Event>, Rejection> {
    let wanted = wanted(&position.terms, facts.book)?;
    let derived = |source: &&Source| !matches!(source, Source::Resolution(_));
    let sources: BTreeSet<&Source> = wanted
        .keys()
        .chain(position.posted.keys())
        .filter(derived)
        .collect();
    let mut events = Vec::new();
    for source in sources {
        let posted = position.posted.get(source).cloned().unwrap_or_default();
        let want = wanted.get(source).cloned().unwrap_or_else(|| Wanted {
            posting: Posting::default(),
            effective: facts.now.date_naive(),
            description: format!("{source} no longer holds"),
        });
        let Some(transaction) = want.posting.beyond(&posted.net)? else {
            continue;
        };
        events.push(Event::Posted {
            source: source.clone(),
            revision: posted.transactions,
            transaction,
            effective: want.effective,
            description: want.description,
        });
        events.extend(cash_disbursed(position, facts.book, source, &want.posting)?);
    }
    Ok(events)
}

fn cash_disbursed(
    position: &Position,
    book: &Book,
    source: &Source,
    posting: &Posting,
) -> Result<Option<Event>, MoneyError> {
    let Source::Deposit(id) = source else {
        return Ok(None);
    };
    let amount = posting.balance(Account::Cash, position.terms.currency());
    let deposits = book.deposits()?;
    let deposit = deposits.get(id).filter(|_| !amount.is_zero());
    Ok(deposit.map(|deposit| {
        Event::CashDisbursed(CashDisbursed {
            deposit: id.clone(),
            bank_trace: deposit.row.bank_trace.clone(),
            amount,
            at: deposit.row.acted_at,
        })
    }))
}

/// Opens a case per difference that stands, clears those that no longer do (R3).
fn review(position: &Position, facts: Facts<'_>) -> Result<Vec<Event>, Rejection> {
    let standing = standing(position, facts)?;
    let is_open = |id: &CaseId| position.cases.get(id).is_some_and(Case::is_open);
    let open = position.cases.keys().filter(|id| is_open(id));
    let gone = open.filter(|id| !standing.contains_key(id)).cloned();
    let cleared = gone.map(|case| Event::CaseCleared {
        case,
        at: facts.now,
    });
    let mut events: Vec<Event> = cleared.collect();
    let new = standing.into_values().filter(|case| !is_open(&case.id));
    events.extend(new.map(Event::CaseOpened));
    Ok(events)
}

/// The differences that there are now, as cases.
fn standing(position: &Position, facts: Facts<'_>) -> Result<BTreeMap<CaseId, Case>, MoneyError> {
    let mut standing = BTreeMap::new();
    for cash in charges(&position.terms, facts.book)? {
        let accepted = position.accepted(cash.expected.number)?;
        for finding in findings(&position.terms, &cash, accepted)? {
            let earlier = position.resolved(finding.charge, finding.topic);
            let case = Case::open(&position.terms.agreement, finding, earlier, facts.now);
            standing.insert(case.id.clone(), case);
        }
    }
    Ok(standing)
}

/// Tells once that everything has come or is accepted (R4); anew when a deposit that came back, or a
/// late row, had undone it.
fn settle(position: &Position, facts: Facts<'_>) -> Result<Vec<Event>, Rejection> {
    match (position.settled_at, position.is_settled(facts.book)?) {
        (Some(_), true) | (None, false) => Ok(vec![]),
        (Some(_), false) => Ok(vec![Event::Unsettled { at: facts.now }]),
        (None, true) => Ok(vec![Event::Settled(Settlement {
            at: facts.now,
            totals: position.totals(facts.book)?,
            bank_traces: position.bank_traces(facts.book)?,
        })]),
    }
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
