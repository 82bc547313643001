//! Postgres that is not there when a service starts (P2): it is waited for, aloud.

use std::io;
use std::sync::{Arc, Mutex};

use countersign_platform::testing::TestBed;
use countersign_platform::{NoSection, Secret};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tracing_subscriber::fmt::MakeWriter;
use url::Url;

use crate::support::{compose_sample, eventually, sample};

/// What is logged on this thread, kept.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn says(&self, words: &[&str]) -> bool {
        let kept = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        kept.lines()
            .any(|line| words.iter().all(|word| line.contains(word)))
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Hands every connection on to `server`, for ever.
async fn forward(listener: TcpListener, server: String) {
    let mut open = JoinSet::new();
    loop {
        let (mut caller, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(&server).await.unwrap();
        open.spawn(async move { tokio::io::copy_bidirectional(&mut caller, &mut server).await });
    }
}

/// P2: a service that starts before Postgres does not die of it. It lives, says what it waits for and
/// why, is not ready, and serves once Postgres is there.
#[tokio::test]
async fn a_service_waits_for_postgres_and_says_so() {
    let log = Log::default();
    let lines = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .finish();
    let _logging = tracing::subscriber::set_default(lines);
    let bed = TestBed::new(&sample(), NoSection {}).await;
    // A port that nobody listens on yet, and that is ours.
    let reserved = tokio::net::TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = reserved.local_addr().unwrap();

    let mut settings = bed.parts().settings.as_ref().clone();
    let mut url = Url::parse(settings.database_url.expose()).unwrap();
    let postgres = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(address.port())).unwrap();
    settings.database_url = Secret::new(url.to_string());
    settings.nats_url = Secret::default();
    settings.database_acquire_timeout_ms = 500;
    let config = countersign_platform::Config {
        settings,
        section: NoSection {},
    };
    let running = countersign_platform::testing::serve(&sample(), config, compose_sample).await;

    let health = HealthClient::new(running.channel());
    let serves = |service: &'static str| {
        let mut health = health.clone();
        async move {
            let service = service.to_owned();
            let answer = health.check(HealthCheckRequest { service }).await;
            answer
                .is_ok_and(|answer| answer.into_inner().status == i32::from(ServingStatus::Serving))
        }
    };
    eventually("a warning with its cause", || async {
        log.says(&["WARN", "Postgres is away; waiting", "Connection refused"])
    })
    .await;
    assert!(serves("liveness").await && !serves("readiness").await);

    let mut forwarding = JoinSet::new();
    forwarding.spawn(forward(reserved.listen(16).unwrap(), postgres));
    eventually("it serves", || serves("readiness")).await;
    running.stop().await;
}
