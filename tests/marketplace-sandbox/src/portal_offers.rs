//! `/sandbox/portal/private-offer`, `extend-offer` and `/sandbox/public-order`: offers that a person makes in
//! the Management Portal, and orders at a listing's public price.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::{command, decimal};
use crate::portal::{checked_duration, lasting, seller_and_product};
use crate::server::App;
use crate::views::agreement_json;
use crate::world::World;
use crate::world::agreements::{Acceptance, Denied};
use crate::world::apply::direct_draft;
use crate::world::model::{Charge, Document, Offer, OfferState, Schedule, Targeting};
use crate::world::pricing::{FixedUpfront, Grant, Pricing};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox/portal/private-offer", post(private_offer))
        .route("/sandbox/portal/extend-offer", post(extend_offer))
        .route("/sandbox/public-order", post(public_order))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PrivateOffer {
    /// The seller; the main one when none is named.
    owner_account_id: Option<String>,
    product_id: Option<String>,
    name: String,
    description: String,
    buyer_accounts: Vec<String>,
    currency_code: String,
    duration: String,
    dimension_key: String,
    schedule: Vec<Row>,
    availability_end_date: NaiveDate,
    legal_document_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Row {
    charge_date: NaiveDate,
    charge_amount: String,
}

/// What a person types: a draft with a payment schedule. The portal's own checks are not made.
async fn private_offer(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, enter)
}

fn enter(world: &mut World, now: DateTime<Utc>, input: PrivateOffer) -> Result<Value, Denied> {
    checked_duration(&input.duration)?;
    let charges: Result<Vec<Charge>, Denied> = input.schedule.iter().map(Row::charge).collect();
    let (owner, product) = seller_and_product(world, input.owner_account_id, input.product_id)?;
    let id = world.ids.offer();
    let mut offer = direct_draft(&product, Some(input.name), &owner, &id, now);
    offer.description = Some(input.description);
    offer.targeting = Some(Targeting {
        buyer_accounts: input.buyer_accounts,
        ..Targeting::default()
    });
    offer.legal = Some(vec![Document::CustomEula {
        url: input.legal_document_url,
        copy: None,
    }]);
    offer.pricing = Some(fixed(
        &input.currency_code,
        Decimal::ZERO,
        &input.duration,
        input.dimension_key,
    ));
    offer.schedule = Some(Schedule {
        currency: input.currency_code,
        charges: charges?,
    });
    offer.validity = Some(lasting(input.duration));
    offer.availability_end = Some(input.availability_end_date);
    world.offers.push(offer);
    Ok(json!({ "offerId": id }))
}

impl Row {
    pub(crate) fn charge(&self) -> Result<Charge, Denied> {
        Ok(Charge {
            date: self.charge_date,
            amount: decimal(&self.charge_amount)?,
        })
    }
}

pub(crate) fn fixed(
    currency: &str,
    price: Decimal,
    duration: &str,
    dimension_key: String,
) -> Pricing {
    Pricing::Fixed(FixedUpfront {
        pricing_model: "Contract".to_owned(),
        currency: currency.to_owned(),
        price,
        duration: Some(duration.to_owned()),
        grants: vec![Grant {
            dimension_key,
            max_quantity: Some(1),
        }],
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExtendOffer {
    offer_id: String,
}

/// The person extends the draft: the marketplace publishes it.
async fn extend_offer(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: ExtendOffer| {
        let id = input.offer_id;
        let mut drafts = world.offers.iter_mut();
        let offer = drafts
            .find(|offer| offer.id == id && offer.state == OfferState::Draft)
            .ok_or_else(|| Denied::new("NO_SUCH_DRAFT", format!("{id} is no draft.")))?;
        offer.state = OfferState::Released;
        offer.released_at = Some(now);
        offer.modified_at = now;
        let offer = offer.clone();
        world.offer_released(now, &offer);
        world.offer_history.push(offer);
        Ok(json!({ "offerId": id }))
    })
}

/// Accounts from here on belong to buyers whom nobody knows.
const FIRST_STRANGER: usize = 700_000_000_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PublicOrder {
    product_id: Option<String>,
    /// A stranger's when none is named.
    buyer_account_id: Option<String>,
    currency_code: String,
    price: String,
    duration: String,
    dimension_key: String,
}

/// Somebody buys at the listing's public price: no offer of the seller's was made for it.
async fn public_order(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: PublicOrder| {
        let stranger = || format!("{:012}", FIRST_STRANGER + world.offers.len());
        let buyer = input.buyer_account_id.clone().unwrap_or_else(stranger);
        let offer = public_offer(world, now, input)?;
        let how = Acceptance {
            buyer: &buyer,
            ..Acceptance::default()
        };
        Ok(agreement_json(world.accept(now, &offer, how)?))
    })
}

/// The listing's public offer: released, targeted at nobody, without an end.
fn public_offer(
    world: &mut World,
    now: DateTime<Utc>,
    input: PublicOrder,
) -> Result<String, Denied> {
    checked_duration(&input.duration)?;
    let price = decimal(&input.price)?;
    let (owner, product) = seller_and_product(world, None, input.product_id)?;
    let id = world.ids.offer();
    let name = Some("Public price".to_owned());
    let mut offer: Offer = direct_draft(&product, name, &owner, &id, now);
    offer.state = OfferState::Released;
    offer.released_at = Some(now);
    offer.pricing = Some(fixed(
        &input.currency_code,
        price,
        &input.duration,
        input.dimension_key,
    ));
    offer.validity = Some(lasting(input.duration));
    world.offer_history.push(offer.clone());
    world.offers.push(offer);
    Ok(id)
}
