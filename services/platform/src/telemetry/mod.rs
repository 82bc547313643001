//! Logs as JSON, and the trace that a command, its events and what they cause share (P6).
//!
//! | file | what |
//! |---|---|
//! | [`trace_context`] | where a piece of work stands in its trace, as it rides from process to process |
//! | [`log_line`] | one JSON object a line: tenant, engagement and trace on each inside work |
//! | [`export`] | spans to an OpenTelemetry collector, when there is one |
//!
//! `tracing`'s spans are the spans. Those at INFO stand for a piece of work and name its tenant and
//! trace to the log; those at DEBUG are steps of it (a message sent, a transaction, a call to the
//! outside) and cost nothing unless traces are exported.
//!
//! # Which lines name the deal
//! | within | from when on |
//! |---|---|
//! | an event's handling | its beginning: the envelope says it |
//! | a task's run | its beginning, where whoever scheduled it knew ([`crate::UnitOfWork::concerns`]) |
//! | a command | as soon as it has read which deal its request, or the aggregate that it names, is of; a command on what is no deal's (a policy, a price, a subscription) has none |
//! | what a recurring task finds out | as soon as it knows whose it is ([`crate::UnitOfWork::resume_trace`]); what it says of a file, or of what is nobody's here, names that instead |
//!
//! Start and stop, the relay, health, connections and who is turned away at the door are of no deal, and
//! have none.

mod export;
mod log_line;
mod trace_context;

use serde::{Deserialize, Serialize};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
#[cfg(feature = "testing")]
use tracing_subscriber::util::TryInitError;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::Settings;
use crate::failure::BoxError;
use log_line::LogLine;

pub(crate) use export::Traces;
pub use trace_context::{NotATraceparent, TraceContext};

/// What is logged when `RUST_LOG` says nothing. The exporter tells its troubles through
/// [`export`], once: the SDK would tell each at ERROR, which is for what a person must look at.
const DEFAULT_FILTER: &str =
    "info,sqlx=warn,async_nats=warn,opentelemetry=off,opentelemetry_sdk=off,opentelemetry_otlp=off";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line, on standard output.
    #[default]
    Json,
    /// For a person's eyes, on standard error.
    Pretty,
}

/// Starts logging for this process, and exporting its traces if the settings name a collector.
/// `RUST_LOG` filters the log. Within a Tokio runtime: the exporter needs one.
///
/// # Errors
/// When the process logs already, or the collector's address is none.
pub(crate) fn init(settings: &Settings, service: &Process) -> Result<Traces, BoxError> {
    let traces = Traces::start(settings, service)?;
    let lines = match settings.log_format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(LogLine)
            .boxed(),
        LogFormat::Pretty => tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter()))
        .with(traces.layer())
        .try_init()?;
    Ok(traces)
}

/// Starts logging as it is by default, unless it has begun: for a process that ends before its
/// configuration could say how, and must not end in silence.
pub(crate) fn log_at_least() {
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(LogLine);
    // It has begun: that is as good.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter()))
        .try_init();
}

fn filter() -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER))
}

/// Starts logging for the tests of this process, for a person's eyes.
#[cfg(feature = "testing")]
pub(crate) fn log_for_a_person() -> Result<(), TryInitError> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter()))
        .try_init()
}

/// The log of this thread from here on, until the guard is dropped, as a service writes it.
#[cfg(feature = "testing")]
pub(crate) fn log_as_json<W>(writer: W) -> tracing::subscriber::DefaultGuard
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(LogLine)
        .with_writer(writer);
    let lines = lines.with_filter(EnvFilter::new(DEFAULT_FILTER));
    tracing::subscriber::set_default(tracing_subscriber::registry().with(lines))
}

/// What a process is called in traces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}
