//! What must hold of the five schemas once everything is quiet (P2): sets of events, not counts.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::environment::Service;

/// How long events may still be on their way after a deal's last step.
const QUIET_WITHIN: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(200);

/// Of one schema: each query finds what should not be.
const OF_A_SCHEMA: [(&str, &str); 5] = [
    (
        "unpublished events",
        "SELECT event_id::TEXT FROM {schema}.outbox WHERE published_at IS NULL",
    ),
    (
        "holes in an aggregate's sequence of events",
        "SELECT aggregate_id FROM {schema}.outbox GROUP BY seller, aggregate_id
        HAVING count(*) <> max(aggregate_seq) OR min(aggregate_seq) <> 1",
    ),
    (
        "parked events",
        "SELECT event_id::TEXT FROM {schema}.parked_event WHERE redriven_at IS NULL",
    ),
    (
        "tasks given up",
        "SELECT kind || ' ' || key || ': ' || coalesce(last_error, '') FROM {schema}.task
        WHERE state = 'failed'",
    ),
    (
        "sequence numbers of the stream that stand twice",
        "SELECT stream_seq::TEXT FROM {schema}.outbox WHERE stream_seq IS NOT NULL
        GROUP BY stream_seq HAVING count(*) > 1",
    ),
];

/// Of a publisher and a subscriber: what was said and not heard, what was heard and never said.
const OF_A_SUBSCRIPTION: [(&str, &str); 2] = [
    (
        "events said but not heard",
        "SELECT event_id::TEXT FROM {publisher}.outbox
        EXCEPT SELECT event_id::TEXT FROM {schema}.inbox WHERE source = '{publisher}'",
    ),
    (
        "events heard but never said",
        "SELECT event_id::TEXT FROM {schema}.inbox WHERE source = '{publisher}'
        EXCEPT SELECT event_id::TEXT FROM {publisher}.outbox",
    ),
];

/// Waits until every invariant holds in the database that a superuser enters by `admin_url`.
///
/// # Errors
/// If one still does not after a minute: which, where, and the first that break it.
pub async fn hold(admin_url: &str) -> Result<()> {
    let connected = PgConnection::connect(admin_url).await;
    let mut connection = connected.context("connecting as superuser")?;
    let start = Instant::now();
    loop {
        let broken = broken(&mut connection).await?;
        if broken.is_empty() {
            return Ok(());
        }
        if start.elapsed() > QUIET_WITHIN {
            bail!(
                "after {QUIET_WITHIN:?} there are still\n{}",
                broken.join("\n")
            );
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn broken(connection: &mut PgConnection) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let mut subscriptions = 0;
    for service in Service::ALL {
        let schema = service.schema();
        for (what, sql) in OF_A_SCHEMA {
            let sql = sql.replace("{schema}", schema);
            broken.extend(found(connection, &format!("{what} in {schema}"), sql).await?);
        }
        let heard = format!("SELECT source FROM {schema}.consumer_position");
        let heard: Vec<String> = sqlx::query_scalar(AssertSqlSafe(heard))
            .fetch_all(&mut *connection)
            .await
            .context("reading the subscriptions")?;
        for publisher in heard {
            subscriptions += 1;
            for (what, sql) in OF_A_SUBSCRIPTION {
                let sql = sql
                    .replace("{schema}", schema)
                    .replace("{publisher}", &publisher);
                let what = format!("{what} from {publisher} to {schema}");
                broken.extend(found(connection, &what, sql).await?);
            }
        }
    }
    if subscriptions == 0 {
        broken.push("no subscriptions at all".to_owned());
    }
    Ok(broken)
}

async fn found(connection: &mut PgConnection, what: &str, sql: String) -> Result<Option<String>> {
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .with_context(|| format!("looking for {what}"))?;
    Ok(rows
        .first()
        .map(|first| format!("{} {what}, such as {first}", rows.len())))
}
