//! What is read without being changed.

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Digest, SellerId};
use countersign_platform::Failure;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::estimate_row::{EstimateRow, select_estimate};
use super::version_row::{VersionRow, version_columns};
use crate::domain::State;
use crate::domain::pricing::Version;

/// Where an estimate stands, with its newest version; [`State::Absent`] if there is none.
pub(crate) async fn estimate(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    estimate_id: Uuid,
) -> Result<State, Failure> {
    let row: Option<EstimateRow> =
        sqlx::query_as(concat!(select_estimate!(), "AND e.estimate_id = $2"))
            .bind(seller.as_str())
            .bind(estimate_id)
            .fetch_optional(executor)
            .await?;
    Ok(row.map_or(Ok(State::Absent), State::try_from)?)
}

/// The estimate that was approved under a digest (A4), with the version that was; [`State::Absent`] if
/// there is none.
pub(crate) async fn approved_under(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    digest: Digest,
) -> Result<State, Failure> {
    let row: Option<EstimateRow> = sqlx::query_as(concat!(
        select_estimate!(),
        "AND e.approved_digest = $2 LIMIT 1"
    ))
    .bind(seller.as_str())
    .bind(digest.to_string())
    .fetch_optional(executor)
    .await?;
    Ok(row.map_or(Ok(State::Absent), State::try_from)?)
}

/// A version of an estimate.
pub(crate) async fn version(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    estimate_id: Uuid,
    number: u32,
) -> Result<Option<Version>, Failure> {
    let row: Option<VersionRow> = sqlx::query_as(concat!(
        "SELECT ",
        version_columns!(),
        " FROM estimate_version AS v \
         WHERE v.seller = $1 AND v.estimate_id = $2 AND v.version = $3"
    ))
    .bind(seller.as_str())
    .bind(estimate_id)
    .bind(i64::from(number))
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Version::try_from).transpose()?)
}

/// Where a page of estimates begins: after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// When it was created.
    pub(crate) created_at: DateTime<Utc>,
    /// Its name.
    pub(crate) estimate_id: Uuid,
}

/// A seller's estimates, newest first, at most `limit`, of one engagement if one is named.
pub(crate) async fn list(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    engagement: Option<&str>,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<(Place, State)>, Failure> {
    let rows: Vec<EstimateRow> = sqlx::query_as(concat!(
        select_estimate!(),
        "AND ($2::text IS NULL OR e.engagement_id = $2) \
         AND ($3::timestamptz IS NULL OR (e.created_at, e.estimate_id) < ($3, $4)) \
         ORDER BY e.created_at DESC, e.estimate_id DESC LIMIT $5"
    ))
    .bind(seller.as_str())
    .bind(engagement)
    .bind(after.map(|place| place.created_at))
    .bind(after.map(|place| place.estimate_id))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|row| {
            let place = Place {
                created_at: row.created_at,
                estimate_id: row.estimate_id,
            };
            Ok((place, State::try_from(row)?))
        })
        .collect()
}
