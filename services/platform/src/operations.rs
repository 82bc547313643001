//! The operations service: what an operator asks of, and does to, one service.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use countersign_kernel::role;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tonic::{Request, Response, Status, async_trait};

use crate::audit::{self, Verdict};
use crate::auth::Permission;
use crate::call::CallContext;
use crate::failure::Failure;
use crate::lifecycle::Lifecycle;
use crate::nats::Nats;
use crate::operations_proto as proto;
use crate::operations_proto::operations_service_server::OperationsService;
use crate::outbox;
use crate::page::Page;
use crate::parked::{self, Aggregate, Parked};
use crate::rejection::Rejection;
use crate::standing::{self, Bound};
use crate::subscription::EventHandler;
use crate::tenancy::Scope;
use crate::unit_of_work::Database;

const READERS: &[&str] = &[role::OPERATOR, role::AUDITOR];

/// Who may ask what of every service. What happened to the deals is the auditor's to read.
pub(crate) const PERMISSIONS: [Permission; 7] = [
    Permission::roles(
        "countersign.platform.v1.OperationsService/GetStatus",
        READERS,
    ),
    Permission::roles(
        "countersign.platform.v1.OperationsService/ListParkedEvents",
        READERS,
    ),
    Permission::roles(
        "countersign.platform.v1.OperationsService/RedriveParkedEvents",
        &[role::OPERATOR],
    ),
    Permission::roles(
        "countersign.platform.v1.OperationsService/ReplayEvents",
        &[role::OPERATOR],
    ),
    Permission::roles(
        "countersign.platform.v1.OperationsService/ListTasks",
        READERS,
    ),
    Permission::roles(
        "countersign.platform.v1.OperationsService/ExportAudit",
        &[role::AUDITOR],
    ),
    Permission::roles(
        "countersign.platform.v1.OperationsService/VerifyAudit",
        READERS,
    ),
];

/// Serves operators.
#[derive(Clone)]
pub(crate) struct Operations {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) database: Database,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) nats: Option<Nats>,
    pub(crate) handlers: BTreeMap<String, Arc<dyn EventHandler>>,
    /// The tasks that are run for one seller alone.
    pub(crate) bound: Bound,
}

/// The caller, and the seller's data that it may see.
fn caller<T>(database: &Database, request: &Request<T>) -> Result<CallContext, Status> {
    CallContext::query(request, database.ids())
}

fn failed(error: sqlx::Error) -> Status {
    Failure::from(error).into()
}

/// A tenant sees and touches only its own.
fn own(call: &CallContext, seller: &str) -> Result<(), Status> {
    if call.seller.as_str() == seller {
        return Ok(());
    }
    Err(Rejection::permission_denied("OTHER_SELLER", "that is another seller's").into())
}

fn page(size: i32, token: &str) -> Result<Page<i64>, Status> {
    Ok(Page::parse(size, token, |id| id.parse().ok())?)
}

fn timestamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

#[derive(sqlx::FromRow)]
struct TaskRow {
    id: i64,
    kind: String,
    key: String,
    state: String,
    due_at: DateTime<Utc>,
    attempts: i32,
    last_error: Option<String>,
}

impl Operations {
    async fn consumers(&self) -> Result<Vec<proto::ConsumerPosition>, sqlx::Error> {
        let positions: Vec<(String, i64)> =
            sqlx::query_as("SELECT source, last_stream_seq FROM consumer_position ORDER BY source")
                .fetch_all(self.database.system())
                .await?;
        let mut consumers = Vec::with_capacity(positions.len());
        for (source, last) in positions {
            let last_applied = u64::try_from(last).unwrap_or_default();
            let lag = self.last_of(&source).await;
            consumers.push(proto::ConsumerPosition {
                lag: lag.map(|last| last.saturating_sub(last_applied)),
                source,
                last_applied,
            });
        }
        Ok(consumers)
    }

    /// The last sequence of a source's stream, if NATS says so.
    async fn last_of(&self, source: &str) -> Option<u64> {
        let nats = self.nats.as_ref().filter(|nats| nats.is_connected())?;
        let stream = nats.jetstream.get_stream(nats.names.stream(source)).await;
        Some(stream.ok()?.cached_info().state.last_sequence)
    }
}

#[async_trait]
impl OperationsService for Operations {
    async fn get_status(
        &self,
        request: Request<proto::GetStatusRequest>,
    ) -> Result<Response<proto::GetStatusResponse>, Status> {
        caller(&self.database, &request)?;
        let standing = standing::read(&self.database, &self.bound).await;
        let standing = standing.map_err(failed)?;
        Ok(Response::new(proto::GetStatusResponse {
            service: self.name.to_owned(),
            version: self.version.to_owned(),
            outbox_unpublished: standing.unpublished,
            outbox_oldest_time: standing.oldest_unpublished.map(timestamp),
            parked_events: standing.parked,
            tasks_pending: standing.pending,
            tasks_overdue: standing.due,
            tasks_failed: standing.failed,
            nats_connected: self.nats.as_ref().is_some_and(Nats::is_connected),
            consumers: self.consumers().await.map_err(failed)?,
        }))
    }

    async fn list_parked_events(
        &self,
        request: Request<proto::ListParkedEventsRequest>,
    ) -> Result<Response<proto::ListParkedEventsResponse>, Status> {
        let call = caller(&self.database, &request)?;
        let request = request.into_inner();
        let page = page(request.page_size, &request.page_token)?;
        let mut reader = self.database.reading(&call.seller).await?;
        let after = page.after.unwrap_or(0);
        let rows = parked::list(&mut reader, &call.seller, after, page.limit())
            .await
            .map_err(failed)?;
        let (rows, next_page_token) = page.cut(rows, |row| row.id.to_string());
        Ok(Response::new(proto::ListParkedEventsResponse {
            parked_events: rows.into_iter().map(parked_event).collect(),
            next_page_token,
        }))
    }

    async fn redrive_parked_events(
        &self,
        request: Request<proto::RedriveParkedEventsRequest>,
    ) -> Result<Response<proto::RedriveParkedEventsResponse>, Status> {
        let call = caller(&self.database, &request)?;
        let request = request.into_inner();
        own(&call, &request.seller)?;
        let Some(handler) = self.handlers.get(&request.source).cloned() else {
            return Err(Rejection::not_found("NO_SUCH_SOURCE", "source", &request.source).into());
        };
        tracing::warn!(principal = call.principal.as_str(), ?request, "redriving");
        let database = self.database.clone();
        // In a task of its own, as everything that writes: a caller that hangs up stops nothing.
        let redriven = self.lifecycle.spawn(async move {
            let aggregate = Aggregate {
                seller: &call.seller,
                source: &request.source,
                aggregate_id: &request.aggregate_id,
            };
            parked::redrive(&database, handler.as_ref(), aggregate).await
        });
        let redriven = redriven
            .await
            .map_err(|error| Failure::internal("redriving", error))
            .flatten()?;
        Ok(Response::new(proto::RedriveParkedEventsResponse {
            redriven: redriven.applied,
            remaining: redriven.remaining,
            error: redriven.error.unwrap_or_default(),
        }))
    }

    async fn replay_events(
        &self,
        request: Request<proto::ReplayEventsRequest>,
    ) -> Result<Response<proto::ReplayEventsResponse>, Status> {
        let call = caller(&self.database, &request)?;
        let request = request.into_inner();
        own(&call, &request.seller)?;
        tracing::warn!(principal = call.principal.as_str(), ?request, "replaying");
        let events = outbox::replay(
            &self.database,
            &call.seller,
            &request.aggregate_id,
            request.from_sequence,
        )
        .await
        .map_err(failed)?;
        self.database.wakers.relay.notify_one();
        Ok(Response::new(proto::ReplayEventsResponse {
            events: i64::try_from(events).unwrap_or(i64::MAX),
        }))
    }

    async fn list_tasks(
        &self,
        request: Request<proto::ListTasksRequest>,
    ) -> Result<Response<proto::ListTasksResponse>, Status> {
        let call = caller(&self.database, &request)?;
        let request = request.into_inner();
        let page = page(request.page_size, &request.page_token)?;
        // A recurring task is no tenant's, and whoever looks after the process must see what ails it.
        let mut reader = self.database.read(&Scope::System).await?;
        let rows: Vec<TaskRow> = sqlx::query_as(
            "SELECT id, kind, key, state, due_at, attempts, last_error FROM task
            WHERE (seller = $5 OR seller IS NULL) AND id > $1 AND ($2 = '' AND state <> 'done' OR state = $2)
                AND ($3 = '' OR kind = $3)
            ORDER BY id LIMIT $4",
        )
        .bind(page.after.unwrap_or(0))
        .bind(request.state)
        .bind(request.kind)
        .bind(page.limit())
        .bind(call.seller.as_str())
        .fetch_all(&mut *reader)
        .await
        .map_err(failed)?;
        let (rows, next_page_token) = page.cut(rows, |row| row.id.to_string());
        Ok(Response::new(proto::ListTasksResponse {
            tasks: rows.into_iter().map(task).collect(),
            next_page_token,
        }))
    }

    type ExportAuditStream = BoxStream<'static, Result<proto::AuditEntry, Status>>;

    async fn export_audit(
        &self,
        request: Request<proto::ExportAuditRequest>,
    ) -> Result<Response<Self::ExportAuditStream>, Status> {
        let call = caller(&self.database, &request)?;
        let request = request.into_inner();
        own(&call, &request.seller)?;
        let aggregate_id = Some(request.aggregate_id).filter(|id| !id.is_empty());
        let entries = audit::export(self.database.clone(), call.seller, aggregate_id);
        Ok(Response::new(
            entries.map_ok(audit_entry).map_err(Status::from).boxed(),
        ))
    }

    async fn verify_audit(
        &self,
        request: Request<proto::VerifyAuditRequest>,
    ) -> Result<Response<proto::VerifyAuditResponse>, Status> {
        let call = caller(&self.database, &request)?;
        let request = request.into_inner();
        own(&call, &request.seller)?;
        let verdict = audit::verify(&self.database, &call.seller, &request.aggregate_id).await?;
        Ok(Response::new(match verdict {
            Verdict::Intact(entries) => proto::VerifyAuditResponse {
                intact: true,
                entries,
                broken_at_sequence: 0,
            },
            Verdict::BrokenAt(sequence) => proto::VerifyAuditResponse {
                intact: false,
                entries: 0,
                broken_at_sequence: sequence,
            },
        }))
    }
}

fn parked_event(row: Parked) -> proto::ParkedEvent {
    proto::ParkedEvent {
        seller: row.seller,
        source: row.source,
        aggregate_id: row.aggregate_id,
        aggregate_sequence: row.aggregate_seq,
        event_id: row.event_id.to_string(),
        r#type: row.type_name,
        error: row.error,
        attempts: row.attempts,
        parked_time: Some(timestamp(row.parked_at)),
        behind: row.behind,
    }
}

fn task(row: TaskRow) -> proto::Task {
    proto::Task {
        kind: row.kind,
        key: row.key,
        state: row.state,
        due_time: Some(timestamp(row.due_at)),
        attempts: row.attempts,
        last_error: row.last_error.unwrap_or_default(),
    }
}

fn audit_entry(entry: audit::AuditEntry) -> proto::AuditEntry {
    proto::AuditEntry {
        seller: entry.seller,
        engagement: entry.engagement.unwrap_or_default(),
        aggregate_id: entry.aggregate_id,
        sequence: entry.audit_seq,
        occurred_time: Some(timestamp(entry.occurred_at)),
        cause_kind: entry.cause_kind,
        cause_id: entry.cause_id,
        principal: entry.principal,
        action: entry.action,
        reason: entry.reason,
        before: entry.state_before.unwrap_or_default(),
        after: entry.state_after.unwrap_or_default(),
        hash: entry.hash,
    }
}
