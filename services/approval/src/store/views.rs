//! The read side. One statement each, so that an answer is of one moment.

use countersign_kernel::{Digest, EngagementId, SellerId};
use countersign_platform::Failure;
use sqlx::PgConnection;
use uuid::Uuid;

use super::row::{DossierRow, Stored, select_dossiers};
use crate::domain::Dossier;

/// An engagement, if anything is known of it.
pub(crate) async fn engagement(
    connection: &mut PgConnection,
    seller: &SellerId,
    engagement: &EngagementId,
) -> Result<Option<Dossier>, Failure> {
    let row: Option<DossierRow> = sqlx::query_as(select_dossiers!(
        "WHERE e.seller = $1 AND e.engagement = $2"
    ))
    .bind(seller.as_str())
    .bind(engagement.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(dossier).transpose()
}

/// The engagement of a case.
pub(crate) async fn case(
    connection: &mut PgConnection,
    seller: &SellerId,
    case_id: Uuid,
) -> Result<Option<Dossier>, Failure> {
    let row: Option<DossierRow> =
        sqlx::query_as(select_dossiers!("WHERE e.seller = $1 AND c.case_id = $2"))
            .bind(seller.as_str())
            .bind(case_id)
            .fetch_optional(connection)
            .await?;
    row.map(dossier).transpose()
}

/// The engagements of a seller's newest cases, older than `before` if given.
pub(crate) async fn newest_cases(
    connection: &mut PgConnection,
    seller: &SellerId,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Dossier>, Failure> {
    // Case ids begin with the time at which they were made.
    let rows: Vec<DossierRow> = sqlx::query_as(select_dossiers!(
        "WHERE e.seller = $1 AND c.case_id IS NOT NULL AND ($2::uuid IS NULL OR c.case_id < $2)
        ORDER BY c.case_id DESC LIMIT $3"
    ))
    .bind(seller.as_str())
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(dossier).collect()
}

/// Whether this seller ever had a document of these bytes, removed ones included: they are what
/// voided approvals were given on.
pub(crate) async fn has_document(
    connection: &mut PgConnection,
    seller: &SellerId,
    digest: Digest,
) -> Result<bool, Failure> {
    let statement = "SELECT EXISTS (SELECT FROM documents WHERE seller = $1 AND digest = $2)";
    let known = sqlx::query_scalar(statement)
        .bind(seller.as_str())
        .bind(digest.as_bytes().as_slice())
        .fetch_one(connection)
        .await?;
    Ok(known)
}

fn dossier(row: DossierRow) -> Result<Dossier, Failure> {
    Stored::try_from(row).map(|stored| stored.dossier)
}
