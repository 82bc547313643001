//! The server: one world behind one lock, three groups of routes, an orderly stop.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;
use crate::inject::Injections;
use crate::limits::Limits;
use crate::world::World;
use crate::{
    admin, agreement, catalog, files, portal, portal_offers, portal_resale, settings_api, views,
};

/// Longest request body: 20 changes of 16 KB with room.
const BODY_LIMIT: usize = 2 * 1024 * 1024;
/// How long open connections may take to finish once it stops.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// What every handler sees.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) http: reqwest::Client,
    pub(crate) base_url: Arc<str>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    world: Arc<Mutex<World>>,
    limits: Arc<Mutex<Limits>>,
    injections: Arc<Mutex<Injections>>,
}

impl App {
    /// The world. Never held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn injections(&self) -> MutexGuard<'_, Injections> {
        self.injections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A marketplace of one's own (P7).
#[derive(Debug, Clone, Copy)]
pub struct Sandbox;

impl Sandbox {
    /// Starts a sandbox in this process. It listens when this returns.
    ///
    /// # Errors
    /// When the address cannot be listened on or the HTTP client for documents cannot be made.
    pub async fn start(config: Config) -> std::io::Result<Running> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let app = App {
            clock: Arc::new(Clock::new(config.clock_file.clone(), config.frozen_at)),
            http: reqwest::Client::builder()
                .build()
                .map_err(std::io::Error::other)?,
            base_url: format!("http://{addr}").into(),
            stop: stop.clone(),
            tasks: tasks.clone(),
            world: Arc::new(Mutex::new(World::new(&config))),
            limits: Arc::default(),
            injections: Arc::default(),
            config: Arc::new(config),
        };
        let router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .merge(catalog::routes())
            .merge(agreement::routes())
            .merge(admin::routes())
            .merge(views::routes())
            .merge(settings_api::routes())
            .merge(files::routes())
            .merge(portal::routes())
            .merge(portal_offers::routes())
            .merge(portal_resale::routes())
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(app);
        let signal = stop.clone();
        tasks.spawn(async move {
            let server =
                axum::serve(listener, router).with_graceful_shutdown(signal.cancelled_owned());
            if let Err(error) = server.await {
                tracing::error!(%error, "server ended");
            }
        });
        tasks.close();
        Ok(Running { addr, stop, tasks })
    }
}

/// A started sandbox. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    /// The bound address.
    pub addr: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// `http://host:port`: the endpoint URL for both SDKs, and where `/sandbox` and `/bucket` are.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops and waits a moment for open requests.
    pub async fn stop(self) {
        self.stop.cancel();
        // Idle keep-alive connections may outlast the grace; nothing of theirs is lost.
        let _ = tokio::time::timeout(STOP_GRACE, self.tasks.wait()).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
