//! The command shell: one idempotency key, one transaction, one answer for ever (P2, P4).

use futures::future::BoxFuture;
use prost::Message;
use sha2::{Digest, Sha256};
use sqlx::PgExecutor;
use tonic::{Code, Request, Response, Status};
use tracing::Instrument;

use crate::call::CallContext;
use crate::failure::Failure;
use crate::fault;
use crate::lifecycle::Lifecycle;
use crate::rejection::Rejection;
use crate::tenancy::Scope;
use crate::unit_of_work::{CONFLICT_ATTEMPTS, Cause, Database, UnitOfWork};

/// Runs commands. Cheap to clone; each gRPC service holds one.
#[derive(Debug, Clone)]
pub struct Commands {
    database: Database,
    lifecycle: Lifecycle,
}

/// What a command left under its key.
enum Outcome<Reply> {
    Replied(Reply),
    Refused(Status),
}

impl Commands {
    pub(crate) const fn new(database: Database, lifecycle: Lifecycle) -> Self {
        Self {
            database,
            lifecycle,
        }
    }

    /// The schema that commands write, for queries to read.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Who calls, for a command.
    ///
    /// # Errors
    /// See [`CallContext::command`].
    pub fn call<T>(&self, request: &Request<T>) -> Result<CallContext, Status> {
        Ok(named(CallContext::command(request, self.database.ids())?))
    }

    /// Who calls, for a query.
    ///
    /// # Errors
    /// See [`CallContext::query`].
    pub fn query<T>(&self, request: &Request<T>) -> Result<CallContext, Status> {
        Ok(named(CallContext::query(request, self.database.ids())?))
    }

    /// Executes a command once for its `(seller, idempotency key)`, however often it is asked for
    /// and whatever dies meanwhile.
    ///
    /// `rpc` and the request's bytes are what the key stands for: the same key with others is
    /// refused (`IDEMPOTENCY_KEY_REUSED`). `body` runs in one transaction and must not do anything
    /// that a rollback cannot undo; after a conflict it runs again, at most
    /// [`CONFLICT_ATTEMPTS`] times, which is why it is `Fn`: clone into the future what it consumes.
    /// Its reply is kept and returned to every retry. So is a [`Failure::Rejected`], of which
    /// nothing else is kept. Any other failure keeps nothing, and a retry begins anew.
    ///
    /// The work goes on when the caller hangs up: a database future that is dropped half-way can
    /// leave its connection inside a transaction (sqlx 0.9.0). So it does when the caller's time is
    /// over, which the server tells of any call; the outcome is left under the key.
    ///
    /// # Errors
    /// The rejection; `ABORTED` after too many conflicts; `UNAVAILABLE` when Postgres is away.
    pub async fn execute<Req, Reply, F>(
        &self,
        call: &CallContext,
        rpc: &'static str,
        request: &Req,
        body: F,
    ) -> Result<Response<Reply>, Status>
    where
        Req: Message,
        Reply: Message + Default + 'static,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<Reply, Failure>>
            + Send
            + Sync
            + 'static,
    {
        let span = tracing::info_span!(
            "command",
            rpc,
            seller = call.seller.as_str(),
            principal = call.principal.as_str(),
            key = call.idempotency_key,
            engagement = tracing::field::Empty,
            trace_id = tracing::field::Empty,
            span_id = tracing::field::Empty,
        );
        let mut call = call.clone();
        call.trace = call.trace.unless_at(&span);
        let command = Command::new(call, rpc, request);
        let database = self.database.clone();
        let run = async move {
            match command.run(&database, &body).await {
                Ok(Outcome::Replied(reply)) => Ok(Response::new(reply)),
                Ok(Outcome::Refused(status)) => Err(status),
                // Told to the log within the span: the line names the deal and the trace.
                Err(failure) => Err(failure.into()),
            }
        };
        let running = self.lifecycle.spawn(run.instrument(span.clone()));
        running.await.unwrap_or_else(|panicked| {
            Err(span.in_scope(|| Failure::internal(rpc, panicked).into()))
        })
    }

    /// What was answered under the call's key before, if anything was: for a command that asks the outside
    /// before [`Self::execute`], which is not asked again then, and may be away.
    ///
    /// # Errors
    /// The rejection that was answered; `IDEMPOTENCY_KEY_REUSED`; `UNAVAILABLE` when Postgres is away.
    pub async fn answered<Req, Reply>(
        &self,
        call: &CallContext,
        rpc: &'static str,
        request: &Req,
    ) -> Result<Option<Response<Reply>>, Status>
    where
        Req: Message,
        Reply: Message + Default,
    {
        let command = Command::new(call.clone(), rpc, request);
        let mut reader = self.database.reading(&call.seller).await?;
        match command.found(&mut *reader).await? {
            Some(Outcome::Replied(reply)) => Ok(Some(Response::new(reply))),
            Some(Outcome::Refused(status)) => Err(status),
            None => Ok(None),
        }
    }
}

/// Lets the log's lines of the call name the tenant.
fn named(call: CallContext) -> CallContext {
    tracing::Span::current().record("seller", call.seller.as_str());
    call
}

struct Command {
    call: CallContext,
    rpc: &'static str,
    request_hash: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct Kept {
    request_hash: Vec<u8>,
    reply: Option<Vec<u8>>,
    reject_code: Option<i32>,
    reject_message: Option<String>,
    reject_details: Option<Vec<u8>>,
}

impl Command {
    fn new<Req: Message>(call: CallContext, rpc: &'static str, request: &Req) -> Self {
        let request_hash = Sha256::new()
            .chain_update(rpc)
            .chain_update([0])
            .chain_update(request.encode_to_vec())
            .finalize()
            .to_vec();
        Self {
            call,
            rpc,
            request_hash,
        }
    }

    async fn run<Reply, F>(&self, database: &Database, body: &F) -> Result<Outcome<Reply>, Failure>
    where
        Reply: Message + Default,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<Reply, Failure>> + Send + Sync,
    {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(database, body).await {
                Err(Failure::Conflict(_)) if attempt < CONFLICT_ATTEMPTS => {}
                done => return done,
            }
        }
    }

    async fn attempt<Reply, F>(
        &self,
        database: &Database,
        body: &F,
    ) -> Result<Outcome<Reply>, Failure>
    where
        Reply: Message + Default,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<Reply, Failure>> + Send + Sync,
    {
        let mut uow = self.begin(database).await?;
        let done = if self.claim(&mut uow).await? {
            self.work(&mut uow, body).await
        } else {
            self.kept(&mut uow).await
        };
        match done {
            Ok(outcome) => {
                fault::point("command.before_commit");
                uow.commit().await?;
                fault::point("command.after_commit");
                Ok(outcome)
            }
            Err(Failure::Rejected(rejection)) => {
                uow.roll_back().await;
                self.refuse(database, rejection).await
            }
            Err(failure) => {
                uow.roll_back().await;
                Err(failure)
            }
        }
    }

    async fn begin(&self, database: &Database) -> Result<UnitOfWork, Failure> {
        let cause = Cause::Command {
            principal: self.call.principal.clone(),
            key: self.call.idempotency_key.clone(),
        };
        let scope = Scope::Seller(self.call.seller.clone());
        database.begin(scope, cause, self.call.trace).await
    }

    async fn work<Reply, F>(
        &self,
        uow: &mut UnitOfWork,
        body: &F,
    ) -> Result<Outcome<Reply>, Failure>
    where
        Reply: Message + Default,
        F: for<'t> Fn(&'t mut UnitOfWork) -> BoxFuture<'t, Result<Reply, Failure>> + Send + Sync,
    {
        let reply = body(uow).await?;
        fault::point("command.after_write");
        self.keep_reply(uow, &reply).await?;
        Ok(Outcome::Replied(reply))
    }

    /// Keeps a rejection under the key, in a transaction of its own: what was written before it is
    /// rolled back. If the key was taken meanwhile, its answer stands.
    async fn refuse<Reply: Message + Default>(
        &self,
        database: &Database,
        rejection: Rejection,
    ) -> Result<Outcome<Reply>, Failure> {
        let mut uow = self.begin(database).await?;
        let outcome = if self.claim(&mut uow).await? {
            Outcome::Refused(self.keep_rejection(&mut uow, rejection).await?)
        } else {
            self.kept(&mut uow).await?
        };
        uow.commit().await?;
        Ok(outcome)
    }

    /// Takes the key; a concurrent holder of the same key is waited for on the unique index.
    async fn claim(&self, uow: &mut UnitOfWork) -> Result<bool, Failure> {
        let now = uow.now();
        let inserted = sqlx::query(
            "INSERT INTO idempotency (seller, key, principal, rpc, request_hash, created_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (seller, key) DO NOTHING",
        )
        .bind(self.call.seller.as_str())
        .bind(&self.call.idempotency_key)
        .bind(self.call.principal.as_str())
        .bind(self.rpc)
        .bind(&self.request_hash)
        .bind(now)
        .execute(uow.connection())
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    /// What was answered under this key before, byte for byte.
    async fn kept<Reply: Message + Default>(
        &self,
        uow: &mut UnitOfWork,
    ) -> Result<Outcome<Reply>, Failure> {
        let found = self.found(uow.connection()).await?;
        found.ok_or_else(|| Failure::internal("reading a kept answer", "it is gone"))
    }

    /// What was answered under this key before, if anything was.
    async fn found<Reply: Message + Default>(
        &self,
        executor: impl PgExecutor<'_>,
    ) -> Result<Option<Outcome<Reply>>, Failure> {
        let kept: Option<Kept> = sqlx::query_as(
            "SELECT request_hash, reply, reject_code, reject_message, reject_details
            FROM idempotency WHERE seller = $1 AND key = $2",
        )
        .bind(self.call.seller.as_str())
        .bind(&self.call.idempotency_key)
        .fetch_optional(executor)
        .await?;
        let Some(kept) = kept else {
            return Ok(None);
        };
        if kept.request_hash != self.request_hash {
            return Ok(Some(Outcome::Refused(self.reused().into())));
        }
        if let Some(reply) = kept.reply {
            let reply = Reply::decode(reply.as_slice())
                .map_err(|error| Failure::internal("reading a kept reply", error))?;
            return Ok(Some(Outcome::Replied(reply)));
        }
        Ok(Some(Outcome::Refused(Status::with_details(
            Code::from_i32(kept.reject_code.unwrap_or_default()),
            kept.reject_message.unwrap_or_default(),
            kept.reject_details.unwrap_or_default().into(),
        ))))
    }

    fn reused(&self) -> Rejection {
        Rejection::invalid_argument(
            "IDEMPOTENCY_KEY_REUSED",
            "this idempotency key stands for another request",
        )
        .with("idempotency_key", &self.call.idempotency_key)
    }

    async fn keep_reply<Reply: Message>(
        &self,
        uow: &mut UnitOfWork,
        reply: &Reply,
    ) -> Result<(), Failure> {
        sqlx::query("UPDATE idempotency SET reply = $3 WHERE seller = $1 AND key = $2")
            .bind(self.call.seller.as_str())
            .bind(&self.call.idempotency_key)
            .bind(reply.encode_to_vec())
            .execute(uow.connection())
            .await?;
        Ok(())
    }

    async fn keep_rejection(
        &self,
        uow: &mut UnitOfWork,
        rejection: Rejection,
    ) -> Result<Status, Failure> {
        tracing::info!(reason = rejection.reason(), "refused");
        let status = Status::from(rejection);
        sqlx::query(
            "UPDATE idempotency SET reject_code = $3, reject_message = $4, reject_details = $5
            WHERE seller = $1 AND key = $2",
        )
        .bind(self.call.seller.as_str())
        .bind(&self.call.idempotency_key)
        .bind(i32::from(status.code()))
        .bind(status.message())
        .bind(status.details())
        .execute(uow.connection())
        .await?;
        Ok(status)
    }
}
