//! What offer tells of payment requests (O17).

use countersign_proto::offer::v1 as offer;

use super::offer::aws_errors;
use super::told::{Malformed, Told, given};
use crate::domain::cause::CauseKind;

/// O17: AWS will charge it.
pub(super) fn approved(event: &offer::PaymentRequestApproved) -> Result<Told, Malformed> {
    let charge = given("charge", event.charge.as_ref())?;
    let told = about_payment(CauseKind::PaymentRequestApproved, event.request.as_ref())?;
    Ok(told.internal("charge_date", &charge.charge_date))
}

pub(super) fn rejected(event: &offer::PaymentRequestRejected) -> Result<Told, Malformed> {
    let request = event.request.as_ref();
    let reason = request.map(|request| request.reason.as_str());
    let told = about_payment(CauseKind::PaymentRequestRejected, request)?;
    Ok(told.internal("reason", reason.unwrap_or_default()))
}

pub(super) fn failed(event: &offer::PaymentRequestFailed) -> Result<Told, Malformed> {
    let request = event.request.as_ref();
    let errors = request.map_or_else(Vec::new, |request| aws_errors(&request.errors));
    let told = about_payment(CauseKind::PaymentRequestFailed, request)?;
    Ok(told.list("errors", errors))
}

fn about_payment(
    kind: CauseKind,
    request: Option<&offer::PaymentRequest>,
) -> Result<Told, Malformed> {
    let request = given("request", request)?;
    Told::new(kind)
        .engagement(&request.engagement_id)
        .internal("agreement_id", &request.agreement_id)
        .internal("number", request.number.to_string())
        .internal("milestone", &request.milestone)
        .internal("requested_by", &request.requested_by)
        .internal("requested_at", &request.requested_at)
        .money("amount", request.amount.as_ref())
}
