//! Token buckets that all replicas share (O9): one row per AWS account and operation holds until when
//! its tokens are spent. What a bucket has is reckoned from that, so nothing ever refills it.
//!
//! Times are the database's clock, which every replica shares and no rehearsal moves: AWS's seconds
//! are real ones.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::SellerId;
use sqlx::PgConnection;

use super::StoreError;

/// No call is spent further ahead than this: a later time was written before the database's clock was
/// set back, and the bucket starts anew.
const HORIZON: TimeDelta = TimeDelta::minutes(1);

/// How a bucket refills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The time in which one token comes.
    pub(crate) step: TimeDelta,
    /// The tokens that it holds when it is full: at least one.
    pub(crate) depth: i32,
}

impl Bucket {
    /// How far ahead a bucket may be spent that still has a token: the time of all but one.
    fn tolerance(self) -> TimeDelta {
        self.step * (self.depth - 1)
    }
}

/// What asking for a token came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// It is the caller's, once this time has passed.
    Taken(Duration),
    /// None: the next one comes after this time.
    Due(Duration),
}

/// Takes a token that comes within `patience`: one statement, however many ask at a time, and those who
/// wait get theirs in the order in which they asked.
///
/// # Errors
/// The database's: no token is taken then.
pub(crate) async fn take(
    connection: &mut PgConnection,
    seller: &SellerId,
    operation: &str,
    bucket: Bucket,
    patience: TimeDelta,
) -> Result<Token, StoreError> {
    let latest = bucket.tolerance() + patience - bucket.step;
    let taken: Option<(DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
        "INSERT INTO aws_rate AS rate (seller, operation, spent_until)
        VALUES ($1, $2, clock_timestamp() + $3)
        ON CONFLICT (seller, operation) DO UPDATE SET spent_until = CASE
            WHEN rate.spent_until > excluded.spent_until + $5 THEN excluded.spent_until
            ELSE greatest(rate.spent_until + $3, excluded.spent_until) END
        WHERE rate.spent_until <= excluded.spent_until + $4
            OR rate.spent_until > excluded.spent_until + $5
        RETURNING spent_until, clock_timestamp()",
    )
    .bind(seller.as_str())
    .bind(operation)
    .bind(bucket.step)
    .bind(latest)
    .bind(HORIZON)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some((spent_until, now)) = taken {
        let at = spent_until - bucket.step - bucket.tolerance();
        return Ok(Token::Taken(from_now(at, now)));
    }
    let (spent_until, now): (DateTime<Utc>, DateTime<Utc>) = sqlx::query_as(
        "SELECT spent_until, clock_timestamp() FROM aws_rate WHERE seller = $1 AND operation = $2",
    )
    .bind(seller.as_str())
    .bind(operation)
    .fetch_one(connection)
    .await?;
    Ok(Token::Due(from_now(spent_until - bucket.tolerance(), now)))
}

/// Spends every token for a time: AWS counts more calls than we do.
///
/// # Errors
/// The database's.
pub(crate) async fn spend(
    connection: &mut PgConnection,
    seller: &SellerId,
    operation: &str,
    bucket: Bucket,
    time: TimeDelta,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE aws_rate SET spent_until = greatest(spent_until, clock_timestamp() + $3)
        WHERE seller = $1 AND operation = $2",
    )
    .bind(seller.as_str())
    .bind(operation)
    .bind(bucket.tolerance() + time)
    .execute(connection)
    .await?;
    Ok(())
}

fn from_now(at: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (at - now).to_std().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
