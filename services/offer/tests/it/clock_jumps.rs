//! The time is set back by an hour and forward again (O18): no deadline is lost, and none rings twice.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::ClockKind;
use countersign_proto::offer::v1::clock::State;

use crate::aws_failures as aws;
use crate::clocks::{clocks, kinds, start};
use crate::world::World;

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

/// The time is set back when the tasks of the deadlines are under way already: each is run once more at its
/// time, whatever its run saw.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_whose_task_runs_before_its_time_is_not_lost() {
    const DEADLINES: &str = "kind IN ('offer.ring-clock', 'offer.publish-overdue', 'offer.expire')";
    let world = World::new().await;
    let all = every_clock(&world).await;
    let early = format!("UPDATE task SET due_at = $1 WHERE {DEADLINES} AND state = 'pending'");
    let early = sqlx::query(sqlx::AssertSqlSafe(early)).bind(world.now());
    early.execute(world.bed.pool()).await.unwrap();
    // Those that nothing waits for any more are done.
    let left =
        format!("SELECT count(*) FROM task WHERE {DEADLINES} AND state <> 'done' AND due_at <= $1");
    for _ in 0..LOOKS {
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(left.clone())).bind(world.now());
        let count: i64 = count.fetch_one(world.bed.pool()).await.unwrap();
        if count == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(rung(&world).await, [""; 0]);
    let mut expected = Vec::new();
    for clock in all {
        world.advance(due(&clock) - world.now());
        expected.push(clock.clock_id);
        until_rung(&world, &expected).await;
    }
    each_was_told_once(&world, &expected).await;
}
