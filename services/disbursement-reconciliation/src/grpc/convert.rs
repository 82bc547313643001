//! Domain and store views → replies.

use chrono::NaiveDate;
use countersign_kernel::Money;
use countersign_kernel::money::MoneyError;
use countersign_platform::Failure;
use countersign_proto::disbursement_reconciliation::v1 as proto;

use crate::domain::agreement::Position;
use crate::domain::billing_event::BillingEvent;
use crate::domain::cash::{ChargeCash, ChargeState, OverdueBucket, charges};
use crate::domain::discrepancy::{Case, CaseStatus};
use crate::domain::ids::{AgreementId, AwsOfferId, InvoiceId};
use crate::domain::ledger::Entry;
use crate::domain::policy::{Policy, Schedule};
use crate::store::agreement::View;
use crate::store::discrepancy::Listed;
use crate::store::feed::{FileState, Report};
use crate::store::ledger::{AccountSums, Written, sides};
use crate::wire::{money, timestamp};

/// A report; a file version that is still being read is partial so far.
pub(super) fn report(report: &Report) -> proto::FeedReport {
    use proto::feed_report::State;
    let state = match report.kept.state {
        FileState::Ingested => State::Ingested,
        FileState::Reading | FileState::Partial => State::Partial,
        FileState::Refused => State::Refused,
    };
    let refused = report
        .refused
        .iter()
        .map(|(line, reason)| proto::RefusedRow {
            line: *line,
            reason: reason.clone(),
        });
    let tally = report.kept.tally;
    proto::FeedReport {
        path: report.version.path.clone(),
        digest: report.version.digest.to_string(),
        feed: report.version.feed.clone(),
        state: state.into(),
        rows: tally.rows(),
        new_rows: tally.new,
        repeated_rows: tally.repeated,
        refused: refused.collect(),
        remarks: report.remarks.clone(),
        read_at: timestamp(report.read_at),
        refused_rows: tally.refused,
    }
}

/// The cash of an engagement on `today` (R4).
pub(super) fn engagement_cash(
    view: &View,
    today: NaiveDate,
) -> Result<proto::EngagementCash, Failure> {
    cash(view, today).map_err(|error| Failure::internal("adding up an engagement", error))
}

fn cash(view: &View, today: NaiveDate) -> Result<proto::EngagementCash, MoneyError> {
    let View {
        position,
        book,
        siblings,
    } = view;
    let terms = &position.terms;
    let totals = position.totals(book)?;
    let charges = charges(terms, book)?;
    let charges = charges.iter().map(|cash| charge(position, cash, today));
    let cases = position.cases.values();
    Ok(proto::EngagementCash {
        engagement_id: terms.engagement.to_string(),
        agreement_id: terms.agreement.to_string(),
        aws_offer_id: terms.offer.to_string(),
        charges: charges.collect::<Result<_, _>>()?,
        base_total: Some(money(terms.base_total)),
        price_total: Some(money(terms.price_total)),
        expected_fee: Some(money(terms.expected_fee)),
        expected_net: Some(money(terms.expected_net)),
        invoiced: Some(money(totals.invoiced)),
        fee_charged: Some(money(totals.fee)),
        collected: Some(money(totals.collected)),
        disbursed: Some(money(totals.disbursed)),
        undisbursed: Some(money(totals.undisbursed)),
        bank_trace_ids: position.bank_traces(book)?.into_iter().collect(),
        settled: position.is_settled(book)?,
        discrepancies: cases
            .map(|case| discrepancy(case, terms.agreement.as_str(), terms.engagement.as_str()))
            .collect(),
        expected_wholesale: Some(money(terms.expected_wholesale)),
        wholesale_charged: Some(money(totals.wholesale)),
        authorization_id: terms
            .authorization
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        agreement_ids: siblings.iter().map(ToString::to_string).collect(),
    })
}

fn charge(
    position: &Position,
    cash: &ChargeCash,
    today: NaiveDate,
) -> Result<proto::ExpectedCharge, MoneyError> {
    let expected = &cash.expected;
    let accepted = position.accepted(expected.number)?.payment;
    let invoices: Vec<&str> = cash.invoices.iter().map(InvoiceId::as_str).collect();
    Ok(proto::ExpectedCharge {
        number: expected.number,
        state: charge_state(cash.state(accepted, today)?).into(),
        charge_date: expected.on.to_string(),
        payment_due_date: cash.payment_due().to_string(),
        expected_disbursement_date: expected.disbursement_expected.to_string(),
        amount: Some(money(expected.amount)),
        expected_fee: Some(money(expected.fee)),
        expected_net: Some(money(expected.net)),
        invoice_id: invoices.join(", "),
        invoiced: Some(money(cash.gross.checked_add(cash.returned)?)),
        fee_charged: Some(money(cash.fee.checked_add(cash.fee_returned)?)),
        collected: Some(money(cash.collected)),
        disbursed: Some(money(cash.disbursed)),
        expected_wholesale: Some(money(expected.wholesale)),
        wholesale_charged: Some(money(cash.wholesale.checked_add(cash.wholesale_returned)?)),
    })
}

const fn charge_state(state: ChargeState) -> proto::ChargeState {
    match state {
        ChargeState::NotDue => proto::ChargeState::NotDue,
        ChargeState::Invoiced => proto::ChargeState::Invoiced,
        ChargeState::Overdue(OverdueBucket::Days1To30) => proto::ChargeState::Overdue130,
        ChargeState::Overdue(OverdueBucket::Days31To60) => proto::ChargeState::Overdue3160,
        ChargeState::Overdue(OverdueBucket::Days61To90) => proto::ChargeState::Overdue6190,
        ChargeState::Overdue(OverdueBucket::Days91To120) => proto::ChargeState::Overdue91120,
        ChargeState::Overdue(OverdueBucket::Days121Plus) => proto::ChargeState::Overdue121Plus,
        ChargeState::Collected => proto::ChargeState::Collected,
        ChargeState::PartiallyDisbursed => proto::ChargeState::PartiallyDisbursed,
        ChargeState::Disbursed => proto::ChargeState::Disbursed,
        ChargeState::OverDisbursed => proto::ChargeState::OverDisbursed,
        ChargeState::Reversed => proto::ChargeState::Reversed,
        ChargeState::Failed => proto::ChargeState::Failed,
        ChargeState::Forgiven => proto::ChargeState::Forgiven,
        ChargeState::Dropped => proto::ChargeState::Dropped,
    }
}

pub(super) fn listed(listed: &Listed) -> proto::Discrepancy {
    discrepancy(&listed.case, &listed.agreement_id, &listed.engagement_id)
}

fn discrepancy(case: &Case, agreement: &str, engagement: &str) -> proto::Discrepancy {
    use proto::discrepancy::State;
    let (state, resolution, resolved_by) = match &case.status {
        CaseStatus::Open => (State::Open, String::new(), String::new()),
        CaseStatus::Cleared { .. } => (State::Cleared, String::new(), String::new()),
        CaseStatus::Resolved { by, reason, .. } => {
            (State::Resolved, reason.clone(), by.to_string())
        }
    };
    proto::Discrepancy {
        case_id: case.id.to_string(),
        engagement_id: engagement.to_owned(),
        agreement_id: agreement.to_owned(),
        kind: case.finding.kind.to_string(),
        state: state.into(),
        expected: Some(money(case.finding.expected)),
        actual: Some(money(case.finding.actual)),
        difference: Some(money(case.finding.difference)),
        opened_at: timestamp(case.opened_at),
        resolution,
        resolved_by,
        charge_number: case.finding.charge,
    }
}

pub(super) fn transaction(written: &Written) -> proto::LedgerTransaction {
    proto::LedgerTransaction {
        transaction_id: written.transaction_id.to_string(),
        engagement_id: written.engagement_id.clone(),
        cause: written.source.clone(),
        description: written.description.clone(),
        effective_date: written.effective.to_string(),
        recorded_at: timestamp(written.recorded_at),
        entries: written.entries.iter().map(entry).collect(),
    }
}

fn entry(entry: &Entry) -> proto::LedgerEntry {
    let (debit, credit) = sides(entry);
    proto::LedgerEntry {
        account: entry.account.name().to_owned(),
        debit: Some(money(debit)),
        credit: Some(money(credit)),
    }
}

/// The accounts, and whether all of them together come to nothing in each currency (R5).
pub(super) fn trial_balance(sums: &[AccountSums]) -> Result<proto::TrialBalance, Failure> {
    let balances = sums.iter().map(|sum| sum.debits.checked_sub(sum.credits));
    let balances: Vec<Money> = balances
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::internal("adding up the accounts", error))?;
    let is_balanced = balances.iter().all(|one| {
        let same = balances
            .iter()
            .filter(|other| other.currency() == one.currency())
            .copied();
        Money::sum(same, one.currency()).is_ok_and(Money::is_zero)
    });
    let accounts = sums
        .iter()
        .zip(&balances)
        .map(|(sum, balance)| proto::AccountBalance {
            account: sum.account.name().to_owned(),
            debits: Some(money(sum.debits)),
            credits: Some(money(sum.credits)),
            balance: Some(money(*balance)),
        });
    Ok(proto::TrialBalance {
        accounts: accounts.collect(),
        balanced: is_balanced,
    })
}

pub(super) fn unmatched(event: &BillingEvent) -> proto::UnmatchedEvent {
    proto::UnmatchedEvent {
        billing_event_id: event.id.to_string(),
        agreement_id: event
            .agreement
            .as_ref()
            .map(AgreementId::to_string)
            .unwrap_or_default(),
        aws_offer_id: event
            .offer
            .as_ref()
            .map(AwsOfferId::to_string)
            .unwrap_or_default(),
        invoice_id: event
            .invoice
            .as_ref()
            .map(InvoiceId::to_string)
            .unwrap_or_default(),
        action: event.action.to_string(),
        transaction_type: event.kind.to_string(),
        amount: Some(money(event.amount)),
        acted_at: timestamp(event.acted_at),
    }
}

pub(super) fn policy(policy: Policy) -> proto::CashPolicy {
    let (daily_disbursement, monthly_day) = match policy.cash.schedule() {
        Schedule::Daily => (true, 0),
        Schedule::Monthly(day) => (false, day),
    };
    proto::CashPolicy {
        daily_disbursement,
        monthly_day,
        penny_tolerance_minor_units: policy.cash.penny_tolerance(),
        resale_fee_rate: policy.resale_fee.fraction().to_string(),
    }
}
