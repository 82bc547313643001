//! Agreements that came of approved estimates.

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Digest, SellerId};
use countersign_platform::Failure;
use sqlx::{PgConnection, PgExecutor};

use super::parsed;

/// Keeps an agreement unless it is known. Returns whether it is new.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    seller: &SellerId,
    agreement_id: &str,
    digest: Digest,
    now: DateTime<Utc>,
) -> Result<bool, Failure> {
    let written = sqlx::query(
        "INSERT INTO agreement (seller, agreement_id, approved_digest, recorded_at)
        VALUES ($1, $2, $3, $4) ON CONFLICT (seller, agreement_id) DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(agreement_id)
    .bind(digest.to_string())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// The digest of what was approved behind an agreement (A4), if that is known.
pub(crate) async fn approved(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    agreement_id: &str,
) -> Result<Option<Digest>, Failure> {
    let digest: Option<String> = sqlx::query_scalar(
        "SELECT approved_digest FROM agreement WHERE seller = $1 AND agreement_id = $2",
    )
    .bind(seller.as_str())
    .bind(agreement_id)
    .fetch_optional(executor)
    .await?;
    let digest = digest.map(|text| parsed("approved_digest", &text));
    Ok(digest.transpose()?)
}
