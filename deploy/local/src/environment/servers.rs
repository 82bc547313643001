//! Postgres and NATS together: started privately, or given by URL.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::certificates::{Identities, TlsFiles};
use super::nats::{Access, OPERATOR, PrivateNats};
use super::postgres::{self, PrivatePostgres};
use super::programs::{self, Needs};
use super::run_folder::RunFolder;
use super::services::{DatabaseUrls, NatsAccess, Service};
use super::{Durability, secrets};
use crate::console::Console;

/// Servers that the user runs and names; what is `None` is started privately.
#[derive(Debug, Clone, Default)]
pub struct External {
    /// A superuser's URL; this run makes a database of its own there and drops it in the end.
    pub postgres_admin_url: Option<String>,
    /// A URL with credentials that may do everything.
    pub nats_url: Option<String>,
}

/// Running servers. Dropping them ends the private ones.
#[derive(Debug)]
pub(crate) struct Servers {
    // Dropped in this order: NATS before Postgres, the folder last.
    nats: Option<PrivateNats>,
    postgres: Option<PrivatePostgres>,
    admin_url: String,
    nats_url: String,
    database: String,
    role_password: String,
    pub(crate) identities: Identities,
    pub(crate) folder: RunFolder,
}

impl Servers {
    /// Finds or installs what is needed, and starts it.
    pub(crate) async fn start(
        external: &External,
        durability: Durability,
        access: Access,
        console: &Console,
    ) -> Result<Self> {
        let needs = Needs {
            postgres: external.postgres_admin_url.is_none(),
            nats: external.nats_url.is_none(),
        };
        let programs = programs::find(needs, console)?;
        let folder = RunFolder::create()?;
        let identities = Identities::make(&folder)?;
        let step = console.step("Postgres and NATS with JetStream");
        let postgres = match &programs.postgres {
            Some(found) => {
                let started =
                    PrivatePostgres::start(found, &folder, durability, access, &identities);
                Some(started.await?)
            }
            None => None,
        };
        let nats = match &programs.nats {
            Some(found) => Some(PrivateNats::start(found, &folder, access, &identities).await?),
            None => None,
        };
        let admin = postgres.as_ref().map(PrivatePostgres::admin_url);
        let admin = admin
            .transpose()?
            .or_else(|| external.postgres_admin_url.clone());
        let nats_url = nats
            .as_ref()
            .map(PrivateNats::url)
            .or_else(|| external.nats_url.clone());
        let (Some(admin_url), Some(nats_url)) = (admin, nats_url) else {
            bail!("a server is neither private nor given");
        };
        let database = format!("countersign_{}", secrets::run_id());
        postgres::create_database(&admin_url, &database).await?;
        let role_password = secrets::password();
        let servers = Self {
            nats,
            postgres,
            admin_url,
            nats_url,
            database,
            role_password,
            identities,
            folder,
        };
        step.done(servers.description());
        Ok(servers)
    }

    /// The superuser's URL of this run's own database. Databases whose names begin with its name are
    /// this run's too, and go with it.
    pub(crate) fn superuser_url(&self) -> Result<String> {
        postgres::database_url(&self.admin_url, &self.database)
    }

    /// Where NATS is, without credentials of a private one.
    pub(crate) fn nats_url(&self) -> &str {
        &self.nats_url
    }

    /// Whether Postgres lets in over TLS only, with a certificate of this run.
    pub(crate) fn postgres_is_secured(&self) -> bool {
        self.postgres
            .as_ref()
            .is_some_and(PrivatePostgres::is_secured)
    }

    /// The three URLs that a service is given. It is told by settings whose certificate to show.
    pub(crate) fn database_urls(&self, service: Service) -> Result<DatabaseUrls> {
        let mut admin = postgres::database_url(&self.admin_url, &self.database)?;
        if self.postgres_is_secured() {
            admin = postgres::bare_url(&admin)?;
        }
        let schema = service.schema();
        let role = |kind: &str| {
            postgres::role_url(&admin, &format!("{schema}_{kind}"), &self.role_password)
        };
        Ok(DatabaseUrls {
            owner: role("owner")?,
            run: role("run")?,
            admin: admin.clone(),
        })
    }

    /// How a service reaches NATS.
    pub(crate) fn nats_access(&self, service: Service) -> Result<NatsAccess> {
        Ok(self.nats_access_as(service.schema(), self.identities.of(service)?))
    }

    /// Where the private Postgres keeps a program of its own.
    pub(crate) fn postgres_program(&self, program: &str) -> Option<PathBuf> {
        self.postgres.as_ref().map(|server| server.program(program))
    }

    /// How this tool itself reaches NATS, with every right.
    pub(crate) fn nats_operator(&self) -> NatsAccess {
        self.nats_access_as(OPERATOR, &self.identities.tool)
    }

    /// A private server that knows users speaks TLS; a given one by its URL.
    fn nats_access_as(&self, user: &str, files: &TlsFiles) -> NatsAccess {
        let server = self.nats.as_ref();
        let credentials = server.and_then(|server| server.credentials(user));
        NatsAccess {
            url: self.nats_url.clone(),
            tls: credentials.is_some().then(|| files.clone()),
            credentials,
        }
    }

    /// Every password and key of this run: what no log may hold.
    pub(crate) fn secrets(&self) -> Result<Vec<String>> {
        let users = Service::ALL.map(Service::schema).into_iter();
        let nats = users.chain([OPERATOR]).filter_map(|user| {
            let server = self.nats.as_ref()?;
            server.credentials(user).map(|(_, password)| password)
        });
        let passwords = nats.chain([self.role_password.clone()]);
        Ok(passwords.chain(self.folder.secret_lines()?).collect())
    }

    /// Kills the private Postgres and starts it again on the same data.
    pub(crate) async fn crash_postgres(&mut self) -> Result<()> {
        self.postgres
            .as_mut()
            .context("Postgres is not ours to kill")?
            .crash_and_restart()
            .await
    }

    /// Kills the private nats-server and starts it again, with or without its JetStream folder.
    pub(crate) async fn crash_nats(&mut self, lose_everything: bool) -> Result<()> {
        let server = self.nats.as_mut().context("NATS is not ours to kill")?;
        server.crash_and_restart(lose_everything).await
    }

    fn description(&self) -> String {
        let place = |private: bool| if private { "private" } else { "given" };
        format!(
            "{} Postgres, {} NATS",
            place(self.postgres.is_some()),
            place(self.nats.is_some())
        )
    }
}

impl Drop for Servers {
    /// Removes what this run made on servers that are not ours.
    fn drop(&mut self) {
        let database = self
            .postgres
            .is_none()
            .then(|| (self.admin_url.clone(), self.database.clone()));
        let streams = self.nats.is_none().then(|| self.nats_url.clone());
        if database.is_none() && streams.is_none() {
            return;
        }
        // A runtime of its own, since this may run while another one is being left.
        let tidied = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(tidy(database, streams))
        });
        if let Ok(Err(error)) = tidied.join() {
            eprintln!("could not tidy up on the given servers: {error:#}");
        }
    }
}

async fn tidy(database: Option<(String, String)>, streams: Option<String>) -> Result<()> {
    if let Some((admin_url, name)) = database {
        postgres::drop_databases(&admin_url, &name).await?;
    }
    if let Some(url) = streams {
        remove_streams(&url).await?;
    }
    Ok(())
}

async fn remove_streams(url: &str) -> Result<()> {
    let client = async_nats::connect(url)
        .await
        .context("connecting to NATS")?;
    let jetstream = async_nats::jetstream::new(client);
    for service in Service::ALL {
        // A stream that was never made is as good as removed.
        let _ = jetstream.delete_stream(service.stream()).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::{Connection, PgConnection};

    async fn number(url: &str, query: &'static str) -> i64 {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    /// Whether anybody takes a connection there, whoever would be let in.
    async fn listens(url: &str) -> bool {
        let url = reqwest::Url::parse(url).unwrap();
        let address = (url.host_str().unwrap(), url.port().unwrap());
        tokio::net::TcpStream::connect(address).await.is_ok()
    }

    #[tokio::test]
    async fn private_servers_start_survive_a_crash_and_leave_nothing() {
        let external = External::default();
        let console = Console::quiet();
        let started = Servers::start(&external, Durability::Durable, Access::PerService, &console);
        let mut servers = started.await.unwrap();
        let folder = servers.folder.path().to_owned();
        let url = servers.superuser_url().unwrap();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query("CREATE TABLE kept AS SELECT 7::bigint AS n")
            .execute(&mut connection)
            .await
            .unwrap();
        servers.crash_postgres().await.unwrap();
        assert_eq!(number(&url, "SELECT n FROM kept").await, 7);
        servers.crash_nats(true).await.unwrap();
        let nats = servers.nats_operator();
        nats.connect().await.unwrap();
        assert!(listens(&url).await && listens(&nats.url).await);
        drop(servers);
        assert!(!folder.exists());
        assert!(!listens(&url).await && !listens(&nats.url).await);
    }

    #[tokio::test]
    async fn given_servers_are_used_and_left_as_they_were() {
        let console = Console::quiet();
        let private = External::default();
        let started = Servers::start(&private, Durability::Forgetful, Access::Open, &console);
        let host = started.await.unwrap();
        let admin = host.superuser_url().unwrap();
        let given = External {
            postgres_admin_url: Some(admin.clone()),
            nats_url: Some(host.nats_url().to_owned()),
        };
        let databases = "SELECT count(*) FROM pg_database";
        let before = number(&admin, databases).await;
        let started = Servers::start(&given, Durability::Durable, Access::PerService, &console);
        let guest = started.await.unwrap();
        // What a test of this run leaves bears the run's name.
        let of_a_test = format!("{}_test_1_1", guest.database);
        postgres::create_database(&admin, &of_a_test).await.unwrap();
        assert_eq!(number(&admin, databases).await, before + 2);
        assert!(guest.nats_operator().credentials.is_none());
        drop(guest);
        assert_eq!(number(&admin, databases).await, before);
    }
}
