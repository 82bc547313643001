//! What offer tells of change orders (O15).

use countersign_proto::offer::v1 as offer;
use countersign_proto::offer::v1::change_order::State;

use super::offer::aws_errors;
use super::told::{Malformed, Told, given};
use crate::domain::cause::CauseKind;

/// The buyer has 7 days.
pub(super) fn requested(event: &offer::CancellationRequested) -> Result<Told, Malformed> {
    let order = given("change_order", event.change_order.as_ref())?;
    let told = about(CauseKind::CancellationRequested, order);
    Ok(told.internal("cancels_itself_at", &order.cancels_itself_at))
}

pub(super) fn ended(event: &offer::CancellationEnded) -> Result<Told, Malformed> {
    let order = given("change_order", event.change_order.as_ref())?;
    let told = about(CauseKind::CancellationEnded, order)
        .internal("outcome", outcome(order.state()))
        .internal("ended_at", &order.ended_at)
        .internal("end_reason", &order.end_reason);
    Ok(told.list("errors", aws_errors(&order.errors)))
}

fn about(kind: CauseKind, order: &offer::ChangeOrder) -> Told {
    Told::new(kind)
        .engagement(&order.engagement_id)
        .internal("agreement_id", &order.agreement_id)
        .internal("change_order_id", &order.change_order_id)
        .internal("reason", &order.reason)
        .internal("started_by", &order.started_by)
}

const fn outcome(state: State) -> &'static str {
    match state {
        State::Over | State::Replaced => {
            "the agreement is over: adjust its invoices where money goes back, and make the offer that \
             replaces it"
        }
        State::Rejected => "the buyer rejected it: the agreement goes on",
        State::Withdrawn => "it was taken back: the agreement goes on",
        State::Failed => "AWS refused it: the agreement goes on",
        // A state that is newer than this service, or one that is no end.
        State::Unspecified | State::Started | State::Sending | State::Pending => {
            "it came to an end"
        }
    }
}
