//! Hears another service's events: a durable consumer on its stream, many events a transaction,
//! acknowledged after the commit. Dying anywhere in between is harmless: the inbox decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::Stream as Messages;
use async_nats::jetstream::stream::Stream;
use countersign_kernel::EngagementId;
use futures::StreamExt;

use crate::delivery::{self, Delivery, ack, nak};
use crate::durable;
use crate::envelope::IncomingEvent;
use crate::failure::{BoxError, Failure};
use crate::fault;
use crate::gaps::{self, Gaps};
use crate::inbox::{self, Place, Route};
use crate::lifecycle::Lifecycle;
use crate::metrics::Instruments;
use crate::nats::{self, Nats};
use crate::position;
use crate::subscription::EventHandler;
use crate::tenancy::Scope;
use crate::unit_of_work::{CONFLICT_ATTEMPTS, Cause, Database, UnitOfWork};

/// Events applied by one transaction, and how long the first of them waits for more: only for what
/// is on its way already. Under load the next batch gathers by itself while this one is applied.
pub(crate) const BATCH: usize = 256;
const BATCH_WAIT: Duration = Duration::from_millis(1);
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
/// How soon an event is delivered again that arrived before the one it follows.
const GAP_DELAY: Duration = Duration::from_millis(250);
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
    pub(crate) instruments: Instruments,
}

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

impl Consumer {
    /// Hears events until told to stop. A lost server, stream or consumer ends nothing.
    pub(crate) async fn run(mut self) {
        let mut last = String::new();
        while !self.lifecycle.is_stopping() {
            // A lost connection is the connection's to tell, and to mend.
            let consumed = if self.nats.is_connected() {
                self.consume().await
            } else {
                Ok(())
            };
            match consumed {
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
        delivery::give_back(&mut open.messages).await;
        Ok(())
    }

    async fn open(&self) -> Result<Open, BoxError> {
        let connects = self.nats.connects();
        let name = self.nats.names.stream(&self.source);
        let stream = self.nats.jetstream.get_stream(&name).await?;
        let durable = self.nats.names.durable(&self.source);
        let created = nats::created(stream.cached_info());
        let holds = position::holds(
            self.database.system(),
            &self.source,
            &stream,
            stream.cached_info(),
        );
        if !holds.await? {
            self.start_over(&stream, &durable, &created).await?;
        }
        let consumer = durable::ensure(&stream, &durable).await?;
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
        let pool = self.database.system();
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
        // Its publisher says at ERROR that events were lost: here it is mended.
        tracing::warn!(
            source = self.source,
            "the stream is not what was read before; reading it again from the start"
        );
        if let Err(error) = stream.delete_consumer(durable).await {
            tracing::debug!(%error, "there was no durable to delete");
        }
        Ok(position::reset(self.database.system(), &self.source, created).await?)
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
            match delivery::read(&message, &self.source) {
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
                    let delay = delivery.nak_delay();
                    self.count("failed");
                    tracing::warn!(
                        event = %delivery.event.id,
                        r#type = delivery.event.type_name,
                        seller = delivery.event.seller.as_str(),
                        engagement = delivery.event.engagement.as_ref().map(EngagementId::as_str),
                        trace_id = delivery.event.trace.trace_id(),
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
        let attempts = delivery.deliveries();
        let mut conflicts = 0;
        let failure = loop {
            match self.apply(std::slice::from_ref(event), created).await {
                Ok(places) => return Ok(places.first().copied().unwrap_or(Place::Duplicate)),
                Err(Failure::Conflict(_)) if conflicts < CONFLICT_ATTEMPTS => conflicts += 1,
                Err(failure) => break failure,
            }
        };
        match &failure {
            Failure::Rejected(_) | Failure::Undecodable { .. } => {}
            Failure::Internal { .. } if attempts >= MAX_DELIVERIES => {}
            _ => return Err(failure),
        }
        let mut uow = self
            .begin(Scope::Seller(event.seller.clone()), event)
            .await?;
        let place = if let Failure::Rejected(rejection) = &failure {
            tracing::info!(
                event = %event.id,
                r#type = event.type_name,
                seller = event.seller.as_str(),
                engagement = event.engagement.as_ref().map(EngagementId::as_str),
                trace_id = event.trace.trace_id(),
                reason = rejection.reason(),
                "refused an event"
            );
            inbox::refuse(&mut uow, &self.source, event, rejection, Route::Stream).await?
        } else {
            inbox::park(&mut uow, &self.source, event, &failure.report(), attempts).await?
        };
        position::advance(&mut uow, &self.source, created, event).await?;
        uow.commit().await?;
        Ok(place)
    }

    async fn begin(&self, scope: Scope, event: &IncomingEvent) -> Result<UnitOfWork, Failure> {
        let cause = Cause::Event {
            id: event.id,
            source: event.source.clone(),
        };
        self.database.begin(scope, cause, event.trace).await
    }

    /// Deals with all events in one transaction.
    async fn apply(&self, events: &[IncomingEvent], created: &str) -> Result<Vec<Place>, Failure> {
        let Some(first) = events.first() else {
            return Ok(Vec::new());
        };
        let mut uow = self.begin(Scope::of(events), first).await?;
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
        self.count(place.name());
        if place == Place::Gap {
            nak(&delivery.message, GAP_DELAY).await;
            if self.gaps.note(&delivery.event) {
                gaps::ask(&self.database, &self.nats, &delivery.event).await;
            }
        } else {
            self.gaps.forget(&delivery.event);
            ack(&delivery.message).await;
        }
    }
}

impl Consumer {
    fn count(&self, outcome: &str) {
        let labels = [("source", self.source.as_str()), ("outcome", outcome)];
        self.instruments.applied.increment(&labels);
    }
}

async fn database_is_away(database: &Database) -> bool {
    sqlx::query("SELECT 1")
        .execute(database.system())
        .await
        .is_err()
}
