//! `/sandbox/settings` and `/sandbox/sellers`: how this sandbox behaves and what AWS knows of each seller,
//! read, and changed in what a request names; `/sandbox/approval-plans`: what buyers' organisations ask for.

use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::admin::command;
use crate::config::Settings;
use crate::server::App;
use crate::world::agreements::Denied;
use crate::world::approval_plans::Policy;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox/settings", get(settings).post(set_settings))
        .route("/sandbox/sellers", get(sellers).post(set_seller))
        .route(
            "/sandbox/approval-plans",
            get(approval_plans).post(set_approval_plans),
        )
}

async fn settings(State(app): State<App>) -> Json<Settings> {
    Json(app.world().settings)
}

/// Only the settings named are changed.
async fn set_settings(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, _, changes: Map<String, Value>| {
        world.settings = changed(&world.settings, changes)?;
        Ok(json!(world.settings))
    })
}

/// A value with the fields that `changes` names put in place of its own.
fn changed<T: Serialize + DeserializeOwned>(
    value: &T,
    changes: Map<String, Value>,
) -> Result<T, Denied> {
    let wrong = |error: serde_json::Error| Denied::new("BAD_REQUEST", error.to_string());
    let mut merged = serde_json::to_value(value).map_err(wrong)?;
    for (name, value) in changes {
        merged[name] = value;
    }
    serde_json::from_value(merged).map_err(wrong)
}

async fn sellers(State(app): State<App>) -> Response {
    command(&app, &Bytes::new(), |world, _, _: Value| {
        let standings = world.sellers.iter();
        let standings = standings.map(|account| (account.clone(), json!(world.standing(account))));
        Ok(Value::Object(standings.collect()))
    })
}

#[derive(Deserialize)]
struct SetSeller {
    /// The main seller, when none is named.
    account: Option<String>,
    #[serde(flatten)]
    changes: Map<String, Value>,
}

/// Only what is named is changed.
async fn set_seller(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, _, input: SetSeller| {
        let account = input.account.unwrap_or_else(|| world.seller.clone());
        let standing = changed(world.standing(&account), input.changes)?;
        world.set_standing(&account, standing)?;
        Ok(json!(world.standing(&account)))
    })
}

async fn approval_plans(State(app): State<App>) -> Response {
    command(&app, &Bytes::new(), |world, _, _: Value| {
        Ok(json!(world.approval_policies))
    })
}

#[derive(Deserialize)]
struct SetApprovalPlans {
    account: String,
    #[serde(flatten)]
    policy: Value,
}

/// All plans of the account at once; without any, nobody has to approve.
async fn set_approval_plans(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, _, input: SetApprovalPlans| {
        let policy: Policy = serde_json::from_value(input.policy)
            .map_err(|error| Denied::new("BAD_REQUEST", error.to_string()))?;
        Ok(json!(world.set_approval_policy(&input.account, policy)?))
    })
}
