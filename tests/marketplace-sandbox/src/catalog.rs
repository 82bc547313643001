//! The Catalog API: rest-json over the world's change sets and entities.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, patch, post};
use bytes::Bytes;
use serde_json::Value;

use crate::documents;
use crate::gateway::{Api, Request, serve};
use crate::server::App;
use crate::world::Refusal;
use crate::world::change_sets::require_catalog;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/StartChangeSet", post(start_change_set))
        .route("/DescribeChangeSet", get(describe_change_set))
        .route("/ListChangeSets", post(list_change_sets))
        .route("/CancelChangeSet", patch(cancel_change_set))
        .route("/DescribeEntity", get(describe_entity))
        .route("/ListEntities", post(list_entities))
        .route("/BatchDescribeEntities", post(batch_describe_entities))
}

type Parameters = Query<HashMap<String, String>>;

async fn start_change_set(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        method,
        uri,
        headers,
        body,
    };
    serve(&app, Api::Catalog, "StartChangeSet", &request, |call| {
        let input = object(&request.body)?;
        let started = call
            .world
            .start_change_set(call.now, &call.caller, &input)?;
        // Here and not after the answer: a client that is gone by then gets its documents read too.
        for url in started.documents {
            read_document(&app, started.change_set_id.clone(), url);
        }
        Ok(json_bytes(&started.reply))
    })
    .await
}

/// Fetches a legal document beside the requests; the change set cannot end before the answer.
fn read_document(app: &App, change_set_id: String, url: String) {
    let own = app.clone();
    app.tasks.spawn(async move {
        let (limit, timeout) = (own.config.document_limit, own.config.document_timeout);
        let verdict = tokio::select! {
            () = own.stop.cancelled() => return,
            verdict = documents::fetch(&own.http, &url, limit, timeout) => verdict,
        };
        let now = own.clock.now();
        own.world()
            .document_read(now, &change_set_id, &url, &verdict);
    });
}

async fn describe_change_set(
    State(app): State<App>,
    Query(parameters): Parameters,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let request = Request {
        method: Method::GET,
        uri,
        headers,
        body: Bytes::new(),
    };
    serve(&app, Api::Catalog, "DescribeChangeSet", &request, |call| {
        let id = identified(&parameters, "changeSetId")?;
        call.world
            .describe_change_set(&call.caller, id)
            .map(|reply| json_bytes(&reply))
    })
    .await
}

async fn list_change_sets(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        method: Method::POST,
        uri,
        headers,
        body,
    };
    serve(&app, Api::Catalog, "ListChangeSets", &request, |call| {
        let input = object(&request.body)?;
        call.world
            .list_change_sets(&call.caller, &input)
            .map(|reply| json_bytes(&reply))
    })
    .await
}

async fn cancel_change_set(
    State(app): State<App>,
    Query(parameters): Parameters,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        method: Method::PATCH,
        uri,
        headers,
        body,
    };
    serve(&app, Api::Catalog, "CancelChangeSet", &request, |call| {
        let id = identified(&parameters, "changeSetId")?;
        call.world
            .cancel_change_set(call.now, &call.caller, id)
            .map(|reply| json_bytes(&reply))
    })
    .await
}

async fn describe_entity(
    State(app): State<App>,
    Query(parameters): Parameters,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let request = Request {
        method: Method::GET,
        uri,
        headers,
        body: Bytes::new(),
    };
    serve(&app, Api::Catalog, "DescribeEntity", &request, |call| {
        let id = identified(&parameters, "entityId")?;
        call.world
            .describe_entity(&call.caller, id, call.base)
            .map(|reply| json_bytes(&reply))
    })
    .await
}

async fn list_entities(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        method: Method::POST,
        uri,
        headers,
        body,
    };
    serve(&app, Api::Catalog, "ListEntities", &request, |call| {
        let input = object(&request.body)?;
        call.world
            .list_entities(&call.caller, &input)
            .map(|reply| json_bytes(&reply))
    })
    .await
}

async fn batch_describe_entities(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        method: Method::POST,
        uri,
        headers,
        body,
    };
    serve(
        &app,
        Api::Catalog,
        "BatchDescribeEntities",
        &request,
        |call| {
            let input = object(&request.body)?;
            call.world
                .batch_describe_entities(&call.caller, &input, call.base)
                .map(|reply| json_bytes(&reply))
        },
    )
    .await
}

fn object(body: &[u8]) -> Result<Value, Refusal> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(Refusal::validation(
            "The request body is not a JSON object.",
        )),
    }
}

fn identified<'a>(parameters: &'a HashMap<String, String>, name: &str) -> Result<&'a str, Refusal> {
    require_catalog(parameters.get("catalog").map(String::as_str))?;
    parameters
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| Refusal::validation(format!("{name} is required.")))
}

fn json_bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}
