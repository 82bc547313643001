//! Domain events → public events; the aggregate is the agreement.

use countersign_kernel::SellerId;
use countersign_platform::NewEvent;
use countersign_proto::disbursement_reconciliation::v1 as proto;
use prost::{Message, Name};

use crate::domain::agreement::{CashDisbursed, Event, Position, Settlement};
use crate::domain::discrepancy::Case;
use crate::domain::terms::Terms;
use crate::wire::{money, timestamp};

/// The public event of a domain event, if it has one.
pub(crate) fn publishable(
    seller: &SellerId,
    position: &Position,
    event: &Event,
) -> Option<NewEvent> {
    let terms = &position.terms;
    match event {
        Event::CashDisbursed(cash) => Some(new_event(seller, terms, &cash_disbursed(terms, cash))),
        Event::CaseOpened(case) => Some(new_event(seller, terms, &discrepancy_found(terms, case))),
        Event::Settled(settlement) => Some(new_event(
            seller,
            terms,
            &engagement_settled(terms, settlement),
        )),
        Event::Accepted(_)
        | Event::Expected(_)
        | Event::Ended
        | Event::Dropped(_)
        | Event::Posted { .. }
        | Event::CaseCleared { .. }
        | Event::CaseResolved { .. }
        | Event::Unsettled { .. } => None,
    }
}

fn new_event<M: Message + Name>(seller: &SellerId, terms: &Terms, message: &M) -> NewEvent {
    NewEvent {
        type_name: M::full_name(),
        seller: seller.clone(),
        engagement: Some(terms.engagement.clone()),
        aggregate_id: terms.agreement.to_string(),
        payload: message.encode_to_vec(),
    }
}

fn cash_disbursed(terms: &Terms, cash: &CashDisbursed) -> proto::CashDisbursed {
    proto::CashDisbursed {
        agreement_id: terms.agreement.to_string(),
        engagement_id: terms.engagement.to_string(),
        bank_trace_id: cash.bank_trace.clone().unwrap_or_default(),
        amount: Some(money(cash.amount)),
        disbursed_at: timestamp(cash.at),
    }
}

fn discrepancy_found(terms: &Terms, case: &Case) -> proto::DiscrepancyFound {
    proto::DiscrepancyFound {
        case_id: case.id.to_string(),
        agreement_id: terms.agreement.to_string(),
        engagement_id: terms.engagement.to_string(),
        kind: case.finding.kind.to_string(),
        expected: Some(money(case.finding.expected)),
        actual: Some(money(case.finding.actual)),
        difference: Some(money(case.finding.difference)),
    }
}

fn engagement_settled(terms: &Terms, settlement: &Settlement) -> proto::EngagementSettled {
    proto::EngagementSettled {
        agreement_id: terms.agreement.to_string(),
        engagement_id: terms.engagement.to_string(),
        invoiced: Some(money(settlement.totals.invoiced)),
        fee: Some(money(settlement.totals.fee)),
        disbursed: Some(money(settlement.totals.disbursed)),
        expected_net: Some(money(terms.expected_net)),
        bank_trace_ids: settlement.bank_traces.iter().cloned().collect(),
        wholesale: Some(money(settlement.totals.wholesale)),
    }
}
