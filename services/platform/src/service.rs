//! A service is some lines of main: what it is called, and what it is made of.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches, Subcommand};
use countersign_kernel::SellerId;
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use tonic::body::Body;
use tonic::codegen::{Service as TowerService, http};
use tonic::server::NamedService;

use crate::auth::Permission;
use crate::clock::Clock;
use crate::command::Commands;
use crate::config::{self, Config, Secret, Settings};
use crate::failure::{BoxError, report};
use crate::grpc::GrpcServices;
use crate::ids::Ids;
use crate::lifecycle::Lifecycle;
use crate::metrics::{Metrics, Sample};
use crate::migrate::Schema;
use crate::probe::{self, Probe};
use crate::serve;
use crate::subscription::EventHandler;
use crate::task_worker::{Recurring, Runner, Runners};
use crate::tasks::TaskHandler;
use crate::unit_of_work::Database;
use crate::{provision, telemetry};

/// The largest message that a gRPC server here takes: twice the largest that anybody has reason to
/// send, a chunk of an upload with 1 MiB. What is larger comes in chunks. Every server is told, since
/// the limit is each generated server's own, and tonic's is twice this one.
pub const MAX_MESSAGE_BYTES: usize = 2 * 1024 * 1024;

/// What threads that block may take at the end.
const LAST_THREADS: Duration = Duration::from_millis(200);

/// What a service is composed from: its configuration and what the harness gives it. Cheap to
/// clone.
#[derive(Debug)]
pub struct Parts<S> {
    /// The service's own section of the configuration.
    pub section: Arc<S>,
    /// The platform's settings.
    pub settings: Arc<Settings>,
    /// The service's schema, its clock and its ids.
    pub database: Database,
    /// The command shell, which also reads the context of calls.
    pub commands: Commands,
    /// Owner of whatever runs beside the calls.
    pub lifecycle: Lifecycle,
    /// Where the service's own counters come from.
    pub metrics: Metrics,
}

impl<S> Clone for Parts<S> {
    fn clone(&self) -> Self {
        Self {
            section: Arc::clone(&self.section),
            settings: Arc::clone(&self.settings),
            database: self.database.clone(),
            commands: self.commands.clone(),
            lifecycle: self.lifecycle.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

impl<S> Parts<S> {
    pub(crate) fn new(config: Config<S>, schema: &str) -> Result<Self, BoxError> {
        let clock = config
            .settings
            .clock_file
            .clone()
            .map_or_else(Clock::system, Clock::rehearsal);
        let database = Database::new(&config.settings, schema, clock.clone(), Ids::random(clock))?;
        Self::of(config, schema, database)
    }

    pub(crate) fn of(
        config: Config<S>,
        schema: &str,
        database: Database,
    ) -> Result<Self, BoxError> {
        Self::assemble(
            Arc::new(config.section),
            Arc::new(config.settings),
            schema,
            database,
        )
    }

    fn assemble(
        section: Arc<S>,
        settings: Arc<Settings>,
        schema: &str,
        database: Database,
    ) -> Result<Self, BoxError> {
        let lifecycle = Lifecycle::default();
        Ok(Self {
            metrics: Metrics::new(&schema.replace('_', "-"))?,
            section,
            settings,
            commands: Commands::new(database.clone(), lifecycle.clone()),
            database,
            lifecycle,
        })
    }

    /// The same configuration with another pool and lifecycle: another instance.
    #[cfg(feature = "testing")]
    pub(crate) fn another(&self, schema: &str, database: Database) -> Result<Self, BoxError> {
        Self::assemble(
            Arc::clone(&self.section),
            Arc::clone(&self.settings),
            schema,
            database,
        )
    }
}

/// What a service is made of: what it serves, hears and does by the clock.
#[derive(Default)]
pub struct Wiring {
    pub(crate) grpc: GrpcServices,
    pub(crate) handlers: BTreeMap<String, Arc<dyn EventHandler>>,
    pub(crate) tasks: Runners,
    pub(crate) recurring: Vec<Recurring>,
    /// Recurring elsewhere, and not as this process is configured.
    pub(crate) idle: Vec<Recurring>,
    pub(crate) samples: Vec<Arc<dyn Sample>>,
}

impl fmt::Debug for Wiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiring")
            .field("grpc", &self.grpc)
            .field("handlers", &self.handlers.keys())
            .field("tasks", &self.tasks.keys())
            .finish_non_exhaustive()
    }
}

impl Wiring {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves a generated gRPC server, health and reflection of it included.
    #[must_use]
    pub fn grpc<G>(mut self, service: G) -> Self
    where
        G: TowerService<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        G::Future: Send + 'static,
    {
        self.grpc.add(service);
        self
    }

    /// Hears the events of the service whose schema is `source`, such as
    /// `disbursement_reconciliation`; one handler for each source.
    #[must_use]
    pub fn subscribe(mut self, source: &str, handler: impl EventHandler) -> Self {
        self.handlers.insert(source.to_owned(), Arc::new(handler));
        self
    }

    /// Runs the tasks of a kind.
    #[must_use]
    pub fn task(self, kind: &'static str, handler: impl TaskHandler) -> Self {
        self.run(kind, None, handler)
    }

    /// Runs the tasks of a kind that are this seller's alone, for what a process does with one seller's
    /// account: those of another seller wait for that one's own process.
    #[must_use]
    pub fn task_of(self, seller: &SellerId, kind: &'static str, handler: impl TaskHandler) -> Self {
        self.run(kind, Some(seller.clone()), handler)
    }

    /// Runs a task of a kind for ever, the first time at once: there is exactly one, its key is
    /// its kind, and its handler returns [`crate::TaskOutcome::Again`].
    #[must_use]
    pub fn recurring(mut self, kind: &'static str, handler: impl TaskHandler) -> Self {
        self.recurring.push(Recurring { kind, seller: None });
        self.task(kind, handler)
    }

    /// Runs a task of a kind for ever, as [`Self::recurring`] does: exactly one for each seller that has a
    /// process, whose key is the seller.
    #[must_use]
    pub fn recurring_of(
        self,
        seller: &SellerId,
        kind: &'static str,
        handler: impl TaskHandler,
    ) -> Self {
        self.recurring_if(seller, kind, Some(handler))
    }

    /// The same, if the configuration asks for one. Otherwise the task that another configuration left counts
    /// as done: nobody would run it, and it would be overdue for ever.
    #[must_use]
    pub fn recurring_if(
        mut self,
        seller: &SellerId,
        kind: &'static str,
        handler: Option<impl TaskHandler>,
    ) -> Self {
        let of_seller = Recurring {
            kind,
            seller: Some(seller.clone()),
        };
        // Releases before this one had one of no seller.
        self.idle.push(Recurring { kind, seller: None });
        let Some(handler) = handler else {
            self.idle.push(of_seller);
            return self;
        };
        self.recurring.push(of_seller);
        self.task_of(seller, kind, handler)
    }

    fn run(
        mut self,
        kind: &'static str,
        seller: Option<SellerId>,
        handler: impl TaskHandler,
    ) -> Self {
        let handler = Arc::new(handler);
        self.tasks.insert(kind, Runner { handler, seller });
        self
    }

    /// Shows gauges that the service reads from its own tables (P6).
    #[must_use]
    pub fn sample(mut self, sample: impl Sample) -> Self {
        self.samples.push(Arc::new(sample));
        self
    }
}

/// The description of a service, and its `main`.
#[derive(Debug, Clone)]
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    migrator: Option<&'static Migrator>,
    append_only: Vec<&'static str>,
    pub(crate) descriptors: Vec<&'static [u8]>,
    pub(crate) permissions: Vec<Permission>,
    pages: Vec<Page>,
}

/// A subcommand that prints what the program itself knows, without configuration or database.
#[derive(Debug, Clone, Copy)]
struct Page {
    name: &'static str,
    about: &'static str,
    text: fn() -> String,
}

#[derive(Debug, Args)]
struct Options {
    /// A TOML file with configuration; the environment goes over it.
    #[arg(long, env = "COUNTERSIGN_CONFIG", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum Task {
    /// Make the schema and its two roles (as one who may create roles).
    Provision,
    /// Bring the schema up to date (as its owner).
    Migrate,
    /// Say whether the schema is fit for this program to serve.
    Check,
    /// Serve calls, publish and hear events, run tasks (as the run role).
    Serve,
    /// Ask a running process how it is: what a container's health check runs.
    Probe(Probe),
}

impl Service {
    /// A service called `name` as people write it (`disbursement-reconciliation`); its schema is
    /// the name with underscores. `version` is `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            migrator: None,
            append_only: Vec::new(),
            descriptors: Vec::new(),
            permissions: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// Adds a subcommand `name` that prints a text: documentation made from the program's own tables.
    #[must_use]
    pub fn page(mut self, name: &'static str, about: &'static str, text: fn() -> String) -> Self {
        self.pages.push(Page { name, about, text });
        self
    }

    /// The service's migrations: `sqlx::migrate!()` in a static, versions from 1000.
    #[must_use]
    pub const fn migrations(mut self, migrator: &'static Migrator) -> Self {
        self.migrator = Some(migrator);
        self
    }

    /// Tables that the run role may write and read, and never change.
    #[must_use]
    pub fn append_only(mut self, tables: &[&'static str]) -> Self {
        self.append_only.extend(tables);
        self
    }

    /// An encoded `FileDescriptorSet`, for reflection and for telling which methods need a rule.
    #[must_use]
    pub fn descriptors(mut self, descriptors: &'static [u8]) -> Self {
        self.descriptors.push(descriptors);
        self
    }

    /// Who may call what: a rule for every method that the service serves, or it does not start
    /// (P5).
    #[must_use]
    pub fn permissions(mut self, rules: &[Permission]) -> Self {
        self.permissions.extend(rules);
        self
    }

    /// The schema in Postgres, the NATS user, the word in subjects.
    #[must_use]
    pub fn schema_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The history of the service's schema.
    ///
    /// # Errors
    /// A migration of the service with a version below 1000.
    pub fn schema(&self) -> Result<Schema, crate::SchemaError> {
        Schema::new(self.schema_name(), self.migrator, &self.append_only)
    }

    /// The command line that [`Service::run`] reads.
    #[must_use]
    pub fn command(&self) -> Command {
        let command = Command::new(self.name)
            .version(self.version)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(
                self.pages
                    .iter()
                    .map(|page| Command::new(page.name).about(page.about)),
            );
        Task::augment_subcommands(Options::augment_args(command))
    }

    /// The whole of a service's `main`: reads the arguments and the configuration, and does what
    /// it was told: `provision`, `migrate`, `check` or `serve`, or to print a page.
    pub fn run<S, C, F>(self, compose: C) -> ExitCode
    where
        S: DeserializeOwned + Send + Sync + 'static,
        C: FnOnce(Parts<S>) -> F,
        F: Future<Output = Result<Wiring, BoxError>>,
    {
        let matches = self.command().get_matches();
        if let Some(page) = self
            .pages
            .iter()
            .find(|page| matches.subcommand_name() == Some(page.name))
        {
            return print(page);
        }
        let parsed = Options::from_arg_matches(&matches)
            .and_then(|options| Ok((options, Task::from_arg_matches(&matches)?)));
        let (options, task) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => error.exit(),
        };
        let done = config::load::<S>(self.name, options.config.as_deref())
            .map_err(BoxError::from)
            .and_then(|config| self.perform(task, config, compose));
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                telemetry::log_at_least();
                let error = report(error.as_ref());
                tracing::error!(service = self.name, error, "stopped");
                ExitCode::FAILURE
            }
        }
    }

    fn perform<S, C, F>(
        &self,
        task: Task,
        mut config: Config<S>,
        compose: C,
    ) -> Result<(), BoxError>
    where
        S: Send + Sync + 'static,
        C: FnOnce(Parts<S>) -> F,
        F: Future<Output = Result<Wiring, BoxError>>,
    {
        // Chosen before any connection is made: two providers are compiled in by dependencies, and
        // rustls refuses to choose. Installed already is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let schema = self.schema()?;
        if matches!(task, Task::Probe(_)) {
            // Asked every few seconds, it is nobody's trace.
            config.settings.otlp_endpoint = Secret::default();
        }
        let done = runtime.block_on(async {
            let process = telemetry::Process {
                name: self.name,
                version: self.version,
            };
            let traces = telemetry::init(&config.settings, &process)?;
            let flush = config.settings.flush_timeout();
            let done = match task {
                Task::Provision => provision::provision(&config.settings, schema.name())
                    .await
                    .map_err(BoxError::from),
                Task::Migrate => schema
                    .migrate(&config.settings)
                    .await
                    .map_err(BoxError::from),
                Task::Check => check(&schema, config).await,
                Task::Serve => serve::serve(self, schema, config, compose).await,
                Task::Probe(asked) => probe::probe(&asked, &config.settings).await,
            };
            traces.flush(flush).await;
            done
        });
        // Whoever sent the signal waits no longer: a thread that is held up by a file or a name
        // server must not hold up the end.
        runtime.shutdown_timeout(LAST_THREADS);
        done
    }
}

async fn check<S>(schema: &Schema, config: Config<S>) -> Result<(), BoxError> {
    serve::check(schema, &Parts::new(config, schema.name())?).await
}

/// A reader that went away, such as `head`, is no failure.
fn print(page: &Page) -> ExitCode {
    match std::io::stdout().write_all((page.text)().as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
