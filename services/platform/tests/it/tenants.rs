//! One tenant never sees or touches another's rows: the database refuses, underneath the statements
//! (P5).

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_kernel::SellerId;
use countersign_platform::operations_proto::operations_service_client::OperationsServiceClient;
use countersign_platform::operations_proto::{GetStatusRequest, ListTasksRequest};
use countersign_platform::testing::TestBed;
use countersign_platform::{
    BoxError, EventHandler, Failure, Handled, IncomingEvent, NewEvent, NoSection, Parts,
    SchemaError, Service, TaskHandler, TaskOutcome, TaskRun, UnitOfWork, Wiring, async_trait,
};
use sqlx::{PgExecutor, PgPool};
use tonic::Request;

use crate::support::{
    NOTED, acme, event, eventually, note, notes, pair_with, reader, reminder, sample,
};

const BOUND: &str = "SELECT coalesce(current_setting('countersign.seller', TRUE), '')";

async fn bed_with(change: impl FnOnce(&mut countersign_platform::Settings)) -> TestBed {
    TestBed::with_settings(&sample(), NoSection {}, change).await
}

async fn bed() -> TestBed {
    bed_with(|_| {}).await
}

fn globex() -> SellerId {
    "globex".parse().unwrap()
}

fn as_operator<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    for (key, value) in [
        ("countersign-seller", "globex"),
        ("countersign-principal", "ops@globex.example"),
        ("countersign-roles", "operator"),
    ] {
        request.metadata_mut().insert(key, value.parse().unwrap());
    }
    request
}

async fn bound_to(executor: impl PgExecutor<'_>) -> String {
    sqlx::query_scalar(BOUND).fetch_one(executor).await.unwrap()
}

/// Every table with a seller, found in the catalogue; and the harness has these.
#[tokio::test]
async fn rows_of_another_tenant_are_out_of_reach() {
    let tables = bed().await.tenants_are_apart().await;
    assert_eq!(
        tables,
        [
            "aggregate_cursor",
            "aggregate_sequence",
            "audit",
            "idempotency",
            "inbox",
            "outbox",
            "parked_event",
            "task"
        ]
    );
}

/// A reader sees its seller's rows, and none can be written through it.
#[tokio::test]
async fn a_reader_sees_one_seller_and_writes_nothing() {
    let bed = bed().await;
    for seller in [acme(), globex()] {
        schedule(&bed, &seller, "once").await;
    }
    let database = bed.parts().database;
    for seller in [acme(), globex()] {
        let mut reader = database.reading(&seller).await.unwrap();
        let seen: Vec<String> = sqlx::query_scalar("SELECT seller FROM task")
            .fetch_all(&mut *reader)
            .await
            .unwrap();
        assert_eq!(seen, [seller.as_str()]);
        let written = sqlx::query("DELETE FROM task").execute(&mut *reader).await;
        let refused = written.unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("25006"), "read-only");
    }
    let unbound: Vec<String> = sqlx::query_scalar("SELECT seller FROM task")
        .fetch_all(bed.unbound())
        .await
        .unwrap();
    assert!(unbound.is_empty(), "{unbound:?}");
}

async fn schedule(bed: &TestBed, seller: &SellerId, key: &str) {
    let key = format!("{seller}/{key}");
    bed.transaction_of(seller, |uow| {
        let task = reminder(uow, &key);
        Box::pin(async move { uow.schedule(task).await })
    })
    .await
    .unwrap();
}

/// One connection, one caller after the other: whatever the former did with it, however it ended, the
/// next is not bound by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_carries_nobody_s_scope_to_the_next() {
    let bed = bed_with(|settings| settings.database_pool_size = 1).await;
    let database = bed.parts().database;

    let mut reader = database.reading(&acme()).await.unwrap();
    assert_eq!(bound_to(&mut *reader).await, "acme");
    drop(reader);
    assert_eq!(bound_to(bed.unbound()).await, "");

    bed.transaction(|uow| {
        Box::pin(async move {
            assert_eq!(bound_to(uow.connection()).await, "acme");
            Ok(())
        })
    })
    .await
    .unwrap();
    assert_eq!(bound_to(bed.unbound()).await, "");

    // A statement that says more than its transaction.
    let mut connection = bed.unbound().acquire().await.unwrap();
    sqlx::query("SELECT set_config('countersign.seller', 'acme', FALSE)")
        .execute(&mut *connection)
        .await
        .unwrap();
    drop(connection);
    assert_eq!(bound_to(bed.unbound()).await, "");

    // Handlers that are dropped at any moment: while they wait, begin, read.
    for number in 0..200_u64 {
        let database = database.clone();
        let asking = async move {
            let mut reader = database.reading(&acme()).await?;
            sqlx::query("SELECT pg_sleep(0.002)")
                .execute(&mut *reader)
                .await?;
            Ok::<_, Failure>(())
        };
        let patience = Duration::from_micros(number * 37 % 4_000);
        let _ = tokio::time::timeout(patience, asking).await;
        assert_eq!(
            bound_to(bed.unbound()).await,
            "",
            "after the caller {number}"
        );
    }
}

struct Look;

#[async_trait]
impl TaskHandler for Look {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let read = bound_to(&mut *run.reading().await?).await;
        let wrote = run
            .transaction(|uow| Box::pin(async move { Ok(bound_to(uow.connection()).await) }))
            .await?;
        run.transaction(|uow| {
            let (key, body) = (run.key.clone(), format!("{read} {wrote}"));
            Box::pin(async move { note(uow, &key, &body).await })
        })
        .await?;
        Ok(TaskOutcome::Again(run.now() + chrono::TimeDelta::hours(1)))
    }
}

/// A task belongs to whose work scheduled it; a recurring one to nobody.
#[tokio::test]
async fn a_task_s_runs_are_bound_to_who_scheduled_it() {
    let bed = bed().await;
    schedule(&bed, &acme(), "x").await;
    sqlx::query(
        "INSERT INTO task (kind, key, payload, state, due_at, traceparent, created_at, updated_at)
        SELECT kind, 'recurring', payload, state, due_at, traceparent, created_at, updated_at
        FROM task",
    )
    .execute(bed.pool())
    .await
    .unwrap();
    bed.run_due_tasks(&Wiring::new().task("sample.remind", Look))
        .await
        .unwrap();
    assert_eq!(notes(bed.pool(), "acme/x").await, ["acme acme"]);
    assert_eq!(notes(bed.pool(), "recurring").await, ["* *"]);
}

/// What a process does with one seller's account it does for that seller alone: another's tasks wait.
#[tokio::test]
async fn a_task_of_one_seller_s_account_waits_for_that_one_s_process() {
    let bed = bed().await;
    schedule(&bed, &acme(), "x").await;
    let of = |seller| Wiring::new().task_of(&seller, "sample.remind", Look);
    bed.run_due_tasks(&of(globex())).await.unwrap();
    let attempts = "SELECT attempts FROM task WHERE key = 'acme/x' AND state = 'pending'";
    let attempts: i32 = sqlx::query_scalar(attempts)
        .fetch_one(bed.pool())
        .await
        .unwrap();
    assert_eq!(attempts, 0);
    assert!(notes(bed.pool(), "acme/x").await.is_empty());
    bed.run_due_tasks(&of(acme())).await.unwrap();
    assert_eq!(notes(bed.pool(), "acme/x").await, ["acme acme"]);
}

/// What waits for another seller's process is overdue there, and pages nobody here.
#[tokio::test]
async fn another_seller_s_task_is_overdue_in_that_one_s_process() {
    // A worker without slots runs nothing.
    let bed = bed_with(|settings| settings.task_concurrency = 0).await;
    schedule(&bed, &acme(), "x").await;
    for (seller, overdue) in [(globex(), 0), (acme(), 1)] {
        let of = |_: Parts<NoSection>| async {
            Ok::<_, BoxError>(Wiring::new().task_of(&seller, "sample.remind", Look))
        };
        let running = bed.serve(&sample(), of).await;
        let mut operator = OperationsServiceClient::new(running.channel());
        let status = operator.get_status(as_operator(GetStatusRequest {})).await;
        assert_eq!(
            status.unwrap().into_inner().tasks_overdue,
            overdue,
            "{seller}"
        );
        running.stop().await;
    }
}

/// Two sellers' processes on one schema: each has its own recurring task, bound to it, and one that has none
/// leaves the other's as it is. What was nobody's before waits for nobody.
#[tokio::test]
async fn each_seller_has_a_recurring_task_of_its_own() {
    let bed = bed().await;
    let all =
        "SELECT key, coalesce(seller, ''), state FROM task WHERE kind = 'sample.tick' ORDER BY key";
    let all = async || -> Vec<(String, String, String)> {
        sqlx::query_as(all).fetch_all(bed.pool()).await.unwrap()
    };
    let row = |key: &str, seller: &str, state: &str| (key.into(), seller.into(), state.into());
    let before = |_: Parts<NoSection>| async {
        Ok::<_, BoxError>(Wiring::new().recurring("sample.tick", Look))
    };
    let running = bed.serve(&sample(), before).await;
    eventually("a run", || async {
        notes(bed.pool(), "sample.tick").await == ["* *"]
    })
    .await;
    running.stop().await;

    let of = |seller: SellerId, offered: bool| {
        move |_: Parts<NoSection>| async move {
            let wiring = Wiring::new();
            Ok::<_, BoxError>(wiring.recurring_if(&seller, "sample.tick", offered.then_some(Look)))
        }
    };
    let acmes = bed.serve(&sample(), of(acme(), true)).await;
    let globexes = bed.serve(&sample(), of(globex(), true)).await;
    for seller in ["acme", "globex"] {
        let bound = [format!("{seller} {seller}")];
        eventually("a run", || async {
            notes(bed.pool(), seller).await == bound
        })
        .await;
    }
    globexes.stop().await;
    let idle = bed.serve(&sample(), of(globex(), false)).await;
    let expected = [
        row("acme", "acme", "pending"),
        row("globex", "globex", "done"),
        row("sample.tick", "", "done"),
    ];
    eventually("its end", || async { all().await == expected }).await;
    bed.clock().advance(chrono::TimeDelta::hours(1));
    eventually("the next run", || async {
        notes(bed.pool(), "acme").await.len() == 2
    })
    .await;
    for running in [acmes, idle] {
        running.stop().await;
    }
    assert_eq!(notes(bed.pool(), "globex").await.len(), 1);
}

/// Tenants that happen to name a task alike: the second is refused, and the first's stays as it was.
#[tokio::test]
async fn another_seller_s_task_is_not_scheduled_anew() {
    let bed = bed().await;
    let task = |uow: &UnitOfWork, days| countersign_platform::NewTask {
        due_at: uow.now() + chrono::TimeDelta::days(days),
        ..reminder(uow, "shared")
    };
    bed.transaction(|uow| Box::pin(async move { uow.schedule(task(uow, 1)).await }))
        .await
        .unwrap();
    let globex = globex();
    let cancelled = bed.transaction_of(&globex, |uow| {
        Box::pin(async move { uow.cancel_task("sample.remind", "shared").await })
    });
    assert!(!cancelled.await.unwrap());
    let scheduled = bed.transaction_of(&globex, |uow| {
        Box::pin(async move { uow.schedule(task(uow, 2)).await })
    });
    assert!(scheduled.await.is_err());
    let kept: Vec<(String, String)> = sqlx::query_as("SELECT seller, state FROM task")
        .fetch_all(bed.pool())
        .await
        .unwrap();
    assert_eq!(kept, [("acme".to_owned(), "pending".to_owned())]);
}

/// Events of several sellers in one batch: each is applied in its own seller's scope.
#[tokio::test]
async fn an_event_is_applied_in_its_seller_s_scope() {
    struct Bound;

    #[async_trait]
    impl EventHandler for Bound {
        fn types(&self) -> &'static [&'static str] {
            &[NOTED]
        }

        async fn handle(
            &self,
            uow: &mut UnitOfWork,
            event: &IncomingEvent,
        ) -> Result<Handled, Failure> {
            let bound = bound_to(uow.connection()).await;
            note(uow, event.seller.as_str(), &bound).await?;
            uow.publish(NewEvent {
                type_name: "countersign.reader.v1.Heard".to_owned(),
                seller: event.seller.clone(),
                engagement: None,
                aggregate_id: event.aggregate_id.clone(),
                payload: vec![],
            })
            .await?;
            Ok(Handled::Applied)
        }
    }

    const EACH: usize = 6;
    let (publisher, subscriber) = pair_with(|_| {}).await;
    let sellers = [acme(), globex(), "initech".parse().unwrap()];
    for _ in 0..EACH {
        for seller in &sellers {
            let noted = publisher.transaction_of(seller, |uow| {
                let event = NewEvent {
                    seller: seller.clone(),
                    ..event(NOTED, "thing", "")
                };
                Box::pin(async move { uow.publish(event).await })
            });
            noted.await.unwrap();
        }
    }
    let publishing = publisher
        .serve(&sample(), |_| async { Ok(Wiring::new()) })
        .await;
    let hearing = subscriber
        .serve(&reader(), |_| async {
            Ok(Wiring::new().subscribe("sample", Bound))
        })
        .await;
    for seller in &sellers {
        eventually("what a seller's events did", || async {
            notes(subscriber.pool(), seller.as_str()).await.len() == EACH
        })
        .await;
        let bound: BTreeSet<String> = notes(subscriber.pool(), seller.as_str())
            .await
            .into_iter()
            .collect();
        assert_eq!(bound, BTreeSet::from([seller.to_string()]));
    }
    let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked_event")
        .fetch_one(subscriber.pool())
        .await
        .unwrap();
    assert_eq!(parked, 0);
    publishing.stop().await;
    hearing.stop().await;
}

/// An operator is one tenant's: another's tasks are not listed. The harness's are: they are nobody's,
/// and somebody must see what ails them.
#[tokio::test]
async fn an_operator_lists_its_own_tasks() {
    let bed = bed().await;
    for seller in [acme(), globex()] {
        schedule(&bed, &seller, "later").await;
    }
    sqlx::query("UPDATE task SET seller = NULL, key = 'poll' WHERE key LIKE 'acme/%'")
        .execute(&mut bed.superuser().await)
        .await
        .unwrap();
    schedule(&bed, &acme(), "later").await;
    let running = bed.serve(&sample(), |_| async { Ok(Wiring::new()) }).await;
    let mut operator = OperationsServiceClient::new(running.channel());
    let request = as_operator(ListTasksRequest::default());
    let listed = operator.list_tasks(request).await.unwrap().into_inner();
    let keys: Vec<String> = listed.tasks.into_iter().map(|task| task.key).collect();
    assert_eq!(keys, ["poll", "globex/later"]);
    running.stop().await;
}

async fn fit(service: &Service, pool: &PgPool) -> Result<(), SchemaError> {
    service.schema().unwrap().fit(pool).await
}

/// A table with a seller and without policy is not served, however it came to be so; `migrate` mends
/// it.
#[tokio::test]
async fn an_exposed_table_is_not_served() {
    let bed = bed().await;
    let settings = bed.parts().settings;
    let mut owner = bed.superuser().await;
    for exposing in [
        "SET ROLE sample_owner; CREATE TABLE forgotten (seller text); RESET ROLE",
        "ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE outbox DISABLE ROW LEVEL SECURITY",
        "DROP POLICY seller_scope ON outbox",
    ] {
        sqlx::raw_sql(exposing).execute(&mut owner).await.unwrap();
        let refused = fit(&sample(), bed.pool()).await;
        assert!(
            matches!(refused, Err(SchemaError::Exposed(_))),
            "{exposing}: {refused:?}"
        );
        sample().schema().unwrap().migrate(&settings).await.unwrap();
        fit(&sample(), bed.pool()).await.expect(exposing);
    }
    bed.tenants_are_apart().await;
}

/// A role for which policies do not hold does not serve.
#[tokio::test]
async fn a_role_that_passes_by_policies_does_not_serve() {
    let bed = bed().await;
    let url = bed.parts().settings.database_admin_url.expose().to_owned();
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let pool = PgPool::connect_with(options.options([("search_path", "sample")]))
        .await
        .unwrap();
    let refused = fit(&sample(), &pool).await;
    assert!(matches!(refused, Err(SchemaError::Unbound)), "{refused:?}");
    fit(&sample(), bed.pool()).await.unwrap();
}

/// The hot reads use the index to its last column, with the policy over it.
#[tokio::test]
async fn policies_leave_the_indexes_their_use() {
    let bed = bed().await;
    let database = bed.parts().database;
    let mut reader = database.reading(&acme()).await.unwrap();
    sqlx::query("SET LOCAL enable_seqscan TO off")
        .execute(&mut *reader)
        .await
        .unwrap();
    for (read, condition) in [
        (
            "SELECT reply FROM idempotency WHERE seller = 'acme' AND key = 'k'",
            "Index Cond: ((seller = 'acme'::text) AND (key = 'k'::text))",
        ),
        (
            "SELECT hash FROM audit WHERE seller = 'acme' AND aggregate_id = 'a' AND audit_seq > 7",
            "AND (aggregate_id = 'a'::text) AND (audit_seq > 7))",
        ),
        (
            "SELECT last_seq FROM aggregate_cursor
            WHERE seller = 'acme' AND source = 's' AND aggregate_id = 'a'",
            "AND (source = 's'::text) AND (aggregate_id = 'a'::text))",
        ),
    ] {
        let explain = format!("EXPLAIN (COSTS off) {read}");
        let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(explain))
            .fetch_all(&mut *reader)
            .await
            .unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains(condition), "{plan}");
        // The setting is looked up once per statement.
        assert!(
            plan.contains("InitPlan 2") && plan.contains("WHEN '*'::text"),
            "{plan}"
        );
    }
}
