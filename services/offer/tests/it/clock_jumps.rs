//! The time is set back by an hour and forward again (O18): no deadline is lost, and none rings twice.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::ClockKind;
use countersign_proto::offer::v1::clock::State;
use serde_json::json;

use crate::aws_failures as aws;
use crate::change_orders as orders;
use crate::clocks::{clocks, kinds, start};
use crate::world::World;
use crate::{payments, portal};

/// How often a condition is looked at before a test gives up.
const LOOKS: usize = 300;

/// Every kind of clock that offers have, on three of them: one that AWS does not publish, one that is not
/// accepted, one that is.
const KINDS: [ClockKind; 6] = [
    ClockKind::Publish,
    ClockKind::Registration,
    ClockKind::AgreementVisible,
    ClockKind::BuyerContact,
    ClockKind::OfferExpiry,
    ClockKind::Renewal60,
];

/// The running clocks of [`KINDS`], the next due first.
async fn every_clock(world: &World) -> Vec<pb::Clock> {
    world.register_listing().await;
    let accepted = world.drafted_for("001-landing-zone", "000000000001").await;
    world.sold(&accepted).await;
    let waits = world.drafted_for("002-landing-zone", "000000000002").await;
    world.release(&waits).await;
    let published = pb::offer::State::Published;
    let waits = world.until_state(&waits.offer_id, published).await;
    let visible = world.command(start(world, &waits, ClockKind::AgreementVisible));
    world.client.clone().start_clock(visible).await.unwrap();
    aws::inject(world, "StartChangeSet", "never-ends", false).await;
    let stuck = world.drafted_for("003-landing-zone", "000000000003").await;
    world.release(&stuck).await;
    let started = |offer: &pb::Offer| !offer.change_set_id.is_empty();
    world.until(&stuck.offer_id, started).await;
    let running = clocks(world, State::Running).await;
    assert_eq!(kinds(&running), KINDS);
    running
}

async fn rung(world: &World) -> Vec<String> {
    let breached = clocks(world, State::Breached).await;
    breached.into_iter().map(|clock| clock.clock_id).collect()
}

async fn a_while(world: &World) {
    for _ in 0..5 {
        world.pass().await;
    }
}

async fn until_rung(world: &World, expected: &[String]) {
    for _ in 0..LOOKS {
        if rung(world).await == expected {
            return;
        }
        world.pass().await;
    }
    let now = world.now();
    panic!("{:?} rang until {now}, not {expected:?}", rung(world).await)
}

/// Each clock was told of once, and what it watches ended once.
async fn each_was_told_once(world: &World, expected: &[String]) {
    let told = world.events::<pb::ClockBreached>().await;
    let told: Vec<_> = told
        .iter()
        .map(|event| &event.clock.as_ref().unwrap().clock_id)
        .collect();
    assert_eq!(told, expected.iter().collect::<Vec<_>>());
    assert_eq!(world.events::<pb::OfferPublishOverdue>().await.len(), 1);
    assert_eq!(world.events::<pb::OfferExpired>().await.len(), 1);
    assert_eq!(world.events::<pb::OrderRegistered>().await.len(), 1);
}

fn due(clock: &pb::Clock) -> DateTime<Utc> {
    clock.due_at.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_clock_rings_once_when_the_time_is_set_back_and_forward_again() {
    let world = World::new().await;
    let hour = TimeDelta::hours(1);
    let mut expected = Vec::new();
    for clock in every_clock(&world).await {
        // Back before it is due.
        world.advance(due(&clock) - TimeDelta::minutes(5) - world.now());
        a_while(&world).await;
        world.advance(-hour);
        a_while(&world).await;
        world.advance(hour);
        a_while(&world).await;
        assert_eq!(rung(&world).await, expected, "{clock:?} rang too early");
        world.advance(TimeDelta::minutes(5));
        expected.push(clock.clock_id);
        until_rung(&world, &expected).await;
        // Back after it rang, and to its time once more.
        world.advance(-hour);
        a_while(&world).await;
        world.advance(hour);
        a_while(&world).await;
        assert_eq!(rung(&world).await, expected, "{:?}", clock.kind);
    }
    each_was_told_once(&world, &expected).await;
}

/// The time is set back when the tasks of the deadlines are under way already: they run before their time, and
/// those that nothing waits for any more are done.
async fn deadlines_run_early(world: &World) {
    const DEADLINES: &str = "kind IN ('offer.ring-clock', 'offer.publish-overdue', 'offer.expire')";
    let early = format!("UPDATE task SET due_at = $1 WHERE {DEADLINES} AND state = 'pending'");
    let early = sqlx::query(sqlx::AssertSqlSafe(early)).bind(world.now());
    let made_early = early.execute(world.bed.pool()).await.unwrap();
    assert!(made_early.rows_affected() > 0);
    let left =
        format!("SELECT count(*) FROM task WHERE {DEADLINES} AND state <> 'done' AND due_at <= $1");
    for _ in 0..LOOKS {
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(left.clone())).bind(world.now());
        let count: i64 = count.fetch_one(world.bed.pool()).await.unwrap();
        if count == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a deadline's task did not run")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_whose_task_runs_before_its_time_is_not_lost() {
    let world = World::new().await;
    let all = every_clock(&world).await;
    deadlines_run_early(&world).await;
    assert_eq!(rung(&world).await, [""; 0]);
    let mut expected = Vec::new();
    for clock in all {
        world.advance(due(&clock) - world.now());
        expected.push(clock.clock_id);
        until_rung(&world, &expected).await;
    }
    each_was_told_once(&world, &expected).await;
}

/// O8, O10: the time to publish what a person entered runs from the saying of its id, long after the release.
#[tokio::test(flavor = "multi_thread")]
async fn a_portal_release_whose_task_runs_before_its_time_is_flagged_at_its_time() {
    let world = World::new().await;
    let offer = portal::waiting(&world).await;
    world.advance(TimeDelta::hours(2));
    let entered = portal::enter(&world, &offer, "102500.00").await;
    let hidden =
        json!({ "operation": "DescribeEntity", "failure": "throttle", "times": 1_000_000 });
    world.act("inject", hidden).await;
    let given = world.command(portal::given(&offer, &entered));
    let mut client = world.client.clone();
    client.record_portal_offer(given).await.unwrap();
    let running = clocks(&world, State::Running).await;
    assert_eq!(kinds(&running), [ClockKind::Publish]);
    deadlines_run_early(&world).await;
    assert!(!world.offer(&offer.offer_id).await.publish_overdue);
    world.advance(due(&running[0]) - world.now());
    until_rung(&world, std::slice::from_ref(&running[0].clock_id)).await;
    assert!(world.offer(&offer.offer_id).await.publish_overdue);
    assert_eq!(world.events::<pb::OfferPublishOverdue>().await.len(), 1);
}

/// Back and forward before the silence of a buyer decides, and after it: it `waits` until then, and is `decided`
/// from then on; its clock rings once.
async fn silence(
    world: &World,
    (decides_at, clock_id): (&str, &str),
    waits: impl AsyncFn() -> bool,
    decided: impl AsyncFn() -> bool,
) {
    let hour = TimeDelta::hours(1);
    let decides_at: DateTime<Utc> = decides_at.parse().unwrap();
    world.advance(decides_at - TimeDelta::minutes(5) - world.now());
    a_while(world).await;
    world.advance(-hour);
    a_while(world).await;
    world.advance(hour);
    a_while(world).await;
    assert!(waits().await, "{clock_id}");
    world.advance(TimeDelta::minutes(5));
    let rang = async || {
        let told = world.events::<pb::ClockBreached>().await;
        let of_it = told
            .iter()
            .filter(|event| event.clock.as_ref().unwrap().clock_id == clock_id);
        of_it.count()
    };
    for _ in 0..LOOKS {
        if decided().await && rang().await > 0 {
            break;
        }
        world.pass().await;
    }
    world.advance(-hour);
    a_while(world).await;
    world.advance(hour);
    a_while(world).await;
    assert!(decided().await, "{clock_id}");
    assert_eq!(rang().await, 1, "{clock_id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_cancels_once_when_the_time_is_set_back_and_forward_again() {
    use pb::change_order::State;
    let world = World::new().await;
    let offer = orders::accepted(&world).await;
    let order = orders::pending(&world, &offer).await;
    let (id, clock) = (order.change_order_id.as_str(), order.clock_id.as_str());
    let is = async |state: State| orders::get(&world, id).await.state() == state;
    let decides_at = order.cancels_itself_at.as_str();
    silence(
        &world,
        (decides_at, clock),
        async || is(State::Pending).await,
        async || is(State::Over).await,
    )
    .await;
    assert_eq!(world.events::<pb::CancellationEnded>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_approves_once_when_the_time_is_set_back_and_forward_again() {
    use payments::State;
    let world = World::new().await;
    let offer = payments::accepted(&world, "AUTO_APPROVE_ON_EXPIRATION").await;
    let id = payments::asked(&world, &offer, "Design accepted", "1000.00").await;
    let request = payments::until(&world, &id, State::Pending).await;
    let is = async |state: State| payments::get(&world, &id).await.state() == state;
    let decides_at = request.approves_itself_at.as_str();
    silence(
        &world,
        (decides_at, &request.clock_id),
        async || is(State::Pending).await,
        async || is(State::Approved).await,
    )
    .await;
    assert_eq!(world.events::<pb::PaymentRequestApproved>().await.len(), 1);
}
