//! What was confirmed of the sellers' AWS accounts.

use chrono::{DateTime, Utc};
use countersign_kernel::{Principal, SellerId};
use sqlx::{PgConnection, PgExecutor};

use super::json::parse;
use super::{StoreError, Unreadable};
use crate::domain::preflight::prerequisite::Confirmation;

#[derive(sqlx::FromRow)]
struct Row {
    item: String,
    confirmed_by: String,
    confirmed_at: DateTime<Utc>,
}

impl TryFrom<Row> for Confirmation {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.item,
            by: parse(&row.confirmed_by, "principal")?,
            at: row.confirmed_at,
        })
    }
}

/// Everything that was confirmed.
pub(crate) async fn all(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Vec<Confirmation>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT item, confirmed_by, confirmed_at FROM prerequisite WHERE seller = $1 ORDER BY item",
    )
    .bind(seller.as_str())
    .fetch_all(executor)
    .await?;
    let confirmed = rows.into_iter().map(Confirmation::try_from);
    Ok(confirmed.collect::<Result<_, _>>()?)
}

/// Notes a confirmation. Returns whether it is news: the first stays.
pub(crate) async fn confirm(
    connection: &mut PgConnection,
    seller: &SellerId,
    item: &str,
    by: &Principal,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "INSERT INTO prerequisite (seller, item, confirmed_by, confirmed_at)
        VALUES ($1, $2, $3, $4) ON CONFLICT (seller, item) DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(item)
    .bind(by.as_str())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Takes a confirmation back. Returns whether there was one.
pub(crate) async fn withdraw(
    connection: &mut PgConnection,
    seller: &SellerId,
    item: &str,
) -> Result<bool, StoreError> {
    let written = sqlx::query("DELETE FROM prerequisite WHERE seller = $1 AND item = $2")
        .bind(seller.as_str())
        .bind(item)
        .execute(connection)
        .await?;
    Ok(written.rows_affected() == 1)
}
