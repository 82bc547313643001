//! Durable tasks: rows with a due time, for timers, retries and calls to the outside.
//!
//! A task is claimed with a lease and runs outside any transaction; what it finds out is written by
//! [`TaskRun::transaction`], where [`UnitOfWork::complete_task`] makes result and completion one
//! commit. A worker that died, or lost its lease, can neither complete nor reschedule.
//!
//! A task belongs to the seller whose work scheduled it, and so do the transactions of its runs (P5). What a
//! process does with one seller's account it does for that seller alone: see [`crate::Wiring::task_of`].

use chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::EngagementId;
use futures::future::BoxFuture;
use rand::Rng;
use serde_json::Value;
use tonic::async_trait;
use uuid::Uuid;

use crate::failure::Failure;
use crate::reader::Reader;
use crate::telemetry::TraceContext;
use crate::tenancy::Scope;
use crate::unit_of_work::{Cause, Database, UnitOfWork};

/// A task to run at a time. `(kind, key)` is unique for ever.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Which handler runs it.
    pub kind: &'static str,
    /// What it is about, such as `acme/things/7/close`.
    pub key: String,
    /// What the handler needs to know.
    pub payload: Value,
    /// When, by the service's clock.
    pub due_at: DateTime<Utc>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutcome {
    /// It is done, for good.
    Done,
    /// It went well, and runs again then: a recurring task.
    Again(DateTime<Utc>),
    /// It did not go through, and runs again then.
    RetryAt(DateTime<Utc>, String),
    /// It never will, and a person must look.
    Failed(String),
}

/// Runs the tasks of one kind.
#[async_trait]
pub trait TaskHandler: Send + Sync + 'static {
    /// Runs one task. Calls to the outside bring their own timeouts, and are idempotent by a key
    /// derived from the task: a run may be repeated after a crash.
    ///
    /// A [`Failure::Rejected`] fails the task; any other failure is retried with [`back_off`].
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure>;
}

/// One claimed run of a task.
#[derive(Debug, Clone)]
pub struct TaskRun {
    /// Which handler runs it.
    pub kind: String,
    /// What it is about.
    pub key: String,
    /// What was scheduled with it.
    pub payload: Value,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// 1 on the first run since it was scheduled or last went well.
    pub attempt: i32,
    /// The trace of whatever scheduled it, at this run; of a recurring task, this run's own.
    pub trace: TraceContext,
    pub(crate) lease: Uuid,
    /// Which deal it is about, where whoever scheduled it knew.
    pub(crate) engagement: Option<EngagementId>,
    /// Whose rows it may see and write: its row's seller, or the system.
    pub(crate) scope: Scope,
    pub(crate) database: Database,
}

impl TaskRun {
    /// The service's clock, now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.database.clock().now()
    }

    /// Reads the rows of the seller whose work scheduled this task; see [`Database::reading`].
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when Postgres is away.
    pub async fn reading(&self) -> Result<Reader, Failure> {
        self.database.read(&self.scope).await
    }

    /// Writes in one transaction, bound to the seller whose work scheduled this task; see
    /// [`Database::transaction`]. Inside it, [`UnitOfWork::complete_task`] completes this task with
    /// the same commit.
    ///
    /// # Errors
    /// What `body` fails with, or what the database does; nothing is left behind then.
    pub async fn transaction<R, F>(&self, body: F) -> Result<R, Failure>
    where
        R: Send,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<R, Failure>> + Send + Sync,
    {
        let cause = Cause::Task {
            kind: self.kind.clone(),
            key: self.key.clone(),
        };
        let (lease, engagement) = (self.lease, &self.engagement);
        self.database
            .transaction_in(&self.scope, cause, self.trace, |uow| {
                uow.lease = Some(lease);
                uow.begins_with(engagement.clone());
                body(uow)
            })
            .await
    }
}

impl UnitOfWork {
    /// Schedules a task, or schedules it anew: due time and payload are replaced, and a task that
    /// was done or failed is due again. A run under way can no longer complete it.
    ///
    /// # Errors
    /// The database's.
    pub async fn schedule(&mut self, task: NewTask) -> Result<(), Failure> {
        let trace = self.trace().to_string();
        let (now, seller) = (self.now(), self.scope().seller().map(str::to_owned));
        let engagement = self.engagement().map(ToString::to_string);
        sqlx::query(
            "INSERT INTO task AS t (kind, key, payload, state, due_at, traceparent, created_at,
                updated_at, seller, engagement)
            VALUES ($1, $2, $3, 'pending', $4, $5, $6, $6, $7, $8)
            ON CONFLICT (kind, key) DO UPDATE SET payload = $3, state = 'pending', due_at = $4,
                traceparent = $5, updated_at = $6, attempts = 0, lease = NULL, lease_until = NULL,
                last_error = NULL, engagement = COALESCE($8, t.engagement)",
        )
        .bind(task.kind)
        .bind(task.key)
        .bind(task.payload)
        .bind(task.due_at)
        .bind(trace)
        .bind(now)
        .bind(seller)
        .bind(engagement)
        .execute(self.connection())
        .await?;
        self.scheduled = true;
        Ok(())
    }

    /// Schedules a task unless there is, or ever was, one of this kind and key. Returns whether it
    /// was scheduled now: for what must happen once per cause.
    ///
    /// # Errors
    /// The database's.
    pub async fn schedule_once(&mut self, task: NewTask) -> Result<bool, Failure> {
        let trace = self.trace().to_string();
        let (now, seller) = (self.now(), self.scope().seller().map(str::to_owned));
        let engagement = self.engagement().map(ToString::to_string);
        let inserted = sqlx::query(
            "INSERT INTO task (kind, key, payload, state, due_at, traceparent, created_at, updated_at,
                seller, engagement)
            VALUES ($1, $2, $3, 'pending', $4, $5, $6, $6, $7, $8)
            ON CONFLICT (kind, key) DO NOTHING",
        )
        .bind(task.kind)
        .bind(task.key)
        .bind(task.payload)
        .bind(task.due_at)
        .bind(trace)
        .bind(now)
        .bind(seller)
        .bind(engagement)
        .execute(self.connection())
        .await?
        .rows_affected();
        self.scheduled = true;
        Ok(inserted == 1)
    }

    /// Cancels a task: it counts as done. Returns whether there was one that was not done. A run
    /// under way can no longer complete.
    ///
    /// # Errors
    /// The database's.
    pub async fn cancel_task(&mut self, kind: &str, key: &str) -> Result<bool, Failure> {
        let now = self.now();
        let cancelled = sqlx::query(
            "UPDATE task SET state = 'done', lease = NULL, lease_until = NULL, updated_at = $3
            WHERE kind = $1 AND key = $2 AND state <> 'done'",
        )
        .bind(kind)
        .bind(key)
        .bind(now)
        .execute(self.connection())
        .await?
        .rows_affected();
        Ok(cancelled == 1)
    }

    /// Lets a task run now that waits for its time, and one that runs run once more when it may have
    /// looked too early: that run can no longer complete it. A task that is done stays done. Returns
    /// whether there was one to wake.
    ///
    /// # Errors
    /// The database's.
    pub async fn wake_task(&mut self, kind: &str, key: &str) -> Result<bool, Failure> {
        let now = self.now();
        let woken = sqlx::query(
            "UPDATE task SET state = 'pending', due_at = least(due_at, $3), lease = NULL,
                lease_until = NULL, updated_at = $3
            WHERE kind = $1 AND key = $2 AND state IN ('pending', 'running')",
        )
        .bind(kind)
        .bind(key)
        .bind(now)
        .execute(self.connection())
        .await?
        .rows_affected();
        self.scheduled = true;
        Ok(woken == 1)
    }

    /// Completes the task whose run this transaction belongs to, with this commit: the effect of a
    /// run happens once.
    ///
    /// # Errors
    /// [`Failure::Conflict`] when the lease was lost meanwhile: another run has it, or the task was
    /// cancelled or scheduled anew.
    pub async fn complete_task(&mut self) -> Result<(), Failure> {
        let now = self.now();
        let completed = sqlx::query(
            "UPDATE task SET state = 'done', lease_until = NULL, last_error = NULL, updated_at = $2
            WHERE lease = $1 AND state = 'running'",
        )
        .bind(self.lease)
        .bind(now)
        .execute(self.connection())
        .await?
        .rows_affected();
        Failure::unless_one_row("the task", completed)
    }
}

/// The longest pause between two attempts.
pub const BACK_OFF_LIMIT: TimeDelta = TimeDelta::minutes(5);

/// How long to wait after the `attempt`-th failed attempt: half a second, doubled each time up to
/// [`BACK_OFF_LIMIT`], of which a random half is taken off so that many do not return at once.
#[must_use]
pub fn back_off(attempt: i32) -> TimeDelta {
    let doublings = attempt.clamp(1, 12) - 1;
    let full = (500_i64 << doublings).min(BACK_OFF_LIMIT.num_milliseconds());
    TimeDelta::milliseconds(rand::rng().random_range(full / 2..=full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_vary() {
        for (attempt, full) in [(0, 500), (1, 500), (2, 1_000), (5, 8_000), (99, 300_000)] {
            let pauses: Vec<i64> = (0..50)
                .map(|_| back_off(attempt).num_milliseconds())
                .collect();
            assert!(pauses.iter().all(|pause| (full / 2..=full).contains(pause)));
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}
