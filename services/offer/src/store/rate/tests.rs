//! The buckets on real Postgres. A step is ten seconds, so that no test is too slow for it.

use std::time::Duration;

use chrono::TimeDelta;
use countersign_platform::testing::TestBed;
use countersign_platform::{Cause, Database, Service, TraceContext};

use super::{Bucket, Token, spend, take};

const BUCKET: Bucket = Bucket {
    step: TimeDelta::seconds(10),
    depth: 3,
};
const OPERATION: &str = "DescribeEntity";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The offer service's schema.
pub(crate) async fn bed() -> TestBed<()> {
    let service = Service::new("offer", "0").migrations(&MIGRATIONS);
    TestBed::new(&service, ()).await
}

async fn asked(database: &Database, seller: &str, patience: TimeDelta) -> Token {
    let (cause, trace) = cause(database);
    let seller = seller.parse().unwrap();
    let asked = database.transaction(&seller, cause, trace, |uow| {
        let seller = seller.clone();
        Box::pin(
            async move { Ok(take(uow.connection(), &seller, OPERATION, BUCKET, patience).await?) },
        )
    });
    asked.await.unwrap()
}

fn cause(database: &Database) -> (Cause, TraceContext) {
    let cause = Cause::Task {
        kind: "test".to_owned(),
        key: OPERATION.to_owned(),
    };
    (cause, TraceContext::start(database.ids()))
}

/// Whole tens of seconds, rounded up.
fn steps(wait: Duration) -> u64 {
    wait.as_secs().div_ceil(10).max(u64::from(!wait.is_zero()))
}

/// O9: what a full bucket has comes at once, the rest one by one, in order, to those who wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_and_then_a_steady_rate() {
    let bed = bed().await;
    let database = bed.parts().database;
    for _ in 0..3 {
        let token = asked(&database, "acme", TimeDelta::zero()).await;
        assert_eq!(token, Token::Taken(Duration::ZERO));
    }
    let patience = TimeDelta::seconds(20);
    let mut found = Vec::new();
    for patience in [TimeDelta::zero(), patience, patience, patience] {
        found.push(match asked(&database, "acme", patience).await {
            Token::Taken(wait) => format!("in {}", steps(wait)),
            Token::Due(wait) => format!("due in {}", steps(wait)),
        });
    }
    // Whoever is told when, and whoever has no patience, takes none.
    assert_eq!(found, ["due in 1", "in 1", "in 2", "due in 3"]);
}

/// O9: two instances, each with a pool of its own, and one account's rate; another account has its own.
#[tokio::test(flavor = "multi_thread")]
async fn instances_share_an_account_s_bucket() {
    let bed = bed().await;
    let databases = [bed.fresh_parts().database, bed.fresh_parts().database];
    let asking = (0..20).map(|number| {
        let database = &databases[number % 2];
        async move {
            let token = asked(database, "acme", TimeDelta::zero()).await;
            matches!(token, Token::Taken(_))
        }
    });
    let answers = futures::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|taken| **taken).count(), 3);
    let other = asked(&databases[0], "zenith", TimeDelta::zero()).await;
    assert_eq!(other, Token::Taken(Duration::ZERO));
}

/// The database's clock is set back, by a failover say: what is spent in a far future is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_delays_by_a_minute_at_most() {
    let bed = bed().await;
    let database = bed.parts().database;
    for (seconds, taken) in [(3_600.0, true), (59.0, false), (-3_600.0, true)] {
        asked(&database, "acme", TimeDelta::zero()).await;
        let moved =
            "UPDATE aws_rate SET spent_until = clock_timestamp() + make_interval(secs => $1)";
        let moved = sqlx::query(moved).bind(seconds).execute(bed.pool()).await;
        assert_eq!(moved.unwrap().rows_affected(), 1);
        let token = asked(&database, "acme", TimeDelta::zero()).await;
        assert_eq!(
            matches!(token, Token::Taken(_)),
            taken,
            "{seconds}: {token:?}"
        );
    }
}

/// O9: when AWS counts more calls than we do, nobody calls for a while.
#[tokio::test(flavor = "multi_thread")]
async fn what_aws_puts_off_is_put_off_for_all() {
    let bed = bed().await;
    let database = bed.parts().database;
    asked(&database, "acme", TimeDelta::zero()).await;
    let (cause, trace) = cause(&database);
    let seller = "acme".parse().unwrap();
    let spent = database.transaction(&seller, cause, trace, |uow| {
        let seller = seller.clone();
        Box::pin(async move {
            let time = TimeDelta::seconds(10);
            Ok(spend(uow.connection(), &seller, OPERATION, BUCKET, time).await?)
        })
    });
    spent.await.unwrap();
    let other = bed.fresh_parts().database;
    let Token::Due(wait) = asked(&other, "acme", TimeDelta::zero()).await else {
        panic!("there was a token")
    };
    assert_eq!(steps(wait), 1);
}
