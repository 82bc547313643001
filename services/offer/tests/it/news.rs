//! What AWS tells by itself, through a queue (O13): it hastens what looking finds anyway, and nothing that
//! goes wrong with it is seen outside.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_offer::OfferConfig;
use countersign_platform::testing::Log;
use countersign_proto::offer::v1 as pb;
use pb::offer::State;
use serde_json::{Value, json};

use crate::clocks::clocks;
use crate::world::World;

const HOUR_MS: u64 = 60 * 60 * 1_000;

pub(crate) fn hears(config: &mut OfferConfig) {
    let endpoint = config.marketplace_endpoint.as_deref().unwrap();
    let queue = format!("{endpoint}/111122223333/marketplace-events");
    config.events_queue_url = Some(queue);
}

/// Nobody looks before an hour is over: only what AWS tells can be it.
fn only_hears(config: &mut OfferConfig) {
    hears(config);
    config.change_set_poll_min_ms = HOUR_MS;
    config.change_set_poll_max_ms = HOUR_MS;
    config.agreement_poll_ms = HOUR_MS;
}

async fn accepted(world: &World) -> pb::Offer {
    let offer = world.published().await;
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let accept = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", accept).await;
    world.until_state(&offer.offer_id, State::Accepted).await
}

async fn was_told_once(world: &World) {
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
    assert_eq!(world.events::<pb::AgreementAccepted>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_tells_is_looked_at_at_once() {
    let world = World::with(only_hears).await;
    let began = world.now();
    accepted(&world).await;
    was_told_once(&world).await;
    let took = world.now() - began;
    assert!(took.num_minutes() < 50, "it was not the event: {took}");
}

/// P5, O13: another tenant's process on the same schema, which has no queue, ends no hearing of this one.
#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_s_process_hears_for_itself() {
    let world = World::with(only_hears).await;
    let another = world.serve_another_tenant().await;
    let tasks =
        "SELECT key FROM task WHERE kind = 'offer.read-agreements' AND key IN ('acme', 'globex')";
    let seeded = async || -> Vec<String> {
        let tasks = sqlx::query_scalar(tasks).fetch_all(world.bed.pool());
        tasks.await.unwrap()
    };
    let both = |tasks: &Vec<String>| tasks.len() == 2;
    world.hurry_by(TimeDelta::zero(), seeded, both).await;
    let began = world.now();
    accepted(&world).await;
    was_told_once(&world).await;
    let took = world.now() - began;
    assert!(took.num_minutes() < 50, "it was not the event: {took}");
    another.stop().await;
}

/// O18: AWS tells of an acceptance at once and shows its agreement up to a day later; if it does not, somebody
/// hears of it, once.
#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_whose_agreement_is_not_shown_has_a_clock() {
    let world = World::with(hears).await;
    let days = |count: i64| TimeDelta::days(count).num_milliseconds();
    let late = json!({ "agreementVisibleMs": days(2) });
    world.act("settings", late).await;
    let twice = json!({ "fault": "duplicate", "times": 100 });
    world.act("events/inject", twice).await;
    let offer = world.published().await;
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let accept = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    let accepted_at = world.now();
    world.act("accept", accept).await;
    let visible = pb::ClockKind::AgreementVisible;
    let is = |clock: &&pb::Clock| clock.kind() == visible;
    let of = async |state| clocks(&world, state).await.iter().filter(is).count();
    for _ in 0..100 {
        if of(pb::clock::State::Running).await == 1 {
            break;
        }
        world.pass().await;
    }
    let running = clocks(&world, pb::clock::State::Running).await;
    let clock = running.iter().find(is).unwrap();
    assert_eq!(clock.offer_id, offer.offer_id);
    let due: DateTime<Utc> = clock.due_at.parse().unwrap();
    let off = due - accepted_at - TimeDelta::hours(24);
    assert!(off.abs() < TimeDelta::minutes(1), "not a day after: {off}");

    world.advance(TimeDelta::hours(25));
    for _ in 0..100 {
        if of(pb::clock::State::Breached).await == 1 {
            break;
        }
        world.pass().await;
    }
    assert_eq!(world.offer(&offer.offer_id).await.state(), State::Published);
    world.advance(TimeDelta::hours(24));
    world.until_state(&offer.offer_id, State::Accepted).await;
    was_told_once(&world).await;
    let rung = world.events::<pb::ClockBreached>().await;
    let rung = rung.iter().filter_map(|event| event.clock.as_ref());
    assert_eq!(rung.filter(is).count(), 1);
    assert_eq!(of(pb::clock::State::Running).await, 0);
}

/// Facts §5.1: delivery is best effort.
#[tokio::test(flavor = "multi_thread")]
async fn twice_or_late_is_told_once() {
    for fault in ["duplicate", "late"] {
        let world = World::with(hears).await;
        let body = json!({ "fault": fault, "times": 100 });
        world.act("events/inject", body).await;
        accepted(&world).await;
        was_told_once(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_found_by_looking() {
    let world = World::with(hears).await;
    world
        .act("events/inject", json!({ "fault": "lose", "times": 100 }))
        .await;
    accepted(&world).await;
    was_told_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_queue_everything_is_found_by_looking() {
    let world = World::with(|config| {
        hears(config);
        let queue = config.events_queue_url.as_mut().unwrap();
        queue.push_str("-that-is-gone");
    })
    .await;
    accepted(&world).await;
    was_told_once(&world).await;
    let told = "SELECT last_error FROM task WHERE kind = 'offer.hear-news'";
    let told: Option<String> = sqlx::query_scalar(told)
        .fetch_one(world.bed.pool())
        .await
        .unwrap();
    let told = told.unwrap_or_default();
    assert!(
        told.contains("QueueDoesNotExist") || told.contains("NonExistentQueue"),
        "{told}"
    );
}

async fn send(world: &World, body: &str) {
    let message = json!({ "account": "111122223333", "body": body });
    world.act("events/send", message).await;
}

/// What is still in the queue and was received.
async fn left(world: &World) -> BTreeSet<String> {
    let state = world.look("state").await;
    let queued = state["queuedEvents"].as_array().unwrap().iter();
    let received = queued.filter(|message| message["receives"] != json!(0));
    let body = |message: &Value| message["body"].as_str().unwrap().to_owned();
    received.map(body).collect()
}

/// What cannot be read stays for the queue's dead letters, and the log says so; what can be, whosever it is and
/// however large, is taken out; and neither keeps back what comes behind it. More come than one call takes.
#[tokio::test]
async fn what_is_no_event_keeps_nothing_back() {
    let log = Log::start();
    let world = World::with(only_hears).await;
    let event = |source: &str, name: &str, account: &str, detail: Value| {
        json!({ "version": "0", "id": "one-and-the-same", "source": source, "detail-type": name,
            "account": account, "time": "2026-03-02T10:00:00Z", "region": "us-east-1",
            "resources": [], "detail": detail })
        .to_string()
    };
    let (catalog, agreements) = ("aws.marketplacecatalog", "aws.agreement-marketplace");
    let ended = "Change Set Succeeded";
    let own = "111122223333";
    let mut unreadable: BTreeSet<String> = [
        "no JSON",
        "<html><body>502</body></html>",
        "{\"source\": ",
        "null",
        "[]",
        "7",
        "{}",
        r#"{"Type":"Notification","Message":"{}"}"#,
        r#"{"source":"aws.marketplacecatalog","detail-type":7}"#,
        r#"{"source":null,"detail-type":"Change Set Failed"}"#,
    ]
    .map(str::to_owned)
    .into();
    unreadable.insert(event(catalog, ended, own, json!({ "ChangeSetId": 7 })));
    unreadable.insert(event(catalog, ended, own, json!("cs-1")));
    unreadable.insert(format!("{{{}", " ".repeat(256 * 1024)));
    let started = "Purchase Agreement Created - Proposer";
    let over = "Purchase Agreement Ended - Proposer";
    let huge = json!({ "agreement": { "id": "x".repeat(256 * 1024) } });
    let readable = [
        event(
            agreements,
            over,
            own,
            json!({ "agreement": { "id": "agmt-none" } }),
        ),
        event(
            agreements,
            started,
            own,
            json!({ "agreement": { "id": "agmt-none" } }),
        ),
        event(
            agreements,
            started,
            own,
            json!({ "agreement": { "id": "agmt-none" } }),
        ),
        event(agreements, started, "999988887777", json!({})),
        event(agreements, started, own, huge),
        event(
            catalog,
            ended,
            own,
            json!({ "ChangeSetId": "cs-of-nobody" }),
        ),
        event(catalog, "Something New", own, json!([])),
        event("somebody.else", started, own, json!({})),
    ];
    for body in unreadable.iter().chain(&readable) {
        send(&world, body).await;
    }
    accepted(&world).await;
    was_told_once(&world).await;
    for _ in 0..100 {
        if left(&world).await == unreadable {
            break;
        }
        world.pass().await;
    }
    assert_eq!(left(&world).await, unreadable);
    let lines = log.lines();
    let told = lines
        .iter()
        .filter(|line| line["message"] == "an event cannot be read");
    let seen: Vec<_> = told.collect();
    assert!(seen.len() >= unreadable.len(), "{seen:#?}");
}
