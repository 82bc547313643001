//! A private nats-server with JetStream: own folder, own port, a user per service.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::nats_permissions::{self, User};
use super::ports::free_address;
use super::process::{Launch, Process};
use super::run_folder::RunFolder;
use super::secrets;
use super::services::Service;

/// The one user that may do everything: this tool's own.
pub(crate) const OPERATOR: &str = "operator";
const START_LIMIT: Duration = Duration::from_secs(20);
const MAX_PAYLOAD: &str = "1MB";
/// Only a limit, against which every stream's own limit is reserved: the streams of many tests at a
/// time must fit.
const MAX_FILE_STORE: &str = "4TB";
const MAX_MEMORY_STORE: &str = "64MB";

/// Who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The operator, and each service with its own permissions.
    PerService,
    /// Anybody on this machine: for test lanes, which make their own users if they want any.
    Open,
}

/// A nats-server of this run's own.
#[derive(Debug)]
pub(crate) struct PrivateNats {
    program: PathBuf,
    config: PathBuf,
    store: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    users: Vec<User>,
    process: Process,
}

impl PrivateNats {
    /// Writes a configuration and starts the server.
    pub(crate) async fn start(program: &Path, folder: &RunFolder, access: Access) -> Result<Self> {
        let address = free_address()?;
        let store = folder.subfolder("jetstream", None)?;
        let users = match access {
            Access::PerService => users(|_| Ok(secrets::password()))?,
            Access::Open => Vec::new(),
        };
        let config = folder.secret_file(
            "nats.conf",
            &configuration(address, &store, MAX_FILE_STORE, &users),
            None,
        )?;
        let log = folder.log("nats-server");
        let process = launch(program, &config, &log).start()?;
        let program = program.to_owned();
        let mut server = Self {
            program,
            config,
            store,
            log,
            address,
            users,
            process,
        };
        server.process.wait_for_port(address, START_LIMIT).await?;
        Ok(server)
    }

    /// Where it listens, without credentials.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Name and password of a user, if this server knows it.
    pub(crate) fn credentials(&self, user: &str) -> Option<(String, String)> {
        let user = self.users.iter().find(|known| known.name == user)?;
        Some((user.name.clone(), user.password.clone()))
    }

    /// Kills the server outright and starts it again, on the same folder or on an empty one.
    pub(crate) async fn crash_and_restart(&mut self, lose_everything: bool) -> Result<()> {
        self.process.kill();
        if lose_everything {
            std::fs::remove_dir_all(&self.store).context("removing the JetStream folder")?;
            std::fs::create_dir(&self.store).context("making the JetStream folder")?;
        }
        self.process = launch(&self.program, &self.config, &self.log).start()?;
        self.process.wait_for_port(self.address, START_LIMIT).await
    }
}

/// The operator and the services; `password` gives each user's, by its name.
pub(crate) fn users(mut password: impl FnMut(&str) -> Result<String>) -> Result<Vec<User>> {
    let mut users = vec![User {
        name: OPERATOR.to_owned(),
        password: password(OPERATOR)?,
        permissions: None,
    }];
    for service in Service::ALL {
        users.push(User {
            name: service.schema().to_owned(),
            password: password(service.schema())?,
            permissions: Some(nats_permissions::of(service)),
        });
    }
    Ok(users)
}

/// The whole configuration of a server; without users anybody may do everything.
pub(crate) fn configuration(
    address: SocketAddr,
    store: &Path,
    max_file_store: &str,
    users: &[User],
) -> String {
    let authorization = if users.is_empty() {
        String::new()
    } else {
        nats_permissions::render(users)
    };
    format!(
        "server_name: countersign-local\nhost: \"{}\"\nport: {}\nmax_payload: {MAX_PAYLOAD}\n\
         jetstream {{\n  store_dir: \"{}\"\n  max_file_store: {max_file_store}\n  \
         max_memory_store: {MAX_MEMORY_STORE}\n}}\n{authorization}",
        address.ip(),
        address.port(),
        store.display(),
    )
}

fn launch(program: &Path, config: &Path, log: &Path) -> Launch {
    Launch::new("nats-server", program, log.to_owned())
        .arg("--config")
        .arg(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Console;
    use crate::environment::programs::{self, Needs};

    async fn connect(server: &PrivateNats, user: &str) -> async_nats::Client {
        let (name, password) = server.credentials(user).unwrap();
        async_nats::ConnectOptions::with_user_and_password(name, password)
            .custom_inbox_prefix(format!("_INBOX.{user}"))
            .connect(server.url())
            .await
            .unwrap()
    }

    async fn stream(client: &async_nats::Client, name: &str, subjects: &str) -> u64 {
        let context = async_nats::jetstream::new(client.clone());
        let config = async_nats::jetstream::stream::Config {
            name: name.to_owned(),
            subjects: vec![subjects.to_owned()],
            ..Default::default()
        };
        context
            .get_or_create_stream(config)
            .await
            .unwrap()
            .get_info()
            .await
            .unwrap()
            .state
            .messages
    }

    /// P1: the server itself refuses a service that speaks in another's name.
    #[tokio::test]
    async fn a_service_cannot_publish_anothers_events() {
        let folder = RunFolder::create().unwrap();
        let needs = Needs {
            postgres: false,
            nats: true,
        };
        let program = programs::find(needs, &Console::quiet())
            .unwrap()
            .nats
            .unwrap();
        let mut server = PrivateNats::start(&program, &folder, Access::PerService)
            .await
            .unwrap();
        let operator = connect(&server, OPERATOR).await;
        stream(&operator, "ESTIMATE", "countersign.estimate.>").await;
        let offer = connect(&server, "offer").await;
        stream(&offer, "OFFER", "countersign.offer.>").await;

        let jetstream = async_nats::jetstream::new(offer.clone());
        let publish = async |subject: &'static str| {
            let ack = jetstream.publish(subject, "x".into()).await.unwrap();
            tokio::time::timeout(Duration::from_secs(2), ack.into_future())
                .await
                .is_ok_and(|ack| ack.is_ok())
        };
        assert!(publish("countersign.offer.00.released.v1").await);
        assert!(!publish("countersign.estimate.00.priced.v1").await);
        assert_eq!(
            stream(&operator, "ESTIMATE", "countersign.estimate.>").await,
            0
        );
        assert_eq!(stream(&operator, "OFFER", "countersign.offer.>").await, 1);

        // The file store survives a crash; a removed folder does not.
        server.crash_and_restart(false).await.unwrap();
        assert_eq!(
            stream(
                &connect(&server, OPERATOR).await,
                "OFFER",
                "countersign.offer.>"
            )
            .await,
            1
        );
        server.crash_and_restart(true).await.unwrap();
        assert_eq!(
            stream(
                &connect(&server, OPERATOR).await,
                "OFFER",
                "countersign.offer.>"
            )
            .await,
            0
        );
    }
}
