//! The whole system, running, and the control over it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use countersign_platform::Secret;
use rustix::process::Signal;
use tokio::sync::Mutex as AsyncMutex;
use tonic_health::pb::health_check_response::ServingStatus;

use super::Durability;
use super::binaries::{Binaries, Build, SANDBOX};
use super::certificates::TlsFiles;
use super::clock::RehearsalClock;
use super::endpoints::{Endpoints, health};
use super::issuer::IssuerFiles;
use super::logs;
use super::nats;
use super::ports::free_address;
use super::process::{Launch, Process, tail};
use super::secrets;
use super::servers::{External, Servers};
use super::services::{self, DatabaseUrls, NatsAccess, Service, Wiring};
use crate::console::Console;
use crate::mail_catcher::MailCatcher;
use crate::webhook_catcher::WebhookCatcher;

const START_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Servers that are given rather than started.
    pub external: External,
    /// Whether the private Postgres must survive a power cut.
    pub durability: Durability,
    /// How to build the services.
    pub build: Build,
    /// Take built programs from this folder instead of building them.
    pub binaries: Option<PathBuf>,
    /// Calls that one caller may make a second, where it is not the services' own default.
    pub rate_limit: Option<u32>,
    /// An OpenTelemetry collector (OTLP over gRPC, `http://host:4317`) that traces are sent to.
    pub collector: Option<String>,
}

/// What a service comes into the servers with.
#[derive(Debug)]
struct Access {
    database: DatabaseUrls,
    nats: NatsAccess,
    tls: TlsFiles,
}

/// A running system. Dropping it ends all of it: services, sandbox, NATS, Postgres, folder.
#[derive(Debug)]
pub struct Environment {
    // Dropped in this order.
    services: Mutex<BTreeMap<Service, Process>>,
    _sandbox: Process,
    mail: MailCatcher,
    webhooks: WebhookCatcher,
    binaries: Binaries,
    access: BTreeMap<Service, Access>,
    postgres_is_secured: bool,
    objects: PathBuf,
    bucket: PathBuf,
    rate_limit: Option<u32>,
    collector: Option<String>,
    endpoints: Endpoints,
    begun: Instant,
    servers: AsyncMutex<Servers>,
}

impl Environment {
    /// Builds what is needed and starts everything, in order; returns when all five services serve.
    ///
    /// # Errors
    /// If a server is missing and may not be installed, if building fails, or if a process ends early:
    /// the message holds the last lines of its log.
    pub async fn start(options: &Options, console: &Console) -> Result<Self> {
        let binaries = match &options.binaries {
            Some(folder) => Binaries::in_folder(folder)?,
            None => Binaries::build(options.build, console).await?,
        };
        let begun = Instant::now();
        console.heading("Setting up");
        let servers = Servers::start(
            &options.external,
            options.durability,
            nats::Access::PerService,
            console,
        )
        .await?;
        let environment = Self::around(servers, binaries, options, begun, console).await?;
        environment.prepare_databases(console).await?;
        let step = console.step("five services");
        for service in Service::ALL {
            environment.launch(service, &[])?;
        }
        for service in Service::ALL {
            step.note(service);
            environment.wait_until_serving(service).await?;
        }
        step.done("five processes, all serving");
        Ok(environment)
    }

    async fn around(
        servers: Servers,
        binaries: Binaries,
        options: &Options,
        begun: Instant,
        console: &Console,
    ) -> Result<Self> {
        let step = console.step("marketplace sandbox, mail catcher, webhook catcher");
        let folder = &servers.folder;
        let clock_file = folder.path().join("clock");
        let feeds = folder.subfolder("feeds", None)?;
        let bucket = folder.subfolder("bucket", None)?;
        let objects = folder.subfolder("objects", None)?;
        let issuer = IssuerFiles::make(folder)?;
        let mail = MailCatcher::start(&folder.path().join("mail")).await?;
        let webhooks = WebhookCatcher::start().await?;
        let sandbox_address = free_address()?;
        let mut sandbox = Launch::new(
            "marketplace-sandbox",
            binaries.path(SANDBOX)?,
            folder.log("sandbox"),
        )
        .arg("--listen")
        .arg(sandbox_address.to_string())
        .arg("--bucket")
        .arg(&bucket)
        .arg("--feeds")
        .arg(&feeds)
        .arg("--clock-file")
        .arg(&clock_file)
        .start()?;
        sandbox.wait_for_port(sandbox_address, START_LIMIT).await?;
        let mut addresses = BTreeMap::new();
        let mut management = BTreeMap::new();
        let mut access = BTreeMap::new();
        for service in Service::ALL {
            addresses.insert(service, free_address()?);
            management.insert(service, free_address()?);
            access.insert(
                service,
                Access {
                    database: servers.database_urls(service)?,
                    nats: servers.nats_access(service)?,
                    tls: servers.identities.of(service)?.clone(),
                },
            );
        }
        let endpoints = Endpoints {
            run_id: secrets::run_id(),
            services: addresses,
            management,
            sandbox: sandbox_address,
            smtp: mail.address(),
            webhooks: format!("http://{}", webhooks.address()),
            mailbox: mail.mailbox(),
            clock_file,
            feeds,
            logs: folder.path().to_owned(),
            nats: servers.nats_operator(),
            tls: Some(servers.identities.tool.clone()),
            signature_secret: Secret::new(secrets::webhook_secret()),
            issuer,
        };
        step.done("");
        Ok(Self {
            services: Mutex::default(),
            _sandbox: sandbox,
            mail,
            webhooks,
            binaries,
            access,
            postgres_is_secured: servers.postgres_is_secured(),
            objects,
            bucket,
            rate_limit: options.rate_limit,
            collector: options.collector.clone(),
            endpoints,
            begun,
            servers: AsyncMutex::new(servers),
        })
    }

    async fn prepare_databases(&self, console: &Console) -> Result<()> {
        let step = console.step("schemas and roles");
        for service in Service::ALL {
            for task in ["provision", "migrate"] {
                step.note(format_args!("{service} {task}"));
                let name = format!("{service}-{task}");
                let privileged = services::privileged(&self.access_of(service)?.database);
                let program = self.program(&name, service)?.env(privileged);
                program.arg(task).run().await?;
            }
        }
        step.done("five schemas, an owner and a run role each");
        Ok(())
    }

    /// Copies every process's log to `folder`, which outlives this run.
    ///
    /// # Errors
    /// If a log cannot be copied.
    pub fn keep_logs(&self, folder: &Path) -> Result<()> {
        logs::copy(&self.endpoints.logs, folder)
    }

    /// Where everything is.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// How long ago setting up began: all of it but the build.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The rehearsal clock that all processes share.
    #[must_use]
    pub fn clock(&self) -> RehearsalClock {
        RehearsalClock::new(self.endpoints.clock_file.clone())
    }

    /// The mail server that the notification service sends to.
    #[must_use]
    pub fn mail(&self) -> &MailCatcher {
        &self.mail
    }

    /// The sink for webhooks.
    #[must_use]
    pub fn webhooks(&self) -> &WebhookCatcher {
        &self.webhooks
    }

    /// The URL of a service's database, as `role`: for looking into it, and for telling that a role is
    /// refused.
    ///
    /// # Errors
    /// If `service` was not set up.
    pub fn database_url_as(&self, service: Service, role: DatabaseRole) -> Result<String> {
        let urls = &self.access_of(service)?.database;
        let url = match role {
            DatabaseRole::Superuser => &urls.admin,
            DatabaseRole::Owner => &urls.owner,
            DatabaseRole::Run => &urls.run,
        };
        match &self.endpoints.tls {
            Some(files) if self.postgres_is_secured => files.for_postgres(url),
            _ => Ok(url.clone()),
        }
    }

    /// A connection to NATS with every right.
    ///
    /// # Errors
    /// If NATS is away.
    pub async fn nats(&self) -> Result<async_nats::Client> {
        self.endpoints.nats.connect().await
    }

    fn access_of(&self, service: Service) -> Result<&Access> {
        let access = self.access.get(&service);
        access.ok_or_else(|| anyhow!("no {service}"))
    }

    /// Where the private Postgres keeps `program`, such as `pgbench`; none when Postgres was given.
    pub async fn postgres_program(&self, program: &str) -> Option<PathBuf> {
        self.servers.lock().await.postgres_program(program)
    }

    /// Lines of logs that hold a password, a token or a key of this run.
    ///
    /// # Errors
    /// If a log cannot be read.
    pub async fn secrets_logged(&self) -> Result<Vec<String>> {
        let mut secrets = self.servers.lock().await.secrets()?;
        secrets.extend(
            services::sandbox_credentials()
                .map(|(_, value)| value)
                .skip(1)
                .take(1),
        );
        secrets.push(self.endpoints.signature_secret.expose().to_owned());
        // How every token of ours begins, and what comes before one.
        secrets.extend(["eyJ0eXAi".to_owned(), "Bearer ey".to_owned()]);
        logs::lines_with(&self.endpoints.logs, &secrets)
    }

    /// Where the program of a service lies.
    ///
    /// # Errors
    /// If it was not built.
    pub fn program_path(&self, service: Service) -> Result<PathBuf> {
        Ok(self.binaries.path(&service.program())?.to_path_buf())
    }

    /// The process id of a running service.
    #[must_use]
    pub fn process_id(&self, service: Service) -> Option<u32> {
        self.running().get(&service).map(Process::id)
    }

    /// Kills a service outright; it stays down until [`start_service`](Self::start_service).
    pub fn kill(&self, service: Service) {
        if let Some(mut process) = self.running().remove(&service) {
            process.kill();
        }
    }

    /// Asks a service to stop, and waits for it.
    pub fn stop(&self, service: Service) {
        drop(self.running().remove(&service));
    }

    /// Asks a service to stop, and leaves it to end by itself.
    ///
    /// # Errors
    /// If it has not ended after `limit`, or not with success.
    pub async fn stop_within(&self, service: Service, limit: Duration) -> Result<()> {
        self.running()
            .get(&service)
            .with_context(|| format!("{service} is down"))?
            .signal(Signal::TERM);
        match self.wait_for_end(service, limit).await? {
            Some(status) if !status.success() => {
                bail!("{service}, asked to stop, ended with {status}")
            }
            _ => Ok(()),
        }
    }

    /// Waits until a service has ended by itself, as it does at a fault point. Returns how it did; none
    /// where it was down before.
    ///
    /// # Errors
    /// If it still runs after `limit`.
    pub async fn wait_for_end(
        &self,
        service: Service,
        limit: Duration,
    ) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            let ended = match self.running().get_mut(&service) {
                Some(process) => process.ended()?,
                None => return Ok(None),
            };
            if ended.is_some() {
                self.running().remove(&service);
                return Ok(ended);
            }
            if start.elapsed() > limit {
                bail!("{service} still runs after {limit:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Starts a service that is down, with `extra` environment (a fault point, say), and waits until it
    /// serves.
    ///
    /// # Errors
    /// If it ends early or does not serve in time.
    pub async fn start_service(&self, service: Service, extra: &[(&str, &str)]) -> Result<()> {
        self.launch(service, extra)?;
        self.wait_until_serving(service).await
    }

    /// Starts again, as an orchestrator would, each service that has ended. `ended` hears of it before
    /// the start: a caller that is dropped meanwhile has counted what ended.
    ///
    /// # Errors
    /// If one of them ends early again or does not serve in time.
    pub async fn revive(&self, mut ended: impl FnMut(Service)) -> Result<()> {
        for service in Service::ALL {
            if self.wait_for_end(service, Duration::ZERO).await.is_ok() {
                ended(service);
                self.start_service(service, &[]).await?;
            }
        }
        Ok(())
    }

    /// Kills the private Postgres and starts it again on the same data.
    ///
    /// # Errors
    /// If Postgres is not ours, or does not come back.
    pub async fn crash_postgres(&self) -> Result<()> {
        self.servers.lock().await.crash_postgres().await
    }

    /// Kills the private nats-server and starts it again, with or without its JetStream folder.
    ///
    /// # Errors
    /// If NATS is not ours, or does not come back.
    pub async fn crash_nats(&self, lose_everything: bool) -> Result<()> {
        self.servers.lock().await.crash_nats(lose_everything).await
    }

    fn launch(&self, service: Service, extra: &[(&str, &str)]) -> Result<()> {
        let mut running = self.running();
        if running.contains_key(&service) {
            bail!("{service} is already running");
        }
        let extra = extra
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let process = self
            .program(service.name(), service)?
            .arg("serve")
            .env(extra)
            .start()?;
        running.insert(service, process);
        Ok(())
    }

    /// A service's program with its environment; what it does and its log are named `name`.
    fn program(&self, name: &str, service: Service) -> Result<Launch> {
        let access = self.access_of(service)?;
        let wiring = Wiring {
            listen: self.address(service)?,
            management: self.endpoints.management_address(service)?,
            collector: self.collector.as_deref(),
            database: &access.database,
            nats: &access.nats,
            clock_file: &self.endpoints.clock_file,
            objects: &self.objects,
            signature_secret: self.endpoints.signature_secret.expose(),
            bucket: &self.bucket,
            feeds: &self.endpoints.feeds,
            marketplace: self.endpoints.sandbox,
            smtp: self.endpoints.smtp,
            approval: self.address(Service::Approval)?,
            tls: &access.tls,
            postgres_is_secured: self.postgres_is_secured,
            key_set: &self.endpoints.issuer.key_set,
            rate_limit: self.rate_limit,
        };
        let program = self.binaries.path(&service.program())?;
        let log = self.endpoints.logs.join(format!("{name}.log"));
        Ok(Launch::new(name, program, log).env(services::environment(service, &wiring)))
    }

    fn address(&self, service: Service) -> Result<SocketAddr> {
        self.endpoints.address(service)
    }

    async fn wait_until_serving(&self, service: Service) -> Result<()> {
        let start = Instant::now();
        // Told in plain text by the management port, which answers for the other.
        let address = self.endpoints.management_address(service)?;
        while health(address, "").await != Some(ServingStatus::Serving) {
            self.must_run(service)?;
            if start.elapsed() > START_LIMIT {
                let log = self.endpoints.logs.join(format!("{service}.log"));
                bail!(
                    "{service} does not serve after {START_LIMIT:?}; its last words:\n{}",
                    tail(&log)
                );
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn must_run(&self, service: Service) -> Result<()> {
        self.running()
            .get_mut(&service)
            .with_context(|| format!("{service} is down"))?
            .must_run()
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Service, Process>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // All are told first, then each is waited for: they end side by side.
        for process in self.running().values() {
            process.signal(Signal::TERM);
        }
    }
}

/// As whom to enter the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseRole {
    /// May do everything.
    Superuser,
    /// Owns the service's schema and migrates it.
    Owner,
    /// What the service runs as: rows of its own schema only (P1).
    Run,
}
