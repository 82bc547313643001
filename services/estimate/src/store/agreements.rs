//! Agreements that came of approved estimates.

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Currency, Digest, Money, SellerId};
use countersign_platform::Failure;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use super::parsed;
use crate::domain::content::Installment;
use crate::domain::replacement::End;

/// Keeps an agreement unless it is known. Returns whether it is new.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    seller: &SellerId,
    agreement_id: &str,
    digest: Digest,
    now: DateTime<Utc>,
) -> Result<bool, Failure> {
    let written = sqlx::query(
        "INSERT INTO agreement (seller, agreement_id, approved_digest, recorded_at)
        VALUES ($1, $2, $3, $4) ON CONFLICT (seller, agreement_id) DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(agreement_id)
    .bind(digest.to_string())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

#[derive(Serialize, Deserialize)]
struct StoredCharge {
    charge_date: NaiveDate,
    currency: String,
    amount: String,
}

/// Notes that a known agreement is over. Returns whether that is news.
pub(crate) async fn end(
    connection: &mut PgConnection,
    seller: &SellerId,
    agreement_id: &str,
    end: &End,
) -> Result<bool, Failure> {
    let dropped = end.dropped.iter().map(|charge| StoredCharge {
        charge_date: charge.charge_date,
        currency: charge.amount.currency().code().to_owned(),
        amount: charge.amount.amount_text(),
    });
    let written = sqlx::query(
        "UPDATE agreement SET ended_at = $3, dropped = $4
        WHERE seller = $1 AND agreement_id = $2 AND ended_at IS NULL",
    )
    .bind(seller.as_str())
    .bind(agreement_id)
    .bind(end.at)
    .bind(Json(dropped.collect::<Vec<_>>()))
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// How the agreement ended, if it did.
pub(crate) async fn ended(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    agreement_id: &str,
) -> Result<Option<End>, Failure> {
    let row: Option<(DateTime<Utc>, Json<Vec<StoredCharge>>)> = sqlx::query_as(
        "SELECT ended_at, dropped FROM agreement
        WHERE seller = $1 AND agreement_id = $2 AND ended_at IS NOT NULL",
    )
    .bind(seller.as_str())
    .bind(agreement_id)
    .fetch_optional(executor)
    .await?;
    let Some((at, Json(stored))) = row else {
        return Ok(None);
    };
    let dropped = stored.iter().map(|charge| {
        let currency: Currency = parsed("dropped", &charge.currency)?;
        let amount = Money::parse(&charge.amount, currency)
            .map_err(|wrong| Failure::internal("reading a dropped charge", wrong))?;
        Ok(Installment {
            charge_date: charge.charge_date,
            amount,
        })
    });
    let dropped = dropped.collect::<Result<_, Failure>>()?;
    Ok(Some(End { at, dropped }))
}

/// The digest of what was approved behind an agreement (A4), if that is known.
pub(crate) async fn approved(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    agreement_id: &str,
) -> Result<Option<Digest>, Failure> {
    let digest: Option<String> = sqlx::query_scalar(
        "SELECT approved_digest FROM agreement WHERE seller = $1 AND agreement_id = $2",
    )
    .bind(seller.as_str())
    .bind(agreement_id)
    .fetch_optional(executor)
    .await?;
    let digest = digest.map(|text| parsed("approved_digest", &text));
    Ok(digest.transpose()?)
}
