//! The connection to NATS, the names used on it, and streams that are what they should be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{Client, ConnectOptions, Event};
use rand::Rng;

use crate::config::{DEFAULT_NATS_PREFIX, Settings};
use crate::failure::BoxError;
use crate::tls::{self, TlsError};

/// With this, a silent partition is noticed in about six seconds; the default takes three minutes.
const PING_INTERVAL: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest pause between two attempts to reconnect.
const RECONNECT_LIMIT_MS: u64 = 1_000;
/// Acknowledgements that a publisher may wait for at a time.
const MAX_ACKS_IN_FLIGHT: usize = 4_096;
/// How long JetStream remembers message ids. Only an optimisation: the inbox decides.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(5);
/// The largest message, headers included: [`crate::MAX_PAYLOAD_BYTES`] and room for them.
const MAX_MESSAGE_BYTES: i32 = 256 * 1024;
/// Below this version some settings are ignored without a word.
const ADVISED_VERSION: (u64, u64) = (2, 10);

/// What things are called on NATS.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
    pub(crate) schema: String,
}

impl Names {
    pub(crate) fn new(prefix: &str, schema: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            schema: schema.to_owned(),
        }
    }

    /// The stream of a service: its name, or under another prefix that too.
    pub(crate) fn stream(&self, schema: &str) -> String {
        let name = if self.prefix == DEFAULT_NATS_PREFIX {
            schema.to_owned()
        } else {
            format!("{}_{schema}", self.prefix)
        };
        name.to_ascii_uppercase().replace(['.', '-'], "_")
    }

    /// All events of this service.
    fn subjects(&self) -> String {
        format!("{}.{}.>", self.prefix, self.schema)
    }

    pub(crate) fn subject(&self, type_name: &str, aggregate_id: &str) -> String {
        crate::envelope::subject(&self.prefix, &self.schema, type_name, aggregate_id)
    }

    /// Where a service is asked to publish again.
    pub(crate) fn replay(&self, schema: &str) -> String {
        format!("{}-replay.{schema}", self.prefix)
    }

    /// This service's durable consumer on another's stream.
    pub(crate) fn durable(&self, source: &str) -> String {
        format!("{}__on-{source}", self.schema)
    }
}

/// A connection that comes back by itself.
#[derive(Debug, Clone)]
pub(crate) struct Nats {
    pub(crate) client: Client,
    pub(crate) jetstream: Context,
    pub(crate) names: Names,
    connects: Arc<AtomicU64>,
}

impl Nats {
    /// Starts to connect; NATS may be away.
    pub(crate) async fn connect(settings: &Settings, schema: &str) -> Result<Self, BoxError> {
        let connects = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&connects);
        let options = options(settings, schema)?
            .retry_on_initial_connect()
            .event_callback(move |event| {
                let counter = Arc::clone(&counter);
                async move { note(&event, &counter) }
            });
        let servers: Vec<&str> = settings
            .nats_url
            .expose()
            .split(',')
            .map(str::trim)
            .collect();
        let client = options.connect(servers).await?;
        let jetstream = ContextBuilder::new()
            .timeout(REQUEST_TIMEOUT)
            .max_ack_inflight(MAX_ACKS_IN_FLIGHT)
            .build(client.clone());
        Ok(Self {
            client,
            jetstream,
            names: Names::new(&settings.nats_prefix, schema),
            connects,
        })
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// How often the connection was made: what was known before the last may no longer hold.
    pub(crate) fn connects(&self) -> u64 {
        self.connects.load(Ordering::SeqCst)
    }

    /// What this service's stream must be like.
    pub(crate) fn stream_config(&self, settings: &Settings) -> Config {
        Config {
            name: self.names.stream(&self.names.schema),
            subjects: vec![self.names.subjects()],
            // WorkQueue and Interest forget message ids with the messages; Old drops events.
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: settings.nats_stream_replicas,
            max_bytes: settings.nats_stream_max_bytes,
            // By the server's wall clock: a jump of it would expire everything at once.
            max_age: Duration::ZERO,
            duplicate_window: DUPLICATE_WINDOW,
            deny_delete: true,
            deny_purge: true,
            max_message_size: MAX_MESSAGE_BYTES,
            ..Config::default()
        }
    }

    pub(crate) fn warn_of_old_server(&self) {
        static ONCE: Once = Once::new();
        let version = self.client.server_info().version;
        let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if found < ADVISED_VERSION {
            ONCE.call_once(|| {
                tracing::warn!(
                    version,
                    "this NATS server is older than 2.10; 2.12 is advised"
                );
            });
        }
    }
}

/// How NATS is spoken to. The files are read at every connection, so that what is renewed counts.
fn options(settings: &Settings, schema: &str) -> Result<ConnectOptions, TlsError> {
    let mut options = ConnectOptions::new()
        .name(schema)
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        // A user may be allowed to hear only its own answers.
        .custom_inbox_prefix(format!("_INBOX.{schema}"))
        .reconnect_delay_callback(reconnect_delay);
    if !settings.nats_user.is_empty() {
        options = options.user_and_password(
            settings.nats_user.clone(),
            settings.nats_password.expose().to_owned(),
        );
    }
    if let Some(authorities) = &settings.nats_ca_file {
        options = options
            .require_tls(true)
            .add_root_certificates(authorities.clone());
    }
    if let Some((certificate, key)) = tls::identity_files(settings)? {
        options = options.add_client_certificate(certificate.to_owned(), key.to_owned());
    }
    Ok(options)
}

/// Doubles from 50 ms to a second, less a random half so that many clients do not return at once.
fn reconnect_delay(attempt: usize) -> Duration {
    let full = (50_u64 << attempt.min(5)).min(RECONNECT_LIMIT_MS);
    Duration::from_millis(rand::rng().random_range(full / 2..=full))
}

fn note(event: &Event, connects: &AtomicU64) {
    match event {
        Event::Connected => {
            connects.fetch_add(1, Ordering::SeqCst);
            tracing::info!("NATS is connected");
        }
        Event::Disconnected => tracing::warn!("NATS is disconnected"),
        Event::ServerError(error) => tracing::warn!(%error, "NATS says"),
        Event::ClientError(error) => tracing::warn!(%error, "NATS cannot be used"),
        other => tracing::debug!(%other, "NATS"),
    }
}

/// Why a stream is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnsureError {
    /// It is there with settings that cannot be changed, or that nobody asked us to change.
    #[error("stream {stream} is there with another {fields}; refusing to use it")]
    Refused { stream: String, fields: String },
    /// NATS did not answer as hoped.
    #[error("ensuring the stream")]
    Nats(#[source] BoxError),
}

fn nats(error: impl Into<BoxError>) -> EnsureError {
    EnsureError::Nats(error.into())
}

/// Makes the stream what it should be: creates it, or compares it and updates what may be updated.
/// (`get_or_create_stream` would return a stream with other settings without a word.)
pub(crate) async fn ensure_stream(jetstream: &Context, want: &Config) -> Result<Info, EnsureError> {
    let have = match jetstream.get_stream(&want.name).await {
        Ok(stream) => stream.cached_info().clone(),
        Err(error) if is_absent(&error.kind()) => create(jetstream, want).await?,
        Err(error) => return Err(nats(error)),
    };
    let (fixed, changeable) = differences(want, &have.config);
    if !fixed.is_empty() {
        return Err(EnsureError::Refused {
            stream: want.name.clone(),
            fields: fixed.join(", "),
        });
    }
    if changeable.is_empty() {
        return Ok(have);
    }
    tracing::info!(stream = want.name, ?changeable, "updating the stream");
    let updated = jetstream.update_stream(want).await.map_err(nats)?;
    let (fixed, changeable) = differences(want, &updated.config);
    if fixed.is_empty() && changeable.is_empty() {
        return Ok(updated);
    }
    Err(EnsureError::Refused {
        stream: want.name.clone(),
        fields: changeable.join(", "),
    })
}

pub(crate) fn is_absent(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error)
        if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

async fn create(jetstream: &Context, want: &Config) -> Result<Info, EnsureError> {
    match jetstream.create_stream(want).await {
        Ok(stream) => {
            tracing::info!(stream = want.name, "created the stream");
            Ok(stream.cached_info().clone())
        }
        // Another instance was first.
        Err(error)
            if matches!(error.kind(), CreateStreamErrorKind::JetStream(inner)
                if inner.error_code() == ErrorCode::STREAM_NAME_EXIST) =>
        {
            let stream = jetstream.get_stream(&want.name).await.map_err(nats)?;
            Ok(stream.cached_info().clone())
        }
        Err(error) => Err(nats(error)),
    }
}

/// What is different: settings that mean another stream, and settings that may be brought in line.
fn differences(want: &Config, have: &Config) -> (Vec<&'static str>, Vec<&'static str>) {
    let pick = |fields: &[(&'static str, bool)]| {
        fields
            .iter()
            .filter(|(_, same)| !same)
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
    };
    let fixed = pick(&[
        ("subjects", want.subjects == have.subjects),
        ("retention", want.retention == have.retention),
        ("storage", want.storage == have.storage),
        ("discard", want.discard == have.discard),
    ]);
    let changeable = pick(&[
        ("num_replicas", want.num_replicas == have.num_replicas),
        ("max_bytes", want.max_bytes == have.max_bytes),
        ("max_age", want.max_age == have.max_age),
        (
            "duplicate_window",
            want.duplicate_window == have.duplicate_window,
        ),
        ("deny_delete", want.deny_delete == have.deny_delete),
        ("deny_purge", want.deny_purge == have.deny_purge),
        (
            "max_message_size",
            want.max_message_size == have.max_message_size,
        ),
    ]);
    (fixed, changeable)
}

/// A stream's birth, as text that is equal only for the same stream.
pub(crate) fn created(info: &Info) -> String {
    info.created.unix_timestamp_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_prefix() {
        let names = Names::new("countersign", "two_words");
        assert_eq!(names.stream("other"), "OTHER");
        assert_eq!(names.subjects(), "countersign.two_words.>");
        assert_eq!(names.replay("other"), "countersign-replay.other");
        assert_eq!(names.durable("other"), "two_words__on-other");
        assert_eq!(Names::new("test-7", "a").stream("other"), "TEST_7_OTHER");
    }

    #[test]
    fn reconnecting_slows_down_to_a_second() {
        assert!(reconnect_delay(1) <= Duration::from_millis(100));
        for attempt in [5, 6, 64, usize::MAX] {
            let delay = reconnect_delay(attempt);
            assert!((Duration::from_millis(500)..=Duration::from_secs(1)).contains(&delay));
        }
    }
}
