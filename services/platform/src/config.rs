//! Configuration: defaults, then an optional TOML file, then an optional folder of secrets
//! (`secrets_dir`), then the environment.
//!
//! Environment variables are the keys of [`Settings`] in upper case behind `COUNTERSIGN_`
//! (`COUNTERSIGN_DATABASE_URL`), and a service's own keys behind its name and two underscores
//! (`COUNTERSIGN_OFFER__PUBLISH_LIMIT`). A value that looks like a number is read as one; text that
//! looks like a number is put into quotes (`"000123456789"`), or read as a [`Secret`]. A variable
//! with this prefix, or a key of the file, that no setting is named by is refused: it is a misspelt one.
//! The folder of secrets may hold other programs' too, and those are passed over.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::providers::{Env, Format, Serialized, Toml};
use figment::{Figment, Provider};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::known_keys::{self, PREFIX};
use crate::secret_files::SecretFiles;
use crate::telemetry::LogFormat;

/// Where gRPC listens when nothing is said: any free port of this machine only.
const DEFAULT_LISTEN: &str = "127.0.0.1:0";
/// Connections in the pool: more than the cores of a small Postgres can work on only queue there.
const DEFAULT_POOL_SIZE: u32 = 10;
/// How long a caller waits for a connection of the pool.
const DEFAULT_ACQUIRE_TIMEOUT_MS: u64 = 5_000;
/// The longest that one statement may run.
const DEFAULT_STATEMENT_TIMEOUT_MS: u64 = 10_000;
/// The longest that a statement may wait for a lock.
const DEFAULT_LOCK_TIMEOUT_MS: u64 = 5_000;
/// The longest that a transaction may sit idle before Postgres ends its session.
const DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT_MS: u64 = 30_000;
/// Disk that a stream may take; a full stream refuses, and the outbox waits.
const DEFAULT_STREAM_MAX_BYTES: i64 = 1 << 30;
/// The default deadline of a call for which the caller gave none.
const DEFAULT_CALL_TIMEOUT_MS: u64 = 30_000;
/// The same of a call that is sent a stream, which takes as long as its caller's line.
const DEFAULT_UPLOAD_TIMEOUT_MS: u64 = 300_000;
/// How many tasks run at the same time.
const DEFAULT_TASK_CONCURRENCY: usize = 8;
/// How long the process waits for running work when it is told to stop.
const DEFAULT_DRAIN_TIMEOUT_MS: u64 = 10_000;
/// The audience that tokens are for.
pub const DEFAULT_AUDIENCE: &str = "countersign";
/// Calls that one caller may make a second.
const DEFAULT_RATE_LIMIT_PER_SECOND: u32 = 200;
/// Calls that one caller may make at once.
const DEFAULT_RATE_LIMIT_BURST: u32 = 400;
/// Calls that a process works on at a time.
const DEFAULT_MAX_CONCURRENT_CALLS: usize = 512;
/// Of the traces that begin here, the part that is exported.
const DEFAULT_TRACE_SAMPLE_RATIO: f64 = 1.0;
/// The first word of subjects.
pub(crate) const DEFAULT_NATS_PREFIX: &str = "countersign";

/// What every service is configured with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where gRPC listens: `address:port`, port 0 for any free one.
    pub listen: String,
    /// Postgres as the service's run role: all that `serve` uses.
    pub database_url: Secret,
    /// Postgres as the schema's owner: all that `migrate` uses.
    pub database_owner_url: Secret,
    /// Postgres as one who may create roles and schemas: all that `provision` uses.
    pub database_admin_url: Secret,
    /// NATS, `nats://host:port`, several with commas. Empty: no events go out or in.
    pub nats_url: Secret,
    /// The NATS user, if NATS asks for one.
    pub nats_user: String,
    /// Its password.
    pub nats_password: Secret,
    /// The first word of every subject. Other than the default it names the streams too, so that
    /// several systems can share a server.
    pub nats_prefix: String,
    /// Disk that this service's stream may take, in bytes.
    pub nats_stream_max_bytes: i64,
    /// Copies of this service's stream: 1 on one server, 3 on a cluster.
    pub nats_stream_replicas: usize,
    /// A rehearsal clock's file (P8): see [`crate::Clock::rehearsal`].
    pub clock_file: Option<PathBuf>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Connections in the pool.
    pub database_pool_size: u32,
    /// How long a caller waits for a connection, in milliseconds.
    pub database_acquire_timeout_ms: u64,
    /// The longest that one statement may run, in milliseconds.
    pub database_statement_timeout_ms: u64,
    /// The longest that a statement may wait for a lock, in milliseconds.
    pub database_lock_timeout_ms: u64,
    /// The longest that a transaction may sit idle, in milliseconds.
    pub database_idle_in_transaction_timeout_ms: u64,
    /// The deadline of a call for which the caller gave none, in milliseconds.
    pub call_timeout_ms: u64,
    /// The same of a call that is sent a stream.
    pub upload_timeout_ms: u64,
    /// How many tasks run at the same time.
    pub task_concurrency: usize,
    /// How long running work may take when the process is told to stop, in milliseconds.
    pub drain_timeout_ms: u64,
    /// Whether gRPC reflection is served.
    pub reflection: bool,
    /// A folder in which each file is one setting: its name the key in lower case
    /// (`database_url`, `offer__marketplace_secret_access_key`), its content the value. Over the
    /// TOML file, under the environment.
    pub secrets_dir: Option<PathBuf>,
    /// The `iss` that tokens must have (P5).
    pub auth_issuer: String,
    /// The `aud` that tokens must contain.
    pub auth_audience: String,
    /// Where the issuer's keys are: `https://`, `file://`, or `http://` on loopback. Empty: callers
    /// are believed what their metadata says, which only a listener on loopback may.
    pub auth_jwks_url: Secret,
    /// Whether the keys may come over plain `http://` from another machine.
    pub auth_jwks_insecure: bool,
    /// The PEM certificate of this process, with those that vouch for it: what gRPC is served with,
    /// and what services that it calls, NATS and Postgres are shown (see [`crate::tls`]).
    pub tls_certificate_file: Option<PathBuf>,
    /// Its PEM key.
    pub tls_key_file: Option<PathBuf>,
    /// PEM certificates of those who vouch for callers: each must show a certificate, and one for
    /// `spiffe://countersign/<service>` names a service.
    pub tls_client_ca_file: Option<PathBuf>,
    /// Whether a caller may also come without a certificate: where something in front ends TLS, or
    /// people call.
    pub tls_client_certificate_optional: bool,
    /// PEM certificates of those who vouch for the services that this process calls.
    pub tls_ca_file: Option<PathBuf>,
    /// PEM certificates of those who vouch for NATS, which is then spoken to over TLS only.
    pub nats_ca_file: Option<PathBuf>,
    /// PEM certificates of those who vouch for Postgres, which is then spoken to over TLS only:
    /// `sslmode=verify-full`, whatever the URLs say.
    pub database_ca_file: Option<PathBuf>,
    /// Calls that one caller (seller and principal) may make a second.
    pub rate_limit_per_second: u32,
    /// Calls that one caller may make at once.
    pub rate_limit_burst: u32,
    /// Calls that this process works on at a time.
    pub max_concurrent_calls: usize,
    /// Where health (gRPC) and `/metrics` (HTTP) are served in plain text, `address:port`. Empty: not
    /// served.
    pub management_listen: String,
    /// The collector that spans are sent to, by OTLP over gRPC: `http://host:4317`. Empty: no traces
    /// are exported.
    pub otlp_endpoint: Secret,
    /// Of the traces that begin here, the part that is exported: 0 to 1. A caller's decision stands.
    pub trace_sample_ratio: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN.to_owned(),
            database_url: Secret::default(),
            database_owner_url: Secret::default(),
            database_admin_url: Secret::default(),
            nats_url: Secret::default(),
            nats_user: String::new(),
            nats_password: Secret::default(),
            nats_prefix: DEFAULT_NATS_PREFIX.to_owned(),
            nats_stream_max_bytes: DEFAULT_STREAM_MAX_BYTES,
            nats_stream_replicas: 1,
            clock_file: None,
            log_format: LogFormat::default(),
            database_pool_size: DEFAULT_POOL_SIZE,
            database_acquire_timeout_ms: DEFAULT_ACQUIRE_TIMEOUT_MS,
            database_statement_timeout_ms: DEFAULT_STATEMENT_TIMEOUT_MS,
            database_lock_timeout_ms: DEFAULT_LOCK_TIMEOUT_MS,
            database_idle_in_transaction_timeout_ms: DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT_MS,
            call_timeout_ms: DEFAULT_CALL_TIMEOUT_MS,
            upload_timeout_ms: DEFAULT_UPLOAD_TIMEOUT_MS,
            task_concurrency: DEFAULT_TASK_CONCURRENCY,
            drain_timeout_ms: DEFAULT_DRAIN_TIMEOUT_MS,
            reflection: true,
            secrets_dir: None,
            auth_issuer: String::new(),
            auth_audience: DEFAULT_AUDIENCE.to_owned(),
            auth_jwks_url: Secret::default(),
            auth_jwks_insecure: false,
            tls_certificate_file: None,
            tls_key_file: None,
            tls_client_ca_file: None,
            tls_client_certificate_optional: false,
            tls_ca_file: None,
            nats_ca_file: None,
            database_ca_file: None,
            rate_limit_per_second: DEFAULT_RATE_LIMIT_PER_SECOND,
            rate_limit_burst: DEFAULT_RATE_LIMIT_BURST,
            max_concurrent_calls: DEFAULT_MAX_CONCURRENT_CALLS,
            management_listen: String::new(),
            otlp_endpoint: Secret::default(),
            trace_sample_ratio: DEFAULT_TRACE_SAMPLE_RATIO,
        }
    }
}

impl Settings {
    pub(crate) const fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.database_acquire_timeout_ms)
    }

    pub(crate) const fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }

    pub(crate) const fn upload_timeout(&self) -> Duration {
        Duration::from_millis(self.upload_timeout_ms)
    }

    /// What running work may take of the drain time; the rest is for the last spans.
    pub(crate) fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms).saturating_sub(self.flush_timeout())
    }

    /// What sending the last spans may take of the drain time: a fifth, if there are any to send.
    pub(crate) fn flush_timeout(&self) -> Duration {
        if self.otlp_endpoint.is_empty() {
            return Duration::ZERO;
        }
        Duration::from_millis(self.drain_timeout_ms / 5)
    }
}

/// Text that does not print: a password, or a URL that holds one.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one who needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was configured.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "unset" } else { "***" })
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// A password of digits only comes out of the environment as a number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            Number(u64),
        }
        Ok(Self(match Given::deserialize(deserializer)? {
            Given::Text(text) => text,
            Given::Number(number) => number.to_string(),
        }))
    }
}

/// The section of a service that has nothing to configure.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct NoSection {}

/// A service's configuration: the platform's settings and the service's own section.
#[derive(Debug, Clone)]
pub struct Config<S> {
    /// What every service has.
    pub settings: Settings,
    /// What only this one has: the table named after it.
    pub section: S,
}

/// The configuration cannot be used; the text names the key.
#[derive(Debug, thiserror::Error)]
#[error("configuration")]
pub struct ConfigError(#[source] Box<figment::Error>);

/// Reads the configuration of the service called `service` (its dashes become underscores).
///
/// # Errors
/// [`ConfigError`] with the key that does not fit or is none, or the file that does not parse.
pub fn load<S: DeserializeOwned>(
    service: &str,
    file: Option<&Path>,
) -> Result<Config<S>, ConfigError> {
    let section = service.replace('-', "_");
    let none = BTreeMap::<String, String>::new();
    let wrong = |error| ConfigError(Box::new(error));
    let mut figment = Figment::from(Serialized::defaults(Settings::default()))
        .merge(Serialized::default(&section, none));
    if let Some(file) = file {
        let toml = Toml::file_exact(file);
        for said in toml.data().map_err(wrong)?.values() {
            known_keys::are_known_in::<S>(file, &section, said)
                .map_err(|unknown| wrong(figment::Error::from(unknown.to_string())))?;
        }
        figment = figment.merge(toml);
    }
    let given = Env::prefixed(PREFIX);
    known_keys::are_known::<S>(&section, given.iter().map(|(name, _)| name.into_string()))
        .map_err(|unknown| wrong(figment::Error::from(unknown.to_string())))?;
    let environment = || given.clone().split("__");
    let told = figment.clone().merge(environment());
    let folder: Option<PathBuf> = told.extract_inner("secrets_dir").map_err(wrong)?;
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
        figment = figment.merge(SecretFiles(folder));
    }
    let figment = figment.merge(environment());
    Ok(Config {
        settings: figment.extract().map_err(wrong)?,
        section: figment.extract_inner(&section).map_err(wrong)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(default)]
    struct Section {
        limit: u32,
        account: String,
    }

    impl Default for Section {
        fn default() -> Self {
            Self {
                limit: 5,
                account: String::new(),
            }
        }
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the signature of figment's Jail")]
    fn environment_over_file_over_defaults() {
        figment::Jail::expect_with(|jail| {
            // Tests are told where their servers are; services are not.
            jail.clear_env();
            jail.create_file(
                "c.toml",
                "listen = \"127.0.0.1:1\"\nnats_user = \"file\"\n[two_words]\nlimit = 6\n",
            )?;
            jail.set_env("COUNTERSIGN_NATS_USER", "env");
            jail.set_env("COUNTERSIGN_NATS_PASSWORD", "12345");
            jail.set_env("COUNTERSIGN_TWO_WORDS__ACCOUNT", "\"000123456789\"");
            let config: Config<Section> = load("two-words", Some(Path::new("c.toml"))).unwrap();
            assert_eq!(config.settings.listen, "127.0.0.1:1");
            assert_eq!(config.settings.nats_user, "env");
            assert_eq!(config.settings.nats_password.expose(), "12345");
            assert_eq!(config.section.limit, 6);
            assert_eq!(config.section.account, "000123456789");
            assert!(load::<NoSection>("other", None).is_err(), "another's key");
            jail.clear_env();
            let bare: Config<NoSection> = load("other", None).unwrap();
            assert_eq!(bare.settings.database_pool_size, DEFAULT_POOL_SIZE);
            assert!(load::<NoSection>("other", Some(Path::new("absent.toml"))).is_err());
            Ok(())
        });
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the signature of figment's Jail")]
    fn a_folder_of_secrets_goes_between_file_and_environment() {
        figment::Jail::expect_with(|jail| {
            // Tests are told where their servers are; services are not.
            jail.clear_env();
            jail.create_file(
                "c.toml",
                "secrets_dir = \"secrets\"\nnats_user = \"file\"\n",
            )?;
            jail.create_dir("secrets")?;
            jail.create_dir("secrets/..data")?;
            for (name, text) in [
                ("database_url", "postgres://run:0123@h/d\n"),
                ("NATS_PASSWORD", "000123\r\n"),
                ("nats_user", "secret"),
                ("two_words__account", "000123456789"),
                ("nats_prefix", "kept"),
                (".hidden", "passed over"),
                ("of_another_program", "passed over"),
            ] {
                jail.create_file(format!("secrets/{name}"), text)?;
            }
            jail.set_env("COUNTERSIGN_NATS_PREFIX", "env");
            let config: Config<Section> = load("two-words", Some(Path::new("c.toml"))).unwrap();
            let settings = config.settings;
            assert_eq!(settings.database_url.expose(), "postgres://run:0123@h/d");
            assert_eq!(settings.nats_password.expose(), "000123");
            assert_eq!(settings.nats_user, "secret");
            assert_eq!(settings.nats_prefix, "env");
            assert_eq!(config.section.account, "000123456789");
            jail.set_env("COUNTERSIGN_SECRETS_DIR", "absent");
            assert!(load::<Section>("two-words", None).is_err());
            Ok(())
        });
    }

    /// A misspelt key of the file is refused, with the file and the key that it may be.
    #[test]
    #[expect(clippy::result_large_err, reason = "the signature of figment's Jail")]
    fn a_misspelt_key_of_the_file_is_refused() {
        figment::Jail::expect_with(|jail| {
            jail.clear_env();
            for (text, expected) in [
                (
                    "lisen = 'x'",
                    "c.toml names what is no setting: lisen (is it listen?)",
                ),
                (
                    "[two_words]\nlimits = 6",
                    "no setting: two_words.limits (is it two_words.limit?)",
                ),
            ] {
                jail.create_file("c.toml", text)?;
                let told = load::<Section>("two-words", Some(Path::new("c.toml")));
                let told = std::error::Error::source(&told.unwrap_err())
                    .unwrap()
                    .to_string();
                assert!(told.contains(expected), "{told}");
            }
            Ok(())
        });
    }

    /// Neither a setting nor what is said about a wrong one shows a secret.
    #[test]
    #[expect(clippy::result_large_err, reason = "the signature of figment's Jail")]
    fn secrets_do_not_print() {
        const SECRETS: [&str; 7] = [
            "database_url",
            "database_owner_url",
            "database_admin_url",
            "nats_url",
            "nats_password",
            "auth_jwks_url",
            "otlp_endpoint",
        ];
        let shown = serde_json::to_value(Settings::default()).unwrap();
        for (key, _) in shown.as_object().unwrap() {
            let telling = ["password", "secret_", "url", "endpoint", "token"];
            let suspect = telling.iter().any(|word| key.contains(word));
            assert!(!suspect || SECRETS.contains(&key.as_str()), "{key}");
        }
        for key in SECRETS {
            for given in ["\"hunter2\"", "[\"hunter2\"]", "{ a = \"hunter2\" }"] {
                figment::Jail::expect_with(|jail| {
                    jail.clear_env();
                    jail.create_file("c.toml", &format!("{key} = {given}\n"))?;
                    let said = match load::<NoSection>("other", Some(Path::new("c.toml"))) {
                        Ok(config) => format!("{config:?}"),
                        Err(error) => {
                            let cause = std::error::Error::source(&error).unwrap();
                            format!("{error} {error:?} {cause}")
                        }
                    };
                    assert!(!said.contains("hunter2"), "{said}");
                    Ok(())
                });
            }
        }
    }
}
