//! Requests to AWS, as they are sent.

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use sqlx::{PgConnection, PgExecutor};

use super::StoreError;
use crate::domain::id::OfferId;

/// The request that the offer's `revision` asks for, if it was made, and when.
pub(crate) async fn request(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    offer_id: &OfferId,
    revision: u32,
) -> Result<Option<(String, DateTime<Utc>)>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT request, created_at FROM change_set WHERE seller = $1 AND offer_id = $2 AND revision = $3",
    )
    .bind(seller.as_str())
    .bind(offer_id.as_str())
    .bind(i64::from(revision))
    .fetch_optional(executor)
    .await?)
}

/// Keeps the request unless there is one that was made after `sendable_since`: the first stays as long as it can be
/// sent.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer_id: &OfferId,
    revision: u32,
    request: &str,
    now: DateTime<Utc>,
    sendable_since: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO change_set (seller, offer_id, revision, request, created_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (seller, offer_id, revision) DO UPDATE SET request = $4, created_at = $5
        WHERE change_set.created_at <= $6",
    )
    .bind(seller.as_str())
    .bind(offer_id.as_str())
    .bind(i64::from(revision))
    .bind(request)
    .bind(now)
    .bind(sendable_since)
    .execute(connection)
    .await?;
    Ok(())
}
