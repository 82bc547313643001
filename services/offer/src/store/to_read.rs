//! Agreements whose terms are to be read (O13): what a look found goes here, and stays until AWS showed it or
//! refused to, however often the process ends in between.

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use sqlx::{PgConnection, PgExecutor};

use super::json::parse;
use super::{StoreError, Unreadable};
use crate::domain::agreement::{Line, OVER, Standing};
use crate::domain::id::AgreementId;

/// The most that one run reads of each kind: what is found meanwhile waits no longer than it takes.
pub(crate) const BATCH: i64 = 20;

/// Keeps what a look found and nobody read yet. What was read of it before stays.
pub(crate) async fn note(
    connection: &mut PgConnection,
    seller: &SellerId,
    line: &Line,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO agreement (seller, agreement_id, aws_offer_id, status, updated_at, first_seen,
            last_seen, read_due, end_awaited)
        VALUES ($1, $2, $3, $4, $5, $6, $6, $6, $4 = ANY ($7))
        ON CONFLICT (seller, agreement_id) DO UPDATE SET aws_offer_id = $3, status = $4,
            updated_at = $5, last_seen = $6, read_due = COALESCE(agreement.read_due, $6),
            end_awaited = agreement.end_awaited OR $4 = ANY ($7)",
    )
    .bind(seller.as_str())
    .bind(line.id.as_str())
    .bind(&line.aws_offer_id)
    .bind(&line.standing.status)
    .bind(line.standing.updated_at)
    .bind(now)
    .bind(OVER)
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads it later: what cannot be read now hides nothing behind it.
pub(crate) async fn postpone(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &AgreementId,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE agreement SET read_due = $3
        WHERE seller = $1 AND agreement_id = $2 AND read_due IS NOT NULL",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .bind(until)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    agreement_id: String,
    aws_offer_id: String,
    status: String,
    updated_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Line {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: parse(&row.agreement_id, "agreement id")?,
            aws_offer_id: row.aws_offer_id,
            standing: Standing {
                status: row.status,
                updated_at: row.updated_at,
            },
        })
    }
}

/// What is to be read next: of offers of ours first, since somebody waits for those, then the longest due.
pub(crate) async fn due(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    now: DateTime<Utc>,
) -> Result<Vec<Line>, StoreError> {
    let due = "SELECT agreement_id, aws_offer_id, status, agreement.updated_at FROM agreement
        LEFT JOIN offer USING (seller, aws_offer_id)
        WHERE seller = $1 AND read_due <= $2
        ORDER BY offer.seller IS NULL, read_due, agreement_id LIMIT $3";
    lines(executor, due, seller, now).await
}

/// Agreements of our offers that AWS refused to show, the last time before `until`: an acceptance is never given up.
pub(crate) async fn refused(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    until: DateTime<Utc>,
) -> Result<Vec<Line>, StoreError> {
    let refused = "SELECT agreement_id, aws_offer_id, status, agreement.updated_at FROM agreement
        JOIN offer USING (seller, aws_offer_id)
        WHERE seller = $1 AND last_seen <= $2 AND unreadable IS NOT NULL AND read_due IS NULL
        ORDER BY last_seen, agreement_id LIMIT $3";
    lines(executor, refused, seller, until).await
}

async fn lines(
    executor: impl PgExecutor<'_>,
    statement: &'static str,
    seller: &SellerId,
    at: DateTime<Utc>,
) -> Result<Vec<Line>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(statement)
        .bind(seller.as_str())
        .bind(at)
        .bind(BATCH)
        .fetch_all(executor)
        .await?;
    let read = rows.into_iter().map(Line::try_from);
    Ok(read.collect::<Result<_, _>>()?)
}
