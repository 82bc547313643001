//! `/sandbox/sellers`: what AWS knows of each seller, read and changed on request.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::admin::{changed, command};
use crate::server::App;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/sandbox/sellers", get(sellers).post(set_seller))
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
