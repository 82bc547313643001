//! A private nats-server with JetStream: own folder, own port, a user per service.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::certificates::{Identities, TlsFiles};
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
    /// The operator, and each service with its own permissions; over TLS, with a certificate of this
    /// run.
    PerService,
    /// Anybody on this machine, in plain text: for test lanes, which make their own users if they want any.
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
    pub(crate) async fn start(
        program: &Path,
        folder: &RunFolder,
        access: Access,
        identities: &Identities,
    ) -> Result<Self> {
        let address = free_address()?;
        let store = folder.subfolder("jetstream", None)?;
        let (users, access) = match access {
            Access::PerService => {
                let users = users(|_| Ok(secrets::password()))?;
                let tls = tls(&identities.authority.of(folder, "nats", None)?);
                let access = nats_permissions::render(&users) + &tls;
                (users, access)
            }
            Access::Open => Default::default(),
        };
        let text = configuration(address, &store, MAX_FILE_STORE, &access);
        let config = folder.secret_file("nats.conf", &text, None)?;
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

/// Nobody gets in but over TLS, with a certificate that the authority vouches for.
fn tls(files: &TlsFiles) -> String {
    format!(
        "tls {{\n  cert_file: \"{}\"\n  key_file: \"{}\"\n  ca_file: \"{}\"\n  verify: true\n}}\n",
        files.certificate.display(),
        files.key.display(),
        files.authority.display(),
    )
}

/// The whole configuration of a server; `access` says who may do what, or nothing: anybody anything.
pub(crate) fn configuration(
    address: SocketAddr,
    store: &Path,
    max_file_store: &str,
    access: &str,
) -> String {
    format!(
        "server_name: countersign-local\nhost: \"{}\"\nport: {}\nmax_payload: {MAX_PAYLOAD}\n\
         jetstream {{\n  store_dir: \"{}\"\n  max_file_store: {max_file_store}\n  \
         max_memory_store: {MAX_MEMORY_STORE}\n}}\n{access}",
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
    use async_nats::ConnectOptions;

    use super::*;
    use crate::console::Console;
    use crate::environment::programs::{self, Needs};

    /// How a user with its password, and perhaps with a certificate, comes in.
    fn options(server: &PrivateNats, user: &str, tls: Option<&TlsFiles>) -> ConnectOptions {
        let (name, password) = server.credentials(user).unwrap();
        let options = ConnectOptions::with_user_and_password(name, password)
            .custom_inbox_prefix(format!("_INBOX.{user}"));
        match tls {
            Some(files) => files.for_nats(options),
            None => options,
        }
    }

    async fn connect(server: &PrivateNats, user: &str, tls: &TlsFiles) -> async_nats::Client {
        let options = options(server, user, Some(tls));
        options.connect(server.url()).await.unwrap()
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
        let identities = Identities::make(&folder).unwrap();
        let start = PrivateNats::start(&program, &folder, Access::PerService, &identities);
        let mut server = start.await.unwrap();
        let tls = &identities.tool;
        let operator = connect(&server, OPERATOR, tls).await;
        stream(&operator, "ESTIMATE", "countersign.estimate.>").await;
        let offer = connect(&server, "offer", tls).await;
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

        // A password alone opens nothing: neither without a certificate nor with a stranger's.
        let elsewhere = RunFolder::create().unwrap();
        let mut stranger = Identities::make(&elsewhere).unwrap().tool;
        stranger.authority.clone_from(&tls.authority);
        let bare = options(&server, OPERATOR, None);
        let bare = bare.add_root_certificates(tls.authority.clone());
        for refused in [bare, options(&server, OPERATOR, Some(&stranger))] {
            assert!(refused.connect(server.url()).await.is_err());
        }

        // The file store survives a crash; a removed folder does not.
        server.crash_and_restart(false).await.unwrap();
        assert_eq!(
            stream(
                &connect(&server, OPERATOR, tls).await,
                "OFFER",
                "countersign.offer.>"
            )
            .await,
            1
        );
        server.crash_and_restart(true).await.unwrap();
        assert_eq!(
            stream(
                &connect(&server, OPERATOR, tls).await,
                "OFFER",
                "countersign.offer.>"
            )
            .await,
            0
        );
    }
}
