//! What a look for agreements costs (O13): a call for fifty that changed, however many there are. What it found is
//! read afterwards, and goes on where it was (O12).

use std::time::Duration;

use chrono::TimeDelta;
use countersign_marketplace_sandbox as sandbox;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::marketplace_offer::Ownership;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};

use crate::clocks::end_agreement;
use crate::elsewhere::agreements;
use crate::figures::reading;
use crate::world::{SELLER, World};

/// How often a condition is looked at before a test gives up.
const LOOKS: usize = 1_200;
/// As much as passes for real between two looks.
const TICK: TimeDelta = TimeDelta::milliseconds(100);
/// Agreements that AWS has, and that are known.
const KNOWN: i64 = 10_000;
/// Those that are new.
const CHANGED: i64 = 50;
/// A bound on all the calls that find what changed.
const CALLS: i64 = 20;
/// Agreements of an account that is looked at for the first time.
const ELSEWHERE: i64 = 80;
/// What was found and not read.
const DUE: &str = "SELECT count(*) FROM agreement WHERE read_due IS NOT NULL";

async fn bought(world: &World, number: i64) -> String {
    let body = json!({ "productId": sandbox::DEFAULT_PRODUCT_ID, "currencyCode": "USD",
        "buyerAccountId": format!("{:012}", number + 1), "price": "5000.00", "duration": "P90D",
        "dimensionKey": "professional_services" });
    let bought = world.act("public-order", body).await;
    bought["agreementId"].as_str().unwrap().to_owned()
}

/// Counts the tokens that are taken: every attempt at AWS takes one.
async fn count_calls(world: &World) {
    let mut superuser = world.bed.superuser().await;
    let counting = "CREATE TABLE made (operation text NOT NULL);
        CREATE FUNCTION count_call() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$BEGIN INSERT INTO made VALUES (NEW.operation); RETURN NEW; END$$;
        CREATE TRIGGER count_calls AFTER INSERT OR UPDATE ON aws_rate
            FOR EACH ROW EXECUTE FUNCTION count_call()";
    superuser.execute(sqlx::raw_sql(counting)).await.unwrap();
}

async fn count(world: &World, statement: &str) -> i64 {
    let mut superuser = world.bed.superuser().await;
    let counted = sqlx::query_scalar(AssertSqlSafe(statement.to_owned()));
    counted.fetch_one(&mut superuser).await.unwrap()
}

/// Lets time go by until it is so.
async fn passing(world: &World, step: TimeDelta, is_so: impl AsyncFn() -> bool) {
    for _ in 0..LOOKS {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.advance(step);
    }
    panic!("it never was so");
}

/// Another process takes over while time goes by, so that what is under way comes to its end.
async fn take_over(world: &mut World) {
    let clock = world.bed.clock().clone();
    let passing = async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            clock.advance(TimeDelta::seconds(1));
        }
    };
    tokio::select! {
        () = world.restart() => {}
        () = passing => {}
    }
}

/// The same as [`passing`], while the clock stands still.
async fn until(world: &World, statement: &str, wanted: i64) {
    for _ in 0..LOOKS {
        if count(world, statement).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(count(world, statement).await, wanted, "{statement}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_costs_what_changed() {
    let mut world = World::new().await;
    world.stop().await;
    let mut known = Vec::new();
    for number in 0..KNOWN {
        known.push(bought(&world, number).await);
    }
    let mut superuser = world.bed.superuser().await;
    let keep = "INSERT INTO agreement (seller, agreement_id, aws_offer_id, status, unreadable,
            first_seen, last_seen)
        SELECT $1, id, '', 'ACTIVE', 'of a test', $3 - interval '2 days', $3
        FROM unnest($2::text[]) AS id";
    // Later than the overlap, so that none of them is looked at again, and none is asked for that lately was refused.
    world.advance(TimeDelta::days(2));
    let kept = sqlx::query(keep)
        .bind(SELLER)
        .bind(&known)
        .bind(world.now());
    kept.execute(&mut superuser).await.unwrap();
    let asked = "INSERT INTO agreement_cursor (seller, asked_until) VALUES ($1, $2)
        ON CONFLICT (seller) DO UPDATE SET asked_until = $2";
    let asked = sqlx::query(asked).bind(SELLER).bind(world.now());
    asked.execute(&mut superuser).await.unwrap();
    let mut new = Vec::new();
    for number in KNOWN..KNOWN + CHANGED {
        new.push(bought(&world, number).await);
    }
    count_calls(&world).await;
    // AWS shows none of them: what is found is found all the same.
    let refuse = json!({ "operation": "DescribeAgreement", "failure": "fault", "times": 3 });
    world.act("inject", refuse).await;
    // The clock stands still: there is one look.
    world.restart().await;
    until(&world, "SELECT count(*) FROM agreement", KNOWN + CHANGED).await;
    let found = agreements(&world, Ownership::Unspecified).await;
    for agreement in &found[..usize::try_from(CHANGED).unwrap()] {
        assert!(new.contains(&agreement.agreement_id), "{agreement:?}");
        assert_eq!(agreement.status, "ACTIVE");
        assert!(!agreement.problem.is_empty(), "nothing was read yet");
    }
    let calls = count(&world, "SELECT count(*) FROM made").await;
    println!("{KNOWN} known, {CHANGED} new and found: {calls} calls");
    assert!(calls < CALLS, "{calls} calls");

    // Each is read once, as AWS allows it.
    let ten_seconds = TimeDelta::seconds(10);
    passing(&world, ten_seconds, async || count(&world, DUE).await == 0).await;
    let described = "SELECT count(*) FROM made WHERE operation = 'DescribeAgreement'";
    let described = count(&world, described).await;
    println!("{CHANGED} read: {described} calls, of which 3 failed");
    assert_eq!(described, CHANGED + 3);

    // Fifty that are known end: the lines of the search say all of it.
    let unlimited = |is: bool| json!({ "rateLimit": !is });
    world.act("settings", unlimited(true)).await;
    for id in &new {
        end_agreement(&world, id).await;
    }
    world.act("settings", unlimited(false)).await;
    let reset = "DELETE FROM made";
    superuser.execute(reset).await.unwrap();
    world.advance(TimeDelta::minutes(1));
    let over = "SELECT count(*) FROM agreement WHERE status = 'CANCELLED'";
    until(&world, over, CHANGED).await;
    let calls = count(&world, "SELECT count(*) FROM made").await;
    println!("{KNOWN} known, {CHANGED} of them over: {calls} calls");
    assert!(calls < CALLS, "{calls} calls");
}

/// O12, O13: what an account has already is read once, however often the process ends in between; an acceptance of
/// an offer of ours does not wait until all of it is.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_reading_goes_on_where_it_was() {
    let mut world = World::new().await;
    let ours = world.published().await;
    world.stop().await;
    let mut superuser = world.bed.superuser().await;
    let never_looked = "DELETE FROM agreement_cursor";
    superuser.execute(never_looked).await.unwrap();
    for number in 0..ELSEWHERE {
        bought(&world, number).await;
    }
    let offer_id = &ours.summary.as_ref().unwrap().aws_offer_id;
    let body = json!({ "offerId": offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    count_calls(&world).await;
    world.restart().await;
    let accepted = pb::offer::State::Accepted;
    world.until_state(&ours.offer_id, accepted).await;
    let left = count(&world, DUE).await;
    let gauge = "countersign.aws.agreements_to_read";
    assert_ne!(reading(&world, gauge, None).await, "0");
    assert!(left > ELSEWHERE / 2, "ours was read after {left} were left");
    // The sandbox counts AWS's rate by this clock, the service by the real one.
    let second = TimeDelta::seconds(1);
    let all = async || count(&world, "SELECT count(*) FROM agreement").await > ELSEWHERE;
    passing(&world, second, all).await;

    // Another process, twice.
    for _ in 0..2 {
        let before = count(&world, DUE).await;
        passing(&world, second, async || count(&world, DUE).await < before).await;
        take_over(&mut world).await;
        assert!(
            count(&world, DUE).await > 0,
            "nothing is left to go on with"
        );
    }
    passing(&world, second, async || count(&world, DUE).await == 0).await;
    let read = "SELECT count(*) FROM agreement WHERE details IS NOT NULL";
    assert_eq!(count(&world, read).await, ELSEWHERE + 1);
    let listed = agreements(&world, Ownership::Unspecified).await;
    for agreement in &listed {
        assert_eq!(agreement.problem, "");
        assert!(agreement.value.is_some(), "{agreement:?}");
    }
    let described = "SELECT count(*) FROM made WHERE operation = 'DescribeAgreement'";
    let described = count(&world, described).await;
    println!("{ELSEWHERE} agreements made elsewhere, two stops: {described} read");
    // What was under way at a stop is read again, and what the sandbox throttled on a busy machine.
    assert!(
        (ELSEWHERE + 1..ELSEWHERE * 5 / 4).contains(&described),
        "{described}"
    );
}

/// The agreement of an offer that its buyer accepted; the service hears of it later.
async fn accepted(world: &World, offer: &pb::Offer) -> String {
    let summary = offer.summary.as_ref().unwrap();
    let body = json!({ "offerId": summary.aws_offer_id,
        "buyerAccountId": summary.buyer_account_id });
    let accepted = world.act("accept", body).await;
    accepted["agreementId"].as_str().unwrap().to_owned()
}

/// O13: of two agreements of ours that AWS refused to show, one that cannot be recorded afterwards does not hide the
/// other.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_recorded_hides_no_other() {
    let mut world = World::new().await;
    let one = world.published().await;
    let other = world.drafted_for("007-other", "210987654321").await;
    world.release(&other).await;
    let published = pb::offer::State::Published;
    let other = world.until_state(&other.offer_id, published).await;
    world.stop().await;
    let agreements = [
        (accepted(&world, &one).await, one),
        (accepted(&world, &other).await, other),
    ];
    let refuse =
        json!({ "operation": "DescribeAgreement", "failure": "access-denied", "times": 2 });
    world.act("inject", refuse).await;
    world.restart().await;
    let found = "SELECT count(*) FROM agreement";
    passing(&world, TICK, async || count(&world, found).await == 2).await;
    // No look finds them once more.
    let unseen = json!({ "operation": "SearchAgreements", "failure": "throttle",
        "times": 1_000_000 });
    world.act("inject", unseen).await;
    let refused = "SELECT count(*) FROM agreement WHERE unreadable IS NOT NULL";
    // Whichever is read first.
    let [(first, stuck), (_, free)] = {
        let mut agreements = agreements;
        agreements.sort_by(|(one, _), (other, _)| one.cmp(other));
        agreements
    };
    let breaking = format!(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE 'as a test wants it'; END$$;
        CREATE TRIGGER broken BEFORE UPDATE ON agreement FOR EACH ROW
            WHEN (NEW.agreement_id = '{first}' AND NEW.details IS NOT NULL)
            EXECUTE FUNCTION fail()"
    );
    let mut superuser = world.bed.superuser().await;
    let breaking = sqlx::raw_sql(AssertSqlSafe(breaking));
    superuser.execute(breaking).await.unwrap();
    passing(&world, TICK, async || count(&world, refused).await == 2).await;

    let accepted = pb::offer::State::Accepted;
    let free = world.hurry(&free.offer_id, |offer| offer.state() == accepted);
    free.await;
    assert_eq!(count(&world, refused).await, 1);
    assert_ne!(world.offer(&stuck.offer_id).await.state(), accepted);
    let mended = "DROP TRIGGER broken ON agreement";
    superuser.execute(mended).await.unwrap();
    let stuck = world.hurry(&stuck.offer_id, |offer| offer.state() == accepted);
    stuck.await;
}
