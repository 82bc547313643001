//! `delivery` and `attempt`: the write side (N6).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::NotAState;
use crate::domain::cause::Cause;
use crate::domain::delivery::{Attempt, Delivery, Letter, State};
use crate::domain::plan::{Content, Planned};
use crate::domain::subscription::Channel;

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) letter: Letter,
    pub(crate) delivery: Delivery,
    version: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    delivery_id: Uuid,
    engagement: String,
    template: String,
    channel: String,
    recipient: String,
    recipient_name: Option<String>,
    subscription_id: Option<Uuid>,
    subject: String,
    body: String,
    html: Option<String>,
    state: String,
    tried: i32,
    attempts: i32,
    answer: String,
    queued_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    version: i64,
}

impl TryFrom<Row> for Stored {
    type Error = NotAState;

    fn try_from(row: Row) -> Result<Self, NotAState> {
        let wrong = |what| NotAState {
            table: "delivery",
            id: row.delivery_id,
            what,
        };
        let tried = u32::try_from(row.tried).map_err(|_| wrong("tried below zero"))?;
        let state = match (row.state.as_str(), row.ended_at) {
            ("queued", None) => State::Queued { tried },
            ("sent", Some(at)) => State::Sent { at },
            ("failed", Some(at)) => State::Failed { at },
            _ => return Err(wrong("unknown state")),
        };
        let attempts = u32::try_from(row.attempts).map_err(|_| wrong("attempts below zero"))?;
        Ok(Self {
            letter: Letter {
                id: row.delivery_id,
                engagement: row.engagement.parse().map_err(|_| wrong("no engagement"))?,
                channel: Channel::from_name(&row.channel).ok_or(wrong("unknown channel"))?,
                template: row.template,
                recipient: row.recipient,
                recipient_name: row.recipient_name,
                subscription: row.subscription_id,
                content: Content {
                    subject: row.subject,
                    text: row.body,
                    html: row.html,
                },
                queued_at: row.queued_at,
            },
            delivery: Delivery {
                state,
                attempts,
                answer: row.answer,
            },
            version: row.version,
        })
    }
}

const COLUMNS: &str = "delivery_id, engagement, template, channel, recipient, recipient_name, \
    subscription_id, subject, body, html, state, tried, attempts, answer, queued_at, ended_at, \
    version";

/// Keeps replay from reading past deliveries that are queued but not committed yet; see
/// [`super::views::replay`].
pub(crate) async fn lock_webhook_log(
    connection: &mut PgConnection,
    seller: &SellerId,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))")
        .bind(webhook_log(seller))
        .execute(connection)
        .await
        .map(drop)
}

pub(super) fn webhook_log(seller: &SellerId) -> String {
    format!("webhook-log/{seller}")
}

/// Queues a delivery unless this recipient has this notice of this cause already. Returns the new
/// delivery's id (N6).
pub(crate) async fn queue(
    connection: &mut PgConnection,
    id: Uuid,
    cause: &Cause,
    planned: &Planned,
    content: &Content,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(
        "INSERT INTO delivery (seller, delivery_id, engagement, cause_event_id, template, channel,
            recipient, recipient_name, subscription_id, subject, body, html, state, tried,
            attempts, answer, queued_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'queued', 0, 0, '', $13, 1)
        ON CONFLICT ON CONSTRAINT delivery_once_per_recipient_and_cause DO NOTHING",
    )
    .bind(cause.seller.as_str())
    .bind(id)
    .bind(cause.engagement.as_str())
    .bind(cause.event_id)
    .bind(planned.template)
    .bind(planned.channel.name())
    .bind(&planned.recipient)
    .bind(&planned.recipient_name)
    .bind(planned.subscription)
    .bind(&content.subject)
    .bind(&content.text)
    .bind(&content.html)
    .bind(now)
    .execute(connection)
    .await?
    .rows_affected();
    Ok(inserted == 1)
}

/// Reads a delivery.
pub(crate) async fn get(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: Uuid,
) -> Result<Option<Stored>, sqlx::Error> {
    read(
        executor,
        &format!("SELECT {COLUMNS} FROM delivery WHERE {KEY}"),
        seller,
        id,
    )
    .await
}

/// Reads a delivery and locks it until the transaction ends.
pub(crate) async fn get_for_update(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: Uuid,
) -> Result<Option<Stored>, sqlx::Error> {
    let statement = format!("SELECT {COLUMNS} FROM delivery WHERE {KEY} FOR UPDATE");
    read(connection, &statement, seller, id).await
}

const KEY: &str = "seller = $1 AND delivery_id = $2";

async fn read(
    executor: impl PgExecutor<'_>,
    statement: &str,
    seller: &SellerId,
    id: Uuid,
) -> Result<Option<Stored>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(statement.to_owned()))
        .bind(seller.as_str())
        .bind(id)
        .fetch_optional(executor)
        .await?;
    Ok(row.map(Stored::try_from).transpose()?)
}

/// Writes the state that follows `stored`. Returns the affected rows: none if another writer was
/// first.
pub(crate) async fn update(
    connection: &mut PgConnection,
    seller: &SellerId,
    stored: &Stored,
    next: &Delivery,
) -> Result<u64, sqlx::Error> {
    let (state, tried, ended_at) = match next.state {
        State::Queued { tried } => ("queued", tried, None),
        State::Sent { at } => ("sent", 0, Some(at)),
        State::Failed { at } => ("failed", 0, Some(at)),
    };
    let updated = sqlx::query(
        "UPDATE delivery SET state = $4, tried = $5, attempts = $6, answer = $7, ended_at = $8,
            version = version + 1
        WHERE seller = $1 AND delivery_id = $2 AND version = $3",
    )
    .bind(seller.as_str())
    .bind(stored.letter.id)
    .bind(stored.version)
    .bind(state)
    .bind(i32::try_from(tried).unwrap_or(i32::MAX))
    .bind(i32::try_from(next.attempts).unwrap_or(i32::MAX))
    .bind(&next.answer)
    .bind(ended_at)
    .execute(connection)
    .await?;
    Ok(updated.rows_affected())
}

/// Keeps an attempt and its answer for ever (N6).
pub(crate) async fn add_attempt(
    connection: &mut PgConnection,
    seller: &SellerId,
    delivery: Uuid,
    number: u32,
    attempt: &Attempt,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO attempt (seller, delivery_id, number, made_at, outcome, answer)
        VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(seller.as_str())
    .bind(delivery)
    .bind(i32::try_from(number).unwrap_or(i32::MAX))
    .bind(attempt.at)
    .bind(attempt.outcome.name())
    .bind(&attempt.answer)
    .execute(connection)
    .await
    .map(drop)
}
