//! Tasks: at their time, at least once, and their effect once (P2, P8).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use countersign_platform::testing::TestBed;
use countersign_platform::{
    BoxError, Failure, NewTask, NoSection, Parts, Rejection, TaskHandler, TaskOutcome, TaskRun,
    Wiring, async_trait,
};

use tokio::sync::Semaphore;

use crate::support::{Remind, acme, compose_sample, eventually, note, notes, reminder, sample};

async fn bed() -> TestBed {
    TestBed::new(&sample(), NoSection {}).await
}

async fn schedule(bed: &TestBed, key: &'static str, after: TimeDelta) {
    bed.transaction(|uow| {
        Box::pin(async move {
            let mut task = reminder(uow, key);
            task.due_at += after;
            uow.schedule(task).await
        })
    })
    .await
    .unwrap();
}

/// Schedules fifty tasks of a kind, due now.
async fn schedule_fifty(bed: &TestBed, kind: &'static str) {
    bed.transaction(|uow| {
        Box::pin(async move {
            for number in 0..50 {
                let task = NewTask {
                    kind,
                    key: number.to_string(),
                    ..reminder(uow, "")
                };
                uow.schedule(task).await?;
            }
            Ok(())
        })
    })
    .await
    .unwrap();
}

fn wiring() -> Wiring {
    Wiring::new().task("sample.remind", Remind)
}

async fn state(bed: &TestBed, key: &str) -> (String, i32, Option<String>) {
    sqlx::query_as("SELECT state, attempts, last_error FROM task WHERE key = $1")
        .bind(key)
        .fetch_one(bed.pool())
        .await
        .unwrap()
}

/// P8: moving the clock makes it due; it runs once, with its completion in the same commit.
#[tokio::test]
async fn runs_once_when_the_clock_says_so() {
    let bed = bed().await;
    schedule(&bed, "x", TimeDelta::days(1)).await;
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 0);
    bed.clock().advance(TimeDelta::days(1));
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 1);
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 0);
    assert_eq!(notes(bed.pool(), "reminded").await, ["x"]);
    assert_eq!(state(&bed, "x").await.0, "done");
}

/// In a running service a commit wakes the worker, and a moved clock is noticed.
#[tokio::test]
async fn a_service_runs_its_tasks() {
    let bed = bed().await;
    let running = bed.serve(&sample(), compose_sample).await;
    schedule(&bed, "now", TimeDelta::zero()).await;
    schedule(&bed, "later", TimeDelta::days(90)).await;
    eventually("the first", || async {
        notes(bed.pool(), "reminded").await == ["now"]
    })
    .await;
    bed.clock().advance(TimeDelta::days(90));
    eventually("the second", || async {
        notes(bed.pool(), "reminded").await == ["now", "later"]
    })
    .await;
    running.stop().await;
}

/// `schedule` replaces, `schedule_once` does not, `cancel_task` ends.
#[tokio::test]
async fn a_task_is_unique_by_kind_and_key() {
    let bed = bed().await;
    schedule(&bed, "x", TimeDelta::days(1)).await;
    schedule(&bed, "x", TimeDelta::zero()).await;
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 1);
    let again = bed
        .transaction(|uow| {
            Box::pin(async move {
                let task = reminder(uow, "x");
                uow.schedule_once(task).await
            })
        })
        .await
        .unwrap();
    assert!(!again, "it was there, though done");
    schedule(&bed, "x", TimeDelta::zero()).await;
    let cancel = || {
        bed.transaction(|uow| Box::pin(async move { uow.cancel_task("sample.remind", "x").await }))
    };
    assert!(cancel().await.unwrap());
    assert!(!cancel().await.unwrap());
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 0);
}

async fn wake(bed: &TestBed) -> bool {
    bed.transaction(|uow| Box::pin(async move { uow.wake_task("sample.remind", "x").await }))
        .await
        .unwrap()
}

/// What waits runs before its time; what is done stays done.
#[tokio::test]
async fn a_task_that_is_woken_runs_now() {
    let bed = bed().await;
    schedule(&bed, "x", TimeDelta::days(1)).await;
    assert!(wake(&bed).await);
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 1);
    assert_eq!(notes(bed.pool(), "reminded").await, ["x"]);
    assert!(!wake(&bed).await);
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 0);
}

/// Is woken while its first run is under way.
struct WokenWhileRunning(AtomicU32);

#[async_trait]
impl TaskHandler for WokenWhileRunning {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            let woken = run
                .transaction(|uow| {
                    Box::pin(async move { uow.wake_task("sample.remind", "x").await })
                })
                .await?;
            assert!(woken);
            let completed = run.transaction(|uow| Box::pin(uow.complete_task())).await;
            assert!(matches!(completed, Err(Failure::Conflict(_))));
        }
        Ok(TaskOutcome::Done)
    }
}

/// It may have looked too early: it looks once more.
#[tokio::test]
async fn a_run_that_is_woken_runs_once_more() {
    let bed = bed().await;
    schedule(&bed, "x", TimeDelta::zero()).await;
    let wiring = Wiring::new().task("sample.remind", WokenWhileRunning(AtomicU32::new(0)));
    assert_eq!(bed.run_due_tasks(&wiring).await.unwrap(), 2);
    assert_eq!(state(&bed, "x").await.0, "done");
}

/// Says what it is told to, once each.
struct Script(Vec<Step>, AtomicU32);

type Step = fn(&TaskRun) -> Result<TaskOutcome, Failure>;

#[async_trait]
impl TaskHandler for Script {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let step = self.1.fetch_add(1, Ordering::SeqCst) as usize;
        self.0[step](run)
    }
}

/// Each way for a run to end leaves the task as it should be.
#[tokio::test]
async fn outcomes_are_recorded() {
    let bed = bed().await;
    let wiring = Wiring::new().task(
        "sample.remind",
        Script(
            vec![
                |run| {
                    Ok(TaskOutcome::RetryAt(
                        run.now() + TimeDelta::hours(1),
                        "no".to_owned(),
                    ))
                },
                |_| Err(Failure::unavailable("asking", "away")),
                |run| {
                    assert_eq!(run.attempt, 3);
                    Ok(TaskOutcome::Again(run.now() + TimeDelta::hours(1)))
                },
                |run| {
                    assert_eq!(run.attempt, 1);
                    Err(Rejection::failed_precondition("NOT_OPEN", "never").into())
                },
            ],
            AtomicU32::new(0),
        ),
    );
    schedule(&bed, "x", TimeDelta::zero()).await;
    for (expected, attempts, error) in [
        ("pending", 1, Some("no")),
        ("pending", 2, Some("unavailable: asking: away")),
        ("pending", 0, None),
        ("failed", 1, Some("NOT_OPEN: never")),
    ] {
        assert_eq!(bed.run_due_tasks(&wiring).await.unwrap(), 1);
        assert_eq!(
            state(&bed, "x").await,
            (expected.to_owned(), attempts, error.map(str::to_owned))
        );
        bed.clock().advance(TimeDelta::hours(1));
    }
    assert_eq!(bed.run_due_tasks(&wiring).await.unwrap(), 0);
}

/// A worker that lost its lease to another can write nothing.
#[tokio::test]
async fn a_lost_lease_cannot_complete() {
    let bed = bed().await;
    schedule(&bed, "x", TimeDelta::zero()).await;
    let slow = Wiring::new().task("sample.remind", Slow);
    // While it runs, the task is scheduled anew: its run no longer counts.
    let (runs, ()) = tokio::join!(bed.run_due_tasks(&slow), async {
        eventually("claimed", || async {
            state(&bed, "x").await.0 == "running"
        })
        .await;
        schedule(&bed, "x", TimeDelta::days(1)).await;
    });
    assert_eq!(runs.unwrap(), 1);
    assert!(notes(bed.pool(), "reminded").await.is_empty());
    assert_eq!(state(&bed, "x").await.0, "pending");
    bed.clock().advance(TimeDelta::days(1));
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 1);
    assert_eq!(notes(bed.pool(), "reminded").await, ["x"]);
}

struct Slow;

#[async_trait]
impl TaskHandler for Slow {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Remind.run(run).await
    }
}

/// A worker died: its lease ends by the database's clock, and another runs the task.
#[tokio::test]
async fn a_dead_workers_task_is_taken_over() {
    let bed = bed().await;
    schedule(&bed, "x", TimeDelta::zero()).await;
    sqlx::query(
        "UPDATE task SET state = 'running', lease = gen_random_uuid(),
            lease_until = clock_timestamp() + interval '1 second'",
    )
    .execute(bed.pool())
    .await
    .unwrap();
    // The rehearsal clock does not end a lease.
    bed.clock().advance(TimeDelta::days(400));
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(bed.run_due_tasks(&wiring()).await.unwrap(), 1);
    assert_eq!(notes(bed.pool(), "reminded").await, ["x"]);
}

/// Two instances, many tasks: each runs once.
#[tokio::test]
async fn instances_share_tasks() {
    let bed = bed().await;
    schedule_fifty(&bed, "sample.remind").await;
    let first = bed.serve(&sample(), compose_sample).await;
    let second = bed.serve(&sample(), compose_sample).await;
    eventually("fifty", || async {
        notes(bed.pool(), "reminded").await.len() >= 50
    })
    .await;
    first.stop().await;
    second.stop().await;
    let mut all = notes(bed.pool(), "reminded").await;
    all.sort();
    all.dedup();
    assert_eq!(
        (all.len(), notes(bed.pool(), "reminded").await.len()),
        (50, 50)
    );
}

struct Recurring(Arc<AtomicU32>);

#[async_trait]
impl TaskHandler for Recurring {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        self.0.fetch_add(1, Ordering::SeqCst);
        run.transaction(|uow| Box::pin(async move { note(uow, "recurred", "").await }))
            .await?;
        Ok(TaskOutcome::Again(run.now() + TimeDelta::hours(1)))
    }
}

/// A recurring task that is configured away is done, so that nothing waits for it; configured again, it runs.
#[tokio::test]
async fn a_recurring_task_that_nobody_offers_waits_for_nobody() {
    let bed = bed().await;
    let runs = Arc::new(AtomicU32::new(0));
    for (offered, expected, state) in [
        (false, 0, None),
        (true, 1, Some("pending")),
        (false, 1, Some("done")),
        (true, 2, Some("pending")),
    ] {
        let compose = |_: Parts<NoSection>| {
            let handler = offered.then(|| Recurring(Arc::clone(&runs)));
            let wiring = Wiring::new().recurring_if(&acme(), "sample.tick", handler);
            async move { Ok::<_, BoxError>(wiring) }
        };
        let running = bed.serve(&sample(), compose).await;
        eventually("its state", || async {
            let found: Option<String> = sqlx::query_scalar(
                "SELECT state FROM task WHERE kind = 'sample.tick' AND key = 'acme'",
            )
            .fetch_optional(bed.pool())
            .await
            .unwrap();
            found.as_deref() == state && runs.load(Ordering::SeqCst) == expected
        })
        .await;
        running.stop().await;
        bed.clock().advance(TimeDelta::hours(1));
    }
}

/// A recurring task starts by itself, and again by the clock; a restart does not double it.
#[tokio::test]
async fn recurring_tasks_recur() {
    let bed = bed().await;
    let runs = Arc::new(AtomicU32::new(0));
    let compose = |_: Parts<NoSection>| {
        let runs = Arc::clone(&runs);
        async move { Ok::<_, BoxError>(Wiring::new().recurring("sample.tick", Recurring(runs))) }
    };
    for expected in [1, 2] {
        let running = bed.serve(&sample(), compose).await;
        eventually("a run", || async {
            runs.load(Ordering::SeqCst) >= expected
        })
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(runs.load(Ordering::SeqCst), expected);
        running.stop().await;
        bed.clock().advance(TimeDelta::hours(1));
    }
}

/// Runs until it is let go.
struct UntilLetGo(Arc<Semaphore>);

#[async_trait]
impl TaskHandler for UntilLetGo {
    async fn run(&self, _: &TaskRun) -> Result<TaskOutcome, Failure> {
        let permit = self.0.acquire().await;
        permit
            .map_err(|closed| Failure::internal("a test", closed))?
            .forget();
        Ok(TaskOutcome::Done)
    }
}

/// A slot that becomes free goes to the kind that has none, however many of another are due before.
#[tokio::test]
async fn no_kind_waits_behind_all_of_another() {
    const SLOW: &str = "sample.slow";
    let bed = bed().await;
    let let_go = Arc::new(Semaphore::new(0));
    schedule_fifty(&bed, SLOW).await;
    let compose = |_: Parts<NoSection>| {
        let slow = UntilLetGo(Arc::clone(&let_go));
        let wiring = Wiring::new().task("sample.remind", Remind);
        async move { Ok::<_, BoxError>(wiring.task(SLOW, slow)) }
    };
    let running = bed.serve(&sample(), compose).await;
    let count = async |state: &str| -> i64 {
        let count = "SELECT count(*) FROM task WHERE kind = $1 AND state = $2";
        let count = sqlx::query_scalar(count).bind(SLOW).bind(state);
        count.fetch_one(bed.pool()).await.unwrap()
    };
    // Alone, it has every slot.
    eventually("every slot", || async { count("running").await == 8 }).await;
    bed.clock().advance(TimeDelta::minutes(1));
    schedule(&bed, "x", TimeDelta::zero()).await;
    let_go.add_permits(1);
    eventually("the other", || async {
        notes(bed.pool(), "reminded").await == ["x"]
    })
    .await;
    assert_eq!(count("done").await, 1);
    // What is not needed by others is its own again.
    let_go.add_permits(49);
    eventually("the rest", || async { count("done").await == 50 }).await;
    running.stop().await;
}
