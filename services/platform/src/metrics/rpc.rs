//! Every call to this process: its span, its duration, its status, by OpenTelemetry's conventions.
//!
//! The span takes the caller's `traceparent` as its parent and stands in its place from there on, so
//! that whatever the call does is a step of the call.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::{Body as HttpBody, Frame, SizeHint};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use tonic::Code;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, HeaderValue, Request, Response};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use super::Metrics;
use crate::auth::is_open;
use crate::call::TRACEPARENT_KEY;
use crate::grpc::code_name;
use crate::ids::Ids;
use crate::methods;
use crate::telemetry::TraceContext;

/// Upper bounds in seconds, as the conventions have them.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// What a method that nobody serves is called: callers must not make up labels.
const OTHER: &str = "_OTHER";
/// Statuses that say that this side failed, not the caller.
const SERVER_ERRORS: [Code; 5] = [
    Code::Unknown,
    Code::DeadlineExceeded,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
];

/// Observes the calls of a server.
#[derive(Debug, Clone)]
pub(crate) struct ObserveCalls {
    duration: Histogram<f64>,
    methods: Arc<BTreeSet<String>>,
    ids: Ids,
}

impl ObserveCalls {
    /// For a server of the services in these encoded descriptor sets.
    pub(crate) fn new(metrics: &Metrics, descriptors: &[&[u8]], ids: Ids) -> Self {
        let duration = metrics
            .meter()
            .f64_histogram("rpc.server.call.duration")
            .with_unit("s")
            .with_description("Duration of calls to this process.")
            .with_boundaries(BUCKETS.to_vec())
            .build();
        Self {
            duration,
            methods: Arc::new(methods::names(descriptors, |_| true).into_iter().collect()),
            ids,
        }
    }
}

impl<S> Layer<S> for ObserveCalls {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed {
            inner,
            observe: self.clone(),
        }
    }
}

/// A server whose calls are observed.
#[derive(Debug, Clone)]
pub(crate) struct Observed<S> {
    inner: S,
    observe: ObserveCalls,
}

impl<S> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        if is_open(path) {
            return Box::pin(self.inner.call(request));
        }
        let known = self.observe.methods.get(path.trim_start_matches('/'));
        let method = known.map_or(OTHER, String::as_str).to_owned();
        let span = tracing::info_span!(
            parent: None,
            "call",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            "rpc.system.name" = "grpc",
            "rpc.method" = method,
            "rpc.response.status_code" = tracing::field::Empty,
            seller = tracing::field::Empty,
            trace_id = tracing::field::Empty,
            span_id = tracing::field::Empty,
        );
        follow(request.headers_mut(), &span, &self.observe.ids);
        let mut call = Call {
            span: span.clone(),
            duration: self.observe.duration.clone(),
            method,
            begun: Instant::now(),
            code: None,
        };
        // Called within the span too: a layer may hand its work to a task of its own at once.
        let answer = span
            .in_scope(|| self.inner.call(request))
            .instrument(span.clone());
        Box::pin(async move {
            let answer = answer.await?;
            // A refusal without a message has its status here; else it comes behind the body.
            call.note(answer.headers());
            Ok(answer.map(|body| Body::new(ObservedBody { body, call })))
        })
    }
}

/// Makes the span the next step of the caller's trace, or the first of a new one; what reads the
/// call's context from here on finds the span in it.
fn follow(headers: &mut HeaderMap, span: &Span, ids: &Ids) {
    let brought = headers
        .get(TRACEPARENT_KEY)
        .and_then(|value| value.to_str().ok()?.parse::<TraceContext>().ok());
    let here = match brought {
        Some(caller) => caller.continued_by(span),
        None => TraceContext::start(ids).unless_at(span),
    };
    if let Ok(value) = HeaderValue::from_str(&here.to_string()) {
        headers.insert(TRACEPARENT_KEY, value);
    }
}

/// A call under way. It ends when its answer has been sent, or nobody waits for it any more.
struct Call {
    span: Span,
    duration: Histogram<f64>,
    method: String,
    begun: Instant,
    code: Option<Code>,
}

impl Call {
    fn note(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(status.as_bytes()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        let name = code_name(code);
        self.span.record("rpc.response.status_code", name);
        if SERVER_ERRORS.contains(&code) {
            self.span.record("otel.status_code", "ERROR");
        }
        self.duration.record(
            self.begun.elapsed().as_secs_f64(),
            &[
                KeyValue::new("rpc.system.name", "grpc"),
                KeyValue::new("rpc.method", std::mem::take(&mut self.method)),
                KeyValue::new("rpc.response.status_code", name),
            ],
        );
    }
}

struct ObservedBody {
    body: Body,
    call: Call,
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.note(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => self.call.code = Some(status.code()),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
