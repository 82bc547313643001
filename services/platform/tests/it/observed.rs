//! What a running process shows to whoever looks after it (P6).

use chrono::{DateTime, Utc};
use countersign_platform::operations_proto::GetStatusRequest;
use countersign_platform::operations_proto::operations_service_client::OperationsServiceClient;
use countersign_platform::testing::TestBed;
use countersign_platform::{
    BoxError, Failure, Gauge, NoSection, Parts, Reader, Reading, Sample, TraceContext, Unit,
    Wiring, async_trait,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tracing::Instrument;

use crate::support::{NOTED, compose_sample, event, eventually, note, sample};

const NOTES: Gauge = Gauge {
    name: "countersign.notes.kept",
    unit: Unit::Count,
    what: "Notes.",
};

struct Notes;

#[async_trait]
impl Sample for Notes {
    fn gauges(&self) -> &'static [Gauge] {
        const { &[NOTES] }
    }

    async fn sample(&self, reader: &mut Reader, _: DateTime<Utc>) -> Result<Vec<Reading>, Failure> {
        let count: i32 = sqlx::query_scalar("SELECT count(*)::integer FROM note")
            .fetch_one(&mut **reader)
            .await?;
        Ok(vec![Reading::of(NOTES.name, f64::from(count))])
    }
}

/// How the one call of the test is counted.
const REFUSED: &str = concat!(
    "rpc_server_call_duration_seconds_count{",
    "rpc_method=\"countersign.platform.v1.OperationsService/GetStatus\",",
    "rpc_response_status_code=\"UNAUTHENTICATED\",rpc_system_name=\"grpc\",",
    "service_name=\"sample\"} 1"
);

async fn compose(parts: Parts<NoSection>) -> Result<Wiring, BoxError> {
    Ok(compose_sample(parts).await?.sample(Notes))
}

async fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// One request by HTTP/1.1, as Prometheus makes it: the whole answer.
async fn http(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// One plain port tells gRPC health and metrics; what is sampled follows what is kept.
#[tokio::test]
async fn one_port_tells_health_and_metrics() {
    let address = free_address().await;
    let bed = TestBed::with_settings(&sample(), NoSection {}, |settings| {
        settings.management_listen.clone_from(&address);
    })
    .await;
    bed.transaction(|uow| Box::pin(async move { note(uow, "t", "b").await }))
        .await
        .unwrap();
    let running = bed.serve(&sample(), compose).await;

    let channel = Endpoint::new(format!("http://{address}")).unwrap();
    let channel = channel.connect_lazy();
    // A call that is refused is seen too.
    let refused = OperationsServiceClient::new(running.channel())
        .get_status(GetStatusRequest {})
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    for name in ["liveness", "readiness", ""] {
        eventually("health", || async {
            let request = HealthCheckRequest {
                service: name.to_owned(),
            };
            let answer = HealthClient::new(channel.clone()).check(request).await;
            answer.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving)
        })
        .await;
    }
    eventually("metrics", || async {
        let scraped = http(&address, "GET", "/metrics").await;
        let holds = |line: &str| scraped.lines().any(|shown| shown == line);
        scraped.starts_with("HTTP/1.1 200")
            && holds("countersign_ready{service_name=\"sample\"} 1")
            && holds("countersign_notes_kept{service_name=\"sample\"} 1")
            && holds("countersign_outbox_unpublished{service_name=\"sample\"} 0")
            && holds(REFUSED)
    })
    .await;
    assert!(
        http(&address, "POST", "/metrics")
            .await
            .starts_with("HTTP/1.1 405")
    );
    running.stop().await;
    assert!(TcpStream::connect(&address).await.is_err(), "it stops too");
}

/// P6: what a timer finds out about an aggregate goes on in the trace in which it was last written,
/// and an event carries the context of the work that it was made in, unchanged.
#[tokio::test]
async fn a_trace_is_resumed_where_the_aggregate_left_it() {
    let bed = TestBed::new(&sample(), NoSection {}).await;
    let first = publish(&bed, false).await;
    let elsewhere = publish(&bed, false).await;
    assert_ne!(first.trace_id(), elsewhere.trace_id());
    let resumed = publish(&bed, true).await;
    assert_eq!(resumed.trace_id(), elsewhere.trace_id());
    let traceparents: Vec<String> =
        sqlx::query_scalar("SELECT traceparent FROM outbox ORDER BY id")
            .fetch_all(bed.pool())
            .await
            .unwrap();
    assert_eq!(
        traceparents,
        [first, elsewhere, resumed].map(|trace| trace.to_string())
    );
}

/// Publishes an event of one aggregate in a trace of its own, or in the aggregate's.
async fn publish(bed: &TestBed, resume: bool) -> TraceContext {
    bed.transaction(|uow| {
        Box::pin(async move {
            let event = event(NOTED, "t", "b");
            if resume {
                let step = uow.resume_trace(&event.seller, &event.aggregate_id).await?;
                uow.publish(event).instrument(step).await?;
            } else {
                uow.publish(event).await?;
            }
            Ok(*uow.trace())
        })
    })
    .await
    .unwrap()
}
