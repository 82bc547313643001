//! `delivery` as callers read it: lists by page, and what a webhook was sent, by cursor (N6).

use chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, SellerId};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::deliveries::webhook_log;

/// A delivery with everything that a caller may see.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct DeliveryView {
    pub(crate) position: i64,
    pub(crate) delivery_id: Uuid,
    pub(crate) engagement: String,
    pub(crate) cause_event_id: Uuid,
    pub(crate) template: String,
    pub(crate) channel: String,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) state: String,
    pub(crate) attempts: i32,
    pub(crate) answer: String,
    pub(crate) queued_at: DateTime<Utc>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) engagement: Option<EngagementId>,
    /// `queued`, `sent` or `failed`.
    pub(crate) state: Option<&'static str>,
    /// Only those queued before this position.
    pub(crate) before: Option<i64>,
}

/// Newest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    seller: &SellerId,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<DeliveryView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT position, delivery_id, engagement, cause_event_id, template, channel, recipient,
            subject, body, state, attempts, answer, queued_at, ended_at
        FROM delivery
        WHERE seller = $1 AND ($2::text IS NULL OR engagement = $2)
            AND ($3::text IS NULL OR state = $3) AND ($4::bigint IS NULL OR position < $4)
        ORDER BY position DESC LIMIT $5",
    )
    .bind(seller.as_str())
    .bind(filter.engagement.as_ref().map(EngagementId::as_str))
    .bind(filter.state)
    .bind(filter.before)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// One delivery.
pub(crate) async fn get(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: Uuid,
) -> Result<Option<DeliveryView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT position, delivery_id, engagement, cause_event_id, template, channel, recipient,
            subject, body, state, attempts, answer, queued_at, ended_at
        FROM delivery WHERE seller = $1 AND delivery_id = $2",
    )
    .bind(seller.as_str())
    .bind(id)
    .fetch_optional(executor)
    .await
}

/// The position up to which nothing of the seller's webhook log is on its way any more.
///
/// A lower position can be committed after a higher one, and a cursor that had passed it would lose
/// it. So: note the highest position, then wait for every transaction that is queueing webhooks of
/// this seller (each holds the log shared since before its first position). Whoever queues next waits
/// in turn until this transaction ends: end it before anything else is read.
pub(crate) async fn settled(
    connection: &mut PgConnection,
    seller: &SellerId,
) -> Result<i64, sqlx::Error> {
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT max(position) FROM delivery WHERE seller = $1")
            .bind(seller.as_str())
            .fetch_one(&mut *connection)
            .await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(webhook_log(seller))
        .execute(connection)
        .await?;
    Ok(newest.unwrap_or_default())
}

/// What was queued for the webhook at `url` after the position `after` and up to `settled`, oldest
/// first.
pub(crate) async fn replay(
    connection: &mut PgConnection,
    seller: &SellerId,
    url: &str,
    (after, settled): (i64, i64),
    limit: i64,
) -> Result<Vec<DeliveryView>, sqlx::Error> {
    sqlx::query_as(
        "SELECT position, delivery_id, engagement, cause_event_id, template, channel, recipient,
            subject, body, state, attempts, answer, queued_at, ended_at
        FROM delivery
        WHERE seller = $1 AND channel = 'webhook' AND recipient = $2 AND position > $3
            AND position <= $4
        ORDER BY position LIMIT $5",
    )
    .bind(seller.as_str())
    .bind(url)
    .bind(after)
    .bind(settled)
    .bind(limit)
    .fetch_all(connection)
    .await
}
