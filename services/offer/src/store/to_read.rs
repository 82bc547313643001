//! Agreements whose terms are to be read (O13): what a look found goes here, and stays until AWS showed it or
//! refused to, however often the process ends in between.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::SellerId;
use sqlx::{PgConnection, PgExecutor};

use super::StoreError;
use super::agreement::LineRow;
use crate::domain::agreement::{Line, OVER};
use crate::domain::id::AgreementId;

/// The most that one run reads: what is found meanwhile, and a process that is to end, wait no longer than it takes.
/// At a tenth of AWS's rate that is five seconds (facts §1.1).
pub(crate) const BATCH: i64 = 5;

/// Keeps what a look found and nobody read yet. What was read of it before stays.
pub(crate) async fn note(
    connection: &mut PgConnection,
    seller: &SellerId,
    line: &Line,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO agreement (seller, agreement_id, aws_offer_id, status, updated_at, first_seen,
            last_seen, read_due, end_awaited)
        VALUES ($1, $2, $3, $4, $5, $6, $6, $6, $4 = ANY ($7))
        ON CONFLICT (seller, agreement_id) DO UPDATE SET aws_offer_id = $3, status = $4,
            updated_at = $5, last_seen = $6, read_due = COALESCE(agreement.read_due, $6),
            end_awaited = agreement.end_awaited OR $4 = ANY ($7)",
    )
    .bind(seller.as_str())
    .bind(line.id.as_str())
    .bind(&line.aws_offer_id)
    .bind(&line.standing.status)
    .bind(line.standing.updated_at)
    .bind(now)
    .bind(OVER)
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads it later: what cannot be read now hides nothing behind it.
pub(crate) async fn postpone(
    connection: &mut PgConnection,
    seller: &SellerId,
    id: &AgreementId,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE agreement SET read_due = $3
        WHERE seller = $1 AND agreement_id = $2",
    )
    .bind(seller.as_str())
    .bind(id.as_str())
    .bind(until)
    .execute(connection)
    .await?;
    Ok(())
}

/// After which what AWS refused to show is asked for again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Again {
    /// Of offers of ours: an acceptance is waited for.
    pub(crate) ours: TimeDelta,
    /// Of others: there may be many.
    pub(crate) others: TimeDelta,
}

/// What is to be read next: what a look found, and what AWS refused to show, as long as it runs: neither an
/// acceptance nor an order is given up. Of offers of ours first, since somebody waits for those; what was never read
/// before what was, and that before what was refused; then the longest due.
pub(crate) async fn due(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    now: DateTime<Utc>,
    again: Again,
) -> Result<Vec<Line>, StoreError> {
    let rows: Vec<LineRow> = sqlx::query_as(
        "SELECT agreement_id, aws_offer_id, status, updated_at FROM (
            SELECT agreement.*, read_due AS since, false AS refused, offer.seller IS NOT NULL AS ours
            FROM agreement
            LEFT JOIN offer USING (seller, aws_offer_id)
            WHERE agreement.seller = $1 AND read_due <= $2
            UNION ALL
            SELECT agreement.*, last_seen AS since, true AS refused, offer.seller IS NOT NULL AS ours
            FROM agreement
            LEFT JOIN offer USING (seller, aws_offer_id)
            WHERE agreement.seller = $1 AND unreadable IS NOT NULL AND read_due IS NULL
                AND (offer.seller IS NOT NULL AND last_seen <= $3
                    OR status <> ALL ($5) AND last_seen <= $4)
        ) AS wanted
        ORDER BY NOT ours, refused, details IS NOT NULL, since, agreement_id LIMIT $6",
    )
    .bind(seller.as_str())
    .bind(now)
    .bind(now - again.ours)
    .bind(now - again.others)
    .bind(OVER)
    .bind(BATCH)
    .fetch_all(executor)
    .await?;
    let read = rows.into_iter().map(Line::try_from);
    Ok(read.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::rate::tests::bed;
    use super::*;
    use crate::domain::sample::at;

    /// O13, O14: what nobody has seen waits neither for thousands that are read once more nor for those that AWS
    /// refuses; of these, one that is over or was refused lately is not asked for.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_never_read_is_read_first() {
        let bed = bed().await;
        let now = at("2026-03-02T10:00:00Z");
        let keep = "INSERT INTO agreement (seller, agreement_id, aws_offer_id, status, details, unreadable,
                first_seen, last_seen, read_due)
            VALUES ('acme', $1, 'offer-x', $2, $3::jsonb, $4, $5, $5, $6)";
        let (old, lately) = (now - TimeDelta::days(9), now - TimeDelta::minutes(1));
        for (id, status, details, unreadable, last_seen, read_due) in [
            ("agmt-refused", "ACTIVE", None, Some("no"), old, None),
            ("agmt-lately", "ACTIVE", None, Some("no"), lately, None),
            ("agmt-over", "EXPIRED", None, Some("no"), old, None),
            (
                "agmt-again",
                "ACTIVE",
                Some("{}"),
                None,
                old,
                Some(DateTime::UNIX_EPOCH),
            ),
            ("agmt-new", "ACTIVE", None, None, now, Some(now)),
            (
                "agmt-later",
                "ACTIVE",
                None,
                None,
                now,
                Some(now + TimeDelta::seconds(1)),
            ),
        ] {
            let kept = sqlx::query(keep).bind(id).bind(status).bind(details);
            let kept = kept.bind(unreadable).bind(last_seen).bind(read_due);
            kept.execute(bed.pool()).await.unwrap();
        }
        let again = Again {
            ours: TimeDelta::zero(),
            others: TimeDelta::hours(6),
        };
        let due = due(bed.pool(), &"acme".parse().unwrap(), now, again).await;
        let due: Vec<_> = due
            .unwrap()
            .into_iter()
            .map(|line| line.id.to_string())
            .collect();
        assert_eq!(due, ["agmt-new", "agmt-again", "agmt-refused"]);
    }
}
