//! What a seller says of renewals: who was named to see to one, and its milestones; and what a buyer has.

use chrono::{DateTime, Utc};
use countersign_kernel::{Principal, SellerId};
use sqlx::{PgConnection, PgExecutor};

use super::json::parse;
use super::{StoreError, Unreadable};
use crate::domain::agreement::OVER;
use crate::domain::id::AgreementId;
use crate::domain::milestones::Milestones;
use crate::domain::offer::Offer;
use crate::domain::renewal::Held;

/// What the buyer of `offer` has of the same product, of this seller, made here or elsewhere: not over by AWS's word,
/// nor by its end. Of several the one that ends last.
pub(crate) async fn held(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    offer: &Offer,
    now: DateTime<Utc>,
) -> Result<Option<Held>, StoreError> {
    let intake = &offer.basis.intake;
    let found: Option<(String, Option<DateTime<Utc>>)> = sqlx::query_as(
        "SELECT agreement_id, ends_at FROM (
            SELECT a.agreement_id, a.status, (o.stage #>> '{agreement,ends_at}')::timestamptz AS ends_at
            FROM offer AS o
            JOIN agreement AS a ON a.seller = o.seller AND a.offer_id = o.offer_id
                AND a.agreement_id = o.stage #>> '{agreement,id}'
            WHERE o.seller = $1 AND o.state = 'accepted'
                AND o.basis #>> '{intake,buyer_account}' = $2
                AND o.basis #>> '{intake,product_id}' = $3
                AND o.offer_id <> $4
            UNION ALL
            SELECT agreement_id, status, (details ->> 'ends_at')::timestamptz AS ends_at
            FROM agreement
            WHERE seller = $1 AND offer_id IS NULL
                AND details ->> 'acceptor' = $2 AND product_id = $3
                AND aws_offer_id IS DISTINCT FROM
                    (SELECT aws_offer_id FROM offer WHERE seller = $1 AND offer_id = $4)
        ) AS held
        WHERE status <> ALL ($5) AND (ends_at IS NULL OR ends_at > $6)
        ORDER BY ends_at DESC NULLS FIRST LIMIT 1",
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

/// Who was named to see to the renewal of an agreement.
pub(crate) async fn owner(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<Option<Principal>, StoreError> {
    let owner: Option<String> = sqlx::query_scalar(
        "SELECT owner FROM renewal_owner WHERE seller = $1 AND agreement_id = $2",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(owner.map(|owner| parse(&owner, "principal")).transpose()?)
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
