//! The Catalog API: rest-json over the world's change sets, entities, tags and policies.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on, post};
use bytes::Bytes;
use serde_json::Value;

use crate::documents;
use crate::gateway::{Api, Call, Request, serve};
use crate::server::App;
use crate::world::change_sets::require_catalog;
use crate::world::{Refusal, assessments};

type Parameters = HashMap<String, String>;
/// An operation whose input is the body.
type Posted = fn(&mut Call<'_>, &Value) -> Result<Value, Refusal>;
/// An operation whose input is the query.
type Queried = fn(&mut Call<'_>, &Parameters) -> Result<Value, Refusal>;

const POSTED: [(&str, Posted); 9] = [
    ("ListAssessments", |_, input| assessments::list(input)),
    ("DescribeAssessment", |_, input| {
        assessments::describe(input)
    }),
    ("ListChangeSets", |call, input| {
        call.world.list_change_sets(&call.caller, input)
    }),
    ("ListEntities", |call, input| {
        call.world.list_entities(&call.caller, input)
    }),
    ("BatchDescribeEntities", |call, input| {
        call.world
            .batch_describe_entities(&call.caller, input, call.base)
    }),
    ("TagResource", |call, input| {
        call.world.tag_resource(&call.caller, input)
    }),
    ("UntagResource", |call, input| {
        call.world.untag_resource(&call.caller, input)
    }),
    ("ListTagsForResource", |call, input| {
        call.world.list_tags(&call.caller, input)
    }),
    ("PutResourcePolicy", |call, input| {
        call.world.put_policy(&call.caller, input)
    }),
];

const QUERIED: [(MethodFilter, &str, Queried); 5] = [
    (MethodFilter::GET, "DescribeChangeSet", |call, query| {
        let id = identified(query, "changeSetId")?;
        call.world.describe_change_set(&call.caller, id)
    }),
    (MethodFilter::PATCH, "CancelChangeSet", |call, query| {
        let id = identified(query, "changeSetId")?;
        call.world.cancel_change_set(call.now, &call.caller, id)
    }),
    (MethodFilter::GET, "DescribeEntity", |call, query| {
        let id = identified(query, "entityId")?;
        call.world.describe_entity(&call.caller, id, call.base)
    }),
    (MethodFilter::GET, "GetResourcePolicy", |call, query| {
        call.world.get_policy(&call.caller, resource(query))
    }),
    (
        MethodFilter::DELETE,
        "DeleteResourcePolicy",
        |call, query| call.world.delete_policy(&call.caller, resource(query)),
    ),
];

pub(crate) fn routes() -> Router<App> {
    let mut router = Router::new().route("/StartChangeSet", post(start_change_set));
    for (name, operation) in POSTED {
        router = router.route(&format!("/{name}"), posted(name, operation));
    }
    for (method, name, operation) in QUERIED {
        router = router.route(&format!("/{name}"), queried(method, name, operation));
    }
    router
}

fn posted(name: &'static str, operation: Posted) -> MethodRouter<App> {
    post(move |State(app): State<App>, request: Request| async move {
        serve(&app, Api::Catalog, name, &request, |mut call| {
            let input = object(&request.body)?;
            operation(&mut call, &input).map(|reply| json_bytes(&reply))
        })
        .await
    })
}

fn queried(method: MethodFilter, name: &'static str, operation: Queried) -> MethodRouter<App> {
    on(
        method,
        move |State(app): State<App>, request: Request| async move {
            serve(&app, Api::Catalog, name, &request, |mut call| {
                let query: Query<Parameters> = Query::try_from_uri(&request.uri)
                    .map_err(|_| Refusal::validation("The query cannot be read."))?;
                operation(&mut call, &query).map(|reply| json_bytes(&reply))
            })
            .await
        },
    )
}

async fn start_change_set(State(app): State<App>, request: Request) -> Response {
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

fn object(body: &[u8]) -> Result<Value, Refusal> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(Refusal::validation(
            "The request body is not a JSON object.",
        )),
    }
}

fn identified<'a>(query: &'a Parameters, name: &str) -> Result<&'a str, Refusal> {
    require_catalog(query.get("catalog").map(String::as_str))?;
    query
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| Refusal::validation(format!("{name} is required.")))
}

fn resource(query: &Parameters) -> Option<&str> {
    query.get("resourceArn").map(String::as_str)
}

fn json_bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}
