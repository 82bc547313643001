//! Clocks.

use chrono::{DateTime, Utc};
use countersign_kernel::{Principal, SellerId};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};

use super::json::parse;
use super::{Position, StoreError, Unreadable, one_row};
use crate::domain::clock::renewals::RENEWALS;
use crate::domain::clock::{Clock, Kind, State};
use crate::domain::id::{AgreementId, OfferId};
use crate::domain::offer::Offer;
use crate::domain::renewal::Renewal;

#[derive(sqlx::FromRow)]
struct Row {
    clock_id: String,
    kind: String,
    offer_id: Option<String>,
    engagement_id: String,
    named: Option<String>,
    state: String,
    started_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    reason: Option<String>,
}

impl TryFrom<Row> for Clock {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        Ok(Self {
            kind: parse(&row.kind, "clock kind")?,
            offer_id: row.offer_id.map(|id| parse(&id, "offer id")).transpose()?,
            engagement_id: parse(&row.engagement_id, "engagement id")?,
            named: row
                .named
                .map(|name| parse(&name, "principal"))
                .transpose()?,
            started_at: row.started_at,
            due_at: row.due_at,
            state: match (row.state.as_str(), row.ended_at, row.reason) {
                ("running", None, None) => State::Running,
                ("settled", Some(at), Some(reason)) => State::Settled { at, reason },
                ("breached", Some(at), None) => State::Breached { at },
                (other, ..) => {
                    return Err(Unreadable::Value {
                        field: "clock state",
                        value: other.to_owned(),
                    });
                }
            },
            id: row.clock_id,
        })
    }
}

fn ended(clock: &Clock) -> (Option<DateTime<Utc>>, Option<&str>) {
    match &clock.state {
        State::Running => (None, None),
        State::Settled { at, reason } => (Some(*at), Some(reason)),
        State::Breached { at } => (Some(*at), None),
    }
}

/// Writes a new clock. Returns whether it is new: one of that id stays as it is.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    seller: &SellerId,
    clock: &Clock,
) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "INSERT INTO clock (seller, clock_id, kind, offer_id, engagement_id, owner, state, started_at,
            due_at, named)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (seller, clock_id) DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(&clock.id)
    .bind(clock.kind.name())
    .bind(clock.offer_id.as_ref().map(OfferId::as_str))
    .bind(clock.engagement_id.as_str())
    .bind(clock.kind.role())
    .bind(clock.state.name())
    .bind(clock.started_at)
    .bind(clock.due_at)
    .bind(clock.named.as_ref().map(Principal::as_str))
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// The clock, locked for change.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &str,
) -> Result<Option<Clock>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT clock_id, kind, offer_id, engagement_id, named, state, started_at, due_at, ended_at, reason
        FROM clock WHERE seller = $1 AND clock_id = $2 FOR UPDATE",
    )
    .bind(seller.as_str())
    .bind(id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Clock::try_from).transpose()?)
}

/// The running clocks of a kind, locked for change.
pub(crate) async fn running(
    connection: &mut PgConnection,
    seller: &SellerId,
    offer_id: &OfferId,
    kind: Kind,
) -> Result<Vec<Clock>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT clock_id, kind, offer_id, engagement_id, named, state, started_at, due_at, ended_at, reason
        FROM clock WHERE seller = $1 AND offer_id = $2 AND kind = $3 AND state = 'running'
        ORDER BY clock_id FOR UPDATE",
    )
    .bind(seller.as_str())
    .bind(offer_id.as_str())
    .bind(kind.name())
    .fetch_all(connection)
    .await?;
    let clocks = rows.into_iter().map(Clock::try_from);
    Ok(clocks.collect::<Result<_, _>>()?)
}

/// Gives the milestones of an agreement that stood under its own name to its offer, whether they run or ended. Returns
/// them as they stand now.
pub(crate) async fn adopt(
    connection: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
    offer: &Offer,
) -> Result<Vec<Clock>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "UPDATE clock SET offer_id = $4, engagement_id = $5
        WHERE seller = $1 AND offer_id IS NULL AND engagement_id = $2 AND kind = ANY ($3)
        RETURNING clock_id, kind, offer_id, engagement_id, named, state, started_at, due_at, ended_at,
            reason",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .bind(RENEWALS.map(Kind::name))
    .bind(offer.id.as_str())
    .bind(offer.engagement_id().as_str())
    .fetch_all(connection)
    .await?;
    let clocks = rows.into_iter().map(Clock::try_from);
    Ok(clocks.collect::<Result<_, _>>()?)
}

/// Names who sees to the milestones of a renewal that still run: its offer's, or those that stand under the agreement's
/// own name. Returns them as they stand now.
pub(crate) async fn name(
    connection: &mut PgConnection,
    seller: &SellerId,
    renewal: &Renewal,
    owner: &Principal,
) -> Result<Vec<Clock>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "UPDATE clock SET named = $5
        WHERE seller = $1 AND state = 'running' AND kind = ANY ($4)
            AND CASE WHEN $2::text IS NULL THEN offer_id IS NULL AND engagement_id = $3
                ELSE offer_id = $2 END
        RETURNING clock_id, kind, offer_id, engagement_id, named, state, started_at, due_at, ended_at,
            reason",
    )
    .bind(seller.as_str())
    .bind(renewal.offer_id.as_ref().map(OfferId::as_str))
    .bind(renewal.agreement_id.as_str())
    .bind(RENEWALS.map(Kind::name))
    .bind(owner.as_str())
    .fetch_all(connection)
    .await?;
    let clocks = rows.into_iter().map(Clock::try_from);
    Ok(clocks.collect::<Result<_, _>>()?)
}

/// When the running clock of a kind is due; of several the last.
pub(crate) async fn due_at(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    offer_id: &OfferId,
    kind: Kind,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT max(due_at) FROM clock
        WHERE seller = $1 AND offer_id = $2 AND kind = $3 AND state = 'running'",
    )
    .bind(seller.as_str())
    .bind(offer_id.as_str())
    .bind(kind.name())
    .fetch_one(executor)
    .await?)
}

/// Writes how a running clock ended.
pub(crate) async fn update(
    connection: &mut PgConnection,
    seller: &SellerId,
    clock: &Clock,
) -> Result<(), StoreError> {
    let (ended_at, reason) = ended(clock);
    let written = sqlx::query(
        "UPDATE clock SET state = $3, ended_at = $4, reason = $5
        WHERE seller = $1 AND clock_id = $2 AND state = 'running'",
    )
    .bind(seller.as_str())
    .bind(&clock.id)
    .bind(clock.state.name())
    .bind(ended_at)
    .bind(reason)
    .execute(connection)
    .await?;
    one_row("the clock", written.rows_affected())
}

/// Which clocks are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) state: Option<&'static str>,
    pub(crate) offer_id: Option<String>,
}

/// A seller's clocks, the next due first.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    wanted: &Wanted,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Clock>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT clock_id, kind, offer_id, engagement_id, named, state, started_at, due_at, ended_at, reason
        FROM clock
        WHERE seller = $1 AND ($2::text IS NULL OR state = $2)
            AND ($3::text IS NULL OR offer_id = $3)
            AND ($4::timestamptz IS NULL OR (due_at, clock_id) > ($4, $5))
        ORDER BY due_at, clock_id LIMIT $6",
    )
    .bind(seller.as_str())
    .bind(wanted.state)
    .bind(wanted.offer_id.as_deref())
    .bind(after.map(|position| position.at))
    .bind(after.map(|position| position.id.as_str()))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    let clocks = rows.into_iter().map(Clock::try_from);
    Ok(clocks.collect::<Result<_, _>>()?)
}

/// What the audit trail says of a clock (P3).
pub(crate) fn audit_view(clock: &Clock) -> Value {
    let (ended_at, reason) = ended(clock);
    json!({
        "kind": clock.kind.name(),
        "offer_id": clock.offer_id.as_ref().map(OfferId::as_str),
        "owner": clock.owner(),
        "state": clock.state.name(),
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "ended_at": ended_at,
        "reason": reason,
    })
}
