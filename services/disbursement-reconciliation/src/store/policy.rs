//! The seller's policy, as data.

use chrono::{DateTime, Utc};
use countersign_kernel::{Decimal, SellerId};
use countersign_platform::Failure;
use sqlx::{PgConnection, PgExecutor};

use super::{inconsistent, number};
use crate::domain::policy::{CashPolicy, Policy, ResaleFee, Schedule};

/// The policy; AWS's default until one is put.
pub(crate) async fn load(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Policy, Failure> {
    let row: Option<(Option<i32>, i32, Decimal)> = sqlx::query_as(
        "SELECT monthly_day, penny_tolerance, resale_fee_rate FROM cash_policy WHERE seller = $1",
    )
    .bind(seller.as_str())
    .fetch_optional(executor)
    .await?;
    let Some((day, tolerance, resale_fee)) = row else {
        return Ok(Policy::default());
    };
    Ok(Policy {
        cash: from_row(day, tolerance)?,
        resale_fee: ResaleFee::new(resale_fee).map_err(|wrong| inconsistent("a policy", wrong))?,
    })
}

/// The part of a policy that two columns keep, here and in an agreement's terms.
pub(super) fn from_row(day: Option<i32>, tolerance: i32) -> Result<CashPolicy, Failure> {
    let schedule = match day {
        None => Schedule::Daily,
        Some(day) => Schedule::Monthly(number("a policy", day)?),
    };
    CashPolicy::new(schedule, number("a policy", tolerance)?)
        .map_err(|wrong| inconsistent("a policy", format!("{wrong:?}")))
}

/// Those two columns.
pub(super) fn columns(policy: CashPolicy) -> (Option<i64>, i64) {
    let day = match policy.schedule() {
        Schedule::Daily => None,
        Schedule::Monthly(day) => Some(i64::from(day)),
    };
    (day, i64::from(policy.penny_tolerance()))
}

pub(crate) async fn put(
    conn: &mut PgConnection,
    seller: &SellerId,
    policy: Policy,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let (day, tolerance) = columns(policy.cash);
    sqlx::query(
        "INSERT INTO cash_policy (seller, monthly_day, penny_tolerance, updated_at, resale_fee_rate)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (seller) DO UPDATE
            SET monthly_day = $2, penny_tolerance = $3, updated_at = $4, resale_fee_rate = $5",
    )
    .bind(seller.as_str())
    .bind(day)
    .bind(tolerance)
    .bind(now)
    .bind(policy.resale_fee.fraction())
    .execute(conn)
    .await?;
    Ok(())
}
