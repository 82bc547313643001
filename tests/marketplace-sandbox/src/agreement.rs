//! The Agreement API: Smithy RPC v2 CBOR over the world's agreements.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde_json::Value;

use crate::gateway::{Call, Protocol, Request, serve};
use crate::server::App;
use crate::wire::{self, Wire};
use crate::world::Refusal;

/// A protocol's reading of a request and writing of an answer, around the same operations.
pub(crate) fn routes() -> Router<App> {
    Router::new().route(
        "/service/AWSMPCommerceService_v20200301/operation/{operation}",
        post(rpc_v2_cbor),
    )
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
    serve(&app, Protocol::RpcV2Cbor, &operation, &request, |call| {
        let input = wire::decode(&request.body).map_err(|error| {
            Refusal::reasoned("OTHER", format!("The request is not CBOR: {error}."))
        })?;
        perform(&call, &operation, &input).map(|reply| Bytes::from(wire::encode(&reply)))
    })
    .await
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
