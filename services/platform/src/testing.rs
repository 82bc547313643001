//! A database, a clock and a stream prefix per test, on servers that run already.
//!
//! ```no_run
//! # use countersign_platform::testing::TestBed;
//! # use countersign_platform::{NoSection, Service, Wiring};
//! # async fn example() {
//! let service = Service::new("things", "0.0.0");
//! let bed = TestBed::new(&service, NoSection {}).await;
//! let parts = bed.parts(); // a clock that stands still: bed.clock().advance(..)
//! let compose = |_| async { Ok(Wiring::new()) }; // a real test takes the service's own compose
//! let running = bed.serve(&service, compose).await; // gRPC at running.address()
//! running.stop().await;
//! # }
//! ```

mod janitor;
mod log;
mod tenants;

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeZone, Utc};
use countersign_kernel::SellerId;
use futures::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use url::Url;

use crate::clock::Clock;
use crate::config::{Config, Secret, Settings};
use crate::envelope::IncomingEvent;
use crate::failure::{BoxError, Failure};
use crate::ids::Ids;
use crate::inbox::{self, Route};
use crate::lifecycle::Lifecycle;
use crate::metrics::Reading;
use crate::provision::provision;
use crate::service::{Parts, Service, Wiring};
use crate::subscription::EventHandler;
use crate::telemetry::{self, TraceContext};
use crate::tenancy::Scope;
use crate::unit_of_work::{Cause, Database, UnitOfWork};
use crate::{serve, task_worker};

pub use log::Log;

/// Where tests find Postgres, as a superuser. The database that the URL names gives its name to those
/// that the tests make.
pub const DATABASE_VARIABLE: &str = "COUNTERSIGN_TEST_DATABASE_URL";
/// Where tests find NATS with JetStream.
pub const NATS_VARIABLE: &str = "COUNTERSIGN_TEST_NATS_URL";

/// Disk that a test's stream may take: the server reserves it.
const STREAM_BYTES: i64 = 16 * 1024 * 1024;
/// Calls a second that no test makes.
const UNLIMITED: u32 = 1_000_000;
/// Runs after which [`TestBed::run_due_tasks`] gives up: a task that is always due again.
const MAX_RUNS: usize = 1_000;
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A service's schema in a database of its own. Dropping it drops the database.
#[derive(Debug)]
pub struct TestBed<S = crate::NoSection> {
    parts: Parts<S>,
    admin: String,
    database: String,
    schema: String,
}

/// Reads a variable that tests need.
///
/// # Panics
/// With the way out, when it is not set.
#[must_use]
#[expect(clippy::panic, reason = "a test that cannot run says how it can")]
pub fn required(variable: &str) -> String {
    std::env::var_os(variable)
        .and_then(|value| value.into_string().ok())
        .unwrap_or_else(|| {
            panic!("{variable} is not set: run `cargo countersign test`, which starts the servers")
        })
}

impl<S: Send + Sync + 'static> TestBed<S> {
    /// Makes a database, provisions and migrates the service's schema in it. The clock stands at
    /// 2026-03-02 09:00 UTC; ids are counted.
    ///
    /// # Panics
    /// When Postgres is not there, or a migration fails.
    pub async fn new(service: &Service, section: S) -> Self {
        Self::with_settings(service, section, |_| {}).await
    }

    /// The same, with other settings.
    ///
    /// # Panics
    /// When Postgres is not there, or a migration fails.
    #[expect(
        clippy::expect_used,
        reason = "a test bed that cannot be made ends the test"
    )]
    pub async fn with_settings(
        service: &Service,
        section: S,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        if std::env::var_os("RUST_LOG").is_some() {
            // The first test bed of the process starts logging; for the others it is started.
            let _ = telemetry::log_for_a_person();
        }
        let admin = required(DATABASE_VARIABLE);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        // The run's own database names those of its tests, so that its end finds them all.
        let run = Url::parse(&admin).expect("the test database's URL");
        let run = run.path().trim_start_matches('/');
        let database = format!("{run}_test_{}_{number}", std::process::id());
        let schema = service.schema_name();
        let (owner, run) = (format!("{schema}_owner"), format!("{schema}_run"));
        let mut settings = Settings {
            listen: "127.0.0.1:0".to_owned(),
            database_admin_url: Secret::new(url_of(&admin, None, &database)),
            database_owner_url: Secret::new(url_of(&admin, Some(&owner), &database)),
            database_url: Secret::new(url_of(&admin, Some(&run), &database)),
            nats_url: std::env::var_os(NATS_VARIABLE)
                .and_then(|url| url.into_string().ok())
                .map_or_else(Secret::default, Secret::new),
            nats_prefix: format!("test-{}-{number}", std::process::id()),
            nats_stream_max_bytes: STREAM_BYTES,
            // Tests call as fast as they can; those of the limit set it.
            rate_limit_per_second: UNLIMITED,
            rate_limit_burst: UNLIMITED,
            ..Settings::default()
        };
        change(&mut settings);
        execute(&admin, format!("CREATE DATABASE {database}"))
            .await
            .expect("CREATE DATABASE");
        provision(&settings, &schema).await.expect("provision");
        let history = service.schema().expect("the service's migrations");
        history.migrate(&settings).await.expect("migrate");
        let clock = Clock::manual(monday());
        let database_of = Database::new(&settings, &schema, clock, Ids::counted()).expect("pools");
        Self {
            parts: Parts::of(Config { settings, section }, &schema, database_of).expect("metrics"),
            admin,
            database,
            schema,
        }
    }

    /// What a service is composed from.
    #[must_use]
    pub fn parts(&self) -> Parts<S> {
        self.parts.clone()
    }

    /// The clock that stands still.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.parts.database.clock()
    }

    /// The schema as the run role, every seller's rows: to look.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.parts.database.system()
    }

    /// The pool of transactions, as it is when nothing binds it to a seller.
    #[must_use]
    pub fn unbound(&self) -> &PgPool {
        self.parts.database.callers()
    }

    /// A connection as superuser, `search_path` at the schema: to look, and to tamper.
    ///
    /// # Panics
    /// When Postgres is not there.
    #[expect(clippy::expect_used, reason = "ends the test")]
    pub async fn superuser(&self) -> PgConnection {
        PgConnectOptions::from_str(&url_of(&self.admin, None, &self.database))
            .expect("the admin URL")
            .options([("search_path", &self.schema)])
            .connect()
            .await
            .expect("a superuser's connection")
    }

    /// Runs `body` in one transaction and commits it, as a command of `tester` of `acme` would.
    ///
    /// # Errors
    /// What `body` fails with.
    ///
    /// # Panics
    /// Never: `acme` is a seller.
    #[expect(clippy::expect_used, reason = "a constant")]
    pub async fn transaction<R, F>(&self, body: F) -> Result<R, Failure>
    where
        R: Send,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<R, Failure>> + Send + Sync,
    {
        let acme = "acme".parse().expect("a seller");
        self.transaction_of(&acme, body).await
    }

    /// The same, of another seller.
    ///
    /// # Errors
    /// What `body` fails with.
    ///
    /// # Panics
    /// Never: `tester` is a principal.
    #[expect(clippy::expect_used, reason = "a constant")]
    pub async fn transaction_of<R, F>(&self, seller: &SellerId, body: F) -> Result<R, Failure>
    where
        R: Send,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<R, Failure>> + Send + Sync,
    {
        let database = &self.parts.database;
        let cause = Cause::Command {
            principal: "tester".parse().expect("a principal"),
            key: database.ids().next().to_string(),
        };
        let trace = TraceContext::start(database.ids());
        database.transaction(seller, cause, trace, body).await
    }

    /// What a service's own gauges read now.
    ///
    /// # Errors
    /// What a reading fails with.
    pub async fn readings(&self, wiring: &Wiring) -> Result<Vec<Reading>, Failure> {
        let database = &self.parts.database;
        let mut readings = Vec::new();
        for sample in &wiring.samples {
            let mut reader = database.read(&Scope::System).await?;
            readings.extend(sample.sample(&mut reader, self.clock().now()).await?);
        }
        Ok(readings)
    }

    /// Hands an event to a handler as the consumer does, without NATS: in its own transaction,
    /// through inbox and cursor. Returns the inbox's word for what became of it: `applied`,
    /// `ignored` or `rejected`.
    ///
    /// # Errors
    /// What the handler fails with, other than a rejection.
    pub async fn deliver(
        &self,
        handler: &dyn EventHandler,
        event: &IncomingEvent,
    ) -> Result<String, Failure> {
        let database = &self.parts.database;
        let cause = Cause::Event {
            id: event.id,
            source: event.source.clone(),
        };
        let scope = Scope::Seller(event.seller.clone());
        let begin = || database.begin(scope.clone(), cause.clone(), event.trace);
        let mut uow = begin().await?;
        let (source, events) = (event.source.as_str(), std::slice::from_ref(event));
        match inbox::apply(&mut uow, source, handler, events, Route::Stream).await {
            Ok(_) => uow.commit().await?,
            Err(Failure::Rejected(rejection)) => {
                uow.roll_back().await;
                let mut uow = begin().await?;
                inbox::refuse(&mut uow, source, event, &rejection, Route::Stream).await?;
                uow.commit().await?;
            }
            Err(failure) => {
                uow.roll_back().await;
                return Err(failure);
            }
        }
        let outcome = sqlx::query_scalar("SELECT outcome FROM inbox WHERE event_id = $1")
            .bind(event.id)
            .fetch_optional(database.system())
            .await?;
        Ok(outcome.unwrap_or_else(|| "waits for an earlier event".to_owned()))
    }

    /// An event as it would arrive from `source`: number `sequence` of its aggregate.
    #[must_use]
    pub fn incoming(&self, source: &str, sequence: i64, event: crate::NewEvent) -> IncomingEvent {
        let ids = self.parts.database.ids();
        IncomingEvent {
            id: ids.next(),
            source: source.to_owned(),
            type_name: event.type_name,
            seller: event.seller,
            engagement: event.engagement,
            aggregate_id: event.aggregate_id,
            aggregate_seq: sequence,
            time: self.clock().now(),
            causation: "test".to_owned(),
            trace: TraceContext::start(ids),
            payload: event.payload.into(),
            stream_seq: 0,
        }
    }

    /// The events published so far, in order: full protobuf name and payload.
    ///
    /// # Panics
    /// When the outbox cannot be read.
    #[expect(clippy::expect_used, reason = "ends the test")]
    pub async fn published(&self) -> Vec<(String, Vec<u8>)> {
        sqlx::query_as("SELECT type_name, payload FROM outbox ORDER BY id")
            .fetch_all(self.pool())
            .await
            .expect("the outbox")
    }

    /// Runs every task that is due by the clock, one after the other, until none is. Returns how
    /// many runs there were.
    ///
    /// # Errors
    /// The database's.
    pub async fn run_due_tasks(&self, wiring: &Wiring) -> Result<usize, Failure> {
        task_worker::run_due(&self.parts.database, &wiring.tasks, MAX_RUNS).await
    }

    /// Serves in this process what the service's own `compose` makes of it, with everything that a
    /// service runs: relay, consumers, tasks. Each call is another instance on the same database.
    ///
    /// # Panics
    /// When it cannot be composed, or no port is free.
    pub async fn serve<C, F>(&self, service: &Service, compose: C) -> Running
    where
        C: FnOnce(Parts<S>) -> F,
        F: Future<Output = Result<Wiring, BoxError>>,
    {
        start(service, self.fresh_parts(), compose).await
    }

    /// Parts of another instance of the service: the same database, clock and ids, a pool and a
    /// lifecycle of its own, so that one can be stopped and another started.
    ///
    /// # Panics
    /// Never: the settings have made a pool before.
    #[must_use]
    #[expect(clippy::expect_used, reason = "ends the test")]
    pub fn fresh_parts(&self) -> Parts<S> {
        let settings = &self.parts.settings;
        let (clock, ids) = (self.clock().clone(), self.parts.database.ids().clone());
        let database = Database::new(settings, &self.schema, clock, ids).expect("pools");
        self.parts.another(&self.schema, database).expect("metrics")
    }
}

/// Serves in this process with a configuration of one's own, by the system's clock: for a process
/// that a test starts, and that is to die.
///
/// # Panics
/// When it cannot be composed, or no port is free.
#[expect(clippy::expect_used, reason = "ends the test")]
pub async fn serve<S, C, F>(service: &Service, config: Config<S>, compose: C) -> Running
where
    S: Send + Sync + 'static,
    C: FnOnce(Parts<S>) -> F,
    F: Future<Output = Result<Wiring, BoxError>>,
{
    let parts = Parts::new(config, &service.schema_name()).expect("a pool");
    start(service, parts, compose).await
}

#[expect(clippy::expect_used, reason = "ends the test")]
async fn start<S, C, F>(service: &Service, parts: Parts<S>, compose: C) -> Running
where
    S: Send + Sync + 'static,
    C: FnOnce(Parts<S>) -> F,
    F: Future<Output = Result<Wiring, BoxError>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let lifecycle = parts.lifecycle.clone();
    let wiring = compose(parts.clone()).await.expect("composing the service");
    let schema = service.schema().expect("the service's migrations");
    let service = service.clone();
    let served = Lifecycle::spawn_outside(async move {
        serve::run(&service, schema, parts, wiring, listener).await
    });
    Running {
        address,
        lifecycle,
        served,
    }
}

impl<S> Drop for TestBed<S> {
    fn drop(&mut self) {
        janitor::remove(self.admin.clone(), self.database.clone());
    }
}

/// A service that runs in this process.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    lifecycle: Lifecycle,
    served: JoinHandle<Result<(), BoxError>>,
}

impl Running {
    /// Where it serves gRPC.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A channel to it.
    ///
    /// # Panics
    /// Never: the address is one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "an address makes a URI")]
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address))
            .expect("an address")
            .connect_lazy()
    }

    /// Stops it as a signal would, and waits until it has stopped.
    ///
    /// # Panics
    /// When serving failed.
    #[expect(clippy::expect_used, reason = "ends the test")]
    pub async fn stop(self) {
        self.lifecycle.stop();
        self.served
            .await
            .expect("the server's task")
            .expect("serving");
    }
}

/// When tests begin: a Monday morning.
fn monday() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0)
        .single()
        .unwrap_or_default()
}

/// The admin URL for another database, and as another user if one is named.
#[expect(clippy::expect_used, reason = "ends the test")]
fn url_of(admin: &str, user: Option<&str>, database: &str) -> String {
    let mut url = Url::parse(admin).expect("the test database's URL");
    url.set_path(database);
    if let Some(user) = user {
        url.set_username(user).expect("a URL with users");
        url.set_password(Some("test"))
            .expect("a URL with passwords");
    }
    url.into()
}

async fn execute(url: &str, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await
}
