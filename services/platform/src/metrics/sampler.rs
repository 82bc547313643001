//! Reads how things stand, every few seconds, and shows it as gauges: the outbox, parked events,
//! tasks, how far the consumers are, and what the service itself wants shown ([`Sample`]).
//!
//! One reader for all, never a scrape: what scrapes cost must not grow with their number. A reading
//! that fails leaves the last one on show, and is counted; while NATS is away, which it says by itself,
//! so do the consumers'.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::{Counter, Gauge, Metrics, Reading, Sample, Unit};
use crate::envelope;
use crate::failure::{BoxError, Failure};
use crate::lifecycle::Lifecycle;
use crate::nats::Nats;
use crate::standing::{self, Bound};
use crate::tenancy::Scope;
use crate::unit_of_work::Database;

/// Between two readings.
const SAMPLE_PERIOD: Duration = Duration::from_secs(5);

const fn count(name: &'static str, what: &'static str) -> Gauge {
    Gauge {
        name,
        unit: Unit::Count,
        what,
    }
}

const fn seconds(name: &'static str, what: &'static str) -> Gauge {
    Gauge {
        name,
        unit: Unit::Seconds,
        what,
    }
}

const UNPUBLISHED: Gauge = count(
    "countersign.outbox.unpublished",
    "Events that NATS does not have yet.",
);
const OLDEST_UNPUBLISHED: Gauge = seconds(
    "countersign.outbox.oldest_age",
    "How long the oldest event that NATS does not have has waited.",
);
const PARKED: Gauge = count(
    "countersign.parked.events",
    "Events that could not be applied, and those that wait behind them.",
);
const TASKS_DUE: Gauge = count("countersign.tasks.due", "Tasks whose time has come.");
const OLDEST_TASK: Gauge = seconds(
    "countersign.tasks.oldest_age",
    "For how long the oldest due task has been due.",
);
const TASKS_FAILED: Gauge = count("countersign.tasks.failed", "Tasks that were given up.");
const CONNECTIONS: Gauge = count(
    "countersign.database.connections",
    "Connections of the pool, in use or idle.",
);
const OF_DATABASE: [Gauge; 7] = [
    UNPUBLISHED,
    OLDEST_UNPUBLISHED,
    PARKED,
    TASKS_DUE,
    OLDEST_TASK,
    TASKS_FAILED,
    CONNECTIONS,
];

const PENDING: Gauge = count(
    "countersign.consumer.pending",
    "Events of another service that are not settled here yet.",
);
const LAG: Gauge = seconds(
    "countersign.consumer.lag",
    "How long ago the oldest event that is not settled here yet happened.",
);
const OF_NATS: [Gauge; 2] = [PENDING, LAG];

/// The reader of one process.
pub(crate) struct Sampler {
    pub(crate) metrics: Metrics,
    pub(crate) database: Database,
    pub(crate) nats: Option<Nats>,
    pub(crate) lifecycle: Lifecycle,
    /// The services whose events are heard, by schema.
    pub(crate) sources: Vec<String>,
    /// The tasks that are run for one seller alone.
    pub(crate) bound: Bound,
    /// What the service itself shows.
    pub(crate) samples: Vec<Arc<dyn Sample>>,
    /// Told how long the oldest unpublished event has waited.
    pub(crate) outbox_age: watch::Sender<Duration>,
}

/// The last good readings, by source.
type Consumers<'a> = BTreeMap<&'a str, Vec<Reading>>;

impl Sampler {
    /// Reads until told to stop.
    pub(crate) async fn run(self) {
        let failures = self.metrics.counter(
            "countersign.sample.failures",
            "Readings of gauges that failed; the last good one stays on show.",
        );
        failures.add(0, &[]);
        let own = self.samples.iter().flat_map(|sample| sample.gauges());
        for gauge in OF_DATABASE.iter().chain(&OF_NATS).chain(own) {
            self.metrics.show(gauge);
        }
        let mut consumers = BTreeMap::new();
        while !self.lifecycle.is_stopping() {
            self.read_all(&failures, &mut consumers).await;
            self.lifecycle.sleep(SAMPLE_PERIOD).await;
        }
    }

    async fn read_all<'a>(&'a self, failures: &Counter, consumers: &mut Consumers<'a>) {
        let database = self.of_database().await.map_err(BoxError::from);
        self.take(&OF_DATABASE, database, failures);
        for sample in &self.samples {
            let read = self.of_service(sample.as_ref()).await;
            self.take(sample.gauges(), read, failures);
        }
        let Some(nats) = self.nats.as_ref().filter(|nats| nats.is_connected()) else {
            return;
        };
        for source in &self.sources {
            match self.of_source(nats, source).await {
                Ok(read) => {
                    consumers.insert(source, read);
                }
                // The stream or the durable may not be there yet: then nothing is known of it.
                Err(error) => {
                    failures.increment(&[]);
                    tracing::debug!(%error, source, "cannot read a consumer");
                }
            }
        }
        let readings = consumers.values().flatten().cloned().collect();
        self.metrics.set(&OF_NATS, readings);
    }

    fn take(&self, gauges: &[Gauge], read: Result<Vec<Reading>, BoxError>, failures: &Counter) {
        match read {
            Ok(readings) => self.metrics.set(gauges, readings),
            Err(error) => {
                failures.increment(&[]);
                tracing::debug!(%error, "cannot read gauges");
            }
        }
    }

    async fn of_service(&self, sample: &dyn Sample) -> Result<Vec<Reading>, BoxError> {
        let mut reader = self.database.read(&Scope::System).await?;
        Ok(sample
            .sample(&mut reader, self.database.clock().now())
            .await?)
    }

    async fn of_database(&self) -> Result<Vec<Reading>, Failure> {
        let (pool, now) = (self.database.system(), self.database.clock().now());
        let standing = standing::read(&self.database, &self.bound).await?;
        let parked: Vec<(String, i64)> = sqlx::query_as(
            "SELECT source, count(*) FROM parked_event WHERE redriven_at IS NULL GROUP BY source",
        )
        .fetch_all(pool)
        .await?;
        let age = age(now, standing.oldest_unpublished);
        self.outbox_age.send_replace(age);
        let callers = self.database.callers();
        let (idle, all) = (callers.num_idle(), usize::try_from(callers.size()));
        let used = all.unwrap_or_default().saturating_sub(idle);
        let mut readings = vec![
            Reading::of(UNPUBLISHED.name, number(standing.unpublished)),
            Reading::of(OLDEST_UNPUBLISHED.name, age.as_secs_f64()),
            Reading::of(TASKS_DUE.name, number(standing.due)),
            Reading::of(
                OLDEST_TASK.name,
                self::age(now, standing.oldest_due).as_secs_f64(),
            ),
            Reading::of(TASKS_FAILED.name, number(standing.failed)),
            Reading::of(CONNECTIONS.name, number(used)).with("state", "used"),
            Reading::of(CONNECTIONS.name, number(idle)).with("state", "idle"),
        ];
        for source in &self.sources {
            let waiting = parked.iter().find(|(name, _)| name == source);
            let waiting = waiting.map_or(0, |(_, count)| *count);
            readings
                .push(Reading::of(PARKED.name, number(waiting)).with("source", source.as_str()));
        }
        Ok(readings)
    }

    /// How far this service's consumer on another's stream is.
    async fn of_source(&self, nats: &Nats, source: &str) -> Result<Vec<Reading>, BoxError> {
        let name = nats.names.stream(source);
        let stream = nats.jetstream.get_stream(&name).await?;
        let durable = nats.names.durable(source);
        let consumer = stream.get_consumer::<Config>(&durable).await?;
        let info = consumer.cached_info();
        let unacknowledged = u64::try_from(info.num_ack_pending).unwrap_or_default();
        let pending = info.num_pending + unacknowledged;
        let mut lag = Duration::ZERO;
        if pending > 0 {
            let oldest = stream
                .get_raw_message(info.ack_floor.stream_sequence + 1)
                .await?;
            lag = age(self.database.clock().now(), envelope::time(&oldest.headers));
        }
        Ok(vec![
            Reading::of(PENDING.name, number(pending)).with("source", source),
            Reading::of(LAG.name, lag.as_secs_f64()).with("source", source),
        ])
    }
}

fn age(now: DateTime<Utc>, since: Option<DateTime<Utc>>) -> Duration {
    since
        .and_then(|since| (now - since).to_std().ok())
        .unwrap_or_default()
}

/// A count as Prometheus has it: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "nothing here is counted beyond 2^53"
)]
fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or_default() as f64
}
