//! What the seller has at AWS, and the import that reads it (O12).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use sqlx::{PgConnection, PgExecutor};

use super::{Position, StoreError, Unreadable, revision};
use crate::domain::import::{Counts, Import, List, Listed, ListedKind, Ownership, State};

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    state: String,
    started_at: DateTime<Utc>,
    since: Option<DateTime<Utc>>,
    list: String,
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
                    list: List::named(&row.list).ok_or(Unreadable::Value {
                        field: "list",
                        value: row.list,
                    })?,
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
        "SELECT number, state, started_at, since, list, next_token, pages, seen, new, changed,
            ended_at, problem
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
    // Where it goes on: of one that is over nowhere.
    let over = (List::Offers, None);
    let (state, (list, next_token), ended_at, problem) = match &import.state {
        State::Running { list, next_token } => {
            ("running", (*list, next_token.as_deref()), None, None)
        }
        State::Done { at } => ("done", over, Some(*at), None),
        State::Failed { at, problem } => ("failed", over, Some(*at), Some(problem.as_str())),
    };
    sqlx::query(
        "INSERT INTO marketplace_import (seller, number, state, started_at, since, next_token, pages,
            seen, new, changed, ended_at, problem, list)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (seller) DO UPDATE SET number = $2, state = $3, started_at = $4, since = $5,
            next_token = $6, pages = $7, seen = $8, new = $9, changed = $10, ended_at = $11,
            problem = $12, list = $13",
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
    .bind(list.name())
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps an offer or an authorization as AWS lists it now. Returns whether it is new; `None`: it is known as it is.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer: &Listed,
    now: DateTime<Utc>,
) -> Result<Option<bool>, StoreError> {
    Ok(sqlx::query_scalar(
        "INSERT INTO marketplace_offer AS known (seller, aws_offer_id, name, product_id, state,
            buyer_accounts, available_until, released_at, modified_at, first_seen, kind,
            authorization_id, reseller_account, manufacturer_account, used)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        ON CONFLICT (seller, aws_offer_id) DO UPDATE SET name = $3, product_id = $4, state = $5,
            buyer_accounts = $6, available_until = $7, released_at = $8, modified_at = $9,
            kind = $11, authorization_id = $12, reseller_account = $13,
            manufacturer_account = $14, used = $15
        WHERE (known.name, known.product_id, known.state, known.buyer_accounts,
            known.available_until, known.released_at, known.modified_at, known.kind,
            known.authorization_id, known.reseller_account, known.manufacturer_account, known.used)
            IS DISTINCT FROM ($3, $4, $5, $6, $7, $8, $9, $11, $12, $13, $14, $15)
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
    .bind(offer.kind.name())
    .bind(&offer.authorization_id)
    .bind(&offer.reseller_account)
    .bind(&offer.manufacturer_account)
    .bind(&offer.used)
    .fetch_optional(connection)
    .await?)
}

/// An offer or an authorization of AWS's, and what it is to us.
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
    kind: String,
    aws_offer_id: String,
    name: String,
    product_id: String,
    state: String,
    buyer_accounts: Vec<String>,
    available_until: String,
    released_at: String,
    modified_at: String,
    authorization_id: String,
    reseller_account: String,
    manufacturer_account: String,
    used: String,
    first_seen: DateTime<Utc>,
    offer_id: Option<String>,
    associated: bool,
}

impl TryFrom<KnownRow> for Known {
    type Error = Unreadable;

    fn try_from(row: KnownRow) -> Result<Self, Unreadable> {
        Ok(Self {
            ownership: Ownership::of(row.offer_id.is_some(), row.associated),
            listed: Listed {
                kind: ListedKind::named(&row.kind).ok_or(Unreadable::Value {
                    field: "kind",
                    value: row.kind,
                })?,
                aws_offer_id: row.aws_offer_id,
                name: row.name,
                product_id: row.product_id,
                state: row.state,
                buyer_accounts: row.buyer_accounts,
                available_until: row.available_until,
                released_at: row.released_at,
                modified_at: row.modified_at,
                authorization_id: row.authorization_id,
                reseller_account: row.reseller_account,
                manufacturer_account: row.manufacturer_account,
                used: row.used,
            },
            offer_id: row.offer_id,
            first_seen: row.first_seen,
        })
    }
}

/// What is wanted of it; `None`: whatever it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) ownership: Option<Ownership>,
    pub(crate) kind: Option<ListedKind>,
}

/// What the seller has at AWS, the newest to us first.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    wanted: Wanted,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Known>, StoreError> {
    let rows: Vec<KnownRow> = sqlx::query_as(
        "SELECT * FROM (
            SELECT known.kind, known.aws_offer_id, known.name, known.product_id, known.state,
                known.buyer_accounts, known.available_until, known.released_at, known.modified_at,
                known.authorization_id, known.reseller_account, known.manufacturer_account,
                known.used, known.first_seen, ours.offer_id,
                COALESCE(ours.basis -> 'origin' = '\"associated\"', false) AS associated
            FROM marketplace_offer AS known
            LEFT JOIN offer AS ours USING (seller, aws_offer_id)
            WHERE seller = $1
        ) AS listed
        WHERE ($2::text IS NULL OR $2 = CASE WHEN offer_id IS NULL THEN 'not-ours'
                WHEN associated THEN 'associated' ELSE 'ours' END)
            AND ($3::timestamptz IS NULL OR (first_seen, aws_offer_id) < ($3, $4))
            AND ($6::text IS NULL OR kind = $6)
        ORDER BY first_seen DESC, aws_offer_id DESC LIMIT $5",
    )
    .bind(seller.as_str())
    .bind(wanted.ownership.map(Ownership::name))
    .bind(after.map(|position| position.at))
    .bind(after.map(|position| position.id.as_str()))
    .bind(limit)
    .bind(wanted.kind.map(ListedKind::name))
    .fetch_all(executor)
    .await?;
    let known = rows.into_iter().map(Known::try_from);
    Ok(known.collect::<Result<_, _>>()?)
}
