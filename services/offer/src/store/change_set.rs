//! Requests to AWS, as they are sent.

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use sqlx::{PgConnection, PgExecutor};

use super::StoreError;
use crate::domain::id::OfferId;

/// The request that the offer's `revision` asks for, if it was made.
pub(crate) async fn request(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    offer_id: &OfferId,
    revision: u32,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT request FROM change_set WHERE seller = $1 AND offer_id = $2 AND revision = $3",
    )
    .bind(seller.as_str())
    .bind(offer_id.as_str())
    .bind(i64::from(revision))
    .fetch_optional(executor)
    .await?)
}

/// Keeps the request unless there is one: the first stays for ever.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer_id: &OfferId,
    revision: u32,
    request: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO change_set (seller, offer_id, revision, request, created_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (seller, offer_id, revision) DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(offer_id.as_str())
    .bind(i64::from(revision))
    .bind(request)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}
