//! Agreements that end, and who was named to see to them.

use chrono::{DateTime, Utc};
use countersign_kernel::{Money, Principal, SellerId};
use sqlx::{PgConnection, PgExecutor};

use super::json::parse;
use super::offer::Row;
use super::{Position, StoreError, Unreadable};
use crate::domain::agreement::OVER;
use crate::domain::id::AgreementId;
use crate::domain::offer::Offer;
use crate::domain::renewal::{Held, Renewal};

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
    #[sqlx(flatten)]
    row: Row,
}

impl TryFrom<Listed> for Renewal {
    type Error = Unreadable;

    fn try_from(Listed { owner, row }: Listed) -> Result<Self, Unreadable> {
        let owner = owner.map(|owner| parse(&owner, "owner")).transpose()?;
        let id = row.offer_id.clone();
        let offer = Offer::try_from(row)?;
        Self::of(&offer, owner).ok_or(Unreadable::Value {
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
) -> Result<Vec<Renewal>, StoreError> {
    let rows: Vec<Listed> = sqlx::query_as(
        "SELECT o.offer_id, o.revision, o.name, o.description, o.expires_on, o.basis, o.document,
            o.change_set_id, o.last_errors, o.stage, r.owner
        FROM offer AS o
        JOIN agreement AS a ON a.seller = o.seller AND a.offer_id = o.offer_id
            AND a.agreement_id = o.stage #>> '{agreement,id}'
        LEFT JOIN renewal_owner AS r ON r.seller = a.seller AND r.agreement_id = a.agreement_id
        CROSS JOIN LATERAL (SELECT (o.stage #>> '{agreement,ends_at}')::timestamptz AS ends_at,
            o.basis #> '{deal,estimate,economics,price_total}' AS price) AS d
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
