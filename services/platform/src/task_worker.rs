//! Claims due tasks and runs them: at least once each, and their effect once.
//!
//! The kinds take turns: a slot that becomes free goes to the kind that has the fewest, so that ten thousand
//! due tasks of one kind hold up no other. Alone, a kind may have them all.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::Instrument;
use uuid::Uuid;

use crate::failure::Failure;
use crate::fault;
use crate::lifecycle::Lifecycle;
use crate::metrics::Instruments;
use crate::standing::Bound;
use crate::tasks::{TaskHandler, TaskOutcome, TaskRun, back_off};
use crate::telemetry::TraceContext;
use crate::tenancy::Scope;
use crate::unit_of_work::Database;

/// How often due tasks are looked for without being woken: the rehearsal clock wakes nobody.
const POLL: Duration = Duration::from_millis(200);
/// How long a claim lasts unless renewed: how soon another worker takes over after a crash.
const LEASE_SECONDS: i32 = 10;
/// How often claims are renewed.
const RENEW: Duration = Duration::from_secs(3);
/// Failures that are retried before a task counts as failed.
const MAX_ATTEMPTS: i32 = 100;

/// What runs the tasks of a kind.
#[derive(Clone)]
pub(crate) struct Runner {
    pub(crate) handler: Arc<dyn TaskHandler>,
    /// Whose alone, if not everybody's.
    pub(crate) seller: Option<SellerId>,
}

/// The runners by kind.
pub(crate) type Runners = BTreeMap<&'static str, Runner>;

/// The kinds that run for one seller alone.
pub(crate) fn bound(runners: &Runners) -> Bound {
    let mut bound = Bound::default();
    for (kind, runner) in runners {
        if let Some(seller) = &runner.seller {
            bound.kinds.push((*kind).to_owned());
            bound.sellers.push(seller.to_string());
        }
    }
    bound
}

/// A task that runs for ever.
#[derive(Debug, Clone)]
pub(crate) struct Recurring {
    pub(crate) kind: &'static str,
    /// Whose, if it is one seller's; else it is the harness's, which no seller sees.
    pub(crate) seller: Option<SellerId>,
}

impl Recurring {
    fn key(&self) -> &str {
        self.seller.as_ref().map_or(self.kind, SellerId::as_str)
    }
}

/// The worker of one process.
pub(crate) struct Worker {
    pub(crate) database: Database,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) runners: Runners,
    pub(crate) concurrency: usize,
    pub(crate) instruments: Instruments,
}

/// The leases that this process holds, each with its task's kind.
#[derive(Clone, Default)]
struct Leases(Arc<Mutex<HashMap<Uuid, &'static str>>>);

struct Held(Leases, Uuid);

/// The kinds that have handlers here, how many tasks of each run, and whose alone are wanted.
#[derive(Default)]
struct Wanted {
    kinds: Vec<String>,
    running: Vec<i32>,
    sellers: Vec<Option<String>>,
}

impl Leases {
    fn hold(&self, lease: Uuid, kind: &'static str) -> Held {
        self.lock().insert(lease, kind);
        Held(self.clone(), lease)
    }

    fn all(&self) -> Vec<Uuid> {
        self.lock().keys().copied().collect()
    }

    /// What there are runners for, beside what they run.
    fn wanted(&self, runners: &Runners) -> Wanted {
        let held = self.lock();
        let count = |kind: &str| held.values().filter(|held| **held == kind).count();
        let mut wanted = Wanted::default();
        for (kind, runner) in runners {
            let running = i32::try_from(count(kind)).unwrap_or(i32::MAX);
            wanted.kinds.push((*kind).to_owned());
            wanted.running.push(running);
            let seller = runner.seller.as_ref().map(ToString::to_string);
            wanted.sellers.push(seller);
        }
        wanted
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, &'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

#[derive(sqlx::FromRow)]
struct Claimed {
    kind: String,
    key: String,
    #[sqlx(try_from = "Option<String>")]
    seller: Scope,
    payload: Value,
    due_at: DateTime<Utc>,
    attempts: i32,
    lease: Uuid,
    traceparent: String,
    engagement: Option<String>,
}

impl Worker {
    /// Runs due tasks until told to stop.
    pub(crate) async fn run(self) {
        let free = Arc::new(Semaphore::new(self.concurrency));
        let leases = Leases::default();
        let mut renewed = Instant::now();
        while !self.lifecycle.is_stopping() {
            if renewed.elapsed() >= RENEW {
                if let Err(error) = renew(&self.database, &leases.all()).await {
                    tracing::warn!(%error, "cannot renew the leases of tasks");
                }
                renewed = Instant::now();
            }
            let wanted = leases.wanted(&self.runners);
            let claimed = match claim(&self.database, &wanted, free.available_permits()).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(error = error.report(), "cannot claim tasks");
                    Vec::new()
                }
            };
            let any = !claimed.is_empty();
            for task in claimed {
                fault::point("task.after_claim");
                self.spawn(task, &free, &leases);
            }
            if !any {
                tokio::select! {
                    () = self.database.wakers.tasks.notified() => {}
                    () = self.lifecycle.sleep(POLL) => {}
                }
            }
        }
    }

    fn spawn(&self, task: Claimed, free: &Arc<Semaphore>, leases: &Leases) {
        // As many are claimed as are free.
        let Ok(permit) = Arc::clone(free).try_acquire_owned() else {
            return;
        };
        let Some((kind, runner)) = self.runners.get_key_value(task.kind.as_str()) else {
            return;
        };
        let (kind, handler) = (*kind, Arc::clone(&runner.handler));
        let held = leases.hold(task.lease, kind);
        let (database, runs) = (self.database.clone(), self.instruments.task_runs.clone());
        let wake = Arc::clone(&self.database.wakers.tasks);
        self.lifecycle.spawn(async move {
            let outcome = run_one(&database, handler.as_ref(), task).await;
            runs.increment(&[("kind", kind), ("outcome", outcome)]);
            drop((held, permit));
            wake.notify_one();
        });
    }
}

/// Claims tasks that are due, and those whose worker has died: of each kind the oldest first, and first of the
/// kind that has the fewest slots then.
async fn claim(database: &Database, wanted: &Wanted, free: usize) -> Result<Vec<Claimed>, Failure> {
    if free == 0 {
        return Ok(Vec::new());
    }
    let leases: Vec<Uuid> = (0..free).map(|_| database.ids().next()).collect();
    Ok(sqlx::query_as(
        "WITH due AS (
            SELECT oldest.id, oldest.due_at,
                wanted.running + row_number() OVER (PARTITION BY wanted.kind ORDER BY oldest.due_at) AS slots
            FROM unnest($2::text[], $3::integer[], $6::text[]) AS wanted (kind, running, seller), LATERAL (
                SELECT id, due_at FROM task
                WHERE kind = wanted.kind AND due_at <= $1 AND state IN ('pending', 'running')
                    AND (wanted.seller IS NULL OR task.seller = wanted.seller)
                    AND (state = 'pending' OR lease_until < clock_timestamp())
                ORDER BY due_at LIMIT cardinality($4) FOR UPDATE SKIP LOCKED
            ) AS oldest
        ), numbered AS (
            SELECT id, ($4::uuid[])[row_number() OVER (ORDER BY slots, due_at)] AS lease
            FROM due ORDER BY slots, due_at LIMIT cardinality($4)
        )
        UPDATE task SET state = 'running', attempts = attempts + 1, lease = numbered.lease,
            lease_until = clock_timestamp() + make_interval(secs => $5), updated_at = $1
        FROM numbered WHERE task.id = numbered.id
        RETURNING kind, key, seller, payload, due_at, attempts, task.lease, traceparent,
            engagement",
    )
    .bind(database.clock().now())
    .bind(&wanted.kinds)
    .bind(&wanted.running)
    .bind(leases)
    .bind(f64::from(LEASE_SECONDS))
    .bind(&wanted.sellers)
    .fetch_all(database.system())
    .await?)
}

async fn renew(database: &Database, leases: &[Uuid]) -> Result<(), sqlx::Error> {
    if leases.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE task SET lease_until = clock_timestamp() + make_interval(secs => $2)
        WHERE lease = ANY($1) AND state = 'running'",
    )
    .bind(leases)
    .bind(f64::from(LEASE_SECONDS))
    .execute(database.system())
    .await
    .map(drop)
}

/// Runs a claimed task and records how the run ended, which it returns by name.
async fn run_one(database: &Database, handler: &dyn TaskHandler, task: Claimed) -> &'static str {
    let span = tracing::info_span!(
        parent: None,
        "task",
        otel.name = format!("task {}", task.kind),
        kind = task.kind,
        key = task.key,
        attempt = task.attempts,
        // A recurring task's until it binds itself to one.
        seller = task.seller.seller(),
        // Where whoever scheduled it did not know, until it finds out.
        engagement = task.engagement,
        trace_id = tracing::field::Empty,
        span_id = tracing::field::Empty,
    );
    let trace = match task.traceparent.parse::<TraceContext>() {
        Ok(scheduled_by) => scheduled_by.continued_by(&span),
        // Nobody scheduled it: each run of a recurring task is a trace of its own.
        Err(_) => TraceContext::start(database.ids()).unless_at(&span),
    };
    let run = TaskRun {
        trace,
        kind: task.kind,
        key: task.key,
        payload: task.payload,
        due_at: task.due_at,
        attempt: task.attempts,
        lease: task.lease,
        engagement: task.engagement.and_then(|text| text.parse().ok()),
        scope: task.seller,
        database: database.clone(),
    };
    let outcome = match handler.run(&run).instrument(span.clone()).await {
        Ok(outcome) => outcome,
        Err(Failure::Rejected(rejection)) => TaskOutcome::Failed(rejection.to_string()),
        Err(failure) if run.attempt >= MAX_ATTEMPTS => TaskOutcome::Failed(failure.report()),
        Err(failure) => TaskOutcome::RetryAt(run.now() + back_off(run.attempt), failure.report()),
    };
    fault::point("task.after_effect");
    let name = name(&outcome);
    // Not recorded means run again when the lease ends.
    if let Err(error) = finish(&run, outcome).instrument(span.clone()).await {
        let _in_run = span.enter();
        tracing::warn!(%error, "cannot record a task's outcome");
    }
    name
}

/// As the metrics have it.
const fn name(outcome: &TaskOutcome) -> &'static str {
    match outcome {
        TaskOutcome::Done => "done",
        TaskOutcome::Again(_) => "again",
        TaskOutcome::RetryAt(..) => "retry",
        TaskOutcome::Failed(_) => "failed",
    }
}

/// Records how a run ended, unless its own transaction has, or another run has the task by now.
async fn finish(run: &TaskRun, outcome: TaskOutcome) -> Result<(), sqlx::Error> {
    let (state, due_at, attempts, error) = match outcome {
        TaskOutcome::Done => ("done", run.due_at, run.attempt, None),
        TaskOutcome::Again(due_at) => ("pending", due_at, 0, None),
        TaskOutcome::RetryAt(due_at, error) => {
            tracing::info!(error, "retrying");
            ("pending", due_at, run.attempt, Some(error))
        }
        TaskOutcome::Failed(error) => {
            tracing::error!(error, "a task failed");
            ("failed", run.due_at, run.attempt, Some(error))
        }
    };
    sqlx::query(
        "UPDATE task SET state = $2, due_at = $3, attempts = $4, last_error = $5, updated_at = $6,
            lease = NULL, lease_until = NULL
        WHERE lease = $1 AND state = 'running'",
    )
    .bind(run.lease)
    .bind(state)
    .bind(due_at)
    .bind(attempts)
    .bind(error)
    .bind(run.now())
    .execute(run.database.system())
    .await
    .map(drop)
}

/// Makes sure that each recurring task is there and will run, and that an idle one waits for nobody.
pub(crate) async fn seed(
    database: &Database,
    recurring: &[Recurring],
    idle: &[Recurring],
) -> Result<(), sqlx::Error> {
    let now = database.clock().now();
    sqlx::query(
        "UPDATE task SET state = 'done', lease = NULL, lease_until = NULL, updated_at = $3
        FROM unnest($1::text[], $2::text[]) AS idle (kind, key)
        WHERE task.kind = idle.kind AND task.key = idle.key AND state <> 'done'",
    )
    .bind(each(idle, |one| one.kind.to_owned()))
    .bind(each(idle, |one| one.key().to_owned()))
    .bind(now)
    .execute(database.system())
    .await?;
    sqlx::query(
        "INSERT INTO task AS t (kind, key, seller, payload, state, due_at, traceparent, created_at,
            updated_at)
        SELECT kind, key, seller, '{}', 'pending', $4, '', $4, $4
        FROM unnest($1::text[], $2::text[], $3::text[]) AS recurring (kind, key, seller)
        ON CONFLICT (kind, key) DO UPDATE SET state = 'pending', due_at = $4, updated_at = $4,
            traceparent = '', attempts = 0, lease = NULL, lease_until = NULL
        WHERE t.state IN ('done', 'failed')",
    )
    .bind(each(recurring, |one| one.kind.to_owned()))
    .bind(each(recurring, |one| one.key().to_owned()))
    .bind(each(recurring, |one| {
        one.seller.as_ref().map(ToString::to_string)
    }))
    .bind(now)
    .execute(database.system())
    .await
    .map(drop)
}

fn each<T>(recurring: &[Recurring], column: impl Fn(&Recurring) -> T) -> Vec<T> {
    recurring.iter().map(column).collect()
}

/// Runs every due task now, one after the other, until none is due. Returns how many runs there
/// were. For tests, where the clock stands still.
#[cfg(feature = "testing")]
pub(crate) async fn run_due(
    database: &Database,
    runners: &Runners,
    limit: usize,
) -> Result<usize, Failure> {
    let wanted = Leases::default().wanted(runners);
    let mut runs = 0;
    while runs < limit {
        let Some(task) = claim(database, &wanted, 1).await?.pop() else {
            break;
        };
        if let Some(runner) = runners.get(task.kind.as_str()) {
            run_one(database, runner.handler.as_ref(), task).await;
        }
        runs += 1;
    }
    Ok(runs)
}
