//! Every agreement that AWS showed, and whose it is (O12).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use serde_json::Value;
use sqlx::PgExecutor;

use super::agreement::{LineRow, Seen};
use super::json::agreement_from;
use super::{Position, StoreError, Unreadable};
use crate::domain::import::Ownership;

/// What stands where a look found it and nothing more is known yet.
const NOT_READ: &str = "AWS was not asked for its terms yet";

/// An agreement, and what it is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) seen: Seen,
    pub(crate) ownership: Ownership,
    /// Ours, if its offer is one.
    pub(crate) offer_id: Option<String>,
    pub(crate) first_seen: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    line: LineRow,
    details: Option<Value>,
    unreadable: Option<String>,
    product_id: Option<String>,
    first_seen: DateTime<Utc>,
    offer_id: Option<String>,
    associated: bool,
}

impl TryFrom<Row> for Accepted {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        let details = match row.details {
            Some(details) => Ok(agreement_from(details)?),
            None => Err(row.unreadable.unwrap_or_else(|| NOT_READ.to_owned())),
        };
        Ok(Self {
            seen: Seen {
                line: row.line.try_into()?,
                details,
                product_id: row.product_id,
            },
            ownership: Ownership::of(row.offer_id.is_some(), row.associated),
            offer_id: row.offer_id,
            first_seen: row.first_seen,
        })
    }
}

/// A seller's agreements, the newest to us first.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    wanted: Option<Ownership>,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Accepted>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT * FROM (
            SELECT a.agreement_id, a.aws_offer_id, a.status, a.updated_at, a.details, a.unreadable,
                a.product_id, a.first_seen, a.offer_id,
                COALESCE(ours.basis -> 'origin' = '\"associated\"', false) AS associated
            FROM agreement AS a
            LEFT JOIN offer AS ours ON ours.seller = a.seller AND ours.offer_id = a.offer_id
            WHERE a.seller = $1
        ) AS listed
        WHERE ($2::text IS NULL OR $2 = CASE WHEN offer_id IS NULL THEN 'not-ours'
                WHEN associated THEN 'associated' ELSE 'ours' END)
            AND ($3::timestamptz IS NULL OR (first_seen, agreement_id) < ($3, $4))
        ORDER BY first_seen DESC, agreement_id DESC LIMIT $5",
    )
    .bind(seller.as_str())
    .bind(wanted.map(Ownership::name))
    .bind(after.map(|position| position.at))
    .bind(after.map(|position| position.id.as_str()))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    let accepted = rows.into_iter().map(Accepted::try_from);
    Ok(accepted.collect::<Result<_, _>>()?)
}
