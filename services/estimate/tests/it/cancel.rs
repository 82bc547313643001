//! Calls that are given up at any moment leave nothing half done (P2, P4).

use std::error::Error;
use std::time::Duration;

use countersign_proto::estimate::v1 as proto;
use countersign_proto::estimate::v1::estimate_service_client::EstimateServiceClient;
use sqlx::PgConnection;
use tonic::transport::Channel;
use tonic::{Code, Request, Response};

use crate::deals::{create, handbook};
use crate::harness::{Harness, command, question};

const CALLS: u32 = 10_000;
const CALLERS: u32 = 25;
/// After each, no connection may be inside a transaction.
const ROUNDS: u32 = 40;
/// A caller waits from one to some two hundred and fifty milliseconds, as often up to each power of two,
/// before it gives up: on a fast machine and on a slow one some calls end before, and some do not.
const PATIENCE_DOUBLINGS: u32 = 8;
/// How many of the given-up commands are asked for again.
const ASKED_AGAIN: u32 = 300;

/// A number that looks like any other, the same in every run.
fn scattered(number: u32) -> u32 {
    number.wrapping_mul(2_654_435_761).rotate_left(13)
}

fn patience(scattered: u32) -> Duration {
    let longest = 1_000 << (scattered % PATIENCE_DOUBLINGS);
    Duration::from_micros(u64::from((scattered >> 8) % longest + longest))
}

fn creation(number: u32) -> Request<proto::CreateEstimateRequest> {
    let engagement = format!("opp-{number}");
    command(&format!("key-{number}"), create(&engagement, handbook()))
}

/// One call: a command or a query, given up by hanging up or by its deadline. Returns whether it was
/// answered in time.
async fn give_up(client: &mut EstimateServiceClient<Channel>, number: u32) -> bool {
    let patience = patience(scattered(number));
    let (writes, hangs_up) = (number.is_multiple_of(2), number % 4 < 2);
    let mut write = creation(number);
    let mut read = question(proto::ListEstimatesRequest::default());
    if !hangs_up {
        write.set_timeout(patience);
        read.set_timeout(patience);
    }
    let call = async {
        if writes {
            client.create_estimate(write).await.map(drop)
        } else {
            client.list_estimates(read).await.map(drop)
        }
    };
    if hangs_up {
        return tokio::time::timeout(patience, call)
            .await
            .is_ok_and(|answer| answer.is_ok());
    }
    let answer = call.await;
    if let Err(status) = &answer {
        // What the client says by itself has a source: its own clock was first, or the server
        // closed a connection on which too many calls were given up.
        let own = status.source().is_some();
        // Work that nobody waits for any more still counts among what runs at a time.
        let refused = [Code::DeadlineExceeded, Code::ResourceExhausted];
        assert!(own || refused.contains(&status.code()), "{status:?}");
    }
    answer.is_ok()
}

/// Waits until no connection of the service is inside a transaction; one that stays there is found.
async fn nothing_is_open(superuser: &mut PgConnection) {
    let sql = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'estimate_run' AND xact_start IS NOT NULL";
    for _ in 0..600 {
        if count(superuser, sql).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a connection is inside a transaction");
}

async fn count(superuser: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(superuser).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_given_up_leave_nothing_half_done() {
    let it = Harness::with(|settings| {
        settings.nats_url = countersign_platform::Secret::default();
        // Postgres would end what hangs: here it is to be seen.
        settings.database_idle_in_transaction_timeout_ms = 0;
    })
    .await;
    let mut superuser = it.bed.superuser().await;
    let mut answered = 0;
    for round in 0..ROUNDS {
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..CALLERS {
            let mut client = it.client.clone();
            callers.spawn(async move {
                let mut answered = 0_u32;
                for number in 0..CALLS / ROUNDS / CALLERS {
                    let number = (round * CALLERS + caller) * (CALLS / ROUNDS / CALLERS) + number;
                    answered += u32::from(give_up(&mut client, number).await);
                }
                answered
            });
        }
        answered += callers.join_all().await.into_iter().sum::<u32>();
        // Each round, since the next one's work would end what this one's left open.
        nothing_is_open(&mut superuser).await;
    }
    assert!(answered < CALLS, "none was given up");

    // In one look: work that waits for a connection may still go on.
    let (half, kept, made, versions, audited): (i64, i64, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM idempotency WHERE reply IS NULL AND reject_code IS NULL),
            (SELECT count(*) FROM idempotency), (SELECT count(*) FROM estimate),
            (SELECT count(*) FROM estimate_version), (SELECT count(*) FROM audit)",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(half, 0, "a key without an answer");
    assert!(kept > 0, "no command got through");
    assert_eq!((made, versions, audited), (kept, kept, kept));

    // Each is done once, asked for again or not; and what is written now is there for everybody.
    let mut client = it.client.clone();
    for number in (0..2 * ASKED_AGAIN).step_by(2) {
        let once = client
            .create_estimate(creation(number))
            .await
            .map(Response::into_inner);
        let again = client
            .create_estimate(creation(number))
            .await
            .map(Response::into_inner);
        assert_eq!(once.unwrap(), again.unwrap());
    }
    let asked = "SELECT count(*) FROM estimate WHERE engagement_id IN
        (SELECT 'opp-' || 2 * n FROM generate_series(0, 299) AS n)";
    assert_eq!(count(&mut superuser, asked).await, i64::from(ASKED_AGAIN));
    it.stop().await;
}
