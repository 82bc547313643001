//! The Agreement API over the world's agreements: one handler, reached by two protocols.
//!
//! Smithy RPC v2 CBOR names the operation in the path; AWS JSON 1.0 names it in `X-Amz-Target`, all
//! requests of all services going to `POST /`.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde_json::Value;

use crate::gateway::{Api, Call, Request, serve};
use crate::queue_api;
use crate::server::App;
use crate::wire::{self, Wire};
use crate::world::Refusal;

/// The prefix of `X-Amz-Target`, and the service in CBOR's path.
const TARGET: &str = "AWSMPCommerceService_v20200301";
/// The same for SQS.
const QUEUE_TARGET: &str = "AmazonSQS";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route(
            "/service/AWSMPCommerceService_v20200301/operation/{operation}",
            post(rpc_v2_cbor),
        )
        .route("/", post(aws_json))
}

async fn rpc_v2_cbor(
    State(app): State<App>,
    Path(operation): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if headers
        .get("smithy-protocol")
        .is_none_or(|protocol| protocol != "rpc-v2-cbor")
    {
        return (
            StatusCode::BAD_REQUEST,
            "smithy-protocol must be rpc-v2-cbor",
        )
            .into_response();
    }
    let request = Request {
        method: Method::POST,
        uri,
        headers,
        body,
    };
    serve(
        &app,
        Api::AgreementCbor,
        &operation,
        &request,
        |mut call| {
            let input = wire::decode_cbor(&request.body).map_err(unreadable)?;
            perform(&mut call, &operation, &input)
                .map(|reply| Bytes::from(wire::encode_cbor(&reply)))
        },
    )
    .await
}

async fn aws_json(State(app): State<App>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.split_once('.'));
    let (api, operation) = match target {
        Some((TARGET, operation)) => (Api::AgreementJson, operation.to_owned()),
        Some((QUEUE_TARGET, operation)) => (Api::Queue, operation.to_owned()),
        _ => {
            let unknown = "X-Amz-Target names no service here";
            return (StatusCode::NOT_FOUND, unknown).into_response();
        }
    };
    let request = Request {
        method: Method::POST,
        uri,
        headers,
        body,
    };
    let read = wire::decode_json(&request.body);
    if let (Api::Queue, Ok(input)) = (api, &read)
        && let Some(url) = input.get("QueueUrl").and_then(Value::as_str)
    {
        queue_api::wait(&app, url, input).await;
    }
    serve(&app, api, &operation, &request, |mut call| {
        let input = read.clone().map_err(unreadable)?;
        let reply = if api == Api::Queue {
            queue_api::perform(&mut call, &operation, &input)
        } else {
            perform(&mut call, &operation, &input)
        };
        reply.map(|reply| Bytes::from(wire::encode_json(&reply)))
    })
    .await
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: String) -> Refusal {
    Refusal::reasoned("OTHER", format!("The request cannot be read: {error}."))
}

fn perform(call: &mut Call<'_>, operation: &str, input: &Value) -> Result<Wire, Refusal> {
    let (world, now, caller) = (&mut *call.world, call.now, call.caller.as_str());
    match operation {
        "SearchAgreements" => world.search_agreements(now, caller, input),
        "DescribeAgreement" => world.describe_agreement(now, caller, input),
        "GetAgreementTerms" => world.agreement_terms(now, caller, input, call.base),
        "GetAgreementEntitlements" => world.entitlements(now, caller, input),
        "ListAgreementCharges" => world.agreement_charges(now, caller, input),
        "CreateAgreementRequest" => world.create_agreement_request(now, caller, input),
        "AcceptAgreementRequest" => world.accept_agreement_request(now, caller, input),
        "GetAgreementRequest" => world.get_agreement_request(caller, input),
        "GetAgreementRequestTerms" => world.agreement_request_terms(caller, input, call.base),
        "ListAgreementRequests" => world.list_agreement_requests(caller, input),
        "CancelAgreementRequest" => world.cancel_agreement_request(now, caller, input),
        "GetAgreementRequestApprovalPlans" => world.approval_plans(caller, input),
        "StartAgreementApprovals" => world.start_approvals(now, caller, input),
        "AcceptAgreementApproval" => world.accept_approval(now, caller, input),
        "RejectAgreementApproval" => world.reject_approval(now, caller, input),
        "GetAgreementApproval" => world.get_approval(caller, input),
        "ListAgreementApprovals" => world.list_approvals(caller, input),
        "CancelAgreement" => world.cancel_agreement(now, caller, input),
        "UpdatePurchaseOrders" => world.update_purchase_orders(now, caller, input),
        "GetAgreementContacts" => world.agreement_contacts(now, caller, input),
        "SendAgreementPaymentRequest" => world.send_payment_request(now, caller, input),
        "CancelAgreementPaymentRequest" => world.cancel_payment_request(now, caller, input),
        "AcceptAgreementPaymentRequest" => world.answer_payment_request(now, caller, input, true),
        "RejectAgreementPaymentRequest" => world.answer_payment_request(now, caller, input, false),
        "GetAgreementPaymentRequest" => world.get_payment_request(now, caller, input),
        "ListAgreementPaymentRequests" => world.list_payment_requests(caller, input),
        "SendAgreementCancellationRequest" => world.send_cancellation(now, caller, input),
        "CancelAgreementCancellationRequest" => world.withdraw_cancellation(now, caller, input),
        "AcceptAgreementCancellationRequest" => world.answer_cancellation(now, caller, input, true),
        "RejectAgreementCancellationRequest" => {
            world.answer_cancellation(now, caller, input, false)
        }
        "GetAgreementCancellationRequest" => world.get_cancellation(now, caller, input),
        "ListAgreementCancellationRequests" => world.list_cancellations(caller, input),
        "BatchCreateBillingAdjustmentRequest" => world.create_adjustments(now, caller, input),
        "GetBillingAdjustmentRequest" => world.get_adjustment(now, caller, input),
        "ListBillingAdjustmentRequests" => world.list_adjustments(caller, input),
        "ListAgreementInvoiceLineItems" => world.invoice_lines(now, caller, input),
        other => Err(Refusal::reasoned(
            "UNSUPPORTED_ACTION",
            format!("{other} is not served by this sandbox."),
        )),
    }
}
