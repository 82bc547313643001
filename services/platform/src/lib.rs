//! The harness that every service runs in. It knows no word of the trade: it knows commands,
//! events, tasks and audit entries, and sees to it that none is lost, doubled or reordered.
//!
//! # The map
//! | room | what |
//! |---|---|
//! | [`Service`], [`Wiring`], [`Parts`] | a service's `main`: subcommands `provision`, `migrate`, `check`, `serve`, `probe` |
//! | [`config`] | environment over secrets over TOML over defaults; a section per service; [`config::Secret`] |
//! | [`Clock`], [`Ids`] | time and ids as parameters (P8) |
//! | [`auth`] | who calls, and what they may: tokens, permissions, limits per caller (P5) |
//! | [`CallContext`] | tenant, caller, roles, idempotency key, trace of a call (P4) |
//! | [`Commands`] | one key, one transaction, one answer for ever (P2, P4) |
//! | [`UnitOfWork`] | the open transaction: `connection`, `publish`, `audit`, `schedule` |
//! | [`Reader`] | a query's read-only transaction |
//! | `tenancy` | both are bound to one seller, by the database (P5) |
//! | [`Page`] | sizes and tokens of lists (P4) |
//! | [`Rejection`], [`Violations`], [`Failure`] | what is refused, and what went wrong |
//! | [`EventHandler`] | what a service does with another's events |
//! | [`TaskHandler`], [`TaskRun`] | timers, retries, calls to the outside |
//! | [`tls`] | certificates: this process's, and whom it trusts (P5) |
//! | [`audit`] | the hash chain: export and verify (P3) |
//! | [`Metrics`], [`Sample`] | what is counted, and how things stand, for Prometheus (P6) |
//! | [`telemetry`], [`TraceContext`] | logs as JSON, and one trace through everything (P6) |
//! | [`fault`] | steps to crash at, in tests |
//! | `testing` | a database and a stream per test (feature `testing`) |
//!
//! # A service
//! ```no_run
//! use countersign_platform::{
//!     BoxError, Commands, EventHandler, Failure, Handled, IncomingEvent, NewAudit, NewEvent,
//!     NewTask, Parts, Rejection, Service, TaskHandler, TaskOutcome, TaskRun, UnitOfWork, Violations,
//!     Wiring, async_trait, back_off,
//! };
//! use tonic::{Request, Response, Status};
//! # #[derive(Clone, PartialEq, prost::Message)]
//! # struct CloseThingRequest { #[prost(string, tag = "1")] name: String }
//! # #[derive(Clone, PartialEq, prost::Message)]
//! # struct Thing {}
//! # fn text(_: &str) -> Option<String> { None }
//!
//! #[derive(serde::Deserialize, Default)]
//! #[serde(default)]
//! struct ThingsConfig { limit: u32 } // COUNTERSIGN_THINGS__LIMIT
//!
//! // src/main.rs. `static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();` goes into
//! // .migrations(&MIGRATIONS): versions from 1000, and a build.rs that prints
//! // "cargo:rerun-if-changed=migrations". The encoded descriptor set goes into .descriptors(..), and
//! // src/permissions.rs, a rule for every method, into .permissions(..).
//! fn main() -> std::process::ExitCode {
//!     Service::new("things", env!("CARGO_PKG_VERSION")).run(compose)
//! }
//!
//! async fn compose(parts: Parts<ThingsConfig>) -> Result<Wiring, BoxError> {
//!     Ok(Wiring::new()
//!         // .grpc(ThingsServiceServer::new(Things { commands: parts.commands.clone() }))
//!         .subscribe("other", Others)
//!         .task("things.remind", Remind))
//! }
//!
//! // src/grpc.rs: parse, call, convert.
//! struct Things { commands: Commands }
//!
//! impl Things {
//!     async fn close_thing(&self, request: Request<CloseThingRequest>) -> Result<Response<Thing>, Status> {
//!         let call = self.commands.call(&request)?; // `.query(&request)?` for what only reads
//!         let request = request.into_inner();
//!         let mut wrong = Violations::default(); // every wrong field at once
//!         let name = wrong.required("name", &request.name).map(str::to_owned);
//!         let name = wrong.finish(name)?;
//!         let seller = call.seller.clone();
//!         self.commands
//!             .execute(&call, "things.v1.Things/CloseThing", &request, move |uow| {
//!                 let (seller, name) = (seller.clone(), name.clone());
//!                 Box::pin(async move { close(uow, seller, &name).await })
//!             })
//!             .await
//!     }
//! }
//!
//! // src/commands.rs: state first, then audit and events; never commits. `?` takes sqlx errors
//! // (a serialization failure is tried again) and rejections (kept and answered).
//! async fn close(uow: &mut UnitOfWork, seller: countersign_kernel::SellerId, name: &str) -> Result<Thing, Failure> {
//!     let now = uow.now(); // never a clock of one's own
//!     let closed = sqlx::query("UPDATE thing SET closed_at = $3 WHERE seller = $1 AND name = $2 AND closed_at IS NULL")
//!         .bind(seller.as_str()).bind(name).bind(now)
//!         .execute(uow.connection()).await?
//!         .rows_affected();
//!     if closed == 0 {
//!         return Err(Rejection::failed_precondition("NOT_OPEN", "the thing is not open").with("name", name).into());
//!     }
//!     uow.audit(NewAudit {
//!         seller: seller.clone(), engagement: None, aggregate_id: name.to_owned(),
//!         action: "close".to_owned(), reason: String::new(), before: None, after: None,
//!     }).await?;
//!     uow.publish(NewEvent {
//!         type_name: "things.v1.ThingClosed".to_owned(), seller, engagement: None,
//!         aggregate_id: name.to_owned(), payload: vec![],
//!     }).await?;
//!     uow.schedule(NewTask {
//!         kind: "things.remind", key: name.to_owned(), payload: serde_json::json!({}),
//!         due_at: now + chrono::TimeDelta::days(1),
//!     }).await?;
//!     Ok(Thing {})
//! }
//!
//! // src/events/inbound.rs: applied once, in the order of its aggregate.
//! struct Others;
//!
//! #[async_trait]
//! impl EventHandler for Others {
//!     fn types(&self) -> &'static [&'static str] { &["other.v1.SomethingHappened"] }
//!
//!     async fn handle(&self, uow: &mut UnitOfWork, event: &IncomingEvent) -> Result<Handled, Failure> {
//!         let thing: Thing = event.decode()?;
//!         close(uow, event.seller.clone(), &event.aggregate_id).await?; // a rejection is recorded
//!         Ok(Handled::Applied)
//!     }
//! }
//!
//! // A task: outside first, without a transaction; then its result, with its completion, in one.
//! struct Remind;
//!
//! #[async_trait]
//! impl TaskHandler for Remind {
//!     async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
//!         let Some(answer) = text(&run.key) else { // a call to the outside, with its own timeout
//!             return Ok(TaskOutcome::RetryAt(run.now() + back_off(run.attempt), "no answer".to_owned()));
//!         };
//!         run.transaction(|uow| {
//!             let answer = answer.clone();
//!             Box::pin(async move {
//!                 sqlx::query("INSERT INTO reminder (answer) VALUES ($1)").bind(answer)
//!                     .execute(uow.connection()).await?;
//!                 uow.complete_task().await // a worker that lost its lease fails here
//!             })
//!         })
//!         .await?;
//!         Ok(TaskOutcome::Done)
//!     }
//! }
//! ```
//!
//! # Rules that the harness cannot enforce
//! - Only the harness commits. Nothing remote is called inside a unit of work.
//! - Database futures are never put under `timeout` or into `select!`: a future dropped half-way can
//!   leave its connection inside a transaction. Statements are bounded by Postgres itself.
//! - Reads use `commands.database().reading(&call.seller)`, and drop it after the last statement.

pub mod audit;
pub mod auth;
mod call;
mod call_body;
mod calls;
mod clock;
mod command;
pub mod config;
mod consumer;
mod delivery;
mod durable;
mod envelope;
mod failure;
pub mod fault;
mod gaps;
pub mod grpc;
mod ids;
mod inbox;
mod known_keys;
mod lifecycle;
mod management;
mod methods;
pub mod metrics;
mod migrate;
mod nats;
mod operations;
mod outbox;
mod page;
mod parked;
mod position;
mod postgres;
mod probe;
mod provision;
mod reader;
mod readiness;
mod rejection;
mod relay;
mod rollback;
mod secret_files;
mod serve;
mod service;
mod standing;
mod subscription;
mod task_worker;
mod tasks;
pub mod telemetry;
mod tenancy;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;
mod unit_of_work;
mod violations;

pub use audit::NewAudit;
pub use auth::{Identity, Permission, check_permissions};
pub use call::{
    CallContext, IDEMPOTENCY_KEY, MAX_IDEMPOTENCY_KEY, PRINCIPAL_KEY, ROLES_KEY, SELLER_KEY,
    TRACEPARENT_KEY,
};
pub use clock::Clock;
pub use command::Commands;
pub use config::{Config, NoSection, Secret, Settings};
pub use envelope::{IncomingEvent, MAX_PAYLOAD_BYTES, NewEvent, PARTITIONS, partition};
pub use failure::{BoxError, Failure};
pub use ids::Ids;
pub use lifecycle::Lifecycle;
pub use metrics::{Counter, Gauge, Metrics, Reading, Sample, Unit};
pub use migrate::{FIRST_SERVICE_VERSION, Schema, SchemaError};
pub use page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page};
pub use provision::{ProvisionError, provision};
pub use reader::Reader;
pub use rejection::{DOMAIN, INVALID_FIELDS, REQUIRED, Rejection, RejectionCode, Violation};
pub use service::{MAX_MESSAGE_BYTES, Parts, Service, Wiring};
pub use subscription::{EventHandler, Handled};
pub use tasks::{BACK_OFF_LIMIT, NewTask, TaskHandler, TaskOutcome, TaskRun, back_off};
pub use telemetry::TraceContext;
pub use tonic::async_trait;
pub use unit_of_work::{CONFLICT_ATTEMPTS, Cause, Database, UnitOfWork};
pub use violations::Violations;

/// The generated types of the operations service, which every service serves beside its own.
#[expect(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated"
)]
pub mod operations_proto {
    tonic::include_proto!("countersign.platform.v1");

    /// The encoded descriptor set.
    pub const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/operations.bin"));
}
