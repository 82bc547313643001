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

async fn until(world: &World, statement: &str, wanted: i64) {
    for _ in 0..1_200 {
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
        SELECT $1, id, '', 'ACTIVE', 'of a test', $3, $3 FROM unnest($2::text[]) AS id";
    let kept = sqlx::query(keep)
        .bind(SELLER)
        .bind(&known)
        .bind(world.now());
    kept.execute(&mut superuser).await.unwrap();
    // Later than the overlap, so that none of them is looked at again.
    world.advance(TimeDelta::days(2));
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
    while count(&world, DUE).await > 0 {
        world.advance(TimeDelta::seconds(10));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
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
    until(&world, "SELECT count(*) FROM agreement", ELSEWHERE + 1).await;

    // Another process, twice.
    for _ in 0..2 {
        let before = count(&world, DUE).await;
        while count(&world, DUE).await == before {
            world.pass().await;
        }
        world.restart().await;
        assert!(
            count(&world, DUE).await > 0,
            "nothing is left to go on with"
        );
    }
    while count(&world, DUE).await > 0 {
        world.pass().await;
    }
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
    // What was under way at a stop is read again.
    assert!(
        (ELSEWHERE + 1..=ELSEWHERE + 3).contains(&described),
        "{described}"
    );
}
