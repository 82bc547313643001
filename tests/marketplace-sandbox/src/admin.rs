//! `/sandbox`: what happens on AWS's and the buyer's side, on request. Unsigned JSON, for rehearsals.

use std::path::Path;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::feed_files::{self, Faults, Files};
use crate::inject::Injection;
use crate::server::App;
use crate::views::agreement_json;
use crate::world::agreements::{Acceptance, Denied};
use crate::world::events::EventInjection;
use crate::world::feeds::month_of;
use crate::world::timestamp;
use crate::world::{Delivery, World};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox/accept", post(accept))
        .route("/sandbox/terminate", post(terminate))
        .route("/sandbox/bill", post(bill))
        .route("/sandbox/collect", post(collect))
        .route("/sandbox/disburse", post(disburse))
        .route("/sandbox/disbursement-failure", post(disbursement_failure))
        .route("/sandbox/feeds/write", post(write_feeds))
        .route("/sandbox/inject", post(inject))
        .route("/sandbox/clock", post(advance_clock))
        .route("/sandbox/events/inject", post(inject_event))
        .route("/sandbox/events/send", post(send_event))
        .route("/sandbox/change-sets/end", post(end_change_set))
        .route("/sandbox/payment-request/answer", post(answer_payment))
        .route(
            "/sandbox/cancellation-request/answer",
            post(answer_cancellation),
        )
}

/// Reads a body, brings the world to now, runs a command, answers with its JSON or its refusal.
pub(crate) fn command<T: DeserializeOwned>(
    app: &App,
    body: &Bytes,
    run: impl FnOnce(&mut World, chrono::DateTime<chrono::Utc>, T) -> Result<Value, Denied>,
) -> Response {
    let input = match parse(body) {
        Ok(input) => input,
        Err(denied) => return refuse(StatusCode::BAD_REQUEST, &denied),
    };
    let now = app.clock.now();
    let mut world = app.world();
    world.advance(now);
    match run(&mut world, now, input) {
        Ok(reply) => Json(reply).into_response(),
        Err(denied) => refuse(StatusCode::CONFLICT, &denied),
    }
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Denied> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Denied::new("BAD_REQUEST", error.to_string()))
}

fn refuse(status: StatusCode, denied: &Denied) -> Response {
    (
        status,
        Json(json!({ "error": denied.code, "message": denied.message })),
    )
        .into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    #[serde(rename = "offerId")]
    offer: String,
    #[serde(rename = "buyerAccountId")]
    buyer: String,
    #[serde(rename = "payerAccountId")]
    payer: Option<String>,
    /// For variable payments: `AUTO_APPROVE_ON_EXPIRATION` (default) or `WAIT_FOR_APPROVAL`.
    #[serde(rename = "paymentRequestApprovalStrategy")]
    strategy: Option<Strategy>,
    /// Of a rate card with several.
    #[serde(rename = "dimensionKey")]
    dimension_key: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Strategy {
    AutoApproveOnExpiration,
    WaitForApproval,
}

async fn accept(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: Accept| {
        let how = Acceptance {
            buyer: &input.buyer,
            payer: input.payer.as_deref(),
            auto_approve: input.strategy != Some(Strategy::WaitForApproval),
            dimension_key: input.dimension_key.as_deref(),
            ..Acceptance::default()
        };
        Ok(agreement_json(world.accept(now, &input.offer, how)?))
    })
}

/// A command about an agreement as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Named {
    agreement_id: String,
}

async fn terminate(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: Named| {
        let ended = world.terminate(now, &input.agreement_id)?;
        Ok(agreement_json(ended))
    })
}

async fn bill(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: Named| {
        world
            .bill(now, &input.agreement_id)
            .map(|invoices| json!({ "invoices": invoices }))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Collect {
    agreement_id: String,
    amount: Option<String>,
}

async fn collect(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: Collect| {
        let amount = input.amount.as_deref().map(decimal).transpose()?;
        let collected = world.collect(now, &input.agreement_id, amount)?;
        Ok(json!({ "agreementId": input.agreement_id, "collected": collected.to_string() }))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Disburse {
    bank_trace_id: Option<String>,
    short_by: Option<String>,
    /// Only this seller is paid.
    account: Option<String>,
}

async fn disburse(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: Disburse| {
        let short_by = input
            .short_by
            .as_deref()
            .map_or(Ok(Decimal::ZERO), decimal)?;
        let deposits = world.disburse(
            now,
            input.bank_trace_id.as_deref(),
            short_by,
            input.account.as_deref(),
        )?;
        Ok(json!({ "disbursements": deposits }))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FailDisbursement {
    disbursement_id: Option<String>,
}

async fn disbursement_failure(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: FailDisbursement| {
        let failed = world.fail_disbursement(now, input.disbursement_id.as_deref())?;
        Ok(json!({ "failure": failed }))
    })
}

/// Money in requests is text, like AWS's.
pub(crate) fn decimal(text: &str) -> Result<Decimal, Denied> {
    text.parse()
        .map_err(|_| Denied::new("WRONG_AMOUNT", format!("'{text}' is not a decimal.")))
}

async fn write_feeds(State(app): State<App>, body: Bytes) -> Response {
    let prepared = parse::<Faults>(&body).and_then(|faults| match faults.problem() {
        Some(problem) => Err(Denied::new("BAD_REQUEST", problem)),
        None => feed_files(&app, &faults),
    });
    let Some(folder) = app.config.feeds.clone() else {
        return refuse(
            StatusCode::CONFLICT,
            &Denied::new("NO_FEEDS_FOLDER", "Start the sandbox with --feeds."),
        );
    };
    let delivery = match prepared {
        Ok(delivery) => delivery,
        Err(denied) => return refuse(StatusCode::BAD_REQUEST, &denied),
    };
    let list = |files: &Files| -> Vec<String> {
        files
            .keys()
            .map(|path| path.display().to_string())
            .collect()
    };
    let (names, partner_names) = (list(&delivery.files), list(&delivery.partner_files));
    let partner_folder = app.config.partner_feeds.clone();
    let written = tokio::task::spawn_blocking(move || {
        feed_files::write(&folder, &delivery.files)?;
        partner_folder.map_or(Ok(()), |folder| {
            feed_files::write(&folder, &delivery.partner_files)
        })
    })
    .await;
    match written
        .map_err(std::io::Error::other)
        .and_then(|result| result)
    {
        Ok(()) => Json(json!({ "files": names, "partnerFiles": partner_names })).into_response(),
        Err(error) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            &Denied::new("WRITE_FAILED", error.to_string()),
        ),
    }
}

/// The files of this delivery; remembered, so that the same can be delivered again.
fn feed_files(app: &App, faults: &Faults) -> Result<Delivery, Denied> {
    let now = app.clock.now();
    let mut world = app.world();
    world.advance(now);
    if faults.same_file_again {
        return world
            .last_delivery
            .clone()
            .ok_or_else(|| Denied::new("NOTHING_WRITTEN", "No feed has been written yet."));
    }
    world.cut_feeds(now);
    let current = month_of(now);
    let since = world
        .last_delivery
        .as_ref()
        .map_or((0, 0), |delivery| delivery.month);
    let failed = |error: std::io::Error| Denied::new("WRITE_FAILED", error.to_string());
    let files = feed_files::render(&world.feed_rows, &world.seller, since, current, faults)
        .map_err(failed)?;
    let mut partner_files = Files::new();
    if app.config.partner_feeds.is_some() {
        for partner in world
            .sellers
            .iter()
            .filter(|seller| **seller != world.seller)
        {
            let sound = Faults::default();
            let own = feed_files::render(&world.feed_rows, partner, since, current, &sound)
                .map_err(failed)?;
            let placed = own
                .into_iter()
                .map(|(path, bytes)| (Path::new(partner).join(path), bytes));
            partner_files.extend(placed);
        }
    }
    let delivery = Delivery {
        month: current,
        files,
        partner_files,
    };
    world.last_delivery = Some(delivery.clone());
    Ok(delivery)
}

async fn inject(State(app): State<App>, body: Bytes) -> Response {
    match parse::<Injection>(&body) {
        Ok(injection) => {
            let mut injections = app.injections();
            injections.add(injection);
            Json(json!({ "pending": injections.pending() })).into_response()
        }
        Err(denied) => refuse(StatusCode::BAD_REQUEST, &denied),
    }
}

async fn inject_event(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, _, input: EventInjection| {
        if input.times > 0 {
            world.events.injections.push_back(input);
        }
        Ok(json!({ "pending": world.events.injections }))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendEvent {
    account: String,
    body: String,
}

/// Puts a message into a seller's queue, as whatever else may write to it.
async fn send_event(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: SendEvent| {
        let queue = world.events.queues.entry(input.account).or_default();
        queue.send(now, &input.body);
        Ok(json!({ "queued": queue.messages.len() }))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndChangeSet {
    change_set_id: String,
}

/// Lets a change set end that an injected failure held open.
async fn end_change_set(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: EndChangeSet| {
        let mut sets = world.change_sets.iter_mut();
        let set = sets
            .find(|set| set.id == input.change_set_id && set.stuck)
            .ok_or_else(|| {
                let message = format!(
                    "{} is no change set that is held open.",
                    input.change_set_id
                );
                Denied::new("NOT_HELD_OPEN", message)
            })?;
        set.stuck = false;
        world.advance(now);
        Ok(json!({ "changeSetId": input.change_set_id }))
    })
}

/// What the buyer says to a request of the seller's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Answer {
    id: String,
    approve: bool,
    reason: Option<String>,
}

async fn answer_payment(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: Answer| {
        world.buyer_answers_payment(now, &input.id, input.approve, input.reason.as_deref())
    })
}

async fn answer_cancellation(State(app): State<App>, body: Bytes) -> Response {
    command(&app, &body, |world, now, input: Answer| {
        world.buyer_answers_cancellation(now, &input.id, input.approve, input.reason.as_deref())
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

async fn advance_clock(State(app): State<App>, body: Bytes) -> Response {
    match parse::<Advance>(&body) {
        Ok(input) => {
            app.clock.advance(i64::from(input.advance_seconds) * 1000);
            let now = app.clock.now();
            app.world().advance(now);
            Json(json!({ "now": timestamp(now) })).into_response()
        }
        Err(denied) => refuse(StatusCode::BAD_REQUEST, &denied),
    }
}
