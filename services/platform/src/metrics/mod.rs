//! Figures for Prometheus (P6): counted where it happens, or read from where it is kept.
//!
//! | what | how |
//! |---|---|
//! | something happened | a [`Counter`] of [`Metrics::counter`], added to after the commit |
//! | how things stand | [`Gauge`]s, read every few seconds by a [`Sample`] (`crate::Wiring::sample`) |
//! | the harness's own | [`instruments`], [`sampler`] |
//!
//! Labels never carry a tenant, an engagement or an id: their number must be small and known.
//! Each process has one meter provider, held by its [`Metrics`]; nothing is global.

mod instruments;
pub(crate) mod rpc;
pub(crate) mod sampler;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_prometheus::ResourceSelector;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use tonic::async_trait;

use crate::failure::{BoxError, Failure};
use crate::reader::Reader;

pub(crate) use instruments::Instruments;

/// The metrics of a process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    meter: Meter,
    registry: Registry,
    board: Board,
    // Held for as long as anybody counts: dropping it ends the metrics.
    _provider: Arc<SdkMeterProvider>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// The metrics of the service called `service`: each series carries that as `service_name`.
    pub(crate) fn new(service: &str) -> Result<Self, BoxError> {
        let registry = Registry::new();
        let name = opentelemetry::Key::from_static_str("service.name");
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .with_resource_selector(ResourceSelector::KeyAllowList([name].into()))
            .scope_info_enabled(false)
            .without_target_info()
            .build()?;
        let resource = Resource::builder_empty()
            .with_service_name(service.to_owned())
            .build();
        let provider = SdkMeterProvider::builder()
            .with_reader(exporter)
            .with_resource(resource)
            .build();
        Ok(Self {
            meter: provider.meter("countersign"),
            registry,
            board: Board::default(),
            _provider: Arc::new(provider),
        })
    }

    /// A counter. `name` is dotted (`countersign.things.closed`) and becomes
    /// `countersign_things_closed_total`. It shows from the start, at 0.
    #[must_use]
    pub fn counter(&self, name: &'static str, what: &'static str) -> Counter {
        let counter = self.meter.u64_counter(name).with_description(what).build();
        Counter(counter)
    }

    pub(crate) const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Shows a gauge as it was last read: what a reading no longer names, is no longer shown.
    pub(crate) fn show(&self, gauge: &Gauge) {
        let (board, name) = (self.board.clone(), gauge.name);
        let builder = self
            .meter
            .f64_observable_gauge(name)
            .with_description(gauge.what)
            .with_callback(move |observer| {
                for (labels, value) in board.read(name) {
                    observer.observe(value, &labels);
                }
            });
        let builder = match gauge.unit {
            Unit::Count => builder,
            Unit::Seconds => builder.with_unit("s"),
        };
        // Its callback lives in the provider.
        let _ = builder.build();
    }

    /// Replaces what is shown of these gauges.
    pub(crate) fn set(&self, gauges: &[Gauge], readings: Vec<Reading>) {
        self.board.replace(gauges, readings);
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Counts what happened.
#[derive(Debug, Clone)]
pub struct Counter(opentelemetry::metrics::Counter<u64>);

impl Counter {
    /// Counts one more with these labels.
    pub fn increment(&self, labels: &[(&'static str, &str)]) {
        self.add(1, labels);
    }

    /// Counts `count` more with these labels; 0 shows a series before anything happened.
    pub fn add(&self, count: u64, labels: &[(&'static str, &str)]) {
        let labels: Vec<KeyValue> = labels
            .iter()
            .map(|(name, value)| KeyValue::new(*name, (*value).to_owned()))
            .collect();
        self.0.add(count, &labels);
    }
}

/// What a gauge is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things, or an amount of money in the currency of its label.
    Count,
    /// Seconds: the name ends in `_seconds` then.
    Seconds,
}

/// How something stands.
#[derive(Debug, Clone, Copy)]
pub struct Gauge {
    /// Dotted, such as `countersign.things.open`, which becomes `countersign_things_open`.
    pub name: &'static str,
    /// What it is in.
    pub unit: Unit,
    /// What it says, for a person.
    pub what: &'static str,
}

/// One value of a gauge.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The gauge's name.
    pub gauge: &'static str,
    /// What tells it from the gauge's other values.
    pub labels: Vec<(&'static str, String)>,
    /// How much.
    pub value: f64,
}

impl Reading {
    /// A value without labels.
    #[must_use]
    pub const fn of(gauge: &'static str, value: f64) -> Self {
        Self {
            gauge,
            labels: Vec::new(),
            value,
        }
    }

    /// The same with a label.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

/// Reads gauges from where the facts are kept. The harness asks every few seconds, one after the
/// other, never on a scrape; a statement is bounded by Postgres itself.
#[async_trait]
pub trait Sample: Send + Sync + 'static {
    /// The gauges that it reads.
    fn gauges(&self) -> &'static [Gauge];

    /// Reads them all at `now`: what is not among the readings is not shown. The reader spans sellers,
    /// of whom a reading names none.
    async fn sample(
        &self,
        reader: &mut Reader,
        now: DateTime<Utc>,
    ) -> Result<Vec<Reading>, Failure>;
}

type Values = Vec<(Vec<KeyValue>, f64)>;

/// The last readings, by gauge.
#[derive(Debug, Clone, Default)]
struct Board(Arc<Mutex<BTreeMap<&'static str, Values>>>);

impl Board {
    fn read(&self, gauge: &str) -> Values {
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        board.get(gauge).cloned().unwrap_or_default()
    }

    fn replace(&self, gauges: &[Gauge], readings: Vec<Reading>) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for gauge in gauges {
            board.insert(gauge.name, Values::new());
        }
        for reading in readings {
            let labels = reading
                .labels
                .into_iter()
                .map(|(name, value)| KeyValue::new(name, value))
                .collect();
            board
                .entry(reading.gauge)
                .or_default()
                .push((labels, reading.value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Gauge = Gauge {
        name: "countersign.things.open",
        unit: Unit::Count,
        what: "Things that are open.",
    };
    const AGE: Gauge = Gauge {
        name: "countersign.things.age",
        unit: Unit::Seconds,
        what: "The oldest.",
    };

    fn lines(metrics: &Metrics) -> Vec<String> {
        let text = metrics.render().unwrap();
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    }

    /// P6: names, units and labels are those that dashboards and alerts are written with.
    #[test]
    fn prometheus_reads_what_was_counted_and_how_things_stand() {
        let metrics = Metrics::new("sample").unwrap();
        let closed = metrics.counter("countersign.things.closed", "Things closed.");
        closed.add(0, &[("kind", "late")]);
        closed.increment(&[("kind", "early")]);
        metrics.show(&OPEN);
        metrics.show(&AGE);
        metrics.set(
            &[OPEN, AGE],
            vec![
                Reading::of(OPEN.name, 2.0).with("kind", "early"),
                Reading::of(AGE.name, 1.5),
            ],
        );
        assert_eq!(
            lines(&metrics),
            [
                r#"countersign_things_age_seconds{service_name="sample"} 1.5"#,
                r#"countersign_things_closed_total{kind="early",service_name="sample"} 1"#,
                r#"countersign_things_closed_total{kind="late",service_name="sample"} 0"#,
                r#"countersign_things_open{kind="early",service_name="sample"} 2"#,
            ]
        );
    }

    /// A kind that is no longer there does not stay on the board for ever.
    #[test]
    fn what_a_reading_no_longer_names_is_gone() {
        let metrics = Metrics::new("sample").unwrap();
        metrics.show(&OPEN);
        let reading = |kind: &str| vec![Reading::of(OPEN.name, 1.0).with("kind", kind)];
        metrics.set(&[OPEN], reading("early"));
        assert_eq!(lines(&metrics).len(), 1);
        metrics.set(&[OPEN], reading("late"));
        assert_eq!(
            lines(&metrics),
            [r#"countersign_things_open{kind="late",service_name="sample"} 1"#]
        );
    }
}
