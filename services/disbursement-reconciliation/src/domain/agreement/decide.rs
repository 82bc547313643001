//! What a command on an agreement comes to, and the fold of what happened. After every command the ledger,
//! the cases and the settlement are brought to what the rows say (R3, R4, R5, R8).

use std::collections::{BTreeMap, BTreeSet};

use countersign_kernel::Principal;
use countersign_kernel::money::MoneyError;

use super::{CashDisbursed, Command, Event, Facts, Position, Rejection, Settlement, State};
use crate::domain::book::Book;
use crate::domain::cash::charges;
use crate::domain::discrepancy::{Case, CaseId, CaseStatus, findings, write_off};
use crate::domain::ledger::{Account, Posting, Source};
use crate::domain::posting::{Wanted, wanted};
use crate::domain::terms::{Charge, ChargedBy, Terms};

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
