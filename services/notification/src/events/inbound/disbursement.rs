//! What disbursement-reconciliation tells.

use countersign_proto::disbursement_reconciliation::v1 as disbursement;

use super::told::{Malformed, Told, is_none, line};
use crate::domain::cause::CauseKind;

pub(super) fn cash_disbursed(event: &disbursement::CashDisbursed) -> Result<Told, Malformed> {
    Told::new(CauseKind::CashDisbursed)
        .engagement(&event.engagement_id)
        .internal("agreement_id", &event.agreement_id)
        .internal("bank_trace_id", &event.bank_trace_id)
        .internal("disbursed_at", &event.disbursed_at)
        .money("amount", event.amount.as_ref())
}

pub(super) fn engagement_settled(
    event: &disbursement::EngagementSettled,
) -> Result<Told, Malformed> {
    let told = Told::new(CauseKind::EngagementSettled)
        .engagement(&event.engagement_id)
        .internal("agreement_id", &event.agreement_id)
        .list(
            "bank_trace_ids",
            event.bank_trace_ids.iter().map(line).collect(),
        )
        .money("invoiced", event.invoiced.as_ref())?
        .money("fee", event.fee.as_ref())?
        .money("disbursed", event.disbursed.as_ref())?
        .money("expected_net", event.expected_net.as_ref())?;
    if is_none(event.wholesale.as_ref()) {
        return Ok(told);
    }
    told.money("wholesale", event.wholesale.as_ref())
}

pub(super) fn discrepancy_found(event: &disbursement::DiscrepancyFound) -> Result<Told, Malformed> {
    Told::new(CauseKind::DiscrepancyFound)
        .engagement(&event.engagement_id)
        .internal("case_id", &event.case_id)
        .internal("agreement_id", &event.agreement_id)
        .internal("discrepancy_kind", &event.kind)
        .money("expected", event.expected.as_ref())?
        .money("actual", event.actual.as_ref())?
        .money("difference", event.difference.as_ref())
}
