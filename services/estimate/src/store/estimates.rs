//! The write side: one estimate, locked, with the revision that a later write must name.

use countersign_kernel::SellerId;
use countersign_kernel::chrono::{DateTime, Utc};
use countersign_platform::Failure;
use sqlx::PgConnection;
use uuid::Uuid;

use super::estimate_row::{EstimateRow, StateColumns, select_estimate};
use super::version_row::{self, version_columns};
use super::violates;
use crate::domain::State;
use crate::domain::estimate::Head;

/// An estimate as it was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// [`State::Absent`] if there is none.
    pub(crate) state: State,
    revision: i64,
}

/// Why an estimate was not inserted.
#[derive(Debug)]
pub(crate) enum InsertError {
    /// The engagement has an open one already.
    EngagementTaken,
    /// The database's failure.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for InsertError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Locks the estimate until the transaction ends and reads it.
///
/// The lock is its own statement: one that locks and joins would, having waited for a writer of the
/// next version, look for that version as things were before the wait, and find no estimate.
pub(crate) async fn load_for_update(
    connection: &mut PgConnection,
    seller: &SellerId,
    estimate_id: Uuid,
) -> Result<Loaded, Failure> {
    sqlx::query("SELECT FROM estimate WHERE seller = $1 AND estimate_id = $2 FOR UPDATE")
        .bind(seller.as_str())
        .bind(estimate_id)
        .execute(&mut *connection)
        .await?;
    let row: Option<EstimateRow> =
        sqlx::query_as(concat!(select_estimate!(), "AND e.estimate_id = $2"))
            .bind(seller.as_str())
            .bind(estimate_id)
            .fetch_optional(connection)
            .await?;
    let Some(row) = row else {
        return Ok(Loaded {
            state: State::Absent,
            revision: 0,
        });
    };
    Ok(Loaded {
        revision: row.revision,
        state: row.try_into()?,
    })
}

/// Writes a new estimate with its first version.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    seller: &SellerId,
    head: &Head,
    now: DateTime<Utc>,
) -> Result<(), InsertError> {
    sqlx::query(
        "INSERT INTO estimate (seller, estimate_id, engagement_id, customer_name, state,
            latest_version, revision, created_at, updated_at, follows_agreement_id)
        VALUES ($1, $2, $3, $4, 'draft', $5, 1, $6, $6, $7)",
    )
    .bind(seller.as_str())
    .bind(head.estimate_id)
    .bind(head.engagement_id.as_str())
    .bind(&head.customer_name)
    .bind(i64::from(head.latest.number))
    .bind(now)
    .bind(&head.follows)
    .execute(&mut *connection)
    .await
    .map_err(|error| {
        if violates(&error, "estimate_one_open_per_engagement") {
            return InsertError::EngagementTaken;
        }
        error.into()
    })?;
    version_row::insert(connection, seller, head.estimate_id, &head.latest).await?;
    Ok(())
}

/// Writes what became of a loaded estimate, and its newest version if that is new.
pub(crate) async fn update(
    connection: &mut PgConnection,
    seller: &SellerId,
    before: &Loaded,
    after: &State,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let (Some(old), Some(new)) = (before.state.head(), after.head()) else {
        return Err(Failure::Conflict("the estimate is not there".to_owned()));
    };
    if new.latest.number > old.latest.number {
        version_row::insert(connection, seller, new.estimate_id, &new.latest).await?;
    }
    let StateColumns {
        change,
        digest,
        withdrawal,
    } = after.into();
    let updated = sqlx::query(
        "UPDATE estimate SET state = $4, latest_version = $5, change_step = $6,
            change_requested_by = $7, change_comment = $8, approved_digest = $9,
            withdrawn_by = $10, withdrawn_reason = $11, updated_at = $12, revision = revision + 1
        WHERE seller = $1 AND estimate_id = $2 AND revision = $3",
    )
    .bind(seller.as_str())
    .bind(new.estimate_id)
    .bind(before.revision)
    .bind(after.name())
    .bind(i64::from(new.latest.number))
    .bind(change.as_ref().map(|change| change.step.as_str()))
    .bind(change.as_ref().map(|change| change.requested_by.as_str()))
    .bind(change.as_ref().map(|change| change.comment.as_str()))
    .bind(digest)
    .bind(withdrawal.as_ref().map(|withdrawal| withdrawal.by.as_str()))
    .bind(
        withdrawal
            .as_ref()
            .map(|withdrawal| withdrawal.reason.as_str()),
    )
    .bind(now)
    .execute(connection)
    .await?;
    Failure::unless_one_row("the estimate", updated.rows_affected())
}
