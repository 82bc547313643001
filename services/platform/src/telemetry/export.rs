//! Spans to an OpenTelemetry collector, over OTLP/gRPC. Without a collector nothing is paid: there is
//! no layer, and a step's span is not even made. With one that is away nothing is harmed: spans wait
//! in a bounded queue, are dropped when it is full, and nobody waits for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, TraceId, TracerProvider as _};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator, Sampler, SdkTracerProvider, SpanData,
    SpanExporter,
};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::Process;
use crate::clock::Clock;
use crate::config::Settings;
use crate::failure::BoxError;
use crate::ids::Ids;

/// How long the collector may take to accept a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often what has ended is sent.
const EXPORT_PERIOD: Duration = Duration::from_secs(1);
/// Spans that wait for the collector; what comes beyond is dropped.
const QUEUE: usize = 8_192;
const BATCH: usize = 512;
/// Crates whose spans are exported. Others' (the exporter's own connection among them) are not.
const OURS: &str = "countersign";

/// The traces of this process on their way out, if they are exported at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Starts to export, if the settings name a collector.
    pub(super) fn start(settings: &Settings, process: &Process) -> Result<Self, BoxError> {
        if settings.otlp_endpoint.is_empty() {
            return Ok(Self(None));
        }
        let exporter = OtlpExporter::builder()
            .with_tonic()
            .with_endpoint(settings.otlp_endpoint.expose())
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_scheduled_delay(EXPORT_PERIOD)
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .build();
        let processor = BatchSpanProcessor::builder(Calm::new(exporter))
            .with_batch_config(batches)
            .build();
        let begun_here = Sampler::TraceIdRatioBased(settings.trace_sample_ratio);
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.namespace", "countersign"),
                KeyValue::new("service.name", process.name),
                KeyValue::new("service.version", process.version),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_id_generator(Ids::random(Clock::system()))
            .with_sampler(Sampler::ParentBased(Box::new(begun_here)))
            .with_resource(resource)
            .build();
        Ok(Self(Some(provider)))
    }

    pub(super) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.0.as_ref()?.tracer("countersign");
        let ours = filter_fn(|metadata| {
            metadata.target().starts_with(OURS)
                && (metadata.is_span() || *metadata.level() <= Level::WARN)
        });
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_context_activation(false)
            .with_tracked_inactivity(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false);
        Some(layer.with_filter(ours))
    }

    /// Sends what has ended, for at most `limit`: then the process ends without it.
    pub(crate) async fn flush(self, limit: Duration) {
        let Some(provider) = self.0 else { return };
        // The SDK blocks its caller while it waits.
        let flushed =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(limit)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the last spans were not exported");
        }
    }
}

/// The ids of spans are the ids of everything else.
impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(self.bytes())
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(self.bytes())
    }
}

/// An exporter that tells once that the collector is away, and once that it is back.
#[derive(Debug)]
struct Calm<E> {
    exporter: E,
    away: AtomicBool,
}

impl<E> Calm<E> {
    const fn new(exporter: E) -> Self {
        Self {
            exporter,
            away: AtomicBool::new(false),
        }
    }
}

impl<E: SpanExporter> SpanExporter for Calm<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        match &exported {
            Ok(()) if self.away.swap(false, Ordering::SeqCst) => {
                tracing::info!("spans are exported again");
            }
            Err(error) if !self.away.swap(true, Ordering::SeqCst) => {
                tracing::warn!(%error, spans, "spans cannot be exported; they are dropped");
            }
            Ok(()) | Err(_) => {}
        }
        exported
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(limit)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
