//! What the seller has at AWS, and the import that reads it (O12).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use sqlx::{PgConnection, PgExecutor};

use super::{Position, StoreError, Unreadable, revision};
use crate::domain::import::{Counts, Import, Listed, Ownership, State};

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    state: String,
    started_at: DateTime<Utc>,
    since: Option<DateTime<Utc>>,
    next_token: Option<String>,
    pages: i64,
    seen: i64,
    new: i64,
    changed: i64,
    ended_at: Option<DateTime<Utc>>,
    problem: Option<String>,
}

impl TryFrom<Row> for Import {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        Ok(Self {
            number: revision(row.number)?,
            started_at: row.started_at,
            since: row.since,
            pages: revision(row.pages)?,
            counts: Counts {
                seen: revision(row.seen)?,
                new: revision(row.new)?,
                changed: revision(row.changed)?,
            },
            state: match (row.state.as_str(), row.ended_at, row.problem) {
                ("running", None, None) => State::Running {
                    next_token: row.next_token,
                },
                ("done", Some(at), None) => State::Done { at },
                ("failed", Some(at), Some(problem)) => State::Failed { at, problem },
                (other, ..) => {
                    return Err(Unreadable::Value {
                        field: "import state",
                        value: other.to_owned(),
                    });
                }
            },
        })
    }
}

/// The seller's last import, if there was one.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Option<Import>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT number, state, started_at, since, next_token, pages, seen, new, changed, ended_at,
            problem
        FROM marketplace_import WHERE seller = $1",
    )
    .bind(seller.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Import::try_from).transpose()?)
}

/// The same, locked for change.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    seller: &SellerId,
) -> Result<Option<Import>, StoreError> {
    sqlx::query("SELECT 1 FROM marketplace_import WHERE seller = $1 FOR UPDATE")
        .bind(seller.as_str())
        .execute(&mut *connection)
        .await?;
    find(connection, seller).await
}

/// Keeps how the import stands.
pub(crate) async fn put(
    connection: &mut PgConnection,
    seller: &SellerId,
    import: &Import,
) -> Result<(), StoreError> {
    let (state, next_token, ended_at, problem) = match &import.state {
        State::Running { next_token } => ("running", next_token.as_deref(), None, None),
        State::Done { at } => ("done", None, Some(*at), None),
        State::Failed { at, problem } => ("failed", None, Some(*at), Some(problem.as_str())),
    };
    sqlx::query(
        "INSERT INTO marketplace_import (seller, number, state, started_at, since, next_token, pages,
            seen, new, changed, ended_at, problem)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (seller) DO UPDATE SET number = $2, state = $3, started_at = $4, since = $5,
            next_token = $6, pages = $7, seen = $8, new = $9, changed = $10, ended_at = $11,
            problem = $12",
    )
    .bind(seller.as_str())
    .bind(i64::from(import.number))
    .bind(state)
    .bind(import.started_at)
    .bind(import.since)
    .bind(next_token)
    .bind(i64::from(import.pages))
    .bind(i64::from(import.counts.seen))
    .bind(i64::from(import.counts.new))
    .bind(i64::from(import.counts.changed))
    .bind(ended_at)
    .bind(problem)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps an offer as AWS lists it now. Returns whether it is new; `None`: it is known as it is.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer: &Listed,
    now: DateTime<Utc>,
) -> Result<Option<bool>, StoreError> {
    Ok(sqlx::query_scalar(
        "INSERT INTO marketplace_offer AS known (seller, aws_offer_id, name, product_id, state,
            buyer_accounts, available_until, released_at, modified_at, first_seen)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (seller, aws_offer_id) DO UPDATE SET name = $3, product_id = $4, state = $5,
            buyer_accounts = $6, available_until = $7, released_at = $8, modified_at = $9
        WHERE (known.name, known.product_id, known.state, known.buyer_accounts,
            known.available_until, known.released_at, known.modified_at)
            IS DISTINCT FROM ($3, $4, $5, $6, $7, $8, $9)
        RETURNING xmax = 0",
    )
    .bind(seller.as_str())
    .bind(&offer.aws_offer_id)
    .bind(&offer.name)
    .bind(&offer.product_id)
    .bind(&offer.state)
    .bind(&offer.buyer_accounts)
    .bind(&offer.available_until)
    .bind(&offer.released_at)
    .bind(&offer.modified_at)
    .bind(now)
    .fetch_optional(connection)
    .await?)
}

/// An offer of AWS's, and what it is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) listed: Listed,
    pub(crate) ownership: Ownership,
    /// Ours, if it is one.
    pub(crate) offer_id: Option<String>,
    pub(crate) first_seen: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    aws_offer_id: String,
    name: String,
    product_id: String,
    state: String,
    buyer_accounts: Vec<String>,
    available_until: String,
    released_at: String,
    modified_at: String,
    first_seen: DateTime<Utc>,
    offer_id: Option<String>,
    associated: bool,
}

impl From<KnownRow> for Known {
    fn from(row: KnownRow) -> Self {
        Self {
            ownership: Ownership::of(row.offer_id.is_some(), row.associated),
            listed: Listed {
                aws_offer_id: row.aws_offer_id,
                name: row.name,
                product_id: row.product_id,
                state: row.state,
                buyer_accounts: row.buyer_accounts,
                available_until: row.available_until,
                released_at: row.released_at,
                modified_at: row.modified_at,
            },
            offer_id: row.offer_id,
            first_seen: row.first_seen,
        }
    }
}

/// What the seller has at AWS, the newest to us first.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    wanted: Option<Ownership>,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Known>, StoreError> {
    let rows: Vec<KnownRow> = sqlx::query_as(
        "SELECT * FROM (
            SELECT known.aws_offer_id, known.name, known.product_id, known.state,
                known.buyer_accounts, known.available_until, known.released_at, known.modified_at,
                known.first_seen, ours.offer_id,
                COALESCE(ours.basis -> 'origin' = '\"associated\"', false) AS associated
            FROM marketplace_offer AS known
            LEFT JOIN offer AS ours USING (seller, aws_offer_id)
            WHERE seller = $1
        ) AS listed
        WHERE ($2::text IS NULL OR $2 = CASE WHEN offer_id IS NULL THEN 'not-ours'
                WHEN associated THEN 'associated' ELSE 'ours' END)
            AND ($3::timestamptz IS NULL OR (first_seen, aws_offer_id) < ($3, $4))
        ORDER BY first_seen DESC, aws_offer_id DESC LIMIT $5",
    )
    .bind(seller.as_str())
    .bind(wanted.map(Ownership::name))
    .bind(after.map(|position| position.at))
    .bind(after.map(|position| position.id.as_str()))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(Known::from).collect())
}
