//! `GET /sandbox/…`: what there is, for whoever rehearses. Unsigned JSON.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::admin::command;
use crate::server::App;
use crate::world::model::{Agreement, Offer};
use crate::world::proposals::{proposal_id, proposed_terms};
use crate::world::{World, timestamp};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox/offers", get(offers))
        .route("/sandbox/agreements", get(agreements))
        .route("/sandbox/state", get(state))
}

async fn offers(State(app): State<App>) -> Response {
    command(&app, &Bytes::new(), |world, _, _: Value| {
        Ok(json!(offers_json(world)))
    })
}

async fn agreements(State(app): State<App>) -> Response {
    command(&app, &Bytes::new(), |world, _, _: Value| {
        Ok(json!(agreements_json(world)))
    })
}

async fn state(State(app): State<App>) -> Response {
    let pending = json!(app.injections().pending());
    command(&app, &Bytes::new(), |world, now, _: Value| {
        let change_sets: Vec<Value> = world
            .change_sets
            .iter()
            .map(|set| {
                let errors: Vec<Value> = set
                    .changes
                    .iter()
                    .flat_map(|change| change.errors.iter().map(move |error| {
                        json!({ "change": change.type_name, "code": error.code, "message": error.message })
                    }))
                    .collect();
                json!({ "id": set.id, "name": set.name, "status": set.status, "errors": errors })
            })
            .collect();
        Ok(json!({
            "now": timestamp(now),
            "sellerAccount": world.seller,
            "settings": world.settings,
            "products": world.products,
            "changeSets": change_sets,
            "offers": offers_json(world),
            "agreements": agreements_json(world),
            "paymentRequests": payment_requests_json(world),
            "cancellationRequests": world.cancellations_json(),
            "billingAdjustments": world.adjustments_json(),
            "billingEvents": world.billing_events,
            "injections": pending,
            "queuedEvents": queued_events_json(world),
        }))
    })
}

fn queued_events_json(world: &World) -> Vec<Value> {
    let every = world.events.queues.iter();
    let queued = every.flat_map(|(account, queue)| {
        let messages = queue.messages.iter();
        messages.map(move |message| {
            json!({ "account": account, "body": message.body, "receives": message.receives })
        })
    });
    queued.collect()
}

fn offers_json(world: &World) -> Vec<Value> {
    world.offers.iter().map(offer_json).collect()
}

fn offer_json(offer: &Offer) -> Value {
    json!({
        "offerId": offer.id,
        "revision": offer.revision,
        "agreementProposalId": proposal_id(offer),
        "terms": proposed_terms(offer)
            .into_iter()
            .map(|(kind, id)| json!({ "type": kind, "id": id }))
            .collect::<Vec<_>>(),
        "state": offer.state,
        "name": offer.name,
        "productId": offer.product_id,
        "buyerAccounts": offer.buyers(),
        "availabilityEndDate": offer.availability_end,
        "currency": offer.schedule.as_ref().map(|schedule| &schedule.currency),
        "total": offer.schedule.as_ref().map(|schedule| schedule.total().to_string()),
    })
}

fn payment_requests_json(world: &World) -> Vec<Value> {
    let requests = world.payment_requests.iter();
    let shown = requests.map(|request| {
        json!({
            "paymentRequestId": request.id,
            "agreementId": request.agreement_id,
            "name": request.name,
            "amount": request.amount.to_string(),
            "status": request.status.as_str(),
            "chargeId": request.charge_id,
        })
    });
    shown.collect()
}

fn agreements_json(world: &World) -> Vec<Value> {
    world.agreements.iter().map(agreement_json).collect()
}

pub(crate) fn agreement_json(agreement: &Agreement) -> Value {
    json!({
        "agreementId": agreement.id,
        "offerId": agreement.offer_id,
        "offerName": agreement.offer_name,
        "productId": agreement.product_id,
        "status": agreement.status,
        "acceptorAccountId": agreement.acceptor,
        "payerAccountId": agreement.payer,
        "acceptanceTime": timestamp(agreement.accepted_at),
        "endTime": timestamp(agreement.ends_at),
        "currency": agreement.schedule.currency,
        "total": agreement.value().to_string(),
        "charges": agreement.charges().collect::<Vec<_>>(),
        "invoices": agreement.invoices,
        "credits": agreement.credits,
        "proposerAccountId": agreement.proposer,
        "manufacturerAccountId": agreement.manufacturer,
        "resaleAuthorizationId": agreement.authorization_id,
    })
}
