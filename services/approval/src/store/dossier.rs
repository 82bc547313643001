//! The write side: one engagement, locked, then saved with what changed of it.

use chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, Principal, SellerId};
use countersign_platform::Failure;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::case::CaseColumns;
pub(crate) use super::row::Stored;
use super::row::{DossierRow, select_dossiers, submission_columns};
use crate::domain::{Case, Document, Dossier};

/// Who changes something, and when.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) seller: SellerId,
    pub(crate) by: Principal,
    pub(crate) at: DateTime<Utc>,
}

/// Locks the engagement until the transaction ends and reads it; a new one when there is none.
///
/// The lock is its own statement: one that locks and joins would, having waited, read the joined
/// tables as they were before the wait.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    seller: &SellerId,
    engagement: &EngagementId,
) -> Result<Stored, Failure> {
    sqlx::query("SELECT FROM engagements WHERE seller = $1 AND engagement = $2 FOR UPDATE")
        .bind(seller.as_str())
        .bind(engagement.as_str())
        .execute(&mut *connection)
        .await?;
    let row: Option<DossierRow> = sqlx::query_as(select_dossiers!(
        "WHERE e.seller = $1 AND e.engagement = $2"
    ))
    .bind(seller.as_str())
    .bind(engagement.as_str())
    .fetch_optional(connection)
    .await?;
    let new = || Stored {
        dossier: Dossier::new(engagement.clone()),
        version: 0,
    };
    row.map_or_else(|| Ok(new()), Stored::try_from)
}

/// The engagement of a case, which never changes.
pub(crate) async fn engagement_of_case(
    connection: &mut PgConnection,
    seller: &SellerId,
    case_id: Uuid,
) -> Result<Option<EngagementId>, Failure> {
    let engagement: Option<String> =
        sqlx::query_scalar("SELECT engagement FROM cases WHERE seller = $1 AND case_id = $2")
            .bind(seller.as_str())
            .bind(case_id)
            .fetch_optional(connection)
            .await?;
    let wrong = |_| super::inconsistent("cases.engagement");
    engagement
        .map(|text| text.parse().map_err(wrong))
        .transpose()
}

/// Writes `after`, guarded by the version that was read.
pub(crate) async fn save(
    connection: &mut PgConnection,
    change: &Change,
    before: &Stored,
    after: &Dossier,
) -> Result<(), Failure> {
    save_engagement(connection, change, before, after).await?;
    save_documents(connection, change, &before.dossier, after).await?;
    match (&before.dossier.case, &after.case) {
        (None, Some(case)) => insert_case(connection, change, after, case).await,
        (Some(old), Some(new)) if old != new => update_case(connection, change, new).await,
        _ => Ok(()),
    }
}

async fn save_engagement(
    connection: &mut PgConnection,
    change: &Change,
    before: &Stored,
    after: &Dossier,
) -> Result<(), Failure> {
    let statement = if before.version == 0 {
        "INSERT INTO engagements (seller, engagement, version, estimate_state, estimate, changed_at)
        VALUES ($1, $2, $3 + 1, $4, $5, $6) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE engagements SET version = $3 + 1, estimate_state = $4, estimate = $5,
            changed_at = $6
        WHERE seller = $1 AND engagement = $2 AND version = $3"
    };
    let (state, estimate) = submission_columns(&after.estimate);
    let done = sqlx::query(statement)
        .bind(change.seller.as_str())
        .bind(after.engagement.as_str())
        .bind(before.version)
        .bind(state)
        .bind(estimate.map(Json))
        .bind(change.at)
        .execute(connection)
        .await?;
    Failure::unless_one_row("the engagement", done.rows_affected())
}

async fn save_documents(
    connection: &mut PgConnection,
    change: &Change,
    before: &Dossier,
    after: &Dossier,
) -> Result<(), Failure> {
    let place = |dossier: &Dossier, document: &Document| {
        dossier
            .documents
            .iter()
            .position(|one| one.document_id == document.document_id)
    };
    // Removals first: a replaced SOW makes room for the new one (`documents_one_sow`).
    for gone in before
        .documents
        .iter()
        .filter(|document| place(after, document).is_none())
    {
        remove_document(connection, change, gone.document_id).await?;
    }
    for (position, document) in (0_i32..).zip(&after.documents) {
        let old = place(before, document).and_then(|old| i32::try_from(old).ok());
        match old {
            None => insert_document(connection, change, after, document, position).await?,
            Some(old) if old == position => {}
            Some(_) => move_document(connection, change, document.document_id, position).await?,
        }
    }
    Ok(())
}

async fn insert_document(
    connection: &mut PgConnection,
    change: &Change,
    dossier: &Dossier,
    document: &Document,
    position: i32,
) -> Result<(), Failure> {
    let size = i64::try_from(document.size_bytes)
        .map_err(|error| Failure::internal("storing a document", error))?;
    sqlx::query(
        "INSERT INTO documents (seller, document_id, engagement, kind, file_name, media_type,
            size_bytes, digest, position, uploaded_by, uploaded_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(change.seller.as_str())
    .bind(document.document_id)
    .bind(dossier.engagement.as_str())
    .bind(document.kind.word())
    .bind(&document.file_name)
    .bind(document.media_type.name())
    .bind(size)
    .bind(document.digest.as_bytes().as_slice())
    .bind(position)
    .bind(change.by.as_str())
    .bind(change.at)
    .execute(connection)
    .await?;
    Ok(())
}

async fn remove_document(
    connection: &mut PgConnection,
    change: &Change,
    document_id: Uuid,
) -> Result<(), Failure> {
    let done = sqlx::query(
        "UPDATE documents SET removed_by = $3, removed_at = $4
        WHERE seller = $1 AND document_id = $2 AND removed_at IS NULL",
    )
    .bind(change.seller.as_str())
    .bind(document_id)
    .bind(change.by.as_str())
    .bind(change.at)
    .execute(connection)
    .await?;
    Failure::unless_one_row("the document", done.rows_affected())
}

async fn move_document(
    connection: &mut PgConnection,
    change: &Change,
    document_id: Uuid,
    position: i32,
) -> Result<(), Failure> {
    let done = sqlx::query(
        "UPDATE documents SET position = $3
        WHERE seller = $1 AND document_id = $2 AND removed_at IS NULL",
    )
    .bind(change.seller.as_str())
    .bind(document_id)
    .bind(position)
    .execute(connection)
    .await?;
    Failure::unless_one_row("the document", done.rows_affected())
}

async fn insert_case(
    connection: &mut PgConnection,
    change: &Change,
    dossier: &Dossier,
    case: &Case,
) -> Result<(), Failure> {
    let columns = CaseColumns::from(case);
    sqlx::query(
        "INSERT INTO cases (seller, case_id, engagement, opened_at, phase,
            one_person_may_decide_several_steps, steps, checklist)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(change.seller.as_str())
    .bind(case.case_id)
    .bind(dossier.engagement.as_str())
    .bind(change.at)
    .bind(columns.phase)
    .bind(columns.one_person_may_decide_several_steps)
    .bind(columns.steps)
    .bind(columns.checklist)
    .execute(connection)
    .await?;
    Ok(())
}

/// The engagement's version, checked before in the same transaction, guards this too.
async fn update_case(
    connection: &mut PgConnection,
    change: &Change,
    case: &Case,
) -> Result<(), Failure> {
    let columns = CaseColumns::from(case);
    let done = sqlx::query(
        "UPDATE cases SET phase = $3, steps = $4, checklist = $5, stamped_digest = $6,
            stamped_by = $7, stamped_at = $8, routed_sow_digest = $9, routed_at = $10,
            internal_signatory = $11, customer_signatory = $12, internal_signed_by = $13,
            internal_signed_at = $14, customer_signed_by = $15, customer_signed_at = $16,
            signed_sow_document_id = $17
        WHERE seller = $1 AND case_id = $2",
    )
    .bind(change.seller.as_str())
    .bind(case.case_id)
    .bind(columns.phase)
    .bind(columns.steps)
    .bind(columns.checklist)
    .bind(columns.stamped_digest)
    .bind(columns.stamped_by)
    .bind(columns.stamped_at)
    .bind(columns.routed_sow_digest)
    .bind(columns.routed_at)
    .bind(columns.internal_signatory)
    .bind(columns.customer_signatory)
    .bind(columns.internal_signed_by)
    .bind(columns.internal_signed_at)
    .bind(columns.customer_signed_by)
    .bind(columns.customer_signed_at)
    .bind(columns.signed_sow_document_id)
    .execute(connection)
    .await?;
    Failure::unless_one_row("the case", done.rows_affected())
}
