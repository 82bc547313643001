//! Commands of one agreement: accept, reconcile, resolve.

use std::collections::BTreeSet;

use countersign_kernel::{Principal, SellerId};
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::{Value, json};
use tracing::Instrument;

use crate::domain::agreement::{Command, Event, Facts, Position, State, decide, evolve};
use crate::domain::book::Book;
use crate::domain::discrepancy::{Case, CaseId};
use crate::domain::ids::AgreementId;
use crate::domain::policy::{CashPolicy, Policy};
use crate::domain::terms::{AcceptedAgreement, Charge, Terms};
use crate::events::outbound;
use crate::store;

/// The buyer accepted: expects the agreement's cash (R1), and takes in the rows that came before.
pub(crate) async fn accept(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    accepted: AcceptedAgreement,
) -> Result<(), Failure> {
    let policy = policy_in_turn(uow, seller).await?;
    expect_all(uow, seller, accepted, policy.cash).await
}

/// The seller's policy, which nobody changes before the transaction ends.
pub(super) async fn policy_in_turn(
    uow: &mut UnitOfWork,
    seller: &SellerId,
) -> Result<Policy, Failure> {
    store::due::take_turn(uow.connection(), seller).await?;
    store::policy::load(uow.connection(), seller).await
}

/// Expects all of an agreement's cash under the policy that [`policy_in_turn`] gave.
pub(super) async fn expect_all(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    accepted: AcceptedAgreement,
    policy: CashPolicy,
) -> Result<(), Failure> {
    let agreement = accepted.agreement.clone();
    // What cannot be an expectation needs a person: it is parked, not passed over.
    let terms = Terms::expect(accepted, policy)
        .map_err(|error| Failure::undecodable("the terms of an accepted agreement", error))?;
    let command = Command::Accept(Box::new(terms));
    run(uow, seller, &agreement, command, ("accept", String::new())).await
}

/// The buyer approved a payment request: expects its cash, and takes in the rows that came before (O17).
pub(crate) async fn expect(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
    charge: Charge,
) -> Result<(), Failure> {
    store::due::take_turn(uow.connection(), seller).await?;
    let command = Command::Expect(charge);
    run(uow, seller, agreement, command, ("expect", String::new())).await
}

/// AWS shows that the agreement is over: of payment requests nothing further comes (O17), and of a schedule
/// not the charges that are `dropped`, by number (O15).
pub(crate) async fn end(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
    dropped: BTreeSet<u32>,
) -> Result<(), Failure> {
    store::due::take_turn(uow.connection(), seller).await?;
    let told = ("end", String::new());
    run(uow, seller, agreement, Command::End { dropped }, told).await
}

/// Takes in the rows that touch an agreement (R3), and takes its mark off.
pub(crate) async fn reconcile(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<(), Failure> {
    store::due::take_turn(uow.connection(), seller).await?;
    store::due::done(uow.connection(), seller, agreement).await?;
    // Feeds come by the clock, and know of no deal.
    let step = uow.resume_trace(seller, agreement.as_str()).await?;
    let what = ("reconcile", String::new());
    run(uow, seller, agreement, Command::Reconcile, what)
        .instrument(step)
        .await
}

/// Closes a difference with a reason and writes it off (R8).
pub(crate) async fn resolve(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    case: &CaseId,
    by: &Principal,
    reason: &str,
) -> Result<AgreementId, Failure> {
    store::due::take_turn(uow.connection(), seller).await?;
    let found = store::discrepancy::agreement_of(uow.connection(), seller, case).await?;
    let agreement =
        found.ok_or_else(|| Rejection::not_found("CASE_UNKNOWN", "case", case.as_str()))?;
    let command = Command::Resolve {
        case: case.clone(),
        by: by.clone(),
        reason: reason.to_owned(),
    };
    run(
        uow,
        seller,
        &agreement,
        command,
        ("resolve", reason.to_owned()),
    )
    .await?;
    Ok(agreement)
}

/// Loads, decides, folds, writes: state first, then audit, then events.
async fn run(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
    command: Command,
    (action, reason): (&str, String),
) -> Result<(), Failure> {
    let now = uow.now();
    let loaded = store::agreement::load(uow.connection(), seller, agreement).await?;
    if let State::Known(position) = &loaded.state {
        uow.concerns(&position.terms.engagement);
    }
    let offer = match (&loaded.state, &command) {
        (State::Known(position), _) => Some(position.terms.offer.clone()),
        (State::Unknown, Command::Accept(terms)) => Some(terms.offer.clone()),
        (
            State::Unknown,
            Command::Expect(_) | Command::End { .. } | Command::Reconcile | Command::Resolve { .. },
        ) => None,
    };
    let book = match offer {
        Some(offer) => store::billing::book(uow.connection(), seller, agreement, &offer).await?,
        None => Book::default(),
    };
    let events = decide(&loaded.state, command, Facts { now, book: &book })?;
    let after = events.iter().try_fold(loaded.state.clone(), evolve)?;
    let State::Known(position) = &after else {
        return Ok(());
    };
    if events.is_empty() {
        return Ok(());
    }
    let identified: Vec<_> = events
        .into_iter()
        .map(|event| (uow.new_id(), event))
        .collect();
    store::agreement::write(
        uow.connection(),
        seller,
        position,
        loaded.version,
        &identified,
        now,
    )
    .await?;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(position.terms.engagement.clone()),
        aggregate_id: agreement.to_string(),
        action: action.to_owned(),
        reason,
        before: summary(&loaded.state),
        after: summary(&after),
    })
    .await?;
    for (_, event) in &identified {
        if let Some(event) = outbound::publishable(seller, position, event) {
            uow.publish(event).await?;
        }
    }
    log(
        position,
        &identified
            .iter()
            .map(|(_, event)| event)
            .collect::<Vec<_>>(),
    );
    Ok(())
}

/// What the audit trail shows of a state: how far its ledger and its cases are.
fn summary(state: &State) -> Option<Value> {
    let State::Known(position) = state else {
        return None;
    };
    let transactions: u32 = position
        .posted
        .values()
        .map(|posted| posted.transactions)
        .sum();
    let open = position.cases.values().filter(|case| case.is_open());
    let open: Vec<&str> = open.map(|case: &Case| case.id.as_str()).collect();
    Some(json!({
        "ledger_transactions": transactions,
        "open_cases": open,
        "cases": position.cases.len(),
        "settled_at": position.settled_at,
    }))
}

fn log(position: &Position, events: &[&Event]) {
    let opened = events
        .iter()
        .filter(|event| matches!(event, Event::CaseOpened(_)))
        .count();
    let posted = events
        .iter()
        .filter(|event| matches!(event, Event::Posted { .. }))
        .count();
    tracing::info!(
        engagement = position.terms.engagement.as_str(),
        agreement = position.terms.agreement.as_str(),
        posted,
        opened,
        settled = position.settled_at.is_some(),
        "reconciled"
    );
}
