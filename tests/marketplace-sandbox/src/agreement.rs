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
use crate::server::App;
use crate::wire::{self, Wire};
use crate::world::Refusal;

/// The prefix of `X-Amz-Target`, and the service in CBOR's path.
const TARGET: &str = "AWSMPCommerceService_v20200301";

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
    serve(&app, Api::AgreementCbor, &operation, &request, |call| {
        let input = wire::decode_cbor(&request.body).map_err(unreadable)?;
        perform(&call, &operation, &input).map(|reply| Bytes::from(wire::encode_cbor(&reply)))
    })
    .await
}

async fn aws_json(State(app): State<App>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.split_once('.'));
    let Some((TARGET, operation)) = target else {
        return (StatusCode::NOT_FOUND, "X-Amz-Target names no service here").into_response();
    };
    let operation = operation.to_owned();
    let request = Request {
        method: Method::POST,
        uri,
        headers,
        body,
    };
    serve(&app, Api::AgreementJson, &operation, &request, |call| {
        let input = wire::decode_json(&request.body).map_err(unreadable)?;
        perform(&call, &operation, &input).map(|reply| Bytes::from(wire::encode_json(&reply)))
    })
    .await
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: String) -> Refusal {
    Refusal::reasoned("OTHER", format!("The request cannot be read: {error}."))
}

fn perform(call: &Call<'_>, operation: &str, input: &Value) -> Result<Wire, Refusal> {
    match operation {
        "SearchAgreements" => call.world.search_agreements(call.now, &call.caller, input),
        "DescribeAgreement" => call.world.describe_agreement(call.now, &call.caller, input),
        "GetAgreementTerms" => call
            .world
            .agreement_terms(call.now, &call.caller, input, call.base),
        other => Err(Refusal::reasoned(
            "UNSUPPORTED_ACTION",
            format!("{other} is not served by this sandbox."),
        )),
    }
}
