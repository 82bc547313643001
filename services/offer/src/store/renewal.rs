//! Agreements that end, and who was named to see to them.

use chrono::{DateTime, Utc};
use countersign_kernel::{Money, Principal, SellerId};
use sqlx::{PgConnection, PgExecutor};

use super::json::parse;
use super::offer::Row;
use super::{Position, StoreError, Unreadable};
use crate::domain::agreement::OVER;
use crate::domain::clock::{Kind, RENEWALS};
use crate::domain::cosell::Successor;
use crate::domain::id::AgreementId;
use crate::domain::milestones::Milestones;
use crate::domain::offer::Offer;
use crate::domain::renewal::{Held, Known, Renewal};

/// Which renewals are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) agreement_id: Option<AgreementId>,
    pub(crate) ends_before: Option<DateTime<Utc>>,
    pub(crate) owner: Option<Principal>,
    /// Worth so much or more, in its currency.
    pub(crate) at_least: Option<Money>,
}

#[derive(sqlx::FromRow)]
struct Listed {
    owner: Option<String>,
    next_engagement: Option<String>,
    next_currency: Option<String>,
    next_amount: Option<String>,
    reached: Option<String>,
    #[sqlx(flatten)]
    row: Row,
}

impl Listed {
    /// The three columns come together, or not at all.
    fn successor(&self) -> Result<Option<Successor>, Unreadable> {
        let (Some(id), Some(currency), Some(amount)) = (
            &self.next_engagement,
            &self.next_currency,
            &self.next_amount,
        ) else {
            return Ok(None);
        };
        let value = Money::parse(amount, parse(currency, "currency")?);
        Ok(Some(Successor {
            engagement_id: parse(id, "engagement id")?,
            value: value.map_err(|_| Unreadable::Value {
                field: "price of a renewal",
                value: amount.clone(),
            })?,
        }))
    }
}

impl TryFrom<Listed> for Renewal {
    type Error = Unreadable;

    fn try_from(listed: Listed) -> Result<Self, Unreadable> {
        let successor = listed.successor()?;
        let owner = listed.owner.map(|owner| parse(&owner, "owner"));
        let reached = listed.reached.map(|kind| parse(&kind, "kind of clock"));
        let known = Known {
            owner: owner.transpose()?,
            successor,
            reached: reached.transpose()?,
        };
        let id = listed.row.offer_id.clone();
        let offer = Offer::try_from(listed.row)?;
        Self::of(&offer, known).ok_or(Unreadable::Value {
            field: "agreement with an end, of offer",
            value: id,
        })
    }
}

/// A seller's renewals, the next end first: agreements that AWS did not end, the offer's own only.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    wanted: &Wanted,
    after: Option<&Position>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Renewal>, StoreError> {
    let rows: Vec<Listed> = sqlx::query_as(
        "SELECT o.offer_id, o.revision, o.name, o.description, o.expires_on, o.basis, o.document,
            o.change_set_id, o.last_errors, o.stage, r.owner, n.engagement_id AS next_engagement,
            n.price ->> 'currency' AS next_currency, n.price ->> 'amount' AS next_amount,
            (SELECT c.kind FROM clock AS c
                WHERE c.seller = o.seller AND c.offer_id = o.offer_id AND c.kind = ANY ($11)
                    AND c.due_at <= $12
                ORDER BY c.due_at DESC LIMIT 1) AS reached
        FROM offer AS o
        JOIN agreement AS a ON a.seller = o.seller AND a.offer_id = o.offer_id
            AND a.agreement_id = o.stage #>> '{agreement,id}'
        LEFT JOIN renewal_owner AS r ON r.seller = a.seller AND r.agreement_id = a.agreement_id
        CROSS JOIN LATERAL (SELECT (o.stage #>> '{agreement,ends_at}')::timestamptz AS ends_at,
            o.basis #> '{deal,estimate,economics,price_total}' AS price) AS d
        LEFT JOIN LATERAL (SELECT e.engagement_id,
                e.deal #> '{estimate,economics,price_total}' AS price
            FROM engagement AS e
            WHERE e.seller = a.seller AND e.deal #>> '{estimate,follows_agreement_id}' = a.agreement_id
                AND (e.deal #>> '{estimate,renewal}')::boolean AND e.approval IN ('stamped', 'signed')
            ORDER BY e.updated_at DESC, e.engagement_id LIMIT 1) AS n ON TRUE
        WHERE o.seller = $1 AND o.state = 'accepted' AND a.status <> ALL ($2)
            AND d.ends_at IS NOT NULL
            AND ($3::text IS NULL OR a.agreement_id = $3)
            AND ($4::timestamptz IS NULL OR d.ends_at < $4)
            AND ($5::text IS NULL OR coalesce(r.owner, o.basis #>> '{deal,estimate,author}') = $5)
            AND ($6::text IS NULL OR (d.price ->> 'currency' = $6
                AND (d.price ->> 'amount')::numeric >= $7))
            AND ($8::timestamptz IS NULL OR (d.ends_at, a.agreement_id) > ($8, $9))
        ORDER BY d.ends_at, a.agreement_id LIMIT $10",
    )
    .bind(seller.as_str())
    .bind(OVER)
    .bind(wanted.agreement_id.as_ref().map(AgreementId::as_str))
    .bind(wanted.ends_before)
    .bind(wanted.owner.as_ref().map(Principal::as_str))
    .bind(wanted.at_least.map(|money| money.currency().code()))
    .bind(wanted.at_least.map(Money::amount))
    .bind(after.map(|position| position.at))
    .bind(after.map(|position| position.id.as_str()))
    .bind(limit)
    .bind(RENEWALS.map(Kind::name))
    .bind(now)
    .fetch_all(executor)
    .await?;
    let renewals = rows.into_iter().map(Renewal::try_from);
    Ok(renewals.collect::<Result<_, _>>()?)
}

/// What the buyer of `offer` has of the same product, of this seller: not over by AWS's word, nor by its end.
/// Of several the one that ends last.
pub(crate) async fn held(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    offer: &Offer,
    now: DateTime<Utc>,
) -> Result<Option<Held>, StoreError> {
    let intake = &offer.basis.intake;
    let found: Option<(String, Option<DateTime<Utc>>)> = sqlx::query_as(
        "SELECT a.agreement_id, d.ends_at
        FROM offer AS o
        JOIN agreement AS a ON a.seller = o.seller AND a.offer_id = o.offer_id
            AND a.agreement_id = o.stage #>> '{agreement,id}'
        CROSS JOIN LATERAL (SELECT (o.stage #>> '{agreement,ends_at}')::timestamptz AS ends_at) AS d
        WHERE o.seller = $1 AND o.state = 'accepted'
            AND o.basis #>> '{intake,buyer_account}' = $2
            AND o.basis #>> '{intake,product_id}' = $3
            AND o.offer_id <> $4
            AND a.status <> ALL ($5) AND (d.ends_at IS NULL OR d.ends_at > $6)
        ORDER BY d.ends_at DESC NULLS FIRST LIMIT 1",
    )
    .bind(seller.as_str())
    .bind(intake.buyer_account.as_str())
    .bind(intake.listing.product_id.as_str())
    .bind(offer.id.as_str())
    .bind(OVER)
    .bind(now)
    .fetch_optional(executor)
    .await?;
    let held = found.map(|(id, ends_at)| {
        Ok::<_, Unreadable>(Held {
            agreement_id: parse(&id, "agreement id")?,
            ends_at,
        })
    });
    Ok(held.transpose()?)
}

/// The seller's milestones, if it has some of its own.
pub(crate) async fn milestones(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Option<Milestones>, StoreError> {
    let days: Option<Vec<i16>> =
        sqlx::query_scalar("SELECT milestone_days FROM renewal_policy WHERE seller = $1")
            .bind(seller.as_str())
            .fetch_optional(executor)
            .await?;
    let read = days.map(|days| {
        let known = days.iter().filter_map(|day| u32::try_from(*day).ok());
        Milestones::of(known.collect()).map_err(|_| Unreadable::Value {
            field: "milestone days",
            value: format!("{days:?}"),
        })
    });
    Ok(read.transpose()?)
}

/// Keeps the milestones as they are given now.
pub(crate) async fn put_milestones(
    connection: &mut PgConnection,
    seller: &SellerId,
    milestones: &Milestones,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let days = milestones.days().iter();
    let days: Vec<i16> = days.filter_map(|day| i16::try_from(*day).ok()).collect();
    sqlx::query(
        "INSERT INTO renewal_policy (seller, milestone_days, updated_at) VALUES ($1, $2, $3)
        ON CONFLICT (seller) DO UPDATE SET milestone_days = $2, updated_at = $3",
    )
    .bind(seller.as_str())
    .bind(days)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Names who sees to a renewal.
pub(crate) async fn assign(
    connection: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
    owner: &Principal,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO renewal_owner (seller, agreement_id, owner, assigned_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (seller, agreement_id) DO UPDATE SET owner = $3, assigned_at = $4",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .bind(owner.as_str())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}
