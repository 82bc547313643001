//! `/sandbox/portal/product` and `/sandbox/portal/resale-authorization`: what a manufacturer does in the
//! Management Portal, so that the main seller can be its reseller.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::command;
use crate::config::Product;
use crate::portal::{checked_duration, seller_and_product};
use crate::portal_offers::{Row, fixed};
use crate::server::App;
use crate::world::World;
use crate::world::agreements::Denied;
use crate::world::authorizations::{Authorization, AuthorizationStatus};
use crate::world::model::{Charge, Document, Schedule};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox/portal/product", post(product))
        .route("/sandbox/portal/resale-authorization", post(authorization))
}

/// A seller's further product.
async fn product(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, _, input: Product| {
        let owner = input.owner.as_ref().unwrap_or(&world.seller);
        if !world.sellers.contains(owner) {
            return Err(Denied::new(
                "NO_SELLER",
                format!("{owner} is no seller here."),
            ));
        }
        let id = input.id.clone();
        world.products.retain(|known| known.id != id);
        world.products.push(input);
        Ok(json!({ "productId": id }))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Give {
    /// The manufacturer.
    owner_account_id: String,
    /// The main seller when none is named.
    reseller_account_id: Option<String>,
    product_id: String,
    name: String,
    buyer_accounts: Vec<String>,
    availability_end_date: NaiveDate,
    currency_code: String,
    duration: String,
    dimension_key: String,
    schedule: Vec<Row>,
    legal_document_url: String,
}

/// A released authorization for one offer, with a payment schedule and without a reseller contract. The
/// portal's own checks are not made.
async fn authorization(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, give)
}

fn give(world: &mut World, now: DateTime<Utc>, input: Give) -> Result<Value, Denied> {
    checked_duration(&input.duration)?;
    let charges: Result<Vec<Charge>, Denied> = input.schedule.iter().map(Row::charge).collect();
    let owner = Some(input.owner_account_id);
    let (owner, product_id) = seller_and_product(world, owner, Some(input.product_id))?;
    let id = world.ids.authorization();
    let pricing = fixed(
        &input.currency_code,
        Decimal::ZERO,
        &input.duration,
        input.dimension_key,
    );
    let reseller = input.reseller_account_id;
    world.authorizations.push(Authorization {
        id: id.clone(),
        owner,
        reseller: reseller.unwrap_or_else(|| world.seller.clone()),
        product_id,
        revision: 1,
        status: AuthorizationStatus::Active,
        name: input.name,
        description: None,
        pre_existing: None,
        buyers: input.buyer_accounts,
        availability_end: Some(input.availability_end_date),
        max_offers: Some(1),
        legal: Some(Document::CustomEula {
            url: input.legal_document_url,
            copy: None,
        }),
        contract: None,
        contract_accepted: false,
        pricing: Some(pricing),
        schedule: Some(Schedule {
            currency: input.currency_code,
            charges: charges?,
        }),
        net_payment: None,
        created_at: now,
        modified_at: now,
    });
    Ok(json!({ "resaleAuthorizationId": id }))
}
