//! E-signature callbacks that were taken, by the id that their sender gave them (A6, P2).

use countersign_kernel::Digest;
use countersign_platform::Failure;
use sqlx::PgConnection;
use uuid::Uuid;

use super::dossier::Change;

/// What became of a callback's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// It is new, and taken now.
    New,
    /// It was taken before, with the same body.
    Before,
    /// It was taken before, with another body.
    ForAnother,
}

/// Takes a callback's id; one that takes it at the same time is waited for.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    change: &Change,
    webhook_id: &str,
    case_id: Uuid,
    body: Digest,
) -> Result<Claimed, Failure> {
    let inserted = sqlx::query(
        "INSERT INTO signature_callbacks (seller, webhook_id, case_id, body_digest, received_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT ON CONSTRAINT signature_callbacks_pkey DO NOTHING",
    )
    .bind(change.seller.as_str())
    .bind(webhook_id)
    .bind(case_id)
    .bind(body.as_bytes().as_slice())
    .bind(change.at)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if inserted == 1 {
        return Ok(Claimed::New);
    }
    let same: bool = sqlx::query_scalar(
        "SELECT body_digest = $3 FROM signature_callbacks WHERE seller = $1 AND webhook_id = $2",
    )
    .bind(change.seller.as_str())
    .bind(webhook_id)
    .bind(body.as_bytes().as_slice())
    .fetch_one(connection)
    .await?;
    Ok(if same {
        Claimed::Before
    } else {
        Claimed::ForAnother
    })
}
