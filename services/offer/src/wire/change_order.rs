//! Change orders as gRPC and events say them (O15).

use chrono::{DateTime, Utc};
use countersign_proto::offer::v1 as pb;

use super::{aws_errors, money, time};
use crate::domain::change_order::{Adjustment, AdjustmentState, ChangeOrder, Invoice, Stage};
use crate::domain::id::AwsAdjustmentId;
use crate::domain::offer::AwsError;

/// A change order.
pub(crate) fn order(order: &ChangeOrder) -> pb::ChangeOrder {
    use pb::change_order::State;
    let at_aws = order.cancellation.as_ref();
    let shown = |at: Option<DateTime<Utc>>| at.map(time).unwrap_or_default();
    let mut out = pb::ChangeOrder {
        change_order_id: order.id.to_string(),
        offer_id: order.offer_id.to_string(),
        engagement_id: order.engagement_id.to_string(),
        agreement_id: order.agreement_id.to_string(),
        reason: order.reason.clone(),
        started_by: order.started_by.to_string(),
        started_at: time(order.started_at),
        aws_cancellation_id: at_aws.map(|at| at.id.to_string()).unwrap_or_default(),
        aws_status: at_aws.map(|at| at.status.clone()).unwrap_or_default(),
        sent_at: shown(at_aws.map(|at| at.sent_at)),
        cancels_itself_at: shown(order.cancels_itself_at()),
        clock_id: order.clock().map(|clock| clock.id).unwrap_or_default(),
        errors: aws_errors(&order.last_errors),
        invoices: order.invoices.iter().map(invoice).collect(),
        adjustments: order.adjustments.iter().map(adjustment).collect(),
        ..pb::ChangeOrder::default()
    };
    let (state, ended_at) = match &order.stage {
        Stage::Started => (State::Started, None),
        Stage::Sending { .. } => (State::Sending, None),
        Stage::Pending { withdrawal } => {
            let reason = withdrawal.as_ref().map(|asked| asked.reason.clone());
            out.end_reason = reason.unwrap_or_default();
            (State::Pending, None)
        }
        Stage::Over { at } => (State::Over, Some(*at)),
        Stage::Replaced { at, by } => {
            out.replacement_offer_id = by.offer_id.to_string();
            out.replacement_engagement_id = by.engagement_id.to_string();
            (State::Replaced, Some(*at))
        }
        Stage::Rejected { reason, at } => {
            out.end_reason.clone_from(reason);
            (State::Rejected, Some(*at))
        }
        Stage::Withdrawn { reason, at } => {
            out.end_reason.clone_from(reason);
            (State::Withdrawn, Some(*at))
        }
        Stage::Failed { at } => (State::Failed, Some(*at)),
    };
    out.ended_at = shown(ended_at);
    out.set_state(state);
    out
}

fn invoice(invoice: &Invoice) -> pb::AdjustableInvoice {
    pb::AdjustableInvoice {
        invoice_id: invoice.id.to_string(),
        amount: Some(money(invoice.amount)),
        adjustable: Some(money(invoice.adjustable)),
        issued_at: invoice.issued_at.map(time).unwrap_or_default(),
    }
}

fn adjustment(line: &Adjustment) -> pb::BillingAdjustment {
    use pb::billing_adjustment::State;
    let aws_id = line.state.aws_id().map(AwsAdjustmentId::to_string);
    let mut out = pb::BillingAdjustment {
        number: line.number,
        invoice_id: line.asked.invoice_id.to_string(),
        amount: Some(money(line.asked.amount)),
        description: line.asked.description.clone(),
        aws_adjustment_id: aws_id.unwrap_or_default(),
        requested_by: line.by.to_string(),
        requested_at: time(line.at),
        ..pb::BillingAdjustment::default()
    };
    let state = match &line.state {
        AdjustmentState::Sending => State::Sending,
        AdjustmentState::Pending { status, .. } => {
            out.aws_status.clone_from(status);
            State::Pending
        }
        AdjustmentState::Completed { .. } => State::Completed,
        AdjustmentState::Failed { error, .. } => {
            out.error = Some(refused(error));
            State::Failed
        }
    };
    out.set_state(state);
    out
}

fn refused(error: &AwsError) -> pb::AwsError {
    pb::AwsError {
        code: error.code.clone(),
        message: error.message.clone(),
    }
}
