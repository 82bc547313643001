//! Notices that NATS lost or replaced what it had acknowledged, and takes it back into the outbox
//! to be published again.
//!
//! NATS syncs to disk every two minutes: after a crash of its machine a stream may be gone, or be
//! as it was a while ago, and say nothing. The outbox knows better: it kept each event's place.

use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, Info, RawMessageErrorKind, Stream};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::envelope::MESSAGE_ID;
use crate::nats;
use crate::relay::RelayError;

/// Rows taken back by one statement.
const TAKE_BACK: i64 = 5_000;
/// Places looked at to find the last that still holds; the distance doubles each time.
const PROBES: u32 = 64;

/// The last sequence of the stream, as far as we know, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HighWater {
    pub(crate) sequence: i64,
    pub(crate) connects: u64,
    pub(crate) checked: Instant,
}

impl HighWater {
    pub(crate) fn holds(&self, connects: u64, period: Duration) -> bool {
        self.connects == connects && self.checked.elapsed() < period
    }
}

#[derive(sqlx::FromRow)]
struct Place {
    event_id: Uuid,
    generation: i32,
    stream_seq: i64,
}

impl Place {
    fn message_id(&self) -> String {
        match self.generation {
            0 => self.event_id.to_string(),
            generation => format!("{}.g{generation}", self.event_id),
        }
    }
}

/// Makes sure that there is a stream, and that it holds what the outbox says; takes back what it
/// does not hold. Returns the stream's last sequence: what the next message follows.
pub(crate) async fn check(
    connection: &mut PgConnection,
    jetstream: &Context,
    want: &Config,
) -> Result<i64, RelayError> {
    let info = nats::ensure_stream(jetstream, want)
        .await
        .map_err(|error| RelayError::Nats(describe(&error).into()))?;
    let created = nats::created(&info);
    let known: Option<String> =
        sqlx::query_scalar("SELECT stream_created FROM relay_state WHERE stream = $1")
            .bind(&want.name)
            .fetch_optional(&mut *connection)
            .await?;
    if known.as_ref() == Some(&created) {
        return compare(connection, jetstream, &info).await;
    }
    let events = take_back(connection, 0).await?;
    if events > 0 {
        tracing::error!(
            stream = want.name,
            events,
            "NATS lost the stream; publishing everything again"
        );
    }
    sqlx::query(
        "INSERT INTO relay_state (stream, stream_created) VALUES ($1, $2)
        ON CONFLICT (stream) DO UPDATE SET stream_created = $2",
    )
    .bind(&want.name)
    .bind(&created)
    .execute(connection)
    .await?;
    Ok(last_sequence(&info))
}

fn last_sequence(info: &Info) -> i64 {
    i64::try_from(info.state.last_sequence).unwrap_or(i64::MAX)
}

fn describe(error: &nats::EnsureError) -> String {
    match error {
        nats::EnsureError::Refused { .. } => {
            tracing::error!(%error, "the stream is not ours");
            error.to_string()
        }
        nats::EnsureError::Nats(source) => format!("{error}: {source}"),
    }
}

async fn compare(
    connection: &mut PgConnection,
    jetstream: &Context,
    info: &Info,
) -> Result<i64, RelayError> {
    let last = last_sequence(info);
    let Some(top) = place_below(connection, i64::MAX).await? else {
        return Ok(last);
    };
    let stream = jetstream
        .get_stream_no_info(&info.config.name)
        .await
        .map_err(|error| RelayError::Nats(error.into()))?;
    if top.stream_seq <= last && holds(&stream, &top).await? {
        return Ok(last);
    }
    let sequence = last_that_holds(connection, &stream, last)
        .await?
        .map_or(0, |place| place.stream_seq);
    let events = take_back(connection, sequence).await?;
    tracing::error!(
        stream = info.config.name,
        sequence,
        events,
        "NATS went back; publishing again what came after"
    );
    Ok(last)
}

/// The event that the outbox believes highest in the stream, below a sequence.
async fn place_below(
    connection: &mut PgConnection,
    below: i64,
) -> Result<Option<Place>, sqlx::Error> {
    sqlx::query_as(
        "SELECT event_id, generation, stream_seq FROM outbox
        WHERE stream_seq < $1 AND stream_seq IS NOT NULL AND published_at IS NOT NULL
        ORDER BY stream_seq DESC LIMIT 1",
    )
    .bind(below)
    .fetch_optional(connection)
    .await
}

async fn last_that_holds<T>(
    connection: &mut PgConnection,
    stream: &Stream<T>,
    last: i64,
) -> Result<Option<Place>, RelayError> {
    let (mut below, mut step) = (last.saturating_add(1), 1_i64);
    for _ in 0..PROBES {
        let Some(place) = place_below(connection, below).await? else {
            return Ok(None);
        };
        if holds(stream, &place).await? {
            return Ok(Some(place));
        }
        below = place.stream_seq.saturating_sub(step).saturating_add(1);
        step = step.saturating_mul(2);
    }
    Ok(None)
}

/// Whether the message there is our event.
async fn holds<T>(stream: &Stream<T>, place: &Place) -> Result<bool, RelayError> {
    let sequence = u64::try_from(place.stream_seq).unwrap_or_default();
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(message
            .headers
            .get(MESSAGE_ID)
            .is_some_and(|id| id.as_str() == place.message_id())),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
        Err(error) => Err(RelayError::Nats(error.into())),
    }
}

/// Takes back every published event above a place.
async fn take_back(connection: &mut PgConnection, sequence: i64) -> Result<u64, sqlx::Error> {
    let mut taken = 0;
    loop {
        let rows = sqlx::query(
            "UPDATE outbox SET published_at = NULL, stream_seq = NULL, generation = generation + 1
            WHERE id IN (
                SELECT id FROM outbox
                WHERE published_at IS NOT NULL AND (stream_seq > $1 OR stream_seq IS NULL)
                ORDER BY id LIMIT $2
            )",
        )
        .bind(sequence)
        .bind(TAKE_BACK)
        .execute(&mut *connection)
        .await?
        .rows_affected();
        if rows == 0 {
            return Ok(taken);
        }
        taken += rows;
    }
}
