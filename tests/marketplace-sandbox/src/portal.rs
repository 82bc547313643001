//! `/sandbox/portal`: what a seller or reseller does in the Management Portal, for which no API exists.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::{command, decimal};
use crate::config::DEFAULT_PRODUCT_ID;
use crate::server::App;
use crate::world::World;
use crate::world::agreements::Denied;
use crate::world::apply::direct_draft;
use crate::world::model::{Document, OfferState, Targeting, Validity, VariablePayment};
use crate::world::period::Period;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route(
            "/sandbox/portal/accept-reseller-contract",
            post(accept_reseller_contract),
        )
        .route("/sandbox/portal/variable-offer", post(variable_offer))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AcceptContract {
    resale_authorization_id: String,
}

/// The reseller agrees to the contract that a resale authorization carries.
async fn accept_reseller_contract(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, _, input: AcceptContract| {
        let id = input.resale_authorization_id;
        let found = world
            .authorizations
            .iter_mut()
            .find(|found| found.id == id)
            .ok_or_else(|| {
                Denied::new(
                    "RESALE_AUTHORIZATION_NOT_FOUND",
                    format!("There is no resale authorization {id}."),
                )
            })?;
        if found.contract.is_none() {
            return Err(Denied::new(
                "NO_RESELLER_CONTRACT",
                format!("{id} carries no reseller contract."),
            ));
        }
        found.contract_accepted = true;
        Ok(json!({ "resaleAuthorizationId": id }))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VariableOffer {
    /// The seller; the main one when none is named.
    owner_account_id: Option<String>,
    product_id: Option<String>,
    name: String,
    buyer_accounts: Vec<String>,
    currency_code: String,
    /// All payment requests together may not exceed it.
    max_total_charge_amount: String,
    duration: String,
    availability_end_date: NaiveDate,
    legal_document_url: String,
}

/// A released private offer with a `VariablePaymentTerm`: no change type makes one.
async fn variable_offer(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, make)
}

fn make(world: &mut World, now: DateTime<Utc>, input: VariableOffer) -> Result<Value, Denied> {
    let cap = decimal(&input.max_total_charge_amount)?;
    checked_duration(&input.duration)?;
    let (owner, product) = seller_and_product(world, input.owner_account_id, input.product_id)?;
    let id = world.ids.offer();
    let mut offer = direct_draft(&product, Some(input.name.clone()), &owner, &id, now);
    offer.description = Some(input.name);
    offer.state = OfferState::Released;
    offer.released_at = Some(now);
    offer.targeting = Some(Targeting {
        buyer_accounts: input.buyer_accounts,
        ..Targeting::default()
    });
    offer.legal = Some(vec![Document::CustomEula {
        url: input.legal_document_url,
        copy: None,
    }]);
    offer.validity = Some(lasting(input.duration));
    offer.variable = Some(VariablePayment {
        currency: input.currency_code,
        cap,
    });
    offer.availability_end = Some(input.availability_end_date);
    world.offer_released(now, &offer);
    world.offer_history.push(offer.clone());
    world.offers.push(offer);
    Ok(json!({ "offerId": id }))
}

/// The seller, the main one when none is named, and its product, the only one when none is named.
pub(crate) fn seller_and_product(
    world: &World,
    owner: Option<String>,
    product: Option<String>,
) -> Result<(String, String), Denied> {
    let owner = owner.unwrap_or_else(|| world.seller.clone());
    let product = product.unwrap_or_else(|| DEFAULT_PRODUCT_ID.to_owned());
    if world.product_owner(&product) != Some(&owner) {
        return Err(Denied::new(
            "PRODUCT_NOT_FOUND",
            format!("{owner} has no product {product}."),
        ));
    }
    Ok((owner, product))
}

pub(crate) fn checked_duration(duration: &str) -> Result<(), Denied> {
    if Period::parse(duration).is_some() {
        return Ok(());
    }
    Err(Denied::new(
        "WRONG_DURATION",
        "duration is not PnD or like.",
    ))
}

/// From acceptance on.
pub(crate) const fn lasting(duration: String) -> Validity {
    Validity {
        duration: Some(duration),
        start: None,
        end: None,
    }
}
