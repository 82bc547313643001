//! One transaction, one commit, at one level: state, audit entries, events and tasks, together or
//! not at all (P2).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, Principal, SellerId};
use futures::future::BoxFuture;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::Notify;
use tracing::Span;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::Settings;
use crate::failure::Failure;
use crate::ids::Ids;
use crate::postgres;
use crate::reader::Reader;
use crate::telemetry::TraceContext;
use crate::tenancy::{Access, Scope};

/// How often a transaction is begun again when the pool hands out a connection that has died:
/// more than the connections in a pool.
const BEGIN_ATTEMPTS: u32 = 32;

/// How often work is done again after a conflict, before the caller hears of it.
pub const CONFLICT_ATTEMPTS: u32 = 5;

/// Why a transaction runs: audit entries and events carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A caller's command.
    Command {
        /// Who.
        principal: Principal,
        /// The idempotency key of the call.
        key: String,
    },
    /// Another service's event.
    Event {
        /// Its id.
        id: Uuid,
        /// The service that published it.
        source: String,
    },
    /// A task that came due.
    Task {
        /// Its kind.
        kind: String,
        /// Its key.
        key: String,
    },
}

impl Cause {
    /// `command`, `event` or `task`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Command { .. } => "command",
            Self::Event { .. } => "event",
            Self::Task { .. } => "task",
        }
    }

    /// What names the cause among its kind.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Command { key, .. } => key.clone(),
            Self::Event { id, .. } => id.to_string(),
            Self::Task { kind, key } => format!("{kind}/{key}"),
        }
    }

    /// Who acts: the caller, or the service whose event it is, or the task worker.
    #[must_use]
    pub fn principal(&self) -> String {
        match self {
            Self::Command { principal, .. } => principal.to_string(),
            Self::Event { source, .. } => format!("service:{source}"),
            Self::Task { kind, .. } => format!("task:{kind}"),
        }
    }
}

/// What is woken when a commit left work for it; each also looks by itself every so often.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wakers {
    pub(crate) relay: Arc<Notify>,
    pub(crate) tasks: Arc<Notify>,
}

/// The service's own schema, the time, and ids: all that a transaction begins with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    /// Of transactions, each bound to whom it is for (P5).
    callers: PgPool,
    /// Of the harness's own statements, in the system's scope.
    system: PgPool,
    clock: Clock,
    ids: Ids,
    pub(crate) wakers: Wakers,
}

impl Database {
    pub(crate) fn new(
        settings: &Settings,
        schema: &str,
        clock: Clock,
        ids: Ids,
    ) -> Result<Self, sqlx::Error> {
        let (callers, system) = postgres::pools(settings, schema)?;
        Ok(Self {
            callers,
            system,
            clock,
            ids,
            wakers: Wakers::default(),
        })
    }

    /// Reads a seller's rows, in a read-only transaction: begun and bound to the seller in one round
    /// trip, over when it is dropped. What writes is a [`UnitOfWork`].
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when Postgres is away.
    pub async fn reading(&self, seller: &SellerId) -> Result<Reader, Failure> {
        self.read(&Scope::Seller(seller.clone())).await
    }

    pub(crate) async fn read(&self, scope: &Scope) -> Result<Reader, Failure> {
        Ok(Reader::new(self.open(scope, Access::Read).await?))
    }

    /// For the harness's own statements, which span sellers.
    pub(crate) const fn system(&self) -> &PgPool {
        &self.system
    }

    /// The pool of everybody's transactions, to be counted and closed: what begins one is
    /// [`Database::begin`] or [`Database::read`].
    pub(crate) const fn callers(&self) -> &PgPool {
        &self.callers
    }

    /// Closes every connection that is not in use, and the others when they come back.
    pub(crate) async fn close(&self) {
        self.callers.close().await;
        self.system.close().await;
    }

    /// The service's clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The service's source of ids.
    #[must_use]
    pub const fn ids(&self) -> &Ids {
        &self.ids
    }

    pub(crate) async fn begin(
        &self,
        scope: Scope,
        cause: Cause,
        trace: TraceContext,
    ) -> Result<UnitOfWork, Failure> {
        let span = tracing::debug_span!(
            "transaction",
            otel.kind = "client",
            "db.system.name" = "postgresql",
            "db.operation.name" = "TRANSACTION",
            "db.query.summary" = cause.kind(),
            outcome = tracing::field::Empty,
        );
        // Work for several events at once has no span around it: the first one's trace takes it.
        if TraceContext::current().is_none() {
            let _ = trace.continued_by(&span);
        }
        Ok(UnitOfWork {
            transaction: self.open(&scope, Access::Write).await?,
            scope,
            span,
            engagement: None,
            cause,
            trace,
            now: self.clock.now(),
            ids: self.ids.clone(),
            wakers: self.wakers.clone(),
            published: false,
            scheduled: false,
            lease: None,
        })
    }

    /// Begins a transaction, bound to its scope. After a restart of Postgres the pool holds dead
    /// connections. A `BEGIN` that does not get through did nothing, so it is safe to try the next
    /// connection.
    pub(crate) async fn open(
        &self,
        scope: &Scope,
        access: Access,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let begin = scope.begin(access);
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.callers.begin_with(AssertSqlSafe(begin.clone())).await {
                Err(sqlx::Error::Io(_)) if attempt < BEGIN_ATTEMPTS => {}
                // 57P01: the server ended this session (a restart, an operator).
                Err(sqlx::Error::Database(error))
                    if attempt < BEGIN_ATTEMPTS && error.code().as_deref() == Some("57P01") => {}
                other => return other,
            }
        }
    }

    /// Runs `body` in one transaction, bound to the seller, and commits it; begins again after a
    /// conflict, at most [`CONFLICT_ATTEMPTS`] times. For work that is no command: a command goes
    /// through [`crate::Commands`].
    ///
    /// # Errors
    /// What `body` fails with, or what the database does; nothing is left behind then.
    pub async fn transaction<R, F>(
        &self,
        seller: &SellerId,
        cause: Cause,
        trace: TraceContext,
        body: F,
    ) -> Result<R, Failure>
    where
        R: Send,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<R, Failure>> + Send + Sync,
    {
        let scope = Scope::Seller(seller.clone());
        self.transaction_in(&scope, cause, trace, body).await
    }

    pub(crate) async fn transaction_in<R, F>(
        &self,
        scope: &Scope,
        cause: Cause,
        trace: TraceContext,
        body: F,
    ) -> Result<R, Failure>
    where
        R: Send,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<R, Failure>> + Send + Sync,
    {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut uow = self.begin(scope.clone(), cause.clone(), trace).await?;
            let done = match body(&mut uow).await {
                Ok(value) => uow.commit().await.map(|()| value),
                Err(failure) => {
                    uow.roll_back().await;
                    Err(failure)
                }
            };
            match done {
                Err(Failure::Conflict(_)) if attempt < CONFLICT_ATTEMPTS => {}
                other => return other,
            }
        }
    }
}

/// An open transaction with its cause, time and ids. Whoever is handed one writes through it and
/// never commits it: the harness does, once.
#[derive(Debug)]
pub struct UnitOfWork {
    transaction: Transaction<'static, Postgres>,
    scope: Scope,
    /// The step of the trace that the transaction is.
    span: Span,
    /// Which deal it is about, and the current span says so.
    engagement: Option<EngagementId>,
    cause: Cause,
    trace: TraceContext,
    now: DateTime<Utc>,
    ids: Ids,
    wakers: Wakers,
    pub(crate) published: bool,
    pub(crate) scheduled: bool,
    /// The lease of the task that this transaction belongs to.
    pub(crate) lease: Option<Uuid>,
}

impl UnitOfWork {
    /// The connection, for the service's own statements:
    /// `sqlx::query("…").execute(uow.connection()).await?`.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// The time at which this unit of work happens: the same for all that it writes.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// A new id.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.ids.next()
    }

    /// Why it runs.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The trace that it belongs to.
    #[must_use]
    pub const fn trace(&self) -> &TraceContext {
        &self.trace
    }

    /// Goes on in the trace in which an aggregate was last written: for what a timer finds out about
    /// it, and was not asked by anybody who knows of it. The trace that found it out is linked. Returns
    /// the step that this is: what goes on is run within it (`instrument`), so that its log lines name
    /// the deal and the trace that they are of, and the timer's next ones do not.
    ///
    /// # Errors
    /// The database's.
    pub async fn resume_trace(
        &mut self,
        seller: &SellerId,
        aggregate_id: &str,
    ) -> Result<Span, Failure> {
        let stored: Option<String> = sqlx::query_scalar(
            "SELECT traceparent FROM aggregate_sequence WHERE seller = $1 AND aggregate_id = $2",
        )
        .bind(seller.as_str())
        .bind(aggregate_id)
        .fetch_optional(self.connection())
        .await?;
        let stored = stored.and_then(|text| text.parse::<TraceContext>().ok());
        let other = stored.filter(|stored| !stored.shares_trace(&self.trace));
        // In the same trace it goes on where this work stands: there may be no span around it.
        let (goes_on_from, parent) = match other {
            Some(stored) => (stored, None),
            None => (self.trace, Span::current().id()),
        };
        let span = tracing::info_span!(
            parent: parent,
            "resume",
            cause = self.cause.kind(),
            cause_id = self.cause.id(),
            seller = seller.as_str(),
            engagement = self.engagement.as_ref().map(EngagementId::as_str),
            trace_id = tracing::field::Empty,
            span_id = tracing::field::Empty,
        );
        let found_out_by = self.trace;
        self.trace = goes_on_from.continued_by(&span);
        if other.is_some() {
            found_out_by.link(&span);
        }
        // Not yet known here: the span that it was said to, if it was, is another.
        self.engagement = None;
        Ok(span)
    }

    /// Says which deal this work is about, as soon as it is known: the lines that are logged of it name
    /// it from here on, and the tasks that it schedules from their beginning. What is audited or
    /// published says it too.
    pub fn concerns(&mut self, engagement: &EngagementId) {
        if self.engagement.as_ref() != Some(engagement) {
            Span::current().record("engagement", engagement.as_str());
            self.engagement = Some(engagement.clone());
        }
    }

    /// Which deal this work is about, so far as it was said.
    pub(crate) const fn engagement(&self) -> Option<&EngagementId> {
        self.engagement.as_ref()
    }

    /// The same, for whose span it stands on already.
    pub(crate) fn begins_with(&mut self, engagement: Option<EngagementId>) {
        self.engagement = engagement;
    }

    /// Whose rows it may see and write.
    pub(crate) const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Goes on with the rows of another scope: a round trip, unless it is the same.
    pub(crate) async fn act_for(&mut self, scope: Scope) -> Result<(), Failure> {
        if self.scope != scope {
            scope.enter(&mut self.transaction).await?;
            self.scope = scope;
        }
        Ok(())
    }

    /// Goes on for another event of the same batch.
    pub(crate) fn because_of(
        &mut self,
        cause: Cause,
        trace: TraceContext,
        engagement: Option<EngagementId>,
    ) {
        self.cause = cause;
        self.trace = trace;
        self.engagement = engagement;
    }

    pub(crate) async fn commit(self) -> Result<(), Failure> {
        self.transaction.commit().await?;
        self.span.record("outcome", "commit");
        if self.published {
            self.wakers.relay.notify_one();
        }
        if self.scheduled {
            self.wakers.tasks.notify_one();
        }
        Ok(())
    }

    /// Gives everything back. A connection on which that fails is closed by the pool.
    pub(crate) async fn roll_back(self) {
        self.span.record("outcome", "rollback");
        if let Err(error) = self.transaction.rollback().await {
            tracing::debug!(%error, "rollback did not get through");
        }
    }
}
