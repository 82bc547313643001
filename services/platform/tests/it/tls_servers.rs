//! TLS to NATS and Postgres (P5): nobody is told a password but whom our authority vouches for.

use std::net::SocketAddr;

use countersign_platform::testing::{DATABASE_VARIABLE, Running, TestBed, required};
use countersign_platform::{NoSection, Secret, Settings, provision};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use url::Url;

use crate::certificates::{Authority, Files};
use crate::support::{PrivateNats, compose_sample, eventually, sample};

/// What a Postgres client asks for TLS with.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// A record of TLS that is part of a handshake begins so (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
const PASSWORD: &str = "hunter2";

/// A service that looks for NATS at `url`, where `authority` vouches for it.
async fn at_nats(files: &Files, authority: &Authority, url: String) -> (TestBed, Running) {
    let bed = TestBed::with_settings(&sample(), NoSection {}, |settings| {
        settings.nats_url = Secret::new(url);
        "sample".clone_into(&mut settings.nats_user);
        settings.nats_password = Secret::new(PASSWORD);
        settings.nats_ca_file = Some(files.put("nats.pem", &authority.pem()));
        files.identify(settings, &authority.issue(None));
    })
    .await;
    let running = bed.serve(&sample(), compose_sample).await;
    (bed, running)
}

/// A NATS that wants a certificate of callers is shown one, and events flow.
#[tokio::test]
async fn nats_is_spoken_to_over_tls_with_a_certificate() {
    let (files, authority) = (Files::named("nats"), Authority::new());
    let server = authority.issue(None);
    let path = |name: &str, text: &str| files.put(name, text).display().to_string();
    let nats = PrivateNats::start_with(&format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}\n\
         authorization {{ users = [ {{ user: sample, password: {PASSWORD} }} ] }}\n",
        path("server.pem", &server.certificate),
        path("server.key", &server.key),
        path("ca.pem", &authority.pem()),
    ));
    let (_bed, running) = at_nats(&files, &authority, nats.url()).await;
    let channel = authority.channel(running.address());
    eventually("events flow", || async {
        let request = HealthCheckRequest {
            service: "events".to_owned(),
        };
        let answer = HealthClient::new(channel.clone()).check(request).await;
        answer.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving)
    })
    .await;
    running.stop().await;
}

/// What a NATS server says first; the client speaks then.
fn greeting(port: u16) -> String {
    format!(
        "INFO {{\"server_id\":\"x\",\"server_name\":\"x\",\"version\":\"2.9.10\",\"go\":\"\",\
         \"host\":\"127.0.0.1\",\"port\":{port},\"headers\":true,\"max_payload\":1048576,\
         \"proto\":1,\"client_id\":1,\"auth_required\":true}}\r\n"
    )
}

/// A NATS that another authority vouches for hears why it is refused, and no password; nor does one
/// that speaks no TLS at all.
#[tokio::test]
async fn a_nats_that_nobody_of_ours_vouches_for_hears_no_password() {
    let (files, authority, stranger) = (
        Files::named("false-nats"),
        Authority::new(),
        Authority::new(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_bed, running) = at_nats(&files, &authority, format!("nats://{address}")).await;
    let accept = async || {
        let (mut connection, _) = listener.accept().await.unwrap();
        let greeting = greeting(address.port());
        connection.write_all(greeting.as_bytes()).await.unwrap();
        connection
    };
    let acceptor = stranger.acceptor(&stranger.issue(None));
    let refused = acceptor.accept(accept().await).await.err().unwrap();
    assert!(refused.to_string().contains("UnknownCA"), "{refused}");
    let mut plain = accept().await;
    let mut heard = [0; 1024];
    let length = plain.read(&mut heard).await.unwrap();
    assert_eq!(heard[..length].first(), Some(&HANDSHAKE));
    plain.write_all(b"-ERR 'no TLS here'\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest).await;
    let all = [&heard[..length], &rest].concat();
    assert!(!String::from_utf8_lossy(&all).contains(PASSWORD));
    running.stop().await;
}

/// A way into Postgres over TLS only, before a Postgres in plain text; with no acceptor, one that
/// speaks no TLS. It tells of each connection that comes to nothing.
async fn before_postgres(
    acceptor: Option<TlsAcceptor>,
    refused: mpsc::UnboundedSender<String>,
    doors: &mut JoinSet<()>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = Url::parse(&required(DATABASE_VARIABLE)).unwrap();
    let port = behind.port().unwrap_or(5432);
    let behind = format!("{}:{port}", behind.host_str().unwrap());
    doors.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((connection, _)) = listener.accept().await {
            let passed = pass(connection, acceptor.clone(), behind.clone());
            let refused = refused.clone();
            connections.spawn(async move {
                if let Err(why) = passed.await {
                    let _ = refused.send(why);
                }
            });
        }
    });
    address
}

async fn pass(
    mut connection: TcpStream,
    acceptor: Option<TlsAcceptor>,
    behind: String,
) -> Result<(), String> {
    let mut asked = [0; 8];
    connection.read_exact(&mut asked).await.unwrap();
    if asked != SSL_REQUEST {
        return Err("it does not ask for TLS first".to_owned());
    }
    let Some(acceptor) = acceptor else {
        connection.write_all(b"N").await.unwrap();
        let mut rest = Vec::new();
        let _ = connection.read_to_end(&mut rest).await;
        return Err(format!("{} bytes in plain text", rest.len()));
    };
    connection.write_all(b"S").await.unwrap();
    let secured = acceptor.accept(connection).await;
    let mut secured = secured.map_err(|error| error.to_string())?;
    let mut postgres = TcpStream::connect(behind).await.unwrap();
    // The one or the other may end without a goodbye.
    let _ = copy_bidirectional(&mut secured, &mut postgres).await;
    Ok(())
}

/// Leads the three ways into the database over `address`.
fn lead_over(settings: &mut Settings, address: SocketAddr) {
    for url in [
        &mut settings.database_url,
        &mut settings.database_owner_url,
        &mut settings.database_admin_url,
    ] {
        let mut led = Url::parse(url.expose()).unwrap();
        led.set_ip_host(address.ip()).unwrap();
        led.set_port(Some(address.port())).unwrap();
        // Settings are stronger than what a URL says.
        led.set_query(Some("sslmode=disable"));
        *url = Secret::new(led);
    }
}

/// Postgres is shown this process's certificate, over TLS, by all that goes there: provisioning,
/// migrating and serving. One that another authority vouches for, or that speaks no TLS, is told
/// nothing.
#[tokio::test]
async fn postgres_is_spoken_to_over_tls_or_not_at_all() {
    let (files, authority, stranger) =
        (Files::named("postgres"), Authority::new(), Authority::new());
    let (tell, mut refused) = mpsc::unbounded_channel();
    let doors = &mut JoinSet::new();
    let acceptor = authority.acceptor(&authority.issue(None));
    let ours = before_postgres(Some(acceptor), tell.clone(), doors).await;
    let bed = TestBed::with_settings(&sample(), NoSection {}, |settings| {
        lead_over(settings, ours);
        settings.database_ca_file = Some(files.put("ours.pem", &authority.pem()));
        files.identify(settings, &authority.issue(None));
    })
    .await;
    let running = bed.serve(&sample(), compose_sample).await;
    let channel = authority.channel(running.address());
    eventually("the database is reached", || async {
        let request = HealthCheckRequest {
            service: "readiness".to_owned(),
        };
        let answer = HealthClient::new(channel.clone()).check(request).await;
        answer.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving)
    })
    .await;
    running.stop().await;
    assert!(refused.try_recv().is_err(), "all were let in");

    let acceptor = stranger.acceptor(&authority.issue(None));
    let strict = before_postgres(Some(acceptor), tell.clone(), doors).await;
    let acceptor = authority.acceptor(&stranger.issue(None));
    let theirs = before_postgres(Some(acceptor), tell.clone(), doors).await;
    let plain = before_postgres(None, tell, doors).await;
    for (what, at, expected) in [
        ("another authority's server", theirs, "UnknownIssuer"),
        ("our certificate is not theirs", strict, "UnknownIssuer"),
        ("plain text", plain, "0 bytes in plain text"),
    ] {
        let mut settings = Settings::clone(&bed.parts().settings);
        lead_over(&mut settings, at);
        let error = provision(&settings, "sample").await.unwrap_err();
        assert!(!format!("{error:?}").contains("postgres://"), "{error:?}");
        // A client of sqlx closes without a word, so the one or the other end knows why.
        let told = format!("{} {error:?}", refused.recv().await.unwrap());
        assert!(told.contains(expected), "{what}: {told}");
    }
}
