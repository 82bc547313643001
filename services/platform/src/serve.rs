//! Serving: everything that a running service does beside its calls, started and stopped in order.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tonic_health::pb::health_server::HealthServer;

use crate::auth::Door;
use crate::config::{Config, Settings};
use crate::consumer::Consumer;
use crate::failure::BoxError;
use crate::gaps::Gaps;
use crate::grpc::{Health, Server};
use crate::lifecycle::Lifecycle;
use crate::management;
use crate::metrics::rpc::ObserveCalls;
use crate::metrics::sampler::Sampler;
use crate::metrics::{Instruments, Metrics, Sample};
use crate::migrate::Schema;
use crate::nats::Nats;
use crate::operations::{self, Operations};
use crate::operations_proto::{self, operations_service_server::OperationsServiceServer};
use crate::postgres;
use crate::readiness::{Readiness, Seen};
use crate::relay::{self, Relay};
use crate::service::{MAX_MESSAGE_BYTES, Parts, Service, Wiring};
use crate::subscription::EventHandler;
use crate::task_worker::{self, Recurring, Runners, Worker};
use crate::tls::ServerTls;
use crate::unit_of_work::Database;

/// Between two looks at a schema that is not fit yet.
const SCHEMA_PERIOD: Duration = Duration::from_secs(1);

/// Whether the schema is fit to serve.
pub(crate) async fn check<S>(schema: &Schema, parts: &Parts<S>) -> Result<(), BoxError> {
    schema.fit(parts.database.system()).await?;
    tracing::info!(schema = schema.name(), "the schema is up to date");
    Ok(())
}

/// Serves until a signal says stop.
pub(crate) async fn serve<S, C, F>(
    service: &Service,
    schema: Schema,
    config: Config<S>,
    compose: C,
) -> Result<(), BoxError>
where
    S: Send + Sync + 'static,
    C: FnOnce(Parts<S>) -> F,
    F: Future<Output = Result<Wiring, BoxError>>,
{
    let parts = Parts::new(config, schema.name())?;
    let listener = TcpListener::bind(&parts.settings.listen).await?;
    stop_on_signal(&parts.lifecycle)?;
    let wiring = compose(parts.clone()).await?;
    run(service, schema, parts, wiring, listener).await
}

/// Serves on `listener` until the lifecycle says stop.
pub(crate) async fn run<S>(
    service: &Service,
    schema: Schema,
    parts: Parts<S>,
    mut wiring: Wiring,
    listener: TcpListener,
) -> Result<(), BoxError>
where
    S: Send + Sync + 'static,
{
    let lifecycle = parts.lifecycle.clone();
    let nats = if parts.settings.nats_url.is_empty() {
        None
    } else {
        Some(Nats::connect(&parts.settings, schema.name()).await?)
    };
    let operations = Operations {
        name: service.name,
        version: service.version,
        database: parts.database.clone(),
        lifecycle: lifecycle.clone(),
        nats: nats.clone(),
        handlers: wiring.handlers.clone(),
        bound: task_worker::bound(&wiring.tasks),
    };
    let operations = OperationsServiceServer::new(operations);
    let operations = operations.max_decoding_message_size(MAX_MESSAGE_BYTES);
    wiring.grpc.add(operations);
    wiring.grpc.describe(operations_proto::FILE_DESCRIPTOR_SET);
    for descriptors in &service.descriptors {
        wiring.grpc.describe(descriptors);
    }
    // Of everything that is served by now: the operations too have a health.
    let (health, health_server) = Health::new(&wiring.grpc, &lifecycle).await;
    serve_management(&parts, health_server.clone()).await?;
    let address = listener.local_addr()?;
    let rules = [service.permissions.as_slice(), &operations::PERMISSIONS].concat();
    let permissions = wiring.grpc.permissions(&rules)?;
    let tls = ServerTls::new(&parts.settings)?;
    let instruments = Instruments::new(&parts.metrics);
    let door = Door::new(
        &parts.settings,
        permissions,
        address,
        &lifecycle,
        &instruments.refused,
    )?;
    tracing::info!(
        service = service.name,
        version = service.version,
        listen = %address,
        tls = tls.is_some(),
        "listening"
    );
    let relay = postgres::system_options(&parts.settings, schema.name())?;
    let observe = ObserveCalls::new(
        &parts.metrics,
        wiring.grpc.descriptors(),
        parts.database.ids().clone(),
    );
    let background = Background {
        schema,
        metrics: parts.metrics.clone(),
        instruments,
        samples: wiring.samples,
        database: parts.database.clone(),
        settings: Arc::clone(&parts.settings),
        lifecycle: lifecycle.clone(),
        nats,
        relay,
        handlers: wiring.handlers,
        tasks: wiring.tasks,
        recurring: wiring.recurring,
        idle: wiring.idle,
    };
    let transport = Server {
        settings: Arc::clone(&parts.settings),
        observe,
        door,
        listener,
        tls,
        lifecycle: lifecycle.clone(),
    };
    wiring.grpc.add(health_server);
    lifecycle.spawn(background.run(health));
    let served = until_stopped(Box::pin(transport.serve(wiring.grpc)), &parts).await;
    tracing::info!(service = service.name, "stopped");
    served
}

/// Serves until told to stop, then gives open calls and work under way the drain time, all of it
/// together: whoever sends the signal kills the process soon after. What is left then ends with the
/// process; Postgres rolls its transactions back.
async fn until_stopped<S>(
    serving: impl Future<Output = Result<(), BoxError>>,
    parts: &Parts<S>,
) -> Result<(), BoxError> {
    let lifecycle = &parts.lifecycle;
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = &mut serving => Some(served),
        () = lifecycle.stopping() => None,
    };
    lifecycle.stop();
    let end = Instant::now() + parts.settings.drain_timeout();
    let served = match served {
        Some(served) => served,
        None => timeout_at(end, serving).await.unwrap_or_else(|_| {
            tracing::warn!("stopped with calls under way; a command's outcome is kept, or nothing");
            Ok(())
        }),
    };
    if !lifecycle.drained(end - Instant::now()).await {
        tracing::warn!("stopped with work under way; it will be taken up again");
    }
    // Closing waits for connections in use: not longer than for who uses them.
    if timeout_at(end, parts.database.close()).await.is_err() {
        tracing::debug!("stopped with connections in use");
    }
    served
}

/// Serves the management port, if one is configured.
async fn serve_management<S, H: tonic_health::pb::health_server::Health>(
    parts: &Parts<S>,
    health: HealthServer<H>,
) -> Result<(), BoxError> {
    let address = &parts.settings.management_listen;
    if address.is_empty() {
        return Ok(());
    }
    let listener = TcpListener::bind(address).await?;
    tracing::info!(listen = %listener.local_addr()?, "serving health and metrics");
    let (metrics, lifecycle) = (parts.metrics.clone(), parts.lifecycle.clone());
    parts.lifecycle.spawn(async move {
        if let Err(error) = management::serve(health, metrics, listener, lifecycle).await {
            tracing::error!(%error, "health and metrics are no longer served");
        }
    });
    Ok(())
}

/// Waits until the schema is there and current. Returns whether it is: else the process stops.
async fn current(mut seen: watch::Receiver<Seen>) -> bool {
    seen.wait_for(Option::is_some).await.is_ok()
}

/// What runs beside the calls, most of it once the schema is there.
struct Background {
    schema: Schema,
    metrics: Metrics,
    instruments: Instruments,
    samples: Vec<Arc<dyn Sample>>,
    database: Database,
    settings: Arc<Settings>,
    lifecycle: Lifecycle,
    nats: Option<Nats>,
    relay: PgConnectOptions,
    handlers: BTreeMap<String, Arc<dyn EventHandler>>,
    tasks: Runners,
    recurring: Vec<Recurring>,
    idle: Vec<Recurring>,
}

impl Background {
    async fn run(mut self, health: Health) {
        let (tell_outbox_age, outbox_age) = watch::channel(Duration::ZERO);
        let (tell_seen, seen) = watch::channel(None);
        let readiness = Readiness {
            schema: self.schema.clone(),
            database: self.database.clone(),
            nats: self.nats.clone(),
            outbox_age,
            metrics: self.metrics.clone(),
            lifecycle: self.lifecycle.clone(),
            health,
        };
        self.lifecycle.spawn(readiness.run(tell_seen));
        if !current(seen).await || !self.seed().await {
            return;
        }
        let sources = self.handlers.keys().cloned().collect();
        if let Some(nats) = self.nats.clone() {
            self.events(&nats);
        }
        let sampler = Sampler {
            metrics: self.metrics.clone(),
            database: self.database.clone(),
            nats: self.nats.clone(),
            lifecycle: self.lifecycle.clone(),
            sources,
            bound: task_worker::bound(&self.tasks),
            samples: std::mem::take(&mut self.samples),
            outbox_age: tell_outbox_age,
        };
        self.lifecycle.spawn(sampler.run());
        let worker = Worker {
            database: self.database.clone(),
            lifecycle: self.lifecycle.clone(),
            runners: std::mem::take(&mut self.tasks),
            concurrency: self.settings.task_concurrency,
            instruments: self.instruments.clone(),
        };
        worker.run().await;
    }

    async fn seed(&self) -> bool {
        while !self.lifecycle.is_stopping() {
            match task_worker::seed(&self.database, &self.recurring, &self.idle).await {
                Ok(()) => return true,
                Err(error) => tracing::warn!(%error, "cannot schedule recurring tasks; waiting"),
            }
            self.lifecycle.sleep(SCHEMA_PERIOD).await;
        }
        false
    }

    /// The relay, whoever asks for replays, and the subscriptions.
    fn events(&mut self, nats: &Nats) {
        let relay = Relay {
            database: self.database.clone(),
            nats: nats.clone(),
            lifecycle: self.lifecycle.clone(),
            options: self.relay.clone(),
            stream: nats.stream_config(&self.settings),
            instruments: self.instruments.clone(),
        };
        self.lifecycle.spawn(relay.run());
        self.lifecycle.spawn(relay::serve_replays(
            self.database.clone(),
            nats.clone(),
            self.lifecycle.clone(),
        ));
        for (source, handler) in std::mem::take(&mut self.handlers) {
            let consumer = Consumer {
                source,
                handler,
                database: self.database.clone(),
                nats: nats.clone(),
                lifecycle: self.lifecycle.clone(),
                gaps: Gaps::default(),
                instruments: self.instruments.clone(),
            };
            self.lifecycle.spawn(consumer.run());
        }
    }
}

fn stop_on_signal(lifecycle: &Lifecycle) -> Result<(), std::io::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = lifecycle.clone();
    lifecycle.spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stop.stopping() => {}
        }
        tracing::info!("stopping");
        stop.stop();
    });
    Ok(())
}
