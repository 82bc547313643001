//! What holds of every call over a real socket (P4): deadlines, slots, and an end to it all.

use std::time::{Duration, Instant};

use bytes::Bytes;
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{NoSection, Settings};
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::notes::{NOTE, compose, noting};
use crate::support::{eventually, notes};

const LIST_TASKS: &str = "countersign.platform.v1.OperationsService/ListTasks";
const REFLECT: &str = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// Not compressed, no bytes long.
const EMPTY_MESSAGE: &[u8] = &[0; 5];
/// Less than the longer of the two times that stopping is given, so that it has not been used up.
const STOPPED_WITHIN: Duration = Duration::from_secs(25);
const END_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'sample_run'";

/// A service, and callers that are free in what they do: tonic's ends a call by itself, and takes
/// all that it is sent.
struct Called {
    bed: TestBed,
    running: Running,
    connections: JoinSet<Result<(), h2::Error>>,
}

impl Called {
    async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let bed = TestBed::with_settings(&noting(), NoSection {}, |settings| {
            settings.nats_url = countersign_platform::Secret::default();
            change(settings);
        })
        .await;
        let running = bed.serve(&noting(), compose).await;
        Self {
            bed,
            running,
            connections: JoinSet::new(),
        }
    }

    /// A connection on which a stream's answer may have so many bytes before its caller takes some.
    async fn connection(&mut self, window: u32) -> SendRequest<Bytes> {
        let socket = TcpStream::connect(self.running.address()).await.unwrap();
        let (client, connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .handshake(socket)
            .await
            .unwrap();
        self.connections.spawn(connection);
        client.ready().await.unwrap()
    }

    /// A session that keeps everybody else from a table until it ends.
    async fn locked(&self, table: &'static str) -> PgConnection {
        let mut superuser = self.bed.superuser().await;
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
            .execute(&mut superuser)
            .await
            .unwrap();
        superuser
    }
}

fn request(method: &str, timeout: &str) -> Request<()> {
    Request::post(format!("http://countersign/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("countersign-seller", "acme")
        .header("countersign-principal", "ops@acme.example")
        .header("countersign-roles", "operator")
        .header("idempotency-key", "k")
        .header("grpc-timeout", timeout)
        .body(())
        .unwrap()
}

/// Calls with an empty message, and returns the headers of the answer and what comes behind them.
async fn ask(
    client: &mut SendRequest<Bytes>,
    method: &str,
    timeout: &str,
) -> (HeaderMap, h2::RecvStream) {
    let (answer, mut sending) = client
        .send_request(request(method, timeout), false)
        .unwrap();
    sending
        .send_data(Bytes::from_static(EMPTY_MESSAGE), true)
        .unwrap();
    let (head, body) = answer.await.unwrap().into_parts();
    (head.headers, body)
}

/// What the headers of an answer say, if it is one without a message.
fn told(headers: &HeaderMap) -> (Code, String) {
    let Some(status) = Status::from_header_map(headers) else {
        return (Code::Ok, String::new());
    };
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}

async fn unlock(lock: PgConnection) {
    lock.close().await.unwrap();
}

/// P4: a caller that takes nothing of its answer has its slot for as long as its call, and no
/// longer, though the transport does not look at the answer meanwhile.
#[tokio::test]
async fn a_caller_that_reads_nothing_keeps_its_slot_to_its_deadline_only() {
    let mut it = Called::new(|settings| settings.max_concurrent_calls = 1).await;
    let mut stalled = it.connection(0).await;
    let mut other = it.connection(65_535).await;
    let (headers, answer) = ask(&mut stalled, LIST_TASKS, "2S").await;
    assert_eq!(told(&headers).0, Code::Ok);
    let (headers, _) = ask(&mut other, LIST_TASKS, "9S").await;
    let busy = (Code::ResourceExhausted, "TOO_MANY_CALLS".to_owned());
    assert_eq!(told(&headers), busy, "it is on its way");
    let started = Instant::now();
    while told(&ask(&mut other, LIST_TASKS, "9S").await.0) == busy {
        assert!(started.elapsed() < Duration::from_secs(20), "for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(answer);
    drop((stalled, other));
    it.running.stop().await;
}

/// P4: query or command, who waits too long is told so in gRPC's word for it and with its reason,
/// by the one clock that there is; what was asked of Postgres is not dropped half-way, and while it
/// runs it takes its place among those that may.
#[tokio::test]
async fn every_call_ends_by_its_deadline_and_holds_its_slot() {
    for (method, table) in [(LIST_TASKS, "task"), (NOTE, "idempotency")] {
        let mut it = Called::new(|settings| settings.max_concurrent_calls = 1).await;
        let mut client = it.connection(65_535).await;
        let lock = it.locked(table).await;
        let late = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned());
        let (headers, _) = ask(&mut client, method, "300m").await;
        assert_eq!(told(&headers), late, "{method}");
        let busy = (Code::ResourceExhausted, "TOO_MANY_CALLS".to_owned());
        assert_eq!(told(&ask(&mut client, LIST_TASKS, "9S").await.0), busy);
        unlock(lock).await;
        eventually("the slot", || {
            let mut client = client.clone();
            async move { told(&ask(&mut client, LIST_TASKS, "9S").await.0).0 == Code::Ok }
        })
        .await;
        if method == NOTE {
            assert_eq!(notes(it.bed.pool(), "called").await, [""]);
        }
        drop(client);
        it.running.stop().await;
    }
}

/// P4: what a process serves is told like anything else: one at a time of so many, and not for ever.
#[tokio::test]
async fn reflection_is_bounded_like_any_call() {
    let mut it = Called::new(|settings| settings.max_concurrent_calls = 1).await;
    let mut client = it.connection(65_535).await;
    let (answer, open) = client.send_request(request(REFLECT, "2S"), false).unwrap();
    let (headers, mut answer) = answer.await.unwrap().into_parts();
    assert_eq!(told(&headers.headers).0, Code::Ok);
    let busy = (Code::ResourceExhausted, "TOO_MANY_CALLS".to_owned());
    assert_eq!(told(&ask(&mut client, LIST_TASKS, "9S").await.0), busy);
    let trailers = answer.trailers().await.unwrap().unwrap();
    assert_eq!(told(&trailers).0, Code::DeadlineExceeded);
    drop((open, answer, client));
    it.running.stop().await;
}

/// P2, P4: told to stop, a process lets a command finish, keeps no one waiting for a watch that has
/// no end, and is gone in its time even when a call outlasts it, of which nothing is kept then.
#[tokio::test]
async fn stopping_has_an_end() {
    for (drain, finishes) in [(30_000, true), (1_000, false)] {
        let mut it = Called::new(|settings| settings.drain_timeout_ms = drain).await;
        let mut watching = HealthClient::new(it.running.channel());
        let watched = watching.watch(HealthCheckRequest::default()).await.unwrap();
        let mut client = it.connection(65_535).await;
        let lock = it.locked("note").await;
        let (answer, mut sending) = client.send_request(request(NOTE, "60S"), false).unwrap();
        sending
            .send_data(Bytes::from_static(EMPTY_MESSAGE), true)
            .unwrap();
        let mut looker = it.bed.superuser().await;
        let started = Instant::now();
        while !waits(&mut looker).await {
            assert!(started.elapsed() < STOPPED_WITHIN, "the command waits");
        }
        let stopping = tokio::time::timeout(STOPPED_WITHIN, it.running.stop());
        if finishes {
            let (stopped, ()) = tokio::join!(stopping, unlock(lock));
            stopped.expect("it waits for the watch");
            let (headers, _) = answer.await.unwrap().into_parts();
            assert_eq!(told(&headers.headers).0, Code::Ok);
        } else {
            stopping.await.expect("it waits for the call");
            // As the end of the process does.
            sqlx::query(END_ALL).execute(&mut looker).await.unwrap();
            unlock(lock).await;
        }
        let kept = notes(&mut looker, "called").await;
        assert_eq!(kept, vec![""; usize::from(finishes)]);
        let keys: i64 = sqlx::query_scalar("SELECT count(*) FROM idempotency")
            .fetch_one(&mut looker)
            .await
            .unwrap();
        assert_eq!(keys, i64::from(finishes));
        drop(watched);
    }
}

async fn waits(looker: &mut PgConnection) -> bool {
    let waiting = sqlx::query_scalar(
        "SELECT count(*) > 0 FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'sample_run' AND wait_event_type = 'Lock'",
    );
    waiting.fetch_one(looker).await.unwrap()
}
