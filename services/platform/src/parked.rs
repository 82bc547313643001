//! Events that could not be applied: kept with why, and redriven in order by an operator.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, SellerId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::envelope::IncomingEvent;
use crate::failure::Failure;
use crate::inbox::{self, Place, Route};
use crate::subscription::EventHandler;
use crate::telemetry::TraceContext;
use crate::tenancy::Scope;
use crate::unit_of_work::{Cause, Database, UnitOfWork};

/// Events redriven by one request.
const REDRIVE_LIMIT: usize = 10_000;

/// A parked event.
#[derive(Debug, Clone, sqlx::FromRow)]
#[expect(clippy::struct_field_names, reason = "the names of the columns")]
pub(crate) struct Parked {
    pub(crate) id: i64,
    pub(crate) event_id: Uuid,
    pub(crate) source: String,
    pub(crate) seller: String,
    pub(crate) engagement: Option<String>,
    pub(crate) aggregate_id: String,
    pub(crate) aggregate_seq: i64,
    pub(crate) type_name: String,
    pub(crate) causation: String,
    pub(crate) traceparent: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) error: String,
    pub(crate) behind: bool,
    pub(crate) attempts: i64,
    pub(crate) parked_at: DateTime<Utc>,
}

impl TryFrom<Parked> for IncomingEvent {
    type Error = Failure;

    fn try_from(row: Parked) -> Result<Self, Failure> {
        let wrong = |error| Failure::internal("reading a parked event", error);
        Ok(Self {
            id: row.event_id,
            source: row.source,
            type_name: row.type_name,
            seller: row.seller.parse().map_err(wrong)?,
            engagement: row
                .engagement
                .map(|id| id.parse())
                .transpose()
                .map_err(wrong)?,
            aggregate_id: row.aggregate_id,
            aggregate_seq: row.aggregate_seq,
            time: row.occurred_at,
            causation: row.causation,
            trace: row
                .traceparent
                .parse()
                .map_err(|error| Failure::internal("reading a parked event", error))?,
            payload: Bytes::from(row.payload),
            stream_seq: 0,
        })
    }
}

/// Parks the event that cannot be applied.
pub(crate) async fn park(
    uow: &mut UnitOfWork,
    event: &IncomingEvent,
    error: &str,
    attempts: i64,
) -> Result<(), Failure> {
    tracing::error!(
        event = %event.id,
        r#type = event.type_name,
        source = event.source,
        aggregate = event.aggregate_id,
        seller = event.seller.as_str(),
        engagement = event.engagement.as_ref().map(EngagementId::as_str),
        trace_id = event.trace.trace_id(),
        error,
        "parked an event; its aggregate waits"
    );
    insert(uow, event, error, attempts, false).await
}

/// Parks an event because one before it is parked.
pub(crate) async fn park_behind(
    uow: &mut UnitOfWork,
    event: &IncomingEvent,
) -> Result<(), Failure> {
    insert(uow, event, "an earlier event is parked", 0, true).await
}

async fn insert(
    uow: &mut UnitOfWork,
    event: &IncomingEvent,
    error: &str,
    attempts: i64,
    behind: bool,
) -> Result<(), Failure> {
    let now = uow.now();
    sqlx::query(
        "INSERT INTO parked_event (event_id, source, seller, engagement, aggregate_id,
            aggregate_seq, type_name, causation, traceparent, payload, occurred_at, error, behind,
            attempts, parked_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        ON CONFLICT (event_id) DO NOTHING",
    )
    .bind(event.id)
    .bind(&event.source)
    .bind(event.seller.as_str())
    .bind(event.engagement.as_ref().map(EngagementId::as_str))
    .bind(&event.aggregate_id)
    .bind(event.aggregate_seq)
    .bind(&event.type_name)
    .bind(&event.causation)
    .bind(event.trace.to_string())
    .bind(event.payload.as_ref())
    .bind(event.time)
    .bind(error)
    .bind(behind)
    .bind(attempts)
    .bind(now)
    .execute(uow.connection())
    .await?;
    Ok(())
}

/// Whose parked events are redriven.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "the word used everywhere")]
pub(crate) struct Aggregate<'a> {
    pub(crate) seller: &'a SellerId,
    pub(crate) source: &'a str,
    pub(crate) aggregate_id: &'a str,
}

/// What a redrive achieved.
#[derive(Debug, Default)]
pub(crate) struct Redriven {
    pub(crate) applied: i64,
    pub(crate) remaining: i64,
    pub(crate) error: Option<String>,
}

/// Applies the parked events of an aggregate in order, each in its own transaction, and unblocks
/// the aggregate when none is left. Stops at the first that still fails.
pub(crate) async fn redrive(
    database: &Database,
    handler: &dyn EventHandler,
    aggregate: Aggregate<'_>,
) -> Result<Redriven, Failure> {
    let mut redriven = Redriven::default();
    for _ in 0..REDRIVE_LIMIT {
        let Some(next) = next(database, aggregate).await? else {
            // None is left, unless one was parked behind just now.
            if unblock(database, aggregate).await? {
                return Ok(redriven);
            }
            continue;
        };
        let (id, event) = (next.id, IncomingEvent::try_from(next)?);
        if let Err(error) = apply(database, handler, id, &event).await {
            redriven.error = Some(error.report());
            break;
        }
        redriven.applied += 1;
    }
    redriven.remaining = remaining(database, aggregate).await?;
    Ok(redriven)
}

async fn apply(
    database: &Database,
    handler: &dyn EventHandler,
    id: i64,
    event: &IncomingEvent,
) -> Result<(), Failure> {
    let cause = Cause::Event {
        id: event.id,
        source: event.source.clone(),
    };
    let events = std::slice::from_ref(event);
    let scope = Scope::Seller(event.seller.clone());
    let begin = || database.begin(scope.clone(), cause.clone(), event.trace);
    let mut uow = begin().await?;
    let applied = inbox::apply(&mut uow, &event.source, handler, events, Route::Redrive).await;
    let place = match applied {
        Ok(places) => places.first().copied(),
        Err(Failure::Rejected(rejection)) => {
            uow.roll_back().await;
            uow = begin().await?;
            let route = Route::Redrive;
            Some(inbox::refuse(&mut uow, &event.source, event, &rejection, route).await?)
        }
        Err(failure) => {
            uow.roll_back().await;
            note_failure(database, id, &failure.report()).await?;
            return Err(failure);
        }
    };
    if place == Some(Place::Gap) {
        uow.roll_back().await;
        return Err(Failure::internal(
            "redriving",
            "an earlier event is missing",
        ));
    }
    let now = uow.now();
    sqlx::query("UPDATE parked_event SET redriven_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now)
        .execute(uow.connection())
        .await?;
    uow.commit().await
}

async fn note_failure(database: &Database, id: i64, error: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE parked_event SET error = $2, attempts = attempts + 1 WHERE id = $1")
        .bind(id)
        .bind(error)
        .execute(database.system())
        .await
        .map(drop)
}

async fn next(database: &Database, aggregate: Aggregate<'_>) -> Result<Option<Parked>, Failure> {
    let mut reader = database.reading(aggregate.seller).await?;
    Ok(sqlx::query_as(
        "SELECT * FROM parked_event
        WHERE seller = $1 AND source = $2 AND aggregate_id = $3 AND redriven_at IS NULL
        ORDER BY aggregate_seq LIMIT 1",
    )
    .bind(aggregate.seller.as_str())
    .bind(aggregate.source)
    .bind(aggregate.aggregate_id)
    .fetch_optional(&mut *reader)
    .await?)
}

async fn remaining(database: &Database, aggregate: Aggregate<'_>) -> Result<i64, Failure> {
    let mut reader = database.reading(aggregate.seller).await?;
    Ok(sqlx::query_scalar(
        "SELECT count(*) FROM parked_event
        WHERE seller = $1 AND source = $2 AND aggregate_id = $3 AND redriven_at IS NULL",
    )
    .bind(aggregate.seller.as_str())
    .bind(aggregate.source)
    .bind(aggregate.aggregate_id)
    .fetch_one(&mut *reader)
    .await?)
}

/// Lets the aggregate go on. The cursor is locked by whoever parks behind, so that nothing is
/// parked between the look and the release. Returns whether nothing was left.
async fn unblock(database: &Database, aggregate: Aggregate<'_>) -> Result<bool, Failure> {
    let trace = TraceContext::start(database.ids());
    let cause = Cause::Task {
        kind: "redrive".to_owned(),
        key: aggregate.aggregate_id.to_owned(),
    };
    let scope = Scope::Seller(aggregate.seller.clone());
    let mut uow = database.begin(scope, cause, trace).await?;
    sqlx::query(
        "SELECT FROM aggregate_cursor
        WHERE seller = $1 AND source = $2 AND aggregate_id = $3 FOR UPDATE",
    )
    .bind(aggregate.seller.as_str())
    .bind(aggregate.source)
    .bind(aggregate.aggregate_id)
    .execute(uow.connection())
    .await?;
    // A statement of its own: it must see what was committed while the lock was waited for.
    let unblocked = sqlx::query(
        "UPDATE aggregate_cursor AS c SET blocked = FALSE
        WHERE seller = $1 AND source = $2 AND aggregate_id = $3 AND NOT EXISTS (
            SELECT FROM parked_event AS p WHERE p.seller = c.seller AND p.source = c.source
                AND p.aggregate_id = c.aggregate_id AND p.redriven_at IS NULL)",
    )
    .bind(aggregate.seller.as_str())
    .bind(aggregate.source)
    .bind(aggregate.aggregate_id)
    .execute(uow.connection())
    .await?
    .rows_affected();
    uow.commit().await?;
    // No cursor, nothing parked: nothing to do.
    Ok(unblocked == 1 || remaining(database, aggregate).await? == 0)
}

/// A seller's parked events that wait, after an id, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    seller: &SellerId,
    after: i64,
    limit: i64,
) -> Result<Vec<Parked>, sqlx::Error> {
    sqlx::query_as(
        "SELECT * FROM parked_event
        WHERE seller = $1 AND redriven_at IS NULL AND id > $2 ORDER BY id LIMIT $3",
    )
    .bind(seller.as_str())
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
}
