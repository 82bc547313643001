//! What a look for agreements costs (O13): as many calls as changed, not as many as there are.

use std::time::Duration;

use chrono::TimeDelta;
use countersign_marketplace_sandbox as sandbox;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};

use crate::clocks::end_agreement;
use crate::world::{SELLER, World};

/// Agreements that AWS has, and that are known.
const KNOWN: i64 = 10_000;
/// Those that are new.
const CHANGED: i64 = 50;
/// A bound on the calls that search: two pages of fifty, with room for what AWS shows late.
const SEARCHES: i64 = 20;
/// A bound on all calls, where nothing is new.
const CALLS: i64 = 20;

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
    // The clock stands still: there is one look.
    world.restart().await;
    for _ in 0..1_200 {
        if count(&world, "SELECT count(*) FROM agreement").await == KNOWN + CHANGED {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        count(&world, "SELECT count(*) FROM agreement").await,
        KNOWN + CHANGED
    );
    let of = |operation: &str| {
        let statement = format!("SELECT count(*) FROM made WHERE operation = '{operation}'");
        let world = &world;
        async move { count(world, &statement).await }
    };
    let searches = of("SearchAgreements").await;
    let described = of("DescribeAgreement").await;
    println!("{KNOWN} known, {CHANGED} new: {searches} searches, {described} read");
    assert!(searches < SEARCHES, "{searches} searches");
    assert_eq!(described, CHANGED);

    // Fifty that are known end: the lines of the search say all of it.
    let unlimited = |is: bool| json!({ "rateLimit": !is });
    world.act("settings", unlimited(true)).await;
    for id in &new {
        end_agreement(&world, id).await;
    }
    world.act("settings", unlimited(false)).await;
    let reset = "DELETE FROM made";
    superuser.execute(reset).await.unwrap();
    let over = "SELECT count(*) FROM agreement WHERE status = 'CANCELLED'";
    world.advance(TimeDelta::minutes(1));
    for _ in 0..1_200 {
        if count(&world, over).await == CHANGED {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(count(&world, over).await, CHANGED);
    let calls = count(&world, "SELECT count(*) FROM made").await;
    println!("{KNOWN} known, {CHANGED} of them over: {calls} calls");
    assert!(calls < CALLS, "{calls} calls");
}
