//! Agreements as AWS showed them, and until when it was asked.

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::json::{self, parse};
use super::{StoreError, Unreadable};
use crate::domain::agreement::{Agreement, Line, OVER, Standing};
use crate::domain::id::{AgreementId, AwsOfferId, OfferId};

/// What AWS showed of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) line: Line,
    /// The agreement, or why it cannot be read.
    pub(crate) details: Result<Agreement, String>,
    /// AWS's; `None` where that was not asked for now, or AWS does not say.
    pub(crate) product_id: Option<String>,
}

/// An agreement as AWS lists it, in a row.
#[derive(sqlx::FromRow)]
pub(super) struct LineRow {
    agreement_id: String,
    aws_offer_id: String,
    status: String,
    updated_at: Option<DateTime<Utc>>,
}

impl TryFrom<LineRow> for Line {
    type Error = Unreadable;

    fn try_from(row: LineRow) -> Result<Self, Unreadable> {
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

/// How far AWS was asked.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(crate) struct Cursor {
    pub(crate) asked_until: DateTime<Utc>,
    /// When the first look began that saw everything; `None` where nobody noted it.
    pub(crate) first_look_at: Option<DateTime<Utc>>,
}

/// How far AWS was asked; `None` before the first look is over.
pub(crate) async fn cursor(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Option<Cursor>, StoreError> {
    Ok(
        sqlx::query_as("SELECT asked_until, first_look_at FROM agreement_cursor WHERE seller = $1")
            .bind(seller.as_str())
            .fetch_optional(executor)
            .await?,
    )
}

/// Everything until `until` was seen. The first of it is when the account was first looked at.
pub(crate) async fn move_cursor(
    connection: &mut PgConnection,
    seller: &SellerId,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO agreement_cursor (seller, asked_until, first_look_at) VALUES ($1, $2, $2)
        ON CONFLICT (seller) DO UPDATE SET asked_until = $2",
    )
    .bind(seller.as_str())
    .bind(until)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether the agreement was seen as it is. What could not be read then is read again, for as long as AWS lists it
/// among what changed, and by [`super::to_read::due`] if it is ours.
pub(crate) async fn is_known(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    line: &Line,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM agreement WHERE seller = $1 AND agreement_id = $2
            AND status = $3 AND updated_at IS NOT DISTINCT FROM $4
            AND (details IS NOT NULL OR read_due IS NOT NULL))",
    )
    .bind(seller.as_str())
    .bind(line.id.as_str())
    .bind(&line.standing.status)
    .bind(line.standing.updated_at)
    .fetch_one(executor)
    .await?)
}

/// The agreement as it was read last, if it could be.
pub(crate) async fn details(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: &AgreementId,
) -> Result<Option<Agreement>, StoreError> {
    let details: Option<Value> = sqlx::query_scalar(
        "SELECT details FROM agreement
        WHERE seller = $1 AND agreement_id = $2 AND details IS NOT NULL",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(details.map(json::agreement_from).transpose()?)
}

/// The agreement's status as AWS showed it last, if it was seen.
pub(crate) async fn status(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: &AgreementId,
) -> Result<Option<String>, StoreError> {
    Ok(
        sqlx::query_scalar("SELECT status FROM agreement WHERE seller = $1 AND agreement_id = $2")
            .bind(seller.as_str())
            .bind(id.as_str())
            .fetch_optional(executor)
            .await?,
    )
}

/// The offer of ours whose agreement it is.
pub(crate) async fn offer_of(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: &AgreementId,
) -> Result<Option<OfferId>, StoreError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT offer_id FROM agreement
        WHERE seller = $1 AND agreement_id = $2 AND offer_id IS NOT NULL",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(found.map(|id| parse(&id, "offer id")).transpose()?)
}

/// Keeps what AWS shows now. Returns whether the agreement was never read before. Where a look noted meanwhile that
/// it changed again, it stays to be read.
pub(crate) async fn put(
    connection: &mut PgConnection,
    seller: &SellerId,
    seen: &Seen,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Line {
        id,
        aws_offer_id,
        standing,
    } = &seen.line;
    Ok(sqlx::query_scalar(
        "WITH before AS (SELECT 1 FROM agreement WHERE seller = $1 AND agreement_id = $2
            AND (details IS NOT NULL OR unreadable IS NOT NULL))
        INSERT INTO agreement (seller, agreement_id, aws_offer_id, status, updated_at, details,
            unreadable, first_seen, last_seen, end_awaited, product_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $4 = ANY ($9), $10)
        ON CONFLICT (seller, agreement_id) DO UPDATE SET aws_offer_id = $3, status = $4,
            updated_at = $5, details = $6, unreadable = $7, last_seen = $8,
            product_id = COALESCE($10, agreement.product_id),
            end_awaited = agreement.end_awaited OR $4 = ANY ($9),
            read_due = CASE WHEN (agreement.status, agreement.updated_at)
                IS DISTINCT FROM ($4, $5) THEN agreement.read_due END
        RETURNING NOT EXISTS (SELECT 1 FROM before)",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .bind(aws_offer_id)
    .bind(&standing.status)
    .bind(standing.updated_at)
    .bind(seen.details.as_ref().ok().map(json::agreement))
    .bind(seen.details.as_ref().err())
    .bind(now)
    .bind(OVER)
    .bind(seen.product_id.as_deref())
    .fetch_one(connection)
    .await?)
}

/// Notes that the agreement is over. Returns whether that is news.
pub(crate) async fn end(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &AgreementId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "UPDATE agreement SET over_at = $3
        WHERE seller = $1 AND agreement_id = $2 AND over_at IS NULL",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Locks the agreement, if it was seen, so that nobody sees to its end meanwhile.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &AgreementId,
) -> Result<(), StoreError> {
    sqlx::query("SELECT 1 FROM agreement WHERE seller = $1 AND agreement_id = $2 FOR UPDATE")
        .bind(seller.as_str())
        .bind(id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Agreements of offers that were made elsewhere, whose end nobody sees to yet.
pub(crate) async fn unawaited(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Vec<Agreement>, StoreError> {
    let rows: Vec<Value> = sqlx::query_scalar(
        "SELECT details FROM agreement
        WHERE seller = $1 AND offer_id IS NULL AND NOT end_awaited AND details IS NOT NULL
            AND read_due IS NULL AND details ->> 'ends_at' IS NOT NULL AND status <> ALL ($2)
        ORDER BY agreement_id LIMIT 500",
    )
    .bind(seller.as_str())
    .bind(OVER)
    .fetch_all(executor)
    .await?;
    let read = rows.into_iter().map(json::agreement_from);
    Ok(read.collect::<Result<_, _>>()?)
}

/// Notes that its end is seen to, unless its offer became ours. Returns whether that is news.
pub(crate) async fn await_end(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &AgreementId,
) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "UPDATE agreement SET end_awaited = true
        WHERE seller = $1 AND agreement_id = $2 AND offer_id IS NULL AND NOT end_awaited
            AND status <> ALL ($3)",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .bind(OVER)
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Ties the agreement to our offer.
pub(crate) async fn matched(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &AgreementId,
    offer_id: &OfferId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE agreement SET offer_id = $3 WHERE seller = $1 AND agreement_id = $2")
        .bind(seller.as_str())
        .bind(id.as_str())
        .bind(offer_id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// The first agreement of an offer that is none of ours yet, with how it stands at AWS.
pub(crate) async fn of_strange_offer(
    connection: &mut PgConnection,
    seller: &SellerId,
    aws_offer_id: &AwsOfferId,
) -> Result<Option<(Agreement, Standing)>, StoreError> {
    let row: Option<(Value, String, Option<DateTime<Utc>>)> = sqlx::query_as(
        "SELECT details, status, updated_at FROM agreement
        WHERE seller = $1 AND aws_offer_id = $2 AND offer_id IS NULL AND details IS NOT NULL
        ORDER BY first_seen, agreement_id LIMIT 1",
    )
    .bind(seller.as_str())
    .bind(aws_offer_id.as_str())
    .fetch_optional(connection)
    .await?;
    let Some((details, status, updated_at)) = row else {
        return Ok(None);
    };
    let agreement = json::agreement_from(details)?;
    Ok(Some((agreement, Standing { status, updated_at })))
}

/// Agreements whose offer became known after them: an offer may be accepted before we hear that it
/// was published. With how each stands at AWS.
pub(crate) async fn unmatched(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Vec<(AwsOfferId, Agreement, Standing)>, StoreError> {
    let rows: Vec<(String, Value, String, Option<DateTime<Utc>>)> = sqlx::query_as(
        "SELECT aws_offer_id, details, status, agreement.updated_at FROM agreement
        JOIN offer USING (seller, aws_offer_id)
        WHERE seller = $1 AND agreement.offer_id IS NULL AND details IS NOT NULL
            AND read_due IS NULL
        ORDER BY agreement_id LIMIT 100",
    )
    .bind(seller.as_str())
    .fetch_all(executor)
    .await?;
    let read = rows
        .into_iter()
        .map(|(aws_offer_id, details, status, updated_at)| {
            Ok((
                parse(&aws_offer_id, "offer id of AWS")?,
                json::agreement_from(details)?,
                Standing { status, updated_at },
            ))
        });
    Ok(read.collect::<Result<_, Unreadable>>()?)
}
