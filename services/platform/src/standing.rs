//! How outbox, parked events and tasks stand: what the metrics show (P6) and what an operator is told
//! are one reading, so that both say the same. A task that waits for another seller's process is not overdue
//! here: that one's says so.

use chrono::{DateTime, Utc};

use crate::unit_of_work::Database;

/// The kinds of tasks that are run here for one seller alone, and for which: as long as each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound {
    pub(crate) kinds: Vec<String>,
    pub(crate) sellers: Vec<String>,
}

/// The counts of one moment, over every seller.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Standing {
    /// Events that NATS does not have yet.
    pub(crate) unpublished: i64,
    /// When the first of them happened.
    pub(crate) oldest_unpublished: Option<DateTime<Utc>>,
    /// Events that could not be applied, and those that wait behind them.
    pub(crate) parked: i64,
    /// Tasks that will run, or are running.
    pub(crate) pending: i64,
    /// Those of them whose time has come, that are run here, and that nobody runs.
    pub(crate) due: i64,
    /// Since when the first of them is due.
    pub(crate) oldest_due: Option<DateTime<Utc>>,
    /// Tasks that were given up.
    pub(crate) failed: i64,
}

/// Reads how things stand by the service's clock.
pub(crate) async fn read(database: &Database, bound: &Bound) -> Result<Standing, sqlx::Error> {
    sqlx::query_as(
        "WITH due AS (
            SELECT due_at FROM task WHERE state = 'pending' AND due_at <= $1 AND NOT EXISTS (
                SELECT FROM unnest($2::text[], $3::text[]) AS bound (kind, seller)
                WHERE bound.kind = task.kind AND bound.seller IS DISTINCT FROM task.seller)
        )
        SELECT
            (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS unpublished,
            (SELECT occurred_at FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 1)
                AS oldest_unpublished,
            (SELECT count(*) FROM parked_event WHERE redriven_at IS NULL) AS parked,
            (SELECT count(*) FROM task WHERE state IN ('pending', 'running')) AS pending,
            (SELECT count(*) FROM due) AS due,
            (SELECT min(due_at) FROM due) AS oldest_due,
            (SELECT count(*) FROM task WHERE state = 'failed') AS failed",
    )
    .bind(database.clock().now())
    .bind(&bound.kinds)
    .bind(&bound.sellers)
    .fetch_one(database.system())
    .await
}
