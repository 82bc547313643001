//! Dying at every named step, once each: what was under way is taken up again, nothing is lost,
//! and nothing happens twice (P2; messaging F1).

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use countersign_platform::testing::{NATS_VARIABLE, TestBed, required, serve};
use countersign_platform::{
    CallContext, Commands, Config, Database, Ids, NoSection, Parts, Secret, Settings, fault,
};
use tokio::sync::Semaphore;

use crate::support::{
    NOTED, acme, called, compose_reader, compose_sample, event, eventually, note, notes, pair,
    reader, reminder, sample,
};

/// Commands that a child gives, one after the other.
const COMMANDS: usize = 6;
/// Children at a time.
const AT_A_TIME: usize = 3;
const SIGABRT: i32 = 6;

const PUBLISHER: &str = "IT_PUBLISHER_URL";
const SUBSCRIBER: &str = "IT_SUBSCRIBER_URL";
const PREFIX: &str = "IT_PREFIX";

/// Runs this test binary's [`child`], dying where told; returns how it ended.
async fn run_child(publisher: &TestBed, subscriber: &TestBed, fault: &str) -> Option<i32> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["crash::child", "--exact", "--ignored", "--nocapture"])
        .env(PUBLISHER, publisher.parts().settings.database_url.expose())
        .env(
            SUBSCRIBER,
            subscriber.parts().settings.database_url.expose(),
        )
        .env(PREFIX, &publisher.parts().settings.nats_prefix)
        .env("COUNTERSIGN_FAULT", fault)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = tokio::task::spawn_blocking(move || command.status())
        .await
        .unwrap()
        .unwrap();
    if status.success() {
        None
    } else {
        Some(status.signal().unwrap_or(0))
    }
}

async fn crash_at(point: &str) {
    let (publisher, subscriber) = pair().await;
    let died = run_child(&publisher, &subscriber, &format!("{point}:3")).await;
    assert_eq!(died, Some(SIGABRT), "{point} was not passed three times");
    let died = run_child(&publisher, &subscriber, "").await;
    assert_eq!(died, None, "after dying at {point}");
    let expected: Vec<String> = (0..COMMANDS).map(|number| number.to_string()).collect();
    assert_eq!(notes(publisher.pool(), "a").await, expected, "{point}");
    assert_eq!(notes(subscriber.pool(), "a").await, expected, "{point}");
    let mut reminded = notes(publisher.pool(), "reminded").await;
    reminded.sort();
    assert_eq!(reminded, expected, "{point}");
    assert_eq!(
        ids(&publisher, "outbox").await,
        ids(&subscriber, "inbox").await,
        "{point}"
    );
}

async fn ids(bed: &TestBed, table: &str) -> Vec<uuid::Uuid> {
    let statement = match table {
        "outbox" => "SELECT event_id FROM outbox ORDER BY event_id",
        _ => "SELECT event_id FROM inbox ORDER BY event_id",
    };
    sqlx::query_scalar(statement)
        .fetch_all(bed.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dying_at_any_step_loses_and_doubles_nothing() {
    let free = Arc::new(Semaphore::new(AT_A_TIME));
    let mut running = tokio::task::JoinSet::new();
    for point in fault::POINTS {
        let free = Arc::clone(&free);
        running.spawn(async move {
            let _permit = free.acquire_owned().await.unwrap();
            crash_at(point).await;
        });
    }
    let mut failed = 0;
    while let Some(done) = running.join_next().await {
        failed += usize::from(done.is_err());
    }
    assert_eq!(failed, 0, "each has said why above");
}

fn config(url: &str) -> Config<NoSection> {
    Config {
        settings: Settings {
            database_url: Secret::new(required(url)),
            nats_url: Secret::new(required(NATS_VARIABLE)),
            nats_prefix: required(PREFIX),
            nats_stream_max_bytes: 16 * 1024 * 1024,
            ..Settings::default()
        },
        section: NoSection {},
    }
}

/// Both services in one process, given commands, until all is done.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test above, to die"]
async fn child() {
    let mut commands = None;
    let publishing = serve(&sample(), config(PUBLISHER), |parts: Parts<NoSection>| {
        commands = Some(parts.commands.clone());
        compose_sample(parts)
    })
    .await;
    let mut heard = None;
    let hearing = serve(&reader(), config(SUBSCRIBER), |parts: Parts<NoSection>| {
        heard = Some(parts.database.clone());
        compose_reader(parts)
    })
    .await;
    drive(&commands.unwrap(), &heard.unwrap()).await;
    publishing.stop().await;
    hearing.stop().await;
}

/// Gives each command until it is acknowledged, then waits for all that it causes.
async fn drive(commands: &Commands, heard: &Database) {
    let own = commands.database();
    for number in 0..COMMANDS {
        let (body, key) = (number.to_string(), format!("key-{number}"));
        eventually("an acknowledgement", || async {
            let body = body.clone();
            commands
                .execute::<String, i64, _>(&call(&key), "sample/Note", &key, move |uow| {
                    let body = body.clone();
                    Box::pin(async move {
                        note(uow, "a", &body).await?;
                        uow.publish(event(NOTED, "a", &body)).await?;
                        let task = reminder(uow, &body);
                        uow.schedule(task).await?;
                        Ok(1)
                    })
                })
                .await
                .is_ok()
        })
        .await;
        eventually("what it causes", || async {
            notes_in(heard, "a").await > number && notes_in(own, "reminded").await > number
        })
        .await;
    }
    // Long enough for whatever would come twice.
    tokio::time::sleep(Duration::from_millis(500)).await;
}

async fn notes_in(database: &Database, topic: &str) -> usize {
    let mut reader = database.reading(&acme()).await.unwrap();
    notes(&mut *reader, topic).await.len()
}

fn call(key: &str) -> CallContext {
    called(key, &Ids::counted())
}
