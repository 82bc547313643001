//! One system in containers: its endpoints from outside, and what may befall its containers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use countersign_platform::grpc::READINESS;
use sqlx::{Connection, PgConnection};
use tonic_health::pb::health_check_response::ServingStatus;

use super::docker::{Project, docker};
use super::prepare::Prepared;
use crate::environment::{
    Endpoints, NatsAccess, OPERATOR, RunFolder, Service, free_address, health, is_root, run_id,
};
use crate::mail_catcher::Mailbox;

/// Services of compose.yaml beside ours.
pub(crate) const POSTGRES: &str = "postgres";
pub(crate) const NATS: &str = "nats";
/// Where the catcher takes webhooks, as the services reach it.
const WEBHOOKS: &str = "http://catcher:8025";

/// How long containers may take to come to what is expected of them.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(200);
/// How long a container that something befell stays away.
const AWAY: Duration = Duration::from_secs(3);

/// What compose.yaml gives a service to stop in; `docker stop` does not read it of every container.
pub(super) const GRACE_SECONDS: &str = "45";

/// What may befall a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Dies outright, and is started again.
    Kill,
    /// Stands still: its connections stay open and nothing answers.
    Pause,
    /// Is cut off from every other container.
    Disconnect,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Kill, Self::Pause, Self::Disconnect];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Disconnect => "disconnect",
        }
    }
}

/// A system that may be running. Dropping it removes containers, volumes, network and folder.
#[derive(Debug)]
pub(crate) struct Containers {
    // Dropped in this order: what mounts the folder before the folder.
    project: Project,
    prepared: Prepared,
    endpoints: Endpoints,
    postgres: SocketAddr,
    _folder: RunFolder,
}

impl Containers {
    /// Chooses ports and writes secrets; starts nothing.
    pub(crate) async fn prepare() -> Result<Self> {
        let folder = RunFolder::create()?;
        let mounted = folder.path().join("compose");
        let prepared = Prepared::write(&mounted)?;
        let run_id = run_id();
        let mut env = vec![("COUNTERSIGN_RUN".to_owned(), mounted.display().to_string())];
        if !is_root() {
            // The sandbox's files must be ours to remove.
            let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
            env.push((
                "COUNTERSIGN_USER".to_owned(),
                format!("{}:{}", user.as_raw(), group.as_raw()),
            ));
        }
        let mut port = |name: &str| -> Result<SocketAddr> {
            let address = free_address()?;
            env.push((
                format!("COUNTERSIGN_{name}_PORT"),
                address.port().to_string(),
            ));
            Ok(address)
        };
        let (mut services, mut management) = (BTreeMap::new(), BTreeMap::new());
        for service in Service::ALL {
            let name = service.schema().to_uppercase();
            services.insert(service, port(&name)?);
            management.insert(service, port(&format!("{name}_MANAGEMENT"))?);
        }
        let (postgres, nats) = (port("POSTGRES")?, port("NATS")?);
        let (sandbox, catcher) = (port("SANDBOX")?, port("CATCHER")?);
        let endpoints = Endpoints {
            run_id: run_id.clone(),
            services,
            management,
            sandbox,
            smtp: catcher,
            webhooks: WEBHOOKS.to_owned(),
            mailbox: Mailbox::at(format!("http://{catcher}")),
            clock_file: prepared.clock_file(),
            feeds: prepared.feeds(),
            logs: folder.path().to_owned(),
            nats: NatsAccess {
                url: format!("nats://{nats}"),
                credentials: Some((OPERATOR.to_owned(), prepared.operator_password()?)),
                tls: None,
            },
            tls: None,
            issuer: prepared.issuer(),
        };
        Ok(Self {
            project: Project::new(format!("countersign-e2e-{run_id}"), env).await?,
            prepared,
            endpoints,
            postgres,
            _folder: folder,
        })
    }

    /// Where everything is, seen from this machine.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The superuser's URL of the database.
    pub(crate) fn admin_url(&self) -> Result<String> {
        self.prepared.admin_url(self.postgres)
    }

    /// The URL of the owner of a service's schema.
    pub(crate) fn owner_url(&self, service: Service) -> Result<String> {
        self.prepared.owner_url(service, self.postgres)
    }

    /// `up -d` of what is named with all that it depends on; of everything, when nothing is.
    pub(crate) async fn up(&mut self, services: &[&str]) -> Result<()> {
        let args = [&["up", "--detach"], services].concat();
        self.project.compose(&args).await.map(drop)
    }

    /// `up -d` of what is named, and of nothing that it depends on.
    pub(crate) async fn up_alone(&mut self, services: &[&str]) -> Result<()> {
        let args = [&["up", "--detach", "--no-deps"], services].concat();
        self.project.compose(&args).await.map(drop)
    }

    /// One more container of a service, beside the one that is there.
    pub(crate) async fn replicate(&mut self, service: Service) -> Result<()> {
        let args = [
            "run",
            "--detach",
            "--no-deps",
            "--use-aliases",
            service.name(),
        ];
        self.project.compose(&args).await.map(drop)
    }

    /// Removes the containers and leaves the volumes.
    pub(crate) async fn down_but_volumes(&mut self) -> Result<()> {
        let args = ["down", "--timeout", "2"];
        self.project.compose(&args).await.map(drop)
    }

    /// Removes everything.
    pub(crate) async fn down(&mut self) -> Result<()> {
        self.project.down().await
    }

    /// Writes what every container said to `file`.
    pub(crate) async fn keep_logs(&mut self, file: &Path) -> Result<()> {
        let logs = self
            .project
            .compose(&["logs", "--no-color", "--timestamps"])
            .await?;
        std::fs::write(file, logs).with_context(|| format!("writing {}", file.display()))
    }

    /// The ids of the services' containers.
    pub(crate) async fn ids(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for service in Service::ALL {
            ids.extend(self.project.containers(service.name()).await?);
        }
        Ok(ids)
    }

    /// Waits until every service says `wanted` of the health name `name`.
    pub(crate) async fn all_say(&self, name: &str, wanted: ServingStatus) -> Result<()> {
        for service in Service::ALL {
            let address = self.endpoints.address(service)?;
            let start = Instant::now();
            while health(address, name).await != Some(wanted) {
                if start.elapsed() > PATIENCE {
                    bail!(
                        "{service} does not say {wanted:?} of {name:?}:\n{}",
                        self.said(service).await?
                    );
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// Waits until every service has logged `words`.
    pub(crate) async fn all_log(&self, words: &str) -> Result<()> {
        for service in Service::ALL {
            let start = Instant::now();
            loop {
                let said = self.said(service).await?;
                if said.contains(words) {
                    break;
                }
                ensure!(
                    start.elapsed() < PATIENCE,
                    "{service} does not log {words:?} but\n{said}"
                );
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// An error if a service has ended by itself: then its container was started again for it.
    pub(crate) async fn none_ended(&self) -> Result<()> {
        const STATE: &str = "{{.State.Status}} {{.RestartCount}}";
        for service in Service::ALL {
            for id in self.project.containers(service.name()).await? {
                let state = docker(&["inspect", "--format", STATE, &id]).await?;
                ensure!(
                    state.trim() == "running 0",
                    "{service} is {}:\n{}",
                    state.trim(),
                    self.said(service).await?
                );
            }
        }
        Ok(())
    }

    /// Waits until the superuser gets into the database.
    pub(crate) async fn postgres_is_there(&self) -> Result<()> {
        let url = self.admin_url()?;
        let start = Instant::now();
        loop {
            match PgConnection::connect(&url).await {
                Ok(connection) => return Ok(connection.close().await?),
                Err(error) if start.elapsed() > PATIENCE => {
                    return Err(error).context("Postgres lets nobody in");
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Runs the one-shot `task` of every service to its end.
    pub(crate) async fn run_all(&mut self, task: &str) -> Result<()> {
        let names = Service::ALL.map(|service| format!("{service}-{task}"));
        // In the foreground, `up` ends when all that it started has.
        let mut args = vec!["up", "--no-deps"];
        args.extend(names.iter().map(String::as_str));
        self.project.compose(&args).await.map(drop)
    }

    /// Does `fault` to the container of `service`, and after a while puts it right again.
    pub(crate) async fn befall(&self, service: &str, fault: Fault) -> Result<()> {
        let id = self.project.container(service).await?;
        let network = self.project.network();
        let alias = format!("--alias={service}");
        let (wrong, right): (Vec<&str>, Vec<&str>) = match fault {
            Fault::Kill => (vec!["kill", &id], vec!["start", &id]),
            Fault::Pause => (vec!["pause", &id], vec!["unpause", &id]),
            Fault::Disconnect => (
                vec!["network", "disconnect", &network, &id],
                vec!["network", "connect", &alias, &network, &id],
            ),
        };
        docker(&wrong).await?;
        tokio::time::sleep(AWAY).await;
        docker(&right).await.map(drop)
    }

    /// Asks each container of a service to stop, waits for its end, and starts it again; returns how many
    /// there were.
    ///
    /// # Errors
    /// If one does not end by itself within its grace, with success.
    pub(crate) async fn roll(&self, service: Service) -> Result<usize> {
        let ids = self.project.containers(service.name()).await?;
        for id in &ids {
            docker(&["stop", "--time", GRACE_SECONDS, id]).await?;
            let code = docker(&["inspect", "--format", "{{.State.ExitCode}}", id]).await?;
            ensure!(
                code.trim() == "0",
                "{service} ended with {} when it was asked to stop:\n{}",
                code.trim(),
                self.said(service).await?
            );
            docker(&["start", id]).await?;
        }
        self.all_say(READINESS, ServingStatus::Serving).await?;
        Ok(ids.len())
    }

    async fn said(&self, service: Service) -> Result<String> {
        const LAST: &str = "200";
        let mut said = String::new();
        for id in self.project.containers(service.name()).await? {
            said.push_str(&docker(&["logs", "--tail", LAST, &id]).await?);
        }
        Ok(said)
    }
}
