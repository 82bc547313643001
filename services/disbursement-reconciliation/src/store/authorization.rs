//! Resale authorizations, and the sales that resellers made of them, as the feeds tell of them.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use countersign_kernel::{Currency, Decimal, Money, Rate, SellerId};
use countersign_platform::Failure;
use sqlx::PgConnection;

use super::{inconsistent, money, number, parse};
use crate::domain::authorization::{Authorization, OVER};
use crate::domain::ids::{AgreementId, AuthorizationId};
use crate::domain::terms::Charge;

/// How many sales, or ends of such, are looked up at once.
const BATCH: i64 = 100;

#[derive(sqlx::FromRow)]
struct AuthorizationRow {
    authorization_id: String,
    engagement_id: String,
    currency: String,
    base_total: Decimal,
    price_total: Decimal,
    fee_rate: Decimal,
    expected_fee: Decimal,
    billing_terms_days: i32,
}

#[derive(sqlx::FromRow)]
struct ChargeRow {
    number: i32,
    charge_date: NaiveDate,
    amount: Decimal,
}

/// Keeps an authorization as it was released; false when it is known.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    seller: &SellerId,
    authorization: &Authorization,
) -> Result<bool, Failure> {
    let inserted = sqlx::query(
        "INSERT INTO resale_authorization (seller, authorization_id, engagement_id, currency,
            base_total, price_total, fee_rate, expected_fee, billing_terms_days)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (seller, authorization_id) DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(authorization.id.as_str())
    .bind(authorization.engagement.as_str())
    .bind(authorization.price_total.currency().code())
    .bind(authorization.base_total.amount())
    .bind(authorization.price_total.amount())
    .bind(authorization.fee_rate.fraction())
    .bind(authorization.expected_fee.amount())
    .bind(i64::from(authorization.billing_terms_days))
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    for charge in &authorization.charges {
        sqlx::query(
            "INSERT INTO resale_authorization_charge (seller, authorization_id, number,
                charge_date, amount)
            VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(seller.as_str())
        .bind(authorization.id.as_str())
        .bind(i64::from(charge.number))
        .bind(charge.on)
        .bind(charge.amount.amount())
        .execute(&mut *conn)
        .await?;
    }
    Ok(true)
}

/// An authorization as it was released, if it is known.
pub(crate) async fn find(
    conn: &mut PgConnection,
    seller: &SellerId,
    id: &AuthorizationId,
) -> Result<Option<Authorization>, Failure> {
    let row: Option<AuthorizationRow> = sqlx::query_as(
        "SELECT * FROM resale_authorization WHERE seller = $1 AND authorization_id = $2",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let charges: Vec<ChargeRow> = sqlx::query_as(
        "SELECT number, charge_date, amount FROM resale_authorization_charge
        WHERE seller = $1 AND authorization_id = $2 ORDER BY number",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .fetch_all(conn)
    .await?;
    let what = "a resale authorization";
    let currency: Currency = parse(what, &row.currency)?;
    let charges = charges.into_iter().map(|charge| {
        Ok(Charge {
            number: number(what, charge.number)?,
            on: charge.charge_date,
            amount: money(what, charge.amount, currency)?,
            wholesale: Money::zero(currency),
        })
    });
    Ok(Some(Authorization {
        id: parse(what, &row.authorization_id)?,
        engagement: parse(what, &row.engagement_id)?,
        base_total: money(what, row.base_total, currency)?,
        price_total: money(what, row.price_total, currency)?,
        fee_rate: Rate::new(row.fee_rate).map_err(|error| inconsistent(what, error))?,
        expected_fee: money(what, row.expected_fee, currency)?,
        charges: charges.collect::<Result<_, Failure>>()?,
        billing_terms_days: number(what, row.billing_terms_days)?,
    }))
}

/// A sale as the feeds tell of it: AWS's texts, which are read where feeds are read.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct FoundSale {
    pub(crate) authorization_id: String,
    pub(crate) agreement_id: String,
    pub(crate) aws_offer_id: String,
    pub(crate) acceptance_time: String,
}

/// The next sales of the seller's authorizations of which no cash is expected yet, in the order of their
/// agreements: the offer's row names the authorization, the agreement's row the offer. A seller without
/// authorizations has none, whatever its feeds hold.
pub(crate) async fn sold(
    conn: &mut PgConnection,
    seller: &SellerId,
    after: &str,
) -> Result<Vec<FoundSale>, Failure> {
    let rows = sqlx::query_as(
        "SELECT DISTINCT ON (sale.entity_key) authorization_id, sale.entity_key AS agreement_id,
            offer.content ->> 'offer_id' AS aws_offer_id,
            sale.content ->> 'acceptance_time' AS acceptance_time
        FROM resale_authorization
        JOIN feed_row offer ON offer.seller = $1 AND offer.feed = 'offerfeed_v1'
            AND offer.content ->> 'opportunity_id' = authorization_id
        JOIN feed_row sale ON sale.seller = $1 AND sale.feed = 'agreementfeed_v1'
            AND sale.content ->> 'offer_id' = offer.content ->> 'offer_id'
            AND sale.content ? 'acceptance_time'
        WHERE resale_authorization.seller = $1 AND sale.entity_key > $2 AND NOT EXISTS (
            SELECT FROM agreement WHERE agreement.seller = $1
                AND agreement.agreement_id = sale.entity_key
        )
        ORDER BY sale.entity_key, sale.version_key LIMIT $3",
    )
    .bind(seller.as_str())
    .bind(after)
    .bind(BATCH)
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// An agreement of a reseller's that the feeds tell to be over.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct FoundEnd {
    pub(crate) agreement_id: String,
    /// Since when its row holds.
    pub(crate) valid_from: String,
}

/// The next agreements of resellers that are over while charges are still expected that AWS has not
/// invoiced, in the order of their ids: what the newest row of each says.
pub(crate) async fn ended(
    conn: &mut PgConnection,
    seller: &SellerId,
    after: &str,
) -> Result<Vec<FoundEnd>, Failure> {
    let rows = sqlx::query_as(
        "WITH newest AS (
            SELECT DISTINCT ON (entity_key) entity_key, content
            FROM feed_row JOIN agreement ON agreement.seller = $1
                AND agreement.agreement_id = feed_row.entity_key
            WHERE feed_row.seller = $1 AND feed = 'agreementfeed_v1' AND entity_key > $2
                AND agreement.authorization_id IS NOT NULL AND agreement.settled_at IS NULL
            ORDER BY entity_key, version_key COLLATE \"C\" DESC
        )
        SELECT entity_key AS agreement_id, content ->> 'valid_from' AS valid_from FROM newest
        WHERE content ->> 'status' = ANY ($3)
        ORDER BY entity_key LIMIT $4",
    )
    .bind(seller.as_str())
    .bind(after)
    .bind(OVER.as_slice())
    .bind(BATCH)
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// The charges, by number, that an end on this day leaves without an invoice: those whose day had not
/// come (O15).
pub(crate) async fn not_due(
    conn: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
    ended_on: NaiveDate,
) -> Result<BTreeSet<u32>, Failure> {
    let numbers: Vec<i32> = sqlx::query_scalar(
        "SELECT number FROM expected_charge
        WHERE seller = $1 AND agreement_id = $2 AND charge_date > $3 AND NOT dropped",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .bind(ended_on)
    .fetch_all(conn)
    .await?;
    let number = |one: i32| number("an expected charge", one);
    numbers.into_iter().map(number).collect()
}
