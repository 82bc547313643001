//! Agreements that end (O16): of offers of ours, and of offers that were made elsewhere (O12).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use countersign_kernel::{Money, Principal, SellerId};
use serde_json::Value;
use sqlx::PgConnection;

use super::json::{agreement_from, parse};
use super::{Position, StoreError, Unreadable, offer};
use crate::domain::agreement::OVER;
use crate::domain::clock::Kind;
use crate::domain::clock::renewals::RENEWALS;
use crate::domain::cosell::Successor;
use crate::domain::id::AgreementId;
use crate::domain::offer::Offer;
use crate::domain::renewal::{Known, Renewal};

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
struct Row {
    agreement_id: String,
    /// Ours; none where the offer was made elsewhere.
    offer_id: Option<String>,
    details: Option<Value>,
    owner: Option<String>,
    next_engagement: Option<String>,
    next_currency: Option<String>,
    next_amount: Option<String>,
    reached: Option<String>,
}

impl Row {
    fn known(&self) -> Result<Known, Unreadable> {
        let owner = self.owner.as_ref().map(|owner| parse(owner, "owner"));
        let reached = self.reached.as_ref();
        let reached = reached.map(|kind| parse(kind, "kind of clock"));
        Ok(Known {
            owner: owner.transpose()?,
            successor: self.successor()?,
            reached: reached.transpose()?,
        })
    }

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

    fn read(self, offers: &HashMap<String, Offer>) -> Result<Renewal, Unreadable> {
        let known = self.known()?;
        let read = match (self.offer_id, self.details) {
            (Some(id), _) => offers.get(&id).and_then(|offer| Renewal::of(offer, known)),
            (None, Some(details)) => Renewal::of_nobody(&agreement_from(details)?, known),
            (None, None) => None,
        };
        read.ok_or(Unreadable::Value {
            field: "agreement with an end",
            value: self.agreement_id,
        })
    }
}

/// A seller's agreements that end and that AWS did not end, the next end first; of an offer of ours its own one
/// only.
pub(crate) async fn page(
    connection: &mut PgConnection,
    seller: &SellerId,
    wanted: &Wanted,
    after: Option<&Position>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Renewal>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT a.agreement_id, o.offer_id, a.details, r.owner, n.engagement_id AS next_engagement,
            n.price ->> 'currency' AS next_currency, n.price ->> 'amount' AS next_amount,
            CASE WHEN o.offer_id IS NULL
                THEN (SELECT c.kind FROM clock AS c
                    WHERE c.seller = a.seller AND c.offer_id IS NULL AND c.engagement_id = a.agreement_id
                        AND c.kind = ANY ($11) AND c.due_at <= $12
                    ORDER BY c.due_at DESC LIMIT 1)
                ELSE (SELECT c.kind FROM clock AS c
                    WHERE c.seller = a.seller AND c.offer_id = o.offer_id
                        AND c.kind = ANY ($11) AND c.due_at <= $12
                    ORDER BY c.due_at DESC LIMIT 1)
            END AS reached
        FROM agreement AS a
        LEFT JOIN offer AS o ON o.seller = a.seller AND o.offer_id = a.offer_id
            AND o.state = 'accepted' AND o.stage #>> '{agreement,id}' = a.agreement_id
        LEFT JOIN renewal_owner AS r ON r.seller = a.seller AND r.agreement_id = a.agreement_id
        CROSS JOIN LATERAL (SELECT
            coalesce(o.stage #>> '{agreement,ends_at}', a.details ->> 'ends_at')::timestamptz AS ends_at,
            coalesce(o.basis #>> '{deal,estimate,economics,price_total,currency}', charged.currency)
                AS currency,
            coalesce((o.basis #>> '{deal,estimate,economics,price_total,amount}')::numeric,
                charged.amount) AS amount
            FROM (VALUES (1)) AS one
            LEFT JOIN (SELECT min(money ->> 'currency') AS currency,
                    sum((money ->> 'amount')::numeric) AS amount
                FROM (SELECT charge -> 'amount' AS money
                        FROM jsonb_array_elements(a.details -> 'charges') AS charge
                    UNION ALL SELECT a.details #> '{variable,cap}') AS each
                HAVING count(DISTINCT money ->> 'currency') = 1) AS charged ON TRUE) AS d
        LEFT JOIN LATERAL (SELECT e.engagement_id,
                e.deal #> '{estimate,economics,price_total}' AS price
            FROM engagement AS e
            WHERE e.seller = a.seller AND e.deal #>> '{estimate,follows_agreement_id}' = a.agreement_id
                AND (e.deal #>> '{estimate,renewal}')::boolean AND e.approval IN ('stamped', 'signed')
            ORDER BY e.updated_at DESC, e.engagement_id LIMIT 1) AS n ON TRUE
        WHERE a.seller = $1 AND a.status <> ALL ($2) AND d.ends_at IS NOT NULL
            AND (o.offer_id IS NOT NULL OR (a.offer_id IS NULL AND a.details IS NOT NULL
                AND a.agreement_id ~ '^[A-Za-z0-9_.:-]+$'))
            AND ($3::text IS NULL OR a.agreement_id = $3)
            AND ($4::timestamptz IS NULL OR d.ends_at < $4)
            AND ($5::text IS NULL OR coalesce(r.owner, o.basis #>> '{deal,estimate,author}') = $5)
            AND ($6::text IS NULL OR (d.currency = $6 AND d.amount >= $7))
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
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.offer_id.as_deref())
        .collect();
    let offers = offer::these(connection, seller, &ids).await?;
    let offers = offers
        .into_iter()
        .map(|offer| (offer.id.to_string(), offer));
    let offers: HashMap<_, _> = offers.collect();
    let renewals = rows.into_iter().map(|row| row.read(&offers));
    Ok(renewals.collect::<Result<_, _>>()?)
}
