//! Hears another service's events: a durable consumer on its stream, many events a transaction,
//! acknowledged after the commit. Dying anywhere in between is harmless: the inbox decides.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::pull::{Config, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{AckKind, Message};
use futures::{FutureExt, StreamExt};

use crate::envelope::{self, IncomingEvent};
use crate::failure::{BoxError, Failure};
use crate::fault;
use crate::inbox::{self, Place, Route};
use crate::lifecycle::Lifecycle;
use crate::nats::{self, Nats};
use crate::position;
use crate::relay::ReplayRequest;
use crate::subscription::EventHandler;
use crate::unit_of_work::{Cause, Database, UnitOfWork};

/// Events applied by one transaction, and how long the first of them waits for more.
pub(crate) const BATCH: usize = 256;
const BATCH_WAIT: Duration = Duration::from_millis(20);
/// How long NATS waits for an acknowledgement: how soon another instance takes over after a crash.
/// Far above what a batch takes.
const ACK_WAIT: Duration = Duration::from_secs(10);
const MAX_ACK_PENDING: i64 = 512;
/// A pull request's life, and how often NATS says that it lives: after a lost server the next pull
/// waits for the former.
const PULL_EXPIRES: Duration = Duration::from_secs(5);
const PULL_HEARTBEAT: Duration = Duration::from_secs(1);
/// How often the stream is compared with what was applied.
const CHECK_PERIOD: Duration = Duration::from_secs(3);
/// Between two attempts to open the consumer.
const REOPEN: Duration = Duration::from_millis(500);
/// Deliveries after which an event that fails for good is parked.
const MAX_DELIVERIES: i64 = 8;
/// The longest pause before a failed event is delivered again.
const NAK_LIMIT_MS: u64 = 30_000;
/// How soon an event is delivered again that arrived before the one it follows.
const GAP_DELAY: Duration = Duration::from_millis(250);
/// How long a gap may stay before its publisher is asked, and how often it is asked again.
const GAP_PATIENCE: Duration = Duration::from_secs(3);
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// Errors in a row after which the message stream is opened anew: a durable that vanished while
/// NATS was away shows in nothing but missing heartbeats.
const MAX_STREAM_ERRORS: u32 = 3;

/// A subscription of this process.
pub(crate) struct Consumer {
    pub(crate) source: String,
    pub(crate) handler: Arc<dyn EventHandler>,
    pub(crate) database: Database,
    pub(crate) nats: Nats,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) gaps: Gaps,
}

/// Aggregates of which an event is missing: since when, and when its publisher was last asked.
#[derive(Default)]
pub(crate) struct Gaps(HashMap<(String, String), (Instant, Option<Instant>)>);

/// An open consumer on a stream that is known by its birth.
struct Open {
    stream: Stream,
    created: String,
    messages: Messages,
    /// Errors in a row.
    errors: u32,
    checked: Instant,
    connects: u64,
}

/// A message with the event that it carries.
struct Delivery {
    message: Message,
    event: IncomingEvent,
}

impl Consumer {
    /// Hears events until told to stop. A lost server, stream or consumer ends nothing.
    pub(crate) async fn run(mut self) {
        let mut last = String::new();
        while !self.lifecycle.is_stopping() {
            match self.consume().await {
                Ok(()) => last.clear(),
                Err(error) => {
                    let error = error.to_string();
                    if error != last {
                        tracing::warn!(source = self.source, error, "cannot hear events; waiting");
                        last = error;
                    }
                }
            }
            self.lifecycle.sleep(REOPEN).await;
        }
    }

    async fn consume(&mut self) -> Result<(), BoxError> {
        let mut open = self.open().await?;
        while !self.lifecycle.is_stopping() {
            if open.checked.elapsed() > CHECK_PERIOD || open.connects != self.nats.connects() {
                if !self.position_holds(&open).await? {
                    return Ok(());
                }
                open.checked = Instant::now();
                open.connects = self.nats.connects();
            }
            match self.collect(&mut open).await {
                Some(batch) if batch.is_empty() => {}
                Some(batch) => self.process(batch, &open.created).await,
                None => return Ok(()),
            }
        }
        give_back(&mut open.messages).await;
        Ok(())
    }

    async fn open(&self) -> Result<Open, BoxError> {
        if !self.nats.is_connected() {
            return Err("NATS is not connected".into());
        }
        let connects = self.nats.connects();
        let name = self.nats.names.stream(&self.source);
        let stream = self.nats.jetstream.get_stream(&name).await?;
        let durable = self.nats.names.durable(&self.source);
        let created = nats::created(stream.cached_info());
        let holds = position::holds(
            self.database.pool(),
            &self.source,
            &stream,
            stream.cached_info(),
        );
        if !holds.await? {
            self.start_over(&stream, &durable, &created).await?;
        }
        let consumer = ensure_durable(&stream, &durable).await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .expires(PULL_EXPIRES)
            .heartbeat(PULL_HEARTBEAT)
            .messages()
            .await?;
        tracing::info!(source = self.source, durable, "hearing events");
        Ok(Open {
            stream,
            created,
            messages,
            errors: 0,
            checked: Instant::now(),
            connects,
        })
    }

    async fn position_holds(&self, open: &Open) -> Result<bool, BoxError> {
        let info = open.stream.get_info().await?;
        let pool = self.database.pool();
        Ok(nats::created(&info) == open.created
            && position::holds(pool, &self.source, &open.stream, &info).await?)
    }

    /// The stream went back, or is another: the durable's place in it means nothing any more. Read
    /// it again from its first message; what was applied before is recognised.
    async fn start_over(
        &self,
        stream: &Stream,
        durable: &str,
        created: &str,
    ) -> Result<(), BoxError> {
        tracing::error!(
            source = self.source,
            "the stream is not what was read before; reading it again from the start"
        );
        if let Err(error) = stream.delete_consumer(durable).await {
            tracing::debug!(%error, "there was no durable to delete");
        }
        Ok(position::reset(self.database.pool(), &self.source, created).await?)
    }

    /// Up to [`BATCH`] messages, or none after a while; `None` when the stream of messages ended.
    async fn collect(&self, open: &mut Open) -> Option<Vec<Message>> {
        let mut batch = Vec::new();
        let mut until = tokio::time::Instant::now() + PULL_HEARTBEAT;
        while batch.len() < BATCH && !self.lifecycle.is_stopping() {
            // Dropping `next` loses nothing: what is buffered stays in the stream.
            let Ok(next) = tokio::time::timeout_at(until, open.messages.next()).await else {
                break;
            };
            match next {
                Some(Ok(message)) => {
                    if batch.is_empty() {
                        until = tokio::time::Instant::now() + BATCH_WAIT;
                    }
                    open.errors = 0;
                    batch.push(message);
                }
                // A missing heartbeat or a server without JetStream for now: the stream goes on.
                Some(Err(error)) => {
                    tracing::debug!(%error, source = self.source, "no events for now");
                    open.errors += 1;
                    if open.errors >= MAX_STREAM_ERRORS {
                        return None;
                    }
                }
                None if batch.is_empty() => return None,
                None => break,
            }
        }
        Some(batch)
    }

    async fn process(&mut self, messages: Vec<Message>, created: &str) {
        fault::point("consumer.after_fetch");
        let mut batch = Vec::with_capacity(messages.len());
        for message in messages {
            match read(&message, &self.source) {
                Ok(event) => batch.push(Delivery { message, event }),
                Err(error) => {
                    // Nobody but its service may write a stream; there is no aggregate to block.
                    tracing::error!(error, subject = %message.subject, "ignoring what is no event");
                    ack(&message).await;
                }
            }
        }
        if batch.is_empty() {
            return;
        }
        let events: Vec<IncomingEvent> = batch.iter().map(|one| one.event.clone()).collect();
        match self.apply(&events, created).await {
            Ok(places) => {
                for (delivery, place) in batch.iter().zip(places) {
                    self.settle(delivery, place).await;
                }
            }
            Err(failure) => {
                tracing::debug!(error = failure.report(), "one by one");
                self.one_by_one(&batch, created).await;
            }
        }
    }

    async fn one_by_one(&mut self, batch: &[Delivery], created: &str) {
        for (index, delivery) in batch.iter().enumerate() {
            match self.apply_one(delivery, created).await {
                Ok(place) => self.settle(delivery, place).await,
                Err(failure) => {
                    let delay = nak_delay(deliveries(&delivery.message));
                    tracing::warn!(
                        event = %delivery.event.id,
                        r#type = delivery.event.type_name,
                        error = failure.report(),
                        "an event failed; it comes again"
                    );
                    nak(&delivery.message, delay).await;
                    // With the database away the rest would only wait for it one by one.
                    if database_is_away(&self.database).await {
                        for rest in &batch[index + 1..] {
                            nak(&rest.message, delay).await;
                        }
                        return;
                    }
                }
            }
        }
    }

    /// Applies one event in a transaction of its own, and decides what becomes of it if it fails.
    async fn apply_one(&self, delivery: &Delivery, created: &str) -> Result<Place, Failure> {
        let event = &delivery.event;
        let attempts = deliveries(&delivery.message);
        let failure = match self.apply(std::slice::from_ref(event), created).await {
            Ok(places) => return Ok(places.first().copied().unwrap_or(Place::Duplicate)),
            Err(failure) => failure,
        };
        let mut uow = match &failure {
            Failure::Rejected(_) | Failure::Undecodable { .. } => self.begin(event).await?,
            Failure::Internal { .. } if attempts >= MAX_DELIVERIES => self.begin(event).await?,
            _ => return Err(failure),
        };
        let place = if let Failure::Rejected(rejection) = &failure {
            tracing::info!(event = %event.id, reason = rejection.reason(), "refused an event");
            inbox::refuse(&mut uow, &self.source, event, rejection, Route::Stream).await?
        } else {
            inbox::park(&mut uow, &self.source, event, &failure.report(), attempts).await?
        };
        position::advance(&mut uow, &self.source, created, event).await?;
        uow.commit().await?;
        Ok(place)
    }

    async fn begin(&self, event: &IncomingEvent) -> Result<UnitOfWork, Failure> {
        let cause = Cause::Event {
            id: event.id,
            source: event.source.clone(),
        };
        self.database.begin(cause, event.trace).await
    }

    /// Deals with all events in one transaction.
    async fn apply(&self, events: &[IncomingEvent], created: &str) -> Result<Vec<Place>, Failure> {
        let Some(first) = events.first() else {
            return Ok(Vec::new());
        };
        let mut uow = self.begin(first).await?;
        match self.apply_in(&mut uow, events, created).await {
            Ok(places) => {
                fault::point("consumer.before_commit");
                uow.commit().await?;
                fault::point("consumer.after_commit");
                Ok(places)
            }
            Err(failure) => {
                uow.roll_back().await;
                Err(failure)
            }
        }
    }

    async fn apply_in(
        &self,
        uow: &mut UnitOfWork,
        events: &[IncomingEvent],
        created: &str,
    ) -> Result<Vec<Place>, Failure> {
        let handler = self.handler.as_ref();
        let places = inbox::apply(uow, &self.source, handler, events, Route::Stream).await?;
        let dealt_with = events.iter().zip(&places);
        if let Some((last, _)) = dealt_with
            .filter(|(_, place)| **place != Place::Gap)
            .max_by_key(|(event, _)| event.stream_seq)
        {
            position::advance(uow, &self.source, created, last).await?;
        }
        Ok(places)
    }

    /// Tells NATS what became of a message, after the commit.
    async fn settle(&mut self, delivery: &Delivery, place: Place) {
        if place == Place::Gap {
            nak(&delivery.message, GAP_DELAY).await;
            self.gaps.note(&delivery.event);
            if self.gaps.should_ask(&delivery.event) {
                self.ask_for_replay(&delivery.event).await;
            }
        } else {
            self.gaps.forget(&delivery.event);
            ack(&delivery.message).await;
        }
    }

    /// Asks the publisher for what is missing.
    async fn ask_for_replay(&self, event: &IncomingEvent) {
        let last: Result<i64, sqlx::Error> = sqlx::query_scalar(
            "SELECT last_seq FROM aggregate_cursor
            WHERE seller = $1 AND source = $2 AND aggregate_id = $3",
        )
        .bind(event.seller.as_str())
        .bind(&self.source)
        .bind(&event.aggregate_id)
        .fetch_one(self.database.pool())
        .await;
        let Ok(last) = last else { return };
        let request = ReplayRequest {
            seller: event.seller.to_string(),
            aggregate_id: event.aggregate_id.clone(),
            from_seq: last + 1,
        };
        tracing::error!(
            ?request,
            source = self.source,
            "an event is missing; asking for it"
        );
        let Ok(payload) = serde_json::to_vec(&request) else {
            return;
        };
        let subject = self.nats.names.replay(&self.source);
        if let Err(error) = self.nats.client.publish(subject, payload.into()).await {
            tracing::warn!(%error, "cannot ask for a replay");
        }
    }
}

impl Gaps {
    fn note(&mut self, event: &IncomingEvent) {
        let key = (event.seller.to_string(), event.aggregate_id.clone());
        self.0.entry(key).or_insert((Instant::now(), None));
    }

    fn forget(&mut self, event: &IncomingEvent) {
        if !self.0.is_empty() {
            let key = (event.seller.to_string(), event.aggregate_id.clone());
            self.0.remove(&key);
        }
    }

    fn should_ask(&mut self, event: &IncomingEvent) -> bool {
        let key = (event.seller.to_string(), event.aggregate_id.clone());
        let Some((since, asked)) = self.0.get_mut(&key) else {
            return false;
        };
        let due = asked.map_or(since.elapsed() >= GAP_PATIENCE, |at| {
            at.elapsed() >= ASK_AGAIN
        });
        if due {
            *asked = Some(Instant::now());
        }
        due
    }
}

fn read(message: &Message, source: &str) -> Result<IncomingEvent, String> {
    let sequence = message
        .info()
        .map_err(|error| error.to_string())?
        .stream_sequence;
    let headers = message.headers.as_ref().ok_or("there are no headers")?;
    let event = envelope::parse(headers, message.payload.clone(), sequence)
        .map_err(|error| error.to_string())?;
    if event.source != source {
        return Err(format!("it says that it comes from {}", event.source));
    }
    Ok(event)
}

fn deliveries(message: &Message) -> i64 {
    message.info().map_or(1, |info| info.delivered)
}

/// Half a second, doubled with every delivery up to the limit.
fn nak_delay(deliveries: i64) -> Duration {
    let doublings = u32::try_from(deliveries.clamp(1, 7)).unwrap_or(1) - 1;
    Duration::from_millis((500_u64 << doublings).min(NAK_LIMIT_MS))
}

async fn database_is_away(database: &Database) -> bool {
    sqlx::query("SELECT 1")
        .execute(database.pool())
        .await
        .is_err()
}

/// A lost acknowledgement is a redelivery, and that a duplicate.
async fn ack(message: &Message) {
    if let Err(error) = message.ack().await {
        tracing::debug!(%error, "an acknowledgement was not sent");
    }
}

async fn nak(message: &Message, delay: Duration) {
    if let Err(error) = message.ack_with(AckKind::Nak(Some(delay))).await {
        tracing::debug!(%error, "a refusal was not sent");
    }
}

/// Returns what is buffered, so that another instance has it at once.
async fn give_back(messages: &mut Messages) {
    while let Some(Some(next)) = messages.next().now_or_never() {
        if let Ok(message) = next {
            nak(&message, Duration::ZERO).await;
        }
    }
}

/// Makes the durable consumer what it should be. (`get_or_create_consumer` would return one with
/// other settings without a word.)
async fn ensure_durable(stream: &Stream, durable: &str) -> Result<PullConsumer, BoxError> {
    let want = Config {
        durable_name: Some(durable.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: MAX_ACK_PENDING,
        // Exhaustion would leave the message in the stream, unseen: parking is done here.
        max_deliver: -1,
        ..Config::default()
    };
    if let Ok(consumer) = stream.get_consumer::<Config>(durable).await {
        let have = &consumer.cached_info().config;
        if have.deliver_policy == want.deliver_policy
            && have.ack_policy == want.ack_policy
            && have.ack_wait == want.ack_wait
            && have.max_ack_pending == want.max_ack_pending
            && have.max_deliver == want.max_deliver
            && have.filter_subject.is_empty()
        {
            return Ok(consumer);
        }
        tracing::warn!(durable, "the consumer has other settings; making it anew");
        stream.delete_consumer(durable).await?;
    }
    Ok(stream.create_consumer(want).await?)
}
