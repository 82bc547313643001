//! The relay: takes committed events from the outbox to NATS, in order, until NATS has them, and
//! again when NATS lost them.
//!
//! One instance leads at a time, by a session lock on a connection of its own. The same connection
//! marks what is published, so that an instance that lost its lock cannot mark either.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::Config;
use futures::StreamExt;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tracing::{Instrument, Span};

use crate::envelope::{self, Envelope};
use crate::failure::BoxError;
use crate::fault;
use crate::lifecycle::Lifecycle;
use crate::metrics::Instruments;
use crate::nats::Nats;
use crate::outbox;
use crate::rollback::{self, HighWater};
use crate::telemetry::TraceContext;
use crate::unit_of_work::Database;

/// Events published and marked together.
pub(crate) const BATCH: i64 = 512;
/// How often the outbox is looked at without being woken.
const POLL: Duration = Duration::from_millis(250);
/// How often a standby tries to lead.
const STANDBY: Duration = Duration::from_secs(1);
/// How often the stream is compared with the outbox.
const CHECK_PERIOD: Duration = Duration::from_secs(3);
/// The longest pause after a failure: also bounds what an unanswered request leaks in the client.
const BACK_OFF_LIMIT_MS: u64 = 2_000;

/// All that the relay asks, an index answers in its order. Where the statistics are older than the backlog,
/// Postgres would rather read and sort the whole table, for every batch.
const BY_INDEX: [(&str, &str); 2] = [("enable_seqscan", "off"), ("enable_sort", "off")];

const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";

#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    #[error("the relay's connection")]
    Database(#[from] sqlx::Error),
    #[error("publishing")]
    Nats(#[source] BoxError),
}

/// Everything that the relay of one process needs.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) database: Database,
    pub(crate) nats: Nats,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) options: PgConnectOptions,
    pub(crate) stream: Config,
    pub(crate) instruments: Instruments,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    event_id: uuid::Uuid,
    seller: String,
    engagement: Option<String>,
    aggregate_id: String,
    aggregate_seq: i64,
    type_name: String,
    causation: String,
    traceparent: String,
    payload: Vec<u8>,
    occurred_at: chrono::DateTime<chrono::Utc>,
    generation: i32,
}

/// What came of publishing a batch: the prefix that NATS has, and what stopped it.
#[derive(Default)]
struct Published {
    ids: Vec<i64>,
    generations: Vec<i32>,
    sequences: Vec<i64>,
    error: Option<BoxError>,
}

impl Relay {
    /// Leads, or stands by to lead, until told to stop.
    pub(crate) async fn run(self) {
        while !self.lifecycle.is_stopping() {
            if let Err(error) = self.lead().await {
                tracing::warn!(error = %BoxError::from(error), "the relay lost its database");
            }
            self.lifecycle.sleep(STANDBY).await;
        }
    }

    async fn lead(&self) -> Result<(), sqlx::Error> {
        let options = self.options.clone().options(BY_INDEX);
        let mut connection = options.connect().await?;
        let leads: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
                .bind(format!("{}.relay", self.nats.names.schema))
                .fetch_one(&mut connection)
                .await?;
        if leads {
            tracing::debug!("leading the relay");
            let led = self.relay(&mut connection).await;
            if let Err(RelayError::Database(error)) = led {
                return Err(error);
            }
        }
        connection.close().await
    }

    async fn relay(&self, connection: &mut PgConnection) -> Result<(), RelayError> {
        let mut high_water: Option<HighWater> = None;
        let mut failures = 0;
        while !self.lifecycle.is_stopping() {
            let step = self.step(connection, &mut high_water).await;
            match step {
                Ok(true) => failures = 0,
                Ok(false) => {
                    failures = 0;
                    self.wait().await;
                }
                Err(RelayError::Database(error)) => return Err(error.into()),
                Err(RelayError::Nats(error)) => {
                    high_water = None;
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "cannot publish; the outbox keeps the events");
                    }
                    self.back_off(failures).await;
                }
            }
        }
        Ok(())
    }

    /// Publishes one batch. `false` when there was none.
    async fn step(
        &self,
        connection: &mut PgConnection,
        high_water: &mut Option<HighWater>,
    ) -> Result<bool, RelayError> {
        // Nothing is sent into a lost connection: it would be stored when that comes back, unseen.
        if !self.nats.is_connected() {
            *high_water = None;
            return Ok(false);
        }
        let mut mark = match high_water.take() {
            Some(mark) if mark.holds(self.nats.connects(), CHECK_PERIOD) => mark,
            _ => self.check(connection).await?,
        };
        let rows = select(connection).await?;
        if rows.is_empty() {
            *high_water = Some(mark);
            return Ok(false);
        }
        fault::point("relay.after_select");
        let published = self.publish(&rows, &mut mark).await;
        fault::point("relay.after_publish");
        set_published(connection, &published, self.database.clock().now()).await?;
        fault::point("relay.after_mark");
        if let Some(error) = published.error {
            return Err(RelayError::Nats(error));
        }
        *high_water = Some(mark);
        Ok(true)
    }

    async fn check(&self, connection: &mut PgConnection) -> Result<HighWater, RelayError> {
        self.nats.warn_of_old_server();
        let connects = self.nats.connects();
        let sequence = rollback::check(connection, &self.nats.jetstream, &self.stream).await?;
        Ok(HighWater {
            sequence,
            connects,
            checked: Instant::now(),
        })
    }

    /// Sends all, then waits for all: one connection and one stream keep the order sent. An
    /// acknowledgement that does not come means "unknown", never "not stored".
    ///
    /// Each message says which sequence it expects to follow. We are the only writer: a stream that
    /// went back, or that another leader writes, refuses them all, and is looked at first. Without
    /// that, new events could take the places of lost ones, and hide that they were lost.
    async fn publish(&self, rows: &[Row], mark: &mut HighWater) -> Published {
        let mut published = Published::default();
        let mut acks = futures::stream::FuturesOrdered::new();
        for (expected, row) in (mark.sequence..).zip(rows) {
            let envelope = row.envelope();
            let subject = self.nats.names.subject(&row.type_name, &row.aggregate_id);
            let mut headers = envelope.headers(&self.nats.names.schema, &self.stream.name);
            headers.insert(EXPECTED_LAST_SEQUENCE, expected.to_string());
            let payload = row.payload.clone().into();
            let step = row.send_span(&self.nats.names.schema);
            let sent = self
                .nats
                .jetstream
                .publish_with_headers(subject, headers, payload)
                .await;
            match sent {
                Ok(ack) => acks.push_back(ack.into_future().instrument(step)),
                Err(error) => {
                    published.error = Some(error.into());
                    break;
                }
            }
        }
        let count = &self.instruments.published;
        let mut rows = rows.iter();
        while let Some(ack) = acks.next().await {
            let (ack, row) = match (ack, rows.next()) {
                (Ok(ack), Some(row)) => (ack, row),
                (Err(error), _) => {
                    published.error = Some(error.into());
                    break;
                }
                (Ok(_), None) => break,
            };
            let sequence = i64::try_from(ack.sequence).unwrap_or(i64::MAX);
            mark.sequence = mark.sequence.max(sequence);
            count.increment(&[]);
            published.ids.push(row.id);
            published.generations.push(row.generation);
            published.sequences.push(sequence);
        }
        published
    }

    async fn wait(&self) {
        tokio::select! {
            () = self.database.wakers.relay.notified() => {}
            () = self.lifecycle.sleep(POLL) => {}
        }
    }

    async fn back_off(&self, failures: u32) {
        let full = (100_u64 << failures.min(5)).min(BACK_OFF_LIMIT_MS);
        let pause = rand::rng().random_range(full / 2..=full);
        self.lifecycle.sleep(Duration::from_millis(pause)).await;
    }
}

impl Row {
    /// The step of the event's trace that sending it is. The message itself carries the context that
    /// the event was made in, unchanged.
    fn send_span(&self, schema: &str) -> Span {
        let span = tracing::debug_span!(
            parent: None,
            "send",
            otel.name = tracing::field::Empty,
            otel.kind = "client",
            "messaging.system" = "nats",
            "messaging.operation.name" = "send",
            "messaging.operation.type" = "send",
            "messaging.destination.template" = tracing::field::Empty,
            "messaging.message.id" = %self.event_id,
            seller = self.seller,
            engagement = self.engagement,
            generation = self.generation,
        );
        if span.is_disabled() {
            return span;
        }
        let destination = envelope::destination(schema, &self.type_name);
        span.record("otel.name", format!("send {destination}"));
        span.record("messaging.destination.template", destination);
        if let Ok(made_in) = self.traceparent.parse::<TraceContext>() {
            let _ = made_in.continued_by(&span);
            made_in.link(&span);
        }
        span
    }

    fn envelope(&self) -> Envelope {
        Envelope {
            id: self.event_id,
            type_name: self.type_name.clone(),
            seller: self.seller.clone(),
            engagement: self.engagement.clone(),
            aggregate_id: self.aggregate_id.clone(),
            aggregate_seq: self.aggregate_seq,
            time: self.occurred_at,
            causation: self.causation.clone(),
            traceparent: self.traceparent.clone(),
            generation: self.generation,
        }
    }
}

/// The oldest unpublished events. Never "id above the last seen": a higher id can commit first.
async fn select(connection: &mut PgConnection) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, event_id, seller, engagement, aggregate_id, aggregate_seq, type_name,
            causation, traceparent, payload, occurred_at, generation
        FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT $1",
    )
    .bind(BATCH)
    .fetch_all(connection)
    .await
}

/// Marks what NATS has. A row that was taken back meanwhile has another generation and stays.
async fn set_published(
    connection: &mut PgConnection,
    published: &Published,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE outbox SET published_at = $4, stream_seq = p.stream_seq
        FROM unnest($1::bigint[], $2::integer[], $3::bigint[]) AS p (id, generation, stream_seq)
        WHERE outbox.id = p.id AND outbox.generation = p.generation",
    )
    .bind(&published.ids)
    .bind(&published.generations)
    .bind(&published.sequences)
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}

/// What a subscriber sends that misses an event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReplayRequest {
    pub(crate) seller: String,
    pub(crate) aggregate_id: String,
    pub(crate) from_seq: i64,
}

/// Answers subscribers that miss an event by publishing it again, until told to stop.
pub(crate) async fn serve_replays(database: Database, nats: Nats, lifecycle: Lifecycle) {
    let subject = nats.names.replay(&nats.names.schema);
    while !lifecycle.is_stopping() {
        let subscribed = nats
            .client
            .queue_subscribe(subject.clone(), "replay".to_owned())
            .await;
        let mut requests = match subscribed {
            Ok(requests) => requests,
            Err(error) => {
                tracing::warn!(%error, "cannot listen for replay requests");
                lifecycle.sleep(STANDBY).await;
                continue;
            }
        };
        loop {
            let request = tokio::select! {
                request = requests.next() => request,
                () = lifecycle.stopping() => return,
            };
            let Some(request) = request else { break };
            replay(&database, &request.payload).await;
        }
    }
}

async fn replay(database: &Database, request: &[u8]) {
    let Ok(request) = serde_json::from_slice::<ReplayRequest>(request) else {
        tracing::warn!("a replay request could not be read");
        return;
    };
    let Ok(seller) = request.seller.parse() else {
        tracing::warn!(?request, "a replay request names no seller");
        return;
    };
    let replayed = outbox::replay(database, &seller, &request.aggregate_id, request.from_seq).await;
    match replayed {
        Ok(events) => {
            tracing::warn!(events, ?request, "publishing again for a subscriber");
            database.wakers.relay.notify_one();
        }
        Err(error) => tracing::warn!(%error, ?request, "cannot replay"),
    }
}
