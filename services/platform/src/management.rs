//! The plain-text port for whoever looks after the process: gRPC health, since Kubernetes' probes
//! speak no TLS, and `GET /metrics` for Prometheus (P6). One listener: gRPC is HTTP/2, a scrape is
//! HTTP/1.1.

use std::convert::Infallible;

use tokio::net::TcpListener;
use tonic::codegen::http::{Method, Request, Response, StatusCode, header};
use tonic::service::{AxumBody, Routes};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::failure::BoxError;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

/// Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Probes and scrapes that one connection may have open.
const REQUESTS_PER_CONNECTION: usize = 8;

/// Serves until told to stop.
pub(crate) async fn serve<H: Health>(
    health: HealthServer<H>,
    metrics: Metrics,
    listener: TcpListener,
    lifecycle: Lifecycle,
) -> Result<(), BoxError> {
    let scrape = tower::service_fn(move |request: Request<AxumBody>| {
        let answer = answer(request.method(), &metrics);
        async move { Ok::<_, Infallible>(answer) }
    });
    let router = Routes::new(health)
        .into_axum_router()
        .route_service("/metrics", scrape);
    Server::builder()
        .accept_http1(true)
        .concurrency_limit_per_connection(REQUESTS_PER_CONNECTION)
        .add_routes(Routes::from(router))
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            lifecycle.stopping(),
        )
        .await?;
    Ok(())
}

fn answer(method: &Method, metrics: &Metrics) -> Response<AxumBody> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return status(StatusCode::METHOD_NOT_ALLOWED);
    }
    match metrics.render() {
        Ok(text) => {
            let mut answer = Response::new(AxumBody::from(text));
            let format = header::HeaderValue::from_static(TEXT_FORMAT);
            answer.headers_mut().insert(header::CONTENT_TYPE, format);
            answer
        }
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn status(code: StatusCode) -> Response<AxumBody> {
    let mut answer = Response::new(AxumBody::empty());
    *answer.status_mut() = code;
    answer
}
