//! A private Postgres cluster: own folder, own port, loopback only, gone afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::{Connection, Executor, PgConnection};

use super::Durability;
use super::certificates::{Identities, TlsFiles};
use super::nats::Access;
use super::ports::free_address;
use super::process::{Launch, Process};
use super::run_folder::RunFolder;
use super::secrets;
use super::system_user::{SystemUser, unprivileged};

const SUPERUSER: &str = "postgres";
const START_LIMIT: Duration = Duration::from_mins(1);
/// Who gets in over TLS: whoever shows a certificate of this run and knows the password.
const OVER_TLS_ONLY: &str = "hostssl all all samehost scram-sha-256 clientcert=verify-ca\n";
/// Five services, their tests in parallel, and an operator or two.
const MAX_CONNECTIONS: u32 = 300;

/// A Postgres server of this run's own.
#[derive(Debug)]
pub(crate) struct PrivatePostgres {
    programs: PathBuf,
    data: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    password: String,
    durability: Durability,
    tls: Option<Tls>,
    user: Option<SystemUser>,
    process: Process,
}

/// How this server is reached when it lets in over TLS only.
#[derive(Debug)]
struct Tls {
    server: TlsFiles,
    /// Who may come, and how.
    access: PathBuf,
    /// This tool's own end.
    tool: TlsFiles,
}

impl PrivatePostgres {
    /// Makes a cluster and starts it; for [`Access::PerService`] it lets in over TLS only, with a
    /// certificate of this run besides the password.
    pub(crate) async fn start(
        programs: &Path,
        folder: &RunFolder,
        durability: Durability,
        access: Access,
        identities: &Identities,
    ) -> Result<Self> {
        let user = unprivileged()?;
        let tls = match access {
            Access::PerService => Some(Tls {
                server: identities.authority.of(folder, "postgres", user.as_ref())?,
                access: folder.file("pg_hba.conf", OVER_TLS_ONLY)?,
                tool: identities.tool.clone(),
            }),
            Access::Open => None,
        };
        let data = folder.subfolder("postgres", user.as_ref())?;
        let password = secrets::password();
        let password_file = folder.secret_file("postgres.password", &password, user.as_ref())?;
        Launch::new("initdb", &programs.join("initdb"), folder.log("initdb"))
            .args([
                "--username",
                SUPERUSER,
                "--auth",
                "scram-sha-256",
                "--no-sync",
            ])
            .args(["--encoding", "UTF8", "--locale", "C"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&data)
            .run_as(user.clone())
            .run()
            .await?;
        let address = free_address()?;
        let log = folder.log("postgres");
        let programs = programs.to_owned();
        let launch = launch(
            &programs,
            &data,
            &log,
            address,
            durability,
            tls.as_ref(),
            user.clone(),
        );
        let process = launch.start()?;
        let mut server = Self {
            programs,
            data,
            log,
            address,
            password,
            durability,
            tls,
            user,
            process,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// Where a program of this Postgres lies: beside the server itself, which the one on PATH may
    /// only be a link to.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let server = self.programs.join("postgres");
        server.canonicalize().unwrap_or(server).with_file_name(name)
    }

    /// The superuser's URL of the maintenance database, with this tool's certificate.
    pub(crate) fn admin_url(&self) -> Result<String> {
        let url = format!(
            "postgres://{SUPERUSER}:{}@{}/postgres",
            self.password, self.address
        );
        match &self.tls {
            Some(tls) => tls.tool.for_postgres(&url),
            None => Ok(url),
        }
    }

    /// Whether it lets in over TLS only.
    pub(crate) const fn is_secured(&self) -> bool {
        self.tls.is_some()
    }

    /// Kills the server outright and starts it on the same data: what is committed must be there.
    pub(crate) async fn crash_and_restart(&mut self) -> Result<()> {
        // QUIT is Postgres's own "die at once": it takes its backends along, as a power cut would.
        self.process.signal(Signal::QUIT);
        if self.process.wait_for_end(START_LIMIT).is_none() {
            self.process.kill();
        }
        let launch = launch(
            &self.programs,
            &self.data,
            &self.log,
            self.address,
            self.durability,
            self.tls.as_ref(),
            self.user.clone(),
        );
        self.process = launch.start()?;
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            let Err(error) = PgConnection::connect(&self.admin_url()?).await else {
                return Ok(());
            };
            self.process.must_run()?;
            if start.elapsed() > START_LIMIT {
                return Err(error).context("Postgres started but lets nobody in");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn launch(
    programs: &Path,
    data: &Path,
    log: &Path,
    address: SocketAddr,
    durability: Durability,
    tls: Option<&Tls>,
    user: Option<SystemUser>,
) -> Launch {
    let mut settings = vec![
        format!("listen_addresses={}", address.ip()),
        format!("port={}", address.port()),
        "unix_socket_directories=".to_owned(),
        format!("max_connections={MAX_CONNECTIONS}"),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
    ];
    if durability == Durability::Forgetful {
        settings.extend(
            [
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
            ]
            .map(str::to_owned),
        );
    }
    settings.extend(tls.into_iter().flat_map(Tls::settings));
    Launch::new("postgres", &programs.join("postgres"), log.to_owned())
        .arg("-D")
        .arg(data)
        .args(
            settings
                .iter()
                .flat_map(|setting| ["-c".to_owned(), setting.clone()]),
        )
        // QUIT is Postgres's "immediate shutdown", without the seconds of a last checkpoint: the data
        // goes with the run.
        .stop_signal(Signal::QUIT)
        .run_as(user)
}

impl Tls {
    fn settings(&self) -> [String; 5] {
        let TlsFiles {
            authority,
            certificate,
            key,
        } = &self.server;
        [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", certificate.display()),
            format!("ssl_key_file={}", key.display()),
            format!("ssl_ca_file={}", authority.display()),
            format!("hba_file={}", self.access.display()),
        ]
    }
}

/// A database inside a server: `url` with the database's name put in the place of the old one.
pub(crate) fn database_url(url: &str, database: &str) -> Result<String> {
    let mut parsed = reqwest::Url::parse(url).context("the Postgres URL")?;
    parsed.set_path(database);
    Ok(parsed.into())
}

/// The same URL without what comes after the database.
pub(crate) fn bare_url(url: &str) -> Result<String> {
    let mut parsed = reqwest::Url::parse(url).context("the Postgres URL")?;
    parsed.set_query(None);
    Ok(parsed.into())
}

/// The same database under another role.
pub(crate) fn role_url(url: &str, role: &str, password: &str) -> Result<String> {
    let mut parsed = reqwest::Url::parse(url).context("the Postgres URL")?;
    if parsed.set_username(role).is_err() || parsed.set_password(Some(password)).is_err() {
        bail!("the Postgres URL names no host");
    }
    Ok(parsed.into())
}

/// Makes an empty database.
pub(crate) async fn create_database(admin_url: &str, database: &str) -> Result<()> {
    execute(
        admin_url,
        &format!("CREATE DATABASE {database} ENCODING 'UTF8' TEMPLATE template0"),
    )
    .await
}

/// Removes every database whose name begins with `prefix`, and whoever is still connected to it.
pub(crate) async fn drop_databases(admin_url: &str, prefix: &str) -> Result<()> {
    let mut connection = PgConnection::connect(admin_url)
        .await
        .context("connecting to Postgres")?;
    let names: Vec<String> =
        sqlx::query_scalar("SELECT datname FROM pg_database WHERE starts_with(datname, $1)")
            .bind(prefix)
            .fetch_all(&mut connection)
            .await
            .context("looking for this run's databases")?;
    for name in names {
        execute(
            admin_url,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await?;
    }
    Ok(())
}

async fn execute(admin_url: &str, statement: &str) -> Result<()> {
    let mut connection = PgConnection::connect(admin_url)
        .await
        .context("connecting to Postgres")?;
    let ran = connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement)))
        .await;
    ran.with_context(|| format!("running {statement:?}"))?;
    connection
        .close()
        .await
        .context("closing the connection to Postgres")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_rewritten_part_by_part() {
        let admin = "postgres://postgres:secret@127.0.0.1:5432/postgres";
        let database = database_url(admin, "countersign").unwrap();
        assert_eq!(
            database,
            "postgres://postgres:secret@127.0.0.1:5432/countersign"
        );
        let role = role_url(&database, "offer_run", "other").unwrap();
        assert_eq!(
            role,
            "postgres://offer_run:other@127.0.0.1:5432/countersign"
        );
    }
}
