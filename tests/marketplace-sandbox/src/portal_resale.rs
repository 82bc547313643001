//! `/sandbox/portal/product`, `resale-authorization` and `partner-offer`: what a manufacturer does in the
//! Management Portal, so that the main seller can be its reseller; and what a reseller does there, so that the
//! main seller can be its manufacturer.

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
use crate::config::Product;
use crate::portal::{checked_duration, seller_and_product};
use crate::portal_offers::{Row, fixed};
use crate::server::App;
use crate::world::World;
use crate::world::agreements::Denied;
use crate::world::authorizations::{Authorization, AuthorizationStatus};
use crate::world::model::{Charge, Document, OfferState, Schedule, Targeting};
use crate::world::pricing::{ConfigurableUpfront, Pricing, Rate, RateCard};
use crate::world::resale_offers;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox/portal/product", post(product))
        .route("/sandbox/portal/resale-authorization", post(authorization))
        .route("/sandbox/portal/partner-offer", post(partner_offer))
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
    /// Without one it is open-ended.
    availability_end_date: Option<NaiveDate>,
    /// Any number of offers can be made of it, in place of one.
    #[serde(default)]
    reusable: bool,
    currency_code: String,
    duration: String,
    dimension_key: String,
    /// Empty: all of the price on acceptance.
    #[serde(default)]
    schedule: Vec<Row>,
    /// Without a schedule.
    price: Option<String>,
    /// The most that the reseller may grant, such as `P30D`.
    payment_due_period: Option<String>,
    legal_document_url: String,
}

/// A released authorization, at a price or with a payment schedule, without a reseller contract. The portal's own checks are not made.
async fn authorization(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, give)
}

fn give(world: &mut World, now: DateTime<Utc>, input: Give) -> Result<Value, Denied> {
    checked_duration(&input.duration)?;
    let charges: Result<Vec<Charge>, Denied> = input.schedule.iter().map(Row::charge).collect();
    let owner = Some(input.owner_account_id);
    let (owner, product_id) = seller_and_product(world, owner, Some(input.product_id))?;
    let charges = charges?;
    let price = input.price.as_deref().map(decimal).transpose()?;
    if price.is_some() != charges.is_empty() {
        let message = "Give either a price or a schedule.";
        return Err(Denied::new("WRONG_PRICE", message));
    }
    let id = world.ids.authorization();
    let (currency, duration) = (&input.currency_code, &input.duration);
    let pricing = match price {
        Some(price) => rate_card(currency, price, duration, input.dimension_key),
        None => fixed(currency, Decimal::ZERO, duration, input.dimension_key),
    };
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
        availability_end: input.availability_end_date,
        max_offers: (!input.reusable).then_some(1),
        legal: Some(Document::CustomEula {
            url: input.legal_document_url,
            copy: None,
        }),
        contract: None,
        contract_accepted: false,
        pricing: Some(pricing),
        schedule: (!charges.is_empty()).then_some(Schedule {
            currency: input.currency_code,
            charges,
        }),
        net_payment: input.payment_due_period,
        created_at: now,
        modified_at: now,
    });
    Ok(json!({ "resaleAuthorizationId": id }))
}

/// One package at one price: there is nothing else to take.
fn rate_card(currency: &str, price: Decimal, duration: &str, dimension_key: String) -> Pricing {
    Pricing::Configurable(ConfigurableUpfront {
        pricing_model: "Contract".to_owned(),
        currency: currency.to_owned(),
        cards: vec![RateCard {
            duration: duration.to_owned(),
            rates: vec![Rate {
                dimension_key,
                price,
            }],
            several_dimensions: false,
            any_quantity: false,
        }],
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resell {
    resale_authorization_id: String,
    name: String,
    buyer_account_id: String,
    availability_end_date: NaiveDate,
    /// Over the wholesale price; without one, the schedule is the price.
    markup_percentage: Option<String>,
    #[serde(default)]
    schedule: Vec<Row>,
    legal_document_url: String,
}

/// The reseller makes an offer from an authorization, and extends it. The portal's own checks are not made.
async fn partner_offer(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, resell)
}

fn resell(world: &mut World, now: DateTime<Utc>, input: Resell) -> Result<Value, Denied> {
    let charges: Result<Vec<Charge>, Denied> = input.schedule.iter().map(Row::charge).collect();
    let charges = charges?;
    let markup = input.markup_percentage.as_deref();
    let markup = markup.map(decimal).transpose()?;
    if markup.is_some() != charges.is_empty() {
        let message = "Give either a mark-up or a schedule.";
        return Err(Denied::new("WRONG_PRICE", message));
    }
    let id = world.ids.offer();
    let from = input.resale_authorization_id;
    let authorization = world.authorization(&from).ok_or_else(|| {
        let message = format!("There is no resale authorization {from}.");
        Denied::new("RESALE_AUTHORIZATION_NOT_FOUND", message)
    })?;
    let name = Some(&input.name);
    let mut offer = resale_offers::created(authorization, &id, name, name, now);
    if let Some(resale) = &mut offer.resale {
        resale.explicit = markup.is_none();
        resale.markup = markup;
    }
    if let (None, Some(schedule)) = (markup, &mut offer.schedule) {
        schedule.charges = charges;
    }
    resale_offers::reprice(&mut offer);
    offer.targeting = Some(Targeting {
        buyer_accounts: vec![input.buyer_account_id],
        ..Targeting::default()
    });
    offer
        .legal
        .get_or_insert_default()
        .push(Document::CustomEula {
            url: input.legal_document_url,
            copy: None,
        });
    offer.availability_end = Some(input.availability_end_date);
    offer.state = OfferState::Released;
    offer.released_at = Some(now);
    world.offer_released(now, &offer);
    world.offer_history.push(offer.clone());
    world.offers.push(offer);
    Ok(json!({ "offerId": id }))
}
