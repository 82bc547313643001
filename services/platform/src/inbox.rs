//! Incoming events, each applied once and in the order of its aggregate (P2).
//!
//! The cursor of an aggregate is locked first, so that instances that share a stream take turns;
//! then the inbox says whether an event was dealt with before.

use std::collections::{BTreeMap, HashSet};

use countersign_kernel::EngagementId;
use tracing::Instrument;
use uuid::Uuid;

use crate::envelope::{self, IncomingEvent};
use crate::failure::Failure;
use crate::fault;
use crate::parked;
use crate::rejection::Rejection;
use crate::subscription::{EventHandler, Handled};
use crate::tenancy::Scope;
use crate::unit_of_work::{Cause, UnitOfWork};

/// How an event was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Applied,
    Ignored,
    Rejected,
    Parked,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It was the next of its aggregate, and was dealt with now.
    Next(Outcome),
    /// It was dealt with before.
    Duplicate,
    /// One before it has not arrived. Nothing was done.
    Gap,
    /// One before it is parked, and so is it now.
    Behind,
}

impl Outcome {
    /// As the inbox and the metrics have it.
    const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Ignored => "ignored",
            Self::Rejected => "rejected",
            Self::Parked => "parked",
        }
    }
}

impl Place {
    /// As the metrics have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Next(outcome) => outcome.name(),
            Self::Duplicate => "duplicate",
            Self::Gap => "gap",
            Self::Behind => Outcome::Parked.name(),
        }
    }
}

/// Where an event stands among those of its aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Next,
    Before,
    Blocked,
    Ahead,
}

/// `(seller, aggregate id)`, of one source.
type Key = (String, String);

#[derive(Debug, Clone, Copy)]
struct Cursor {
    last_seq: i64,
    blocked: bool,
    moved: bool,
}

/// What the inbox keeps of an event that was dealt with.
#[derive(Default)]
struct Receipts {
    ids: Vec<Uuid>,
    sellers: Vec<String>,
    aggregates: Vec<String>,
    types: Vec<String>,
    outcomes: Vec<&'static str>,
    reasons: Vec<Option<String>>,
}

impl Receipts {
    fn add(&mut self, event: &IncomingEvent, outcome: Outcome, reason: Option<String>) {
        self.ids.push(event.id);
        self.sellers.push(event.seller.to_string());
        self.aggregates.push(event.aggregate_id.clone());
        self.types.push(event.type_name.clone());
        self.outcomes.push(outcome.name());
        self.reasons.push(reason);
    }

    async fn write(self, uow: &mut UnitOfWork, source: &str) -> Result<(), Failure> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let now = uow.now();
        sqlx::query(
            "INSERT INTO inbox (event_id, source, seller, aggregate_id, type_name, outcome, reason,
                received_at)
            SELECT r.*, $8 FROM (
                SELECT id, $1, seller, aggregate_id, type_name, outcome, reason FROM unnest(
                    $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                AS u (id, seller, aggregate_id, type_name, outcome, reason)
            ) AS r",
        )
        .bind(source)
        .bind(self.ids)
        .bind(self.sellers)
        .bind(self.aggregates)
        .bind(self.types)
        .bind(self.outcomes)
        .bind(self.reasons)
        .bind(now)
        .execute(uow.connection())
        .await?;
        Ok(())
    }
}

fn key(event: &IncomingEvent) -> Key {
    (event.seller.to_string(), event.aggregate_id.clone())
}

/// How an event comes: from the stream, or from the parked events by an operator's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Stream,
    Redrive,
}

/// Deals with the events of one source in this unit of work, those of one seller in the given order.
/// Its scope holds for the bookkeeping; each event is applied in its own seller's (P5).
pub(crate) async fn apply(
    uow: &mut UnitOfWork,
    source: &str,
    handler: &dyn EventHandler,
    events: &[IncomingEvent],
    route: Route,
) -> Result<Vec<Place>, Failure> {
    let scope = uow.scope().clone();
    let mut cursors = lock(uow, source, events).await?;
    let known = known(uow, events).await?;
    let mut receipts = Receipts::default();
    let mut places = vec![Place::Duplicate; events.len()];
    // Another seller's event costs a round trip: those of one seller come together.
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|at| &events[*at].seller);
    for at in order {
        let event = &events[at];
        let cursor = cursor_of(&mut cursors, event)?;
        let standing = standing(*cursor, event, route);
        if standing == Standing::Next {
            cursor.last_seq = event.aggregate_seq;
            cursor.moved = true;
        }
        places[at] = match standing {
            Standing::Next if !known.contains(&event.id) => {
                let (outcome, reason) = handle(uow, handler, event).await?;
                receipts.add(event, outcome, reason);
                Place::Next(outcome)
            }
            Standing::Next | Standing::Before => Place::Duplicate,
            Standing::Ahead => Place::Gap,
            Standing::Blocked => {
                uow.act_for(Scope::Seller(event.seller.clone())).await?;
                parked::park_behind(uow, event).await?;
                Place::Behind
            }
        };
    }
    // Constraints that are looked at with the commit see every row, too.
    uow.act_for(scope).await?;
    receipts.write(uow, source).await?;
    fault::point("consumer.after_inbox");
    advance(uow, source, &cursors).await?;
    Ok(places)
}

/// Records that an event was refused here: a fact, after which the aggregate goes on.
pub(crate) async fn refuse(
    uow: &mut UnitOfWork,
    source: &str,
    event: &IncomingEvent,
    rejection: &Rejection,
    route: Route,
) -> Result<Place, Failure> {
    let mut cursors = lock(uow, source, std::slice::from_ref(event)).await?;
    let cursor = cursor_of(&mut cursors, event)?;
    let standing = standing(*cursor, event, route);
    if standing == Standing::Next {
        cursor.last_seq = event.aggregate_seq;
        cursor.moved = true;
        let mut receipts = Receipts::default();
        receipts.add(event, Outcome::Rejected, Some(rejection.to_string()));
        receipts.write(uow, source).await?;
        advance(uow, source, &cursors).await?;
    }
    Ok(standing.unless_next(Outcome::Rejected))
}

/// Parks an event that can never be applied as it is, and blocks its aggregate.
pub(crate) async fn park(
    uow: &mut UnitOfWork,
    source: &str,
    event: &IncomingEvent,
    error: &str,
    attempts: i64,
) -> Result<Place, Failure> {
    let mut cursors = lock(uow, source, std::slice::from_ref(event)).await?;
    let cursor = cursor_of(&mut cursors, event)?;
    let standing = standing(*cursor, event, Route::Stream);
    if standing == Standing::Next {
        parked::park(uow, event, error, attempts).await?;
        block(uow, source, event).await?;
    }
    Ok(standing.unless_next(Outcome::Parked))
}

fn cursor_of<'c>(
    cursors: &'c mut BTreeMap<Key, Cursor>,
    event: &IncomingEvent,
) -> Result<&'c mut Cursor, Failure> {
    cursors
        .get_mut(&key(event))
        .ok_or_else(|| Failure::internal("locking cursors", "a cursor is missing"))
}

fn standing(cursor: Cursor, event: &IncomingEvent, route: Route) -> Standing {
    if event.aggregate_seq <= cursor.last_seq {
        return Standing::Before;
    }
    if cursor.blocked && route == Route::Stream {
        return Standing::Blocked;
    }
    if event.aggregate_seq == cursor.last_seq + 1 {
        return Standing::Next;
    }
    Standing::Ahead
}

impl Standing {
    /// What became of an event that, were it the next, would have come to this.
    const fn unless_next(self, outcome: Outcome) -> Place {
        match self {
            Self::Next => Place::Next(outcome),
            Self::Before => Place::Duplicate,
            Self::Blocked => Place::Behind,
            Self::Ahead => Place::Gap,
        }
    }
}

async fn handle(
    uow: &mut UnitOfWork,
    handler: &dyn EventHandler,
    event: &IncomingEvent,
) -> Result<(Outcome, Option<String>), Failure> {
    if !handler.types().contains(&event.type_name.as_str()) {
        return Ok((Outcome::Ignored, None));
    }
    let cause = Cause::Event {
        id: event.id,
        source: event.source.clone(),
    };
    uow.act_for(Scope::Seller(event.seller.clone())).await?;
    let destination = envelope::destination(&event.source, &event.type_name);
    let span = tracing::info_span!(
        parent: None,
        "event",
        otel.name = format!("process {destination}"),
        otel.kind = "consumer",
        "messaging.system" = "nats",
        "messaging.operation.name" = "process",
        "messaging.operation.type" = "process",
        "messaging.destination.template" = destination,
        "messaging.message.id" = %event.id,
        event = %event.id,
        r#type = event.type_name,
        seller = event.seller.as_str(),
        engagement = event.engagement.as_ref().map(EngagementId::as_str),
        trace_id = tracing::field::Empty,
        span_id = tracing::field::Empty,
    );
    // Child of what it follows from, so that a deal reads as one trace; and linked to it, as the
    // conventions want it.
    let trace = event.trace.continued_by(&span);
    uow.because_of(cause, trace, event.engagement.clone());
    event.trace.link(&span);
    Ok(match handler.handle(uow, event).instrument(span).await? {
        Handled::Applied => (Outcome::Applied, None),
        Handled::Ignored => (Outcome::Ignored, None),
        Handled::Rejected(rejection) => (Outcome::Rejected, Some(rejection.to_string())),
    })
}

/// Locks the cursors of the events' aggregates, always in the same order; makes those that are new.
async fn lock(
    uow: &mut UnitOfWork,
    source: &str,
    events: &[IncomingEvent],
) -> Result<BTreeMap<Key, Cursor>, Failure> {
    let keys: std::collections::BTreeSet<Key> = events.iter().map(key).collect();
    let (sellers, aggregates): (Vec<String>, Vec<String>) = keys.into_iter().unzip();
    sqlx::query(
        "INSERT INTO aggregate_cursor (seller, source, aggregate_id, last_seq)
        SELECT seller, $1, aggregate_id, 0
        FROM unnest($2::text[], $3::text[]) AS u (seller, aggregate_id)
        ON CONFLICT (seller, source, aggregate_id) DO NOTHING",
    )
    .bind(source)
    .bind(&sellers)
    .bind(&aggregates)
    .execute(uow.connection())
    .await?;
    let rows: Vec<(String, String, i64, bool)> = sqlx::query_as(
        "SELECT seller, aggregate_id, last_seq, blocked FROM aggregate_cursor
        WHERE source = $1 AND (seller, aggregate_id) IN (
            SELECT * FROM unnest($2::text[], $3::text[]))
        ORDER BY seller, aggregate_id FOR UPDATE",
    )
    .bind(source)
    .bind(&sellers)
    .bind(&aggregates)
    .fetch_all(uow.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(seller, aggregate_id, last_seq, blocked)| {
            let cursor = Cursor {
                last_seq,
                blocked,
                moved: false,
            };
            ((seller, aggregate_id), cursor)
        })
        .collect())
}

/// Which of the events were dealt with, whatever the cursor says.
async fn known(uow: &mut UnitOfWork, events: &[IncomingEvent]) -> Result<HashSet<Uuid>, Failure> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let known: Vec<Uuid> =
        sqlx::query_scalar("SELECT event_id FROM inbox WHERE event_id = ANY($1)")
            .bind(ids)
            .fetch_all(uow.connection())
            .await?;
    Ok(known.into_iter().collect())
}

async fn advance(
    uow: &mut UnitOfWork,
    source: &str,
    cursors: &BTreeMap<Key, Cursor>,
) -> Result<(), Failure> {
    let (mut sellers, mut aggregates, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
    for ((seller, aggregate), cursor) in cursors.iter().filter(|(_, cursor)| cursor.moved) {
        sellers.push(seller.as_str());
        aggregates.push(aggregate.as_str());
        sequences.push(cursor.last_seq);
    }
    if sequences.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE aggregate_cursor AS c SET last_seq = u.last_seq
        FROM unnest($2::text[], $3::text[], $4::bigint[]) AS u (seller, aggregate_id, last_seq)
        WHERE c.source = $1 AND c.seller = u.seller AND c.aggregate_id = u.aggregate_id",
    )
    .bind(source)
    .bind(sellers)
    .bind(aggregates)
    .bind(sequences)
    .execute(uow.connection())
    .await?;
    Ok(())
}

async fn block(uow: &mut UnitOfWork, source: &str, event: &IncomingEvent) -> Result<(), Failure> {
    sqlx::query(
        "UPDATE aggregate_cursor SET blocked = TRUE
        WHERE source = $1 AND seller = $2 AND aggregate_id = $3",
    )
    .bind(source)
    .bind(event.seller.as_str())
    .bind(&event.aggregate_id)
    .execute(uow.connection())
    .await?;
    Ok(())
}
