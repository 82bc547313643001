//! Payment requests as gRPC and events say them (O17).

use chrono::{DateTime, Utc};
use countersign_proto::common::v1 as common;
use countersign_proto::offer::v1 as pb;

use super::{aws_errors, money, time};
use crate::domain::agreement::VariablePayments;
use crate::domain::payment::{PaymentRequest, Stage};

/// What payment requests may charge.
pub(crate) fn terms(variable: &VariablePayments) -> pb::VariablePayments {
    let after = variable.approves_after.map(|after| after.to_string());
    pb::VariablePayments {
        cap: Some(money(variable.cap)),
        approves_after: after.unwrap_or_default(),
    }
}

/// The charge of a request that was approved `at` this time.
pub(crate) fn charge(request: &PaymentRequest, at: DateTime<Utc>) -> common::Charge {
    common::Charge {
        number: request.number,
        charge_date: at.date_naive().to_string(),
        amount: Some(money(request.amount)),
    }
}

/// A payment request.
pub(crate) fn request(request: &PaymentRequest) -> pb::PaymentRequest {
    use pb::payment_request::State;
    let at_aws = request.at_aws();
    let shown = |at: Option<DateTime<Utc>>| at.map(time).unwrap_or_default();
    let mut out = pb::PaymentRequest {
        payment_request_id: request.id.to_string(),
        offer_id: request.offer_id.to_string(),
        engagement_id: request.engagement_id.to_string(),
        agreement_id: request.agreement_id.to_string(),
        number: request.number,
        milestone: request.milestone.clone(),
        description: request.description.clone(),
        amount: Some(money(request.amount)),
        aws_payment_request_id: at_aws.map(|at| at.id.to_string()).unwrap_or_default(),
        aws_status: at_aws.map(|at| at.status.clone()).unwrap_or_default(),
        requested_by: request.requested_by.to_string(),
        requested_at: time(request.requested_at),
        sent_at: shown(at_aws.map(|at| at.sent_at)),
        approves_itself_at: shown(request.approves_itself_at()),
        clock_id: request.clock().map(|clock| clock.id).unwrap_or_default(),
        ended_at: shown(request.ended_at()),
        errors: aws_errors(&request.last_errors),
        ..pb::PaymentRequest::default()
    };
    let state = match &request.stage {
        Stage::Sending => State::Sending,
        Stage::Pending { withdrawal, .. } => {
            let reason = withdrawal.as_ref().map(|asked| asked.reason.clone());
            out.reason = reason.unwrap_or_default();
            State::Pending
        }
        Stage::Approved { charge_id, .. } => {
            out.charge_id = charge_id.clone().unwrap_or_default();
            State::Approved
        }
        Stage::Rejected { reason, .. } => {
            out.reason.clone_from(reason);
            State::Rejected
        }
        Stage::Cancelled { reason, .. } => {
            out.reason.clone_from(reason);
            State::Cancelled
        }
        Stage::Failed { .. } => State::Failed,
    };
    out.set_state(state);
    out
}
