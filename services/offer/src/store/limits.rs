//! What sellers' AWS accounts are taken to allow.

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};

use super::{StoreError, Unreadable};
use crate::domain::limits::Limits;

#[derive(sqlx::FromRow)]
struct Row {
    charges: i32,
    document_bytes: i64,
    publish_minutes: i32,
    agreement_months: i32,
    concurrent_agreements: bool,
    rupees: bool,
}

fn read<T: TryFrom<i64>>(field: &'static str, stored: i64) -> Result<T, Unreadable> {
    T::try_from(stored).map_err(|_| Unreadable::Value {
        field,
        value: stored.to_string(),
    })
}

impl TryFrom<Row> for Limits {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        Ok(Self {
            charges: read("charges", row.charges.into())?,
            document_bytes: read("document bytes", row.document_bytes)?,
            publish_minutes: read("publish minutes", row.publish_minutes.into())?,
            agreement_months: read("agreement months", row.agreement_months.into())?,
            concurrent_agreements: row.concurrent_agreements,
            rupees: row.rupees,
        })
    }
}

/// The seller's limits: the default ones until it says others.
pub(crate) async fn of(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Limits, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT charges, document_bytes, publish_minutes, agreement_months, concurrent_agreements,
            rupees
        FROM marketplace_limits WHERE seller = $1",
    )
    .bind(seller.as_str())
    .fetch_optional(executor)
    .await?;
    let limits = row.map(Limits::try_from).transpose()?;
    Ok(limits.unwrap_or_default())
}

/// Keeps the limits as they are given now.
pub(crate) async fn put(
    connection: &mut PgConnection,
    seller: &SellerId,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO marketplace_limits (seller, charges, document_bytes, publish_minutes,
            agreement_months, concurrent_agreements, rupees, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (seller) DO UPDATE SET charges = $2, document_bytes = $3, publish_minutes = $4,
            agreement_months = $5, concurrent_agreements = $6, rupees = $7, updated_at = $8",
    )
    .bind(seller.as_str())
    .bind(i64::from(limits.charges))
    .bind(i64::try_from(limits.document_bytes).unwrap_or(i64::MAX))
    .bind(i64::from(limits.publish_minutes))
    .bind(i64::from(limits.agreement_months))
    .bind(limits.concurrent_agreements)
    .bind(limits.rupees)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// What the audit trail says of them (P3).
pub(crate) fn audit_view(limits: &Limits) -> Value {
    json!({
        "charges": limits.charges,
        "document_bytes": limits.document_bytes,
        "publish_minutes": limits.publish_minutes,
        "agreement_months": limits.agreement_months,
        "concurrent_agreements": limits.concurrent_agreements,
        "rupees": limits.rupees,
    })
}
