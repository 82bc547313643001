//! An OpenTelemetry collector for one test: takes spans over OTLP/gRPC and keeps them.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as Sent;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A span with the service that it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) sent: Sent,
}

impl Span {
    pub(crate) fn trace_id(&self) -> String {
        hex(&self.sent.trace_id)
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        text(&self.sent.attributes, name)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|one| one.key == name)?;
    match &found.value {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => Some(text),
        _ => None,
    }
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for process in request.into_inner().resource_spans {
            let about = process.resource.unwrap_or_default().attributes;
            let service = text(&about, "service.name").unwrap_or_default();
            for sent in process
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans)
            {
                kept.push(Span {
                    service: service.to_owned(),
                    sent,
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A running collector.
pub(crate) struct Collector {
    address: SocketAddr,
    kept: Kept,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Collector {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let kept = Kept::default();
        let server = TraceServiceServer::new(kept.clone());
        let (stop, stopped) = oneshot::channel();
        let serving = Server::builder()
            .add_service(server)
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
                // Dropped is stopped.
                let _ = stopped.await;
            });
        #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
        let serving = tokio::spawn(serving);
        Ok(Self {
            address,
            kept,
            stop,
            serving,
        })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it, and returns every span.
    pub(crate) async fn stop(self) -> Result<Vec<Span>> {
        let _ = self.stop.send(());
        self.serving.await??;
        let mut kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut kept))
    }
}
