//! How outbox, parked events and tasks stand: what the metrics show (P6) and what an operator is told
//! are one reading, so that both say the same.

use chrono::{DateTime, Utc};

use crate::unit_of_work::Database;

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
    /// Those of them whose time has come, and that nobody runs.
    pub(crate) due: i64,
    /// Since when the first of them is due.
    pub(crate) oldest_due: Option<DateTime<Utc>>,
    /// Tasks that were given up.
    pub(crate) failed: i64,
}

/// Reads how things stand by the service's clock.
pub(crate) async fn read(database: &Database) -> Result<Standing, sqlx::Error> {
    sqlx::query_as(
        "SELECT
            (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS unpublished,
            (SELECT occurred_at FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 1)
                AS oldest_unpublished,
            (SELECT count(*) FROM parked_event WHERE redriven_at IS NULL) AS parked,
            (SELECT count(*) FROM task WHERE state IN ('pending', 'running')) AS pending,
            (SELECT count(*) FROM task WHERE state = 'pending' AND due_at <= $1) AS due,
            (SELECT min(due_at) FROM task WHERE state = 'pending' AND due_at <= $1) AS oldest_due,
            (SELECT count(*) FROM task WHERE state = 'failed') AS failed",
    )
    .bind(database.clock().now())
    .fetch_one(database.system())
    .await
}
