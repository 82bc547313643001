//! The gRPC server: routes, health, reflection, limits of connections (P4).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::service::RoutesBuilder;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{self, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService};

use crate::auth::{Door, DoorLayer, Permission, Permissions, PermissionsError, denied};
use crate::calls::{CallsLayer, LONGEST_CALL};
use crate::config::Settings;
use crate::failure::BoxError;
use crate::lifecycle::Lifecycle;
use crate::methods;
use crate::metrics::rpc::ObserveCalls;
use crate::tls::{self, ServerTls};

/// Calls that one connection may have open.
const CALLS_PER_CONNECTION: u32 = 256;
/// How old a connection grows before it is asked to go, so that callers spread over new processes.
/// Its calls have the time to end.
const CONNECTION_AGE: Duration = Duration::from_mins(30);
/// How often a silent connection is asked whether it lives, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(10);

/// The health name that says that the process lives: it never looks at Postgres or NATS.
pub const LIVENESS: &str = "liveness";
/// The health name that says that calls will be answered: Postgres is there and migrated. Losing
/// NATS does not change it, since the outbox keeps what cannot be sent.
pub const READINESS: &str = "readiness";
/// The health name that says that events flow: NATS is connected, and the relay keeps up.
pub const EVENTS: &str = "events";

/// A code as gRPC spells it, and so do OpenTelemetry's conventions: `FAILED_PRECONDITION`.
#[must_use]
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The gRPC services of a process, with their names for health and reflection.
#[derive(Debug, Default)]
pub(crate) struct GrpcServices {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
    descriptors: Vec<&'static [u8]>,
}

impl GrpcServices {
    pub(crate) fn add<G>(&mut self, service: G)
    where
        G: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        G::Future: Send + 'static,
    {
        self.names.push(G::NAME);
        self.routes.add_service(service);
    }

    pub(crate) fn describe(&mut self, descriptors: &'static [u8]) {
        self.descriptors.push(descriptors);
    }

    /// The rules as the table of what is served here.
    pub(crate) fn permissions(
        &self,
        rules: &[Permission],
    ) -> Result<Permissions, PermissionsError> {
        Permissions::new(rules, &self.names, &self.descriptors)
    }

    /// What is served, for whoever must know the methods.
    pub(crate) fn descriptors(&self) -> &[&'static [u8]] {
        &self.descriptors
    }

    fn reflect(&mut self) -> Result<(), tonic_reflection::server::Error> {
        let configure = || {
            let mut builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            for descriptors in &self.descriptors {
                builder = builder.register_encoded_file_descriptor_set(descriptors);
            }
            // A descriptor set may hold more services than this process serves.
            for name in &self.names {
                builder = builder.with_service_name(*name);
            }
            builder
        };
        // Some clients ask for the one, some for the other.
        let (v1, v1alpha) = (configure().build_v1()?, configure().build_v1alpha()?);
        self.routes.add_service(v1).add_service(v1alpha);
        Ok(())
    }
}

/// Who is told how the process is.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    reporter: HealthReporter,
    names: Vec<&'static str>,
}

impl Health {
    /// The health of these services, none of them ready yet, and the server that tells it.
    pub(crate) async fn new(
        services: &GrpcServices,
        lifecycle: &Lifecycle,
    ) -> (Self, HealthServer<WatchedHealth>) {
        let reporter = HealthReporter::new();
        let server = HealthServer::new(WatchedHealth {
            inner: HealthService::from_health_reporter(reporter.clone()),
            lifecycle: lifecycle.clone(),
        });
        let health = Self {
            reporter,
            names: services.names.clone(),
        };
        health.set(LIVENESS, true).await;
        health.ready(false).await;
        health.events(false).await;
        (health, server)
    }

    pub(crate) async fn ready(&self, ready: bool) {
        for name in self.names.iter().copied().chain(["", READINESS]) {
            self.set(name, ready).await;
        }
    }

    pub(crate) async fn events(&self, connected: bool) {
        self.set(EVENTS, connected).await;
    }

    async fn set(&self, name: &str, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.reporter.set_service_status(name, status).await;
    }
}

/// Tells how the process is. Watching it ends when the process is told to stop: a server waits for
/// the calls that it has, and a watch has no other end.
#[derive(Debug)]
pub(crate) struct WatchedHealth {
    inner: HealthService,
    lifecycle: Lifecycle,
}

#[async_trait]
impl health_server::Health for WatchedHealth {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.inner.check(request).await
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watched = self.inner.watch(request).await?;
        let lifecycle = self.lifecycle.clone();
        let stopping = async move { lifecycle.stopping().await };
        let stopped = || denied(Code::Unavailable, "STOPPING", "the process stops");
        Ok(watched.map(|changes| {
            let changes = changes.take_until(stopping);
            let end = futures::stream::once(async move { Err(stopped()) });
            changes.chain(end).boxed()
        }))
    }
}

/// What a process serves gRPC with.
pub(crate) struct Server {
    pub(crate) settings: Arc<Settings>,
    pub(crate) observe: ObserveCalls,
    pub(crate) door: Door,
    pub(crate) listener: TcpListener,
    /// None: in plain text.
    pub(crate) tls: Option<ServerTls>,
    pub(crate) lifecycle: Lifecycle,
}

impl Server {
    /// Serves until told to stop, then lets open calls finish.
    pub(crate) async fn serve(self, mut services: GrpcServices) -> Result<(), BoxError> {
        let (settings, lifecycle) = (&self.settings, &self.lifecycle);
        if settings.reflection {
            services.reflect()?;
        }
        let concurrent = settings.max_concurrent_calls;
        let uploads = methods::names(&services.descriptors, |method| method.uploads);
        let router = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_ANSWER))
            .max_concurrent_streams(CALLS_PER_CONNECTION)
            .max_connection_age(CONNECTION_AGE)
            .max_connection_age_grace(LONGEST_CALL)
            // Outermost: what another layer refuses is seen too.
            .layer(self.observe)
            .layer(CallsLayer::new(
                lifecycle,
                concurrent,
                settings.call_timeout(),
                settings.upload_timeout(),
                uploads,
            ))
            .layer(DoorLayer::new(self.door))
            .add_routes(services.routes.routes());
        // Said to the listener: tonic's own setting does not reach one that it is handed.
        let tcp = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        let stopping = lifecycle.stopping();
        match self.tls {
            Some(tls) => {
                let connections = std::pin::pin!(tls::incoming(tcp, tls));
                router
                    .serve_with_incoming_shutdown(connections, stopping)
                    .await?;
            }
            None => router.serve_with_incoming_shutdown(tcp, stopping).await?,
        }
        Ok(())
    }
}
