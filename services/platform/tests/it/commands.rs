//! The command shell: one key, one transaction, one answer for ever (P2, P4).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use countersign_platform::testing::TestBed;
use countersign_platform::{Commands, Failure, NoSection, Rejection};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::support::{NOTED, call, event, note, notes, sample};

async fn bed() -> TestBed {
    TestBed::new(&sample(), NoSection {}).await
}

/// Notes `body` on `topic` and answers how many notes there are then. The request is its body.
async fn note_once(
    commands: &Commands,
    bed: &TestBed,
    key: &str,
    body: &'static str,
) -> Result<Response<i64>, Status> {
    commands
        .execute(
            &call(bed, key),
            "sample/Note",
            &body.to_owned(),
            move |uow| {
                Box::pin(async move {
                    note(uow, "t", body).await?;
                    uow.publish(event(NOTED, "t", body)).await?;
                    let count = sqlx::query_scalar("SELECT count(*) FROM note")
                        .fetch_one(uow.connection())
                        .await?;
                    Ok(count)
                })
            },
        )
        .await
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}

/// The same key gets the same answer and changes nothing the second time; with another body it is
/// refused; another key is another command.
#[tokio::test]
async fn a_key_stands_for_one_command() {
    let bed = bed().await;
    let commands = bed.parts().commands;
    let first = note_once(&commands, &bed, "k1", "one").await.unwrap();
    let again = note_once(&commands, &bed, "k1", "one").await.unwrap();
    assert_eq!((first.into_inner(), again.into_inner()), (1, 1));
    let refused = note_once(&commands, &bed, "k1", "two").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(reason(&refused), "IDEMPOTENCY_KEY_REUSED");
    let other = note_once(&commands, &bed, "k2", "two").await.unwrap();
    assert_eq!(other.into_inner(), 2);
    assert_eq!(notes(bed.pool(), "t").await, ["one", "two"]);
    assert_eq!(bed.published().await.len(), 2);
}

/// Fifty callers with one key at once: one of them does it, all hear the same.
#[tokio::test]
async fn fifty_at_once_with_one_key_do_it_once() {
    let bed = Arc::new(bed().await);
    let commands = bed.parts().commands;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (bed, commands) = (Arc::clone(&bed), commands.clone());
        callers.spawn(async move { note_once(&commands, &bed, "k", "one").await });
    }
    while let Some(answer) = callers.join_next().await {
        assert_eq!(answer.unwrap().unwrap().into_inner(), 1);
    }
    assert_eq!(notes(bed.pool(), "t").await, ["one"]);
}

/// A rejection commits too: nothing of the work stays, and a retry hears the same, byte for byte,
/// even when the work would succeed by then.
#[tokio::test]
async fn a_rejection_is_kept_and_its_work_is_not() {
    let bed = bed().await;
    let commands = bed.parts().commands;
    let calls = Arc::new(AtomicU32::new(0));
    let ask = || async {
        let calls = Arc::clone(&calls);
        commands
            .execute::<String, i64, _>(&call(&bed, "k"), "sample/No", &String::new(), move |uow| {
                calls.fetch_add(1, Ordering::SeqCst);
                Box::pin(async move {
                    note(uow, "t", "never").await?;
                    uow.publish(event(NOTED, "t", "never")).await?;
                    Err(Rejection::failed_precondition("NOT_OPEN", "it is not open")
                        .with("state", "closed")
                        .into())
                })
            })
            .await
            .unwrap_err()
    };
    let (first, again) = (ask().await, ask().await);
    assert_eq!(first.code(), Code::FailedPrecondition);
    assert_eq!(first.message(), again.message());
    assert_eq!(first.details(), again.details());
    assert_eq!(reason(&again), "NOT_OPEN");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(notes(bed.pool(), "t").await.is_empty());
    assert!(bed.published().await.is_empty());
}

/// Infrastructure keeps nothing: the same key works later. Inner text does not leave.
#[tokio::test]
async fn a_failure_keeps_nothing() {
    let bed = bed().await;
    let commands = bed.parts().commands;
    for (failure, code) in [("away", Code::Unavailable), ("bug", Code::Internal)] {
        let status = commands
            .execute::<String, i64, _>(
                &call(&bed, "k"),
                "sample/Note",
                &"one".to_owned(),
                move |uow| {
                    Box::pin(async move {
                        note(uow, "t", "never").await?;
                        Err(match failure {
                            "away" => Failure::unavailable("asking", "secret"),
                            _ => Failure::internal("asking", "secret"),
                        })
                    })
                },
            )
            .await
            .unwrap_err();
        assert_eq!(status.code(), code);
        assert!(!format!("{status:?}").contains("secret"));
    }
    let done = note_once(&commands, &bed, "k", "one").await.unwrap();
    assert_eq!(done.into_inner(), 1);
    assert_eq!(notes(bed.pool(), "t").await, ["one"]);
}

/// A conflict is tried again, a named number of times, then `ABORTED`; a late success counts once.
#[tokio::test]
async fn conflicts_are_tried_again() {
    let bed = bed().await;
    let commands = bed.parts().commands;
    for (fails, succeeds) in [(2, true), (u32::MAX, false)] {
        let attempts = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&attempts);
        let key = format!("k{fails}");
        let done = commands
            .execute::<String, i64, _>(&call(&bed, &key), "sample/Try", &key, move |uow| {
                let attempt = counter.fetch_add(1, Ordering::SeqCst);
                Box::pin(async move {
                    note(uow, "t", "tried").await?;
                    Failure::unless_one_row("the thing", u64::from(attempt >= fails))?;
                    Ok(1)
                })
            })
            .await;
        if succeeds {
            assert_eq!(attempts.load(Ordering::SeqCst), 3);
            assert_eq!(done.unwrap().into_inner(), 1);
        } else {
            assert_eq!(done.unwrap_err().code(), Code::Aborted);
        }
    }
    assert_eq!(notes(bed.pool(), "t").await, ["tried"]);
}

/// messaging §0.1: callers hang up at any instant, ten at a time. What is acknowledged afterwards
/// is there, and no session is left inside a transaction.
#[tokio::test]
async fn callers_that_hang_up_lose_nothing() {
    let bed = Arc::new(bed().await);
    let commands = bed.parts().commands;
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..400_u64 {
        let (bed, commands) = (Arc::clone(&bed), commands.clone());
        callers.spawn(async move {
            let asking = async {
                let key = format!("cancelled-{number}");
                note_once(&commands, &bed, &key, "maybe").await
            };
            let patience = Duration::from_micros(number * 37 % 9_000);
            let _ = tokio::time::timeout(patience, asking).await;
        });
    }
    while callers.join_next().await.is_some() {}
    for number in 0..40 {
        let key = format!("kept-{number}");
        note_once(&commands, &bed, &key, "kept").await.unwrap();
    }
    // Autocommit writes are what a connection inside a forgotten transaction loses.
    for _ in 0..40 {
        sqlx::query("INSERT INTO note (topic, body) VALUES ('auto', 'kept')")
            .execute(bed.unbound())
            .await
            .unwrap();
    }
    assert!(bed.parts().lifecycle.drained(Duration::from_secs(20)).await);
    let mut looker = bed.superuser().await;
    let idle: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    .fetch_one(&mut looker)
    .await
    .unwrap();
    assert_eq!(idle, 0);
    bed.unbound().close().await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM note WHERE body = 'kept'")
        .fetch_one(&mut looker)
        .await
        .unwrap();
    assert_eq!(kept, 80);
    let unequal: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM note WHERE topic = 't')
            - (SELECT count(*) FROM idempotency WHERE reply IS NOT NULL)",
    )
    .fetch_one(&mut looker)
    .await
    .unwrap();
    assert_eq!(
        unequal, 0,
        "one note for each key, and one key for each note"
    );
}

/// messaging §0.1, the trap itself: a connection that comes back to the pool inside a transaction
/// is rolled back, so that later writes on it are committed.
#[tokio::test]
async fn the_pool_rolls_back_what_comes_back_open() {
    let bed = bed().await;
    for _ in 0..20 {
        let mut connection = bed.unbound().acquire().await.unwrap();
        // As sqlx does when `begin` is dropped half-way: BEGIN was sent, and nobody knows.
        sqlx::query("BEGIN")
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    for _ in 0..20 {
        sqlx::query("INSERT INTO note (topic, body) VALUES ('t', 'kept')")
            .execute(bed.unbound())
            .await
            .unwrap();
    }
    let mut looker = bed.superuser().await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM note")
        .fetch_one(&mut looker)
        .await
        .unwrap();
    assert_eq!(kept, 20);
}

/// messaging F2: every session is killed; the next command finds its way.
#[tokio::test]
async fn commands_survive_killed_sessions() {
    let bed = bed().await;
    let commands = bed.parts().commands;
    let mut killer = bed.superuser().await;
    for round in 0..5 {
        let key = format!("k{round}");
        note_once(&commands, &bed, &key, "one").await.unwrap();
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&mut killer)
        .await
        .unwrap();
    }
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM note")
        .fetch_one(&mut killer)
        .await
        .unwrap();
    assert_eq!(kept, 5);
}
