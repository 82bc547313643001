//! From the commit of a command to the commit of its effect in the next service, at a steady rate.
//!
//! Postgres notes when each transaction committed; the audit entry of the command and the inbox row
//! of its event are written once and never touched, so their transactions are the two commits.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::commands::{Load, Made};
use super::report::{Figure, Target};
use super::superuser;
use crate::environment::Environment;

const PER_SECOND: u32 = 200;
const SECONDS: u32 = 10;
const SETTLE: Duration = Duration::from_secs(3);

pub(super) async fn measure(environment: &Environment) -> Result<Vec<Figure>> {
    let load = Load::connect(environment, "latency").await?;
    let mut drafts = Vec::new();
    for number in 0..PER_SECOND * SECONDS {
        drafts.push(load.create(number).await?);
    }

    let mut due = interval_at(Instant::now(), Duration::from_secs(1) / PER_SECOND);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls = tokio::task::JoinSet::new();
    for Made {
        estimate_id,
        number,
    } in drafts
    {
        due.tick().await;
        let load = load.clone();
        calls.spawn(async move { load.submit(&estimate_id, number).await });
    }
    while let Some(call) = calls.join_next().await {
        call.context("a call broke off")??;
    }
    tokio::time::sleep(SETTLE).await;

    let mut connection = superuser(environment).await?;
    let (heard, p50, p99): (i64, f64, f64) = sqlx::query_as(
        "WITH latency AS (
            SELECT extract(epoch FROM pg_xact_commit_timestamp(i.xmin)
                - pg_xact_commit_timestamp(a.xmin)) * 1000 AS ms
            FROM estimate.audit a
            JOIN estimate.outbox o ON o.seller = a.seller AND o.causation = a.cause_id
            JOIN approval.inbox i ON i.event_id = o.event_id
            WHERE a.seller = $1
        )
        SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::FLOAT8,
            percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)::FLOAT8 FROM latency",
    )
    .bind(load.seller())
    .fetch_one(&mut connection)
    .await
    .context("reading the commit times")?;
    ensure!(
        heard == i64::from(PER_SECOND * SECONDS),
        "approval heard {heard} of {} events",
        PER_SECOND * SECONDS
    );
    let at = format!("commit → applied in the next service, {PER_SECOND}/s");
    Ok(vec![
        Figure::new(format!("{at}, p50"), p50, "ms").target(Target::AtMost(20.0)),
        Figure::new(format!("{at}, p99"), p99, "ms").target(Target::AtMost(100.0)),
    ])
}
