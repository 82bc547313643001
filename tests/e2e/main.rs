//! The deal files, played on the whole system: real Postgres, NATS, gRPC, SMTP, AWS's SDK.

mod drill;
mod logs;
mod size;
mod stop;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use countersign_local::console::Console;
use countersign_local::deal::{DEALS, LEAVES_PARKED, Player};
use countersign_local::environment::{DatabaseRole, Service};
use countersign_tests::{deal, invariants_hold, play, start, superuser};
use sqlx::error::DatabaseError;
use sqlx::{Connection, PgConnection};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

/// The deals, one after the other on one system, each to its end and its balance.
#[tokio::test]
async fn the_deals_play_to_their_ends() -> Result<()> {
    let environment = start().await?;
    for name in DEALS.into_iter().filter(|name| *name != LEAVES_PARKED) {
        play(&environment, &deal(name)?, name).await?;
    }
    // P5: after all that, refusals and bad input included, no log tells a password or a token.
    let told = environment.secrets_logged().await?;
    assert!(told.is_empty(), "{told:#?}");
    logs::name_their_work(&environment)?;
    invariants_hold(&environment).await
}

/// P5: another tenant has every id of ours, calls everything that takes one, and gets at nothing.
#[tokio::test]
async fn another_tenant_gets_at_nothing() -> Result<()> {
    let environment = start().await?;
    play(&environment, &deal("tenants")?, "tenants").await?;
    invariants_hold(&environment).await
}

/// Events that nobody should have said are ignored or parked, and change nothing: the deal's own steps
/// say so. The invariants cannot hold on this system, since what is parked stays parked.
#[tokio::test]
async fn events_that_nobody_should_have_said_change_nothing() -> Result<()> {
    let environment = start().await?;
    play(&environment, &deal("refused-events")?, "refused-events").await
}

/// P1, P4: five services answer reflection, from five processes.
#[tokio::test]
async fn reflection_lists_five_services_from_five_processes() -> Result<()> {
    let environment = start().await?;
    let mut processes = BTreeSet::new();
    for service in Service::ALL {
        processes.insert(environment.process_id(service).context("not running")?);
        let own = format!("countersign.{}.v1.", service.schema());
        let listed = reflected(&environment.endpoints().grpc(service)?).await?;
        assert!(
            listed.iter().any(|name| name.starts_with(&own)),
            "{own} is not in {listed:?}"
        );
    }
    assert_eq!(processes.len(), 5);
    Ok(())
}

async fn reflected(endpoint: &Endpoint) -> Result<Vec<String>> {
    let channel = endpoint.connect().await?;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let stream = tokio_stream::once(request);
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(stream)
        .await?
        .into_inner();
    let answer = answers.message().await?.context("no answer")?;
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        anyhow::bail!("no list of services: {answer:?}");
    };
    Ok(list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect())
}

/// P5: nothing here is entered in plain text or without a certificate of this run: no service's gRPC,
/// where reflection asks nobody who it is, nor Postgres with a good password. (NATS is tried beside
/// its configuration, in `deploy/local`.) The services go on.
#[tokio::test]
async fn nobody_gets_in_without_a_certificate() -> Result<()> {
    let environment = start().await?;
    let endpoints = environment.endpoints();
    let authority = std::fs::read_to_string(&endpoints.certificates()?.authority)?;
    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    for service in Service::ALL {
        let address = endpoints.address(service)?;
        let plain = Endpoint::new(format!("http://{address}"))?;
        let bare = Endpoint::new(format!("https://{address}"))?.tls_config(trusting.clone())?;
        for (what, endpoint) in [("plain text", plain), ("no certificate", bare)] {
            let listed = reflected(&endpoint).await;
            assert!(listed.is_err(), "{service}, {what}: {listed:?}");
        }
        reflected(&endpoints.grpc(service)?).await?;
        let url = environment.database_url_as(service, DatabaseRole::Run)?;
        let (bare, _) = url.split_once('?').context("a private Postgres")?;
        for query in ["sslmode=disable", "sslmode=require"] {
            let refused = PgConnection::connect(&format!("{bare}?{query}"))
                .await
                .err();
            let refused = refused.with_context(|| format!("{service} entered by {query}"))?;
            let code = refused.as_database_error().and_then(DatabaseError::code);
            // 28000: invalid authorization specification; before any password is asked for.
            assert_eq!(code.as_deref(), Some("28000"), "{query}: {refused}");
        }
    }
    Ok(())
}

/// P1: each service's run role is refused by Postgres in every other service's schema.
#[tokio::test]
async fn no_service_can_read_another_s_schema() -> Result<()> {
    let environment = start().await?;
    for service in Service::ALL {
        let url = environment.database_url_as(service, DatabaseRole::Run)?;
        let mut connection = PgConnection::connect(&url).await?;
        for other in Service::ALL {
            let sql = format!("SELECT count(*) FROM {}.outbox", other.schema());
            let read = sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&mut connection)
                .await;
            if other == service {
                read.context("a service reads its own schema")?;
                continue;
            }
            let refused = read.err().context("another's schema was read")?;
            let code = refused.as_database_error().and_then(DatabaseError::code);
            // 42501: insufficient privilege.
            assert_eq!(
                code.as_deref(),
                Some("42501"),
                "{service} reads {other}: {refused}"
            );
        }
    }
    Ok(())
}

/// P2: NATS is lost with everything in it, in the middle of the deal; nothing else is.
#[tokio::test]
async fn losing_the_jetstream_folder_in_the_middle_loses_nothing() -> Result<()> {
    let environment = start().await?;
    let handbook = deal("handbook")?;
    let downloads = tempfile::tempdir()?;
    let console = Console::quiet();
    let mut player = Player::new(
        &handbook,
        environment.endpoints(),
        "jetstream",
        downloads.path(),
    )?;
    for number in 0..handbook.len() {
        if number == handbook.len() / 3 || number == handbook.len() * 2 / 3 {
            environment.crash_nats(true).await?;
        }
        player.play_step(number, &console).await?;
    }
    invariants_hold(&environment).await
}

/// P2: Postgres is killed in the middle of the deal.
#[tokio::test]
async fn killing_postgres_in_the_middle_loses_nothing() -> Result<()> {
    let environment = start().await?;
    let handbook = deal("handbook")?;
    let downloads = tempfile::tempdir()?;
    let console = Console::quiet();
    let mut player = Player::new(
        &handbook,
        environment.endpoints(),
        "postgres",
        downloads.path(),
    )?;
    for number in 0..handbook.len() {
        if number == handbook.len() / 2 {
            environment.crash_postgres().await?;
        }
        player.play_step(number, &console).await?;
    }
    invariants_hold(&environment).await
}

/// Replaying every event from the first changes nothing (P2): state, books, mail.
#[tokio::test]
async fn replaying_every_event_changes_nothing() -> Result<()> {
    let environment = start().await?;
    play(&environment, &deal("handbook")?, "replay").await?;
    invariants_hold(&environment).await?;
    let before = fingerprint(&environment).await?;

    let mut connection = superuser(&environment).await?;
    for service in Service::ALL {
        let sql = format!(
            "UPDATE {}.outbox SET published_at = NULL, stream_seq = NULL, generation = generation + 1",
            service.schema()
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
    }
    invariants_hold(&environment).await?;
    // What was published again must also have arrived before "nothing changed" says anything.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fingerprint(&environment).await?, before);
    Ok(())
}

/// The audit trails and the mail: whatever changed would show there.
async fn fingerprint(
    environment: &countersign_local::environment::Environment,
) -> Result<Vec<String>> {
    let mut connection = superuser(environment).await?;
    let mut lines = Vec::new();
    for service in Service::ALL {
        for table in ["audit", "outbox", "inbox"] {
            let sql = format!("SELECT count(*) FROM {}.{table}", service.schema());
            let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_one(&mut connection)
                .await?;
            lines.push(format!("{service} {table} {count}"));
        }
    }
    lines.push(format!(
        "mails {}",
        environment.endpoints().mailbox.all().await?.len()
    ));
    Ok(lines)
}
