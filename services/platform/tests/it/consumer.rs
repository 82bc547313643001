//! The consumer: each event once, each aggregate in order, poison set aside (P2; messaging §2.6).

use std::time::Duration;

use async_nats::jetstream::{self, Context};
use countersign_platform::testing::{NATS_VARIABLE, TestBed, required};
use countersign_platform::{Failure, Handled, NewEvent};

use crate::support::{
    NOTED, Reader, UNKNOWN, compose_reader, compose_sample, event, eventually, eventually_notes,
    notes, pair, publish, reader, sample,
};

async fn jetstream() -> Context {
    jetstream::new(async_nats::connect(required(NATS_VARIABLE)).await.unwrap())
}

fn stream_of(bed: &TestBed) -> String {
    let prefix = &bed.parts().settings.nats_prefix;
    format!("{prefix}_sample").to_uppercase().replace('-', "_")
}

/// Publishes without a note of its own.
async fn say(bed: &TestBed, event: NewEvent) {
    bed.transaction(|uow| {
        let event = event.clone();
        Box::pin(async move { uow.publish(event).await })
    })
    .await
    .unwrap();
}

async fn outcomes(bed: &TestBed) -> Vec<(String, i64)> {
    sqlx::query_as("SELECT outcome, count(*) FROM inbox GROUP BY outcome ORDER BY outcome")
        .fetch_all(bed.pool())
        .await
        .unwrap()
}

async fn received(bed: &TestBed) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM inbox")
        .fetch_one(bed.pool())
        .await
        .unwrap()
}

/// Applied once and in order over several aggregates; unknown types are passed over, rejections
/// recorded, and neither holds anything up. Redelivery of everything changes nothing.
#[tokio::test]
async fn applies_once_in_order_whatever_comes_between() {
    let (bed, hearing) = pair().await;
    for number in 0..30 {
        for topic in ["a", "b", "c"] {
            publish(&bed, topic, &number.to_string()).await;
        }
    }
    say(&bed, event(UNKNOWN, "a", "what")).await;
    say(&bed, event(NOTED, "a", "reject")).await;
    publish(&bed, "a", "last").await;
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    let mut expected: Vec<String> = (0..30).map(|number: i32| number.to_string()).collect();
    let texts: Vec<&str> = expected.iter().map(String::as_str).collect();
    eventually_notes(hearing.pool(), "b", &texts).await;
    eventually_notes(hearing.pool(), "c", &texts).await;
    expected.push("last".to_owned());
    let texts: Vec<&str> = expected.iter().map(String::as_str).collect();
    eventually_notes(hearing.pool(), "a", &texts).await;
    let of = |outcome: &str, count| (outcome.to_owned(), count);
    let once = vec![of("applied", 91), of("ignored", 1), of("rejected", 1)];
    assert_eq!(outcomes(&hearing).await, once);

    // The consumer is deleted: it is made again, and hears everything from the start.
    let stream = jetstream().await.get_stream(stream_of(&bed)).await.unwrap();
    stream.delete_consumer("reader__on-sample").await.unwrap();
    publish(&bed, "b", "after").await;
    eventually("the last note", || async {
        notes(hearing.pool(), "b").await.last().unwrap() == "after"
    })
    .await;
    assert_eq!(notes(hearing.pool(), "a").await, texts);
    running.stop().await;
    listening.stop().await;
}

/// messaging §2.6.3: an event is missing in the stream; its publisher is asked, and it arrives.
#[tokio::test]
async fn a_gap_is_asked_for() {
    let (bed, hearing) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    publish(&bed, "a", "1").await;
    eventually("the first published", || async {
        let places = "SELECT count(*) FROM outbox WHERE stream_seq IS NOT NULL";
        let count: i64 = sqlx::query_scalar(places)
            .fetch_one(bed.pool())
            .await
            .unwrap();
        count == 1
    })
    .await;
    running.stop().await;
    publish(&bed, "a", "2").await;
    publish(&bed, "a", "3").await;
    // As if the second had been lost on the way: it counts as published, and is not there.
    sqlx::query("UPDATE outbox SET published_at = now() WHERE aggregate_seq = 2")
        .execute(bed.pool())
        .await
        .unwrap();
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    eventually_notes(hearing.pool(), "a", &["1"]).await;
    publish(&bed, "b", "goes on").await;
    eventually_notes(hearing.pool(), "b", &["goes on"]).await;
    eventually_notes(hearing.pool(), "a", &["1", "2", "3"]).await;
    running.stop().await;
    listening.stop().await;
}

/// Poison parks its own aggregate only; after it is redriven, all is there in order.
#[tokio::test]
async fn poison_parks_its_aggregate_only() {
    let (bed, hearing) = pair().await;
    publish(&bed, "a", "1").await;
    say(&bed, event(NOTED, "a", "garbage")).await;
    publish(&bed, "a", "3").await;
    publish(&bed, "b", "1").await;
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    eventually_notes(hearing.pool(), "b", &["1"]).await;
    eventually_notes(hearing.pool(), "a", &["1"]).await;
    let waiting = "SELECT count(*) FROM parked_event WHERE redriven_at IS NULL";
    eventually("two parked events", || async {
        sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(hearing.pool())
            .await
            .unwrap()
            == 2
    })
    .await;
    publish(&bed, "a", "4").await;
    publish(&bed, "b", "2").await;
    eventually_notes(hearing.pool(), "b", &["1", "2"]).await;
    eventually("three parked events", || async {
        sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(hearing.pool())
            .await
            .unwrap()
            == 3
    })
    .await;
    assert_eq!(notes(hearing.pool(), "a").await, ["1"]);

    let mut operator = crate::operations::operator(&listening);
    let redrive = || crate::operations::redrive("a");
    let still = operator
        .redrive_parked_events(redrive())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((still.redriven, still.remaining), (0, 3));
    assert!(still.error.contains("garbage"), "{}", still.error);
    // The reason is mended: here, what the event says.
    sqlx::query("UPDATE parked_event SET payload = 'mended' WHERE NOT behind")
        .execute(hearing.pool())
        .await
        .unwrap();
    let done = operator
        .redrive_parked_events(redrive())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (done.redriven, done.remaining, done.error.as_str()),
        (3, 0, "")
    );
    publish(&bed, "a", "5").await;
    eventually_notes(hearing.pool(), "a", &["1", "mended", "3", "4", "5"]).await;
    running.stop().await;
    listening.stop().await;
}

/// A handler that cannot yet is asked again, and holds up nobody else.
#[tokio::test]
async fn what_is_away_is_tried_again() {
    let (bed, hearing) = pair().await;
    publish(&bed, "a", "once").await;
    publish(&bed, "b", "1").await;
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    eventually_notes(hearing.pool(), "b", &["1"]).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(notes(hearing.pool(), "a").await.is_empty());
    sqlx::query("INSERT INTO note (topic, body) VALUES ('may-go-on', '')")
        .execute(hearing.pool())
        .await
        .unwrap();
    eventually_notes(hearing.pool(), "a", &["once"]).await;
    running.stop().await;
    listening.stop().await;
}

/// What is no event at all is passed over; the stream goes on.
#[tokio::test]
async fn what_is_no_event_is_ignored() {
    let (bed, hearing) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    publish(&bed, "a", "1").await;
    eventually_notes(hearing.pool(), "a", &["1"]).await;
    let prefix = bed.parts().settings.nats_prefix.clone();
    let context = jetstream().await;
    for payload in ["", "\u{0}\u{ff}"] {
        let subject = format!("{prefix}.sample.00.nonsense.v1");
        let sent = context.publish(subject, payload.into()).await.unwrap();
        sent.await.unwrap();
    }
    publish(&bed, "a", "2").await;
    eventually_notes(hearing.pool(), "a", &["1", "2"]).await;
    assert_eq!(received(&hearing).await, 2);
    running.stop().await;
    listening.stop().await;
}

/// Two instances share the work, and each event is applied once and in order.
#[tokio::test]
async fn two_instances_take_turns() {
    let (bed, hearing) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    let first = hearing.serve(&reader(), compose_reader).await;
    let second = hearing.serve(&reader(), compose_reader).await;
    let expected: Vec<String> = (0..100).map(|number: i32| number.to_string()).collect();
    for body in &expected {
        publish(&bed, "a", body).await;
        publish(&bed, "b", body).await;
    }
    let texts: Vec<&str> = expected.iter().map(String::as_str).collect();
    eventually_notes(hearing.pool(), "a", &texts).await;
    eventually_notes(hearing.pool(), "b", &texts).await;
    for instance in [running, first, second] {
        instance.stop().await;
    }
}

/// messaging §0.8: this build cannot even ask for several filters, which 2.9 would ignore. The
/// durable asks for none, and for exactly what §2.3 says.
#[tokio::test]
async fn the_durable_is_what_it_should_be() {
    let (bed, hearing) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    publish(&bed, "a", "1").await;
    let context = jetstream().await;
    let name = stream_of(&bed);
    eventually("the stream", || async {
        context.get_stream(&name).await.is_ok()
    })
    .await;
    let stream = context.get_stream(&name).await.unwrap();
    // Somebody made it with other settings: they are not taken over without a word.
    stream
        .create_consumer(jetstream::consumer::pull::Config {
            durable_name: Some("reader__on-sample".to_owned()),
            max_deliver: 3,
            filter_subject: format!("{}.sample.00.>", bed.parts().settings.nats_prefix),
            ..Default::default()
        })
        .await
        .unwrap();
    let listening = hearing.serve(&reader(), compose_reader).await;
    eventually_notes(hearing.pool(), "a", &["1"]).await;
    let info = stream.consumer_info("reader__on-sample").await.unwrap();
    assert_eq!(info.config.max_deliver, -1);
    assert_eq!(info.config.filter_subject, "");
    running.stop().await;
    listening.stop().await;
}

/// Without NATS: how services test their handlers.
#[tokio::test]
async fn a_test_bed_delivers_as_the_consumer_does() {
    let (_, hearing) = pair().await;
    let first = hearing.incoming("sample", 1, event(NOTED, "a", "1"));
    let third = hearing.incoming("sample", 3, event(NOTED, "a", "3"));
    let unknown = hearing.incoming("sample", 2, event(UNKNOWN, "a", "2"));
    let reject = hearing.incoming("sample", 4, event(NOTED, "a", "reject"));
    let garbage = hearing.incoming("sample", 1, event(NOTED, "b", "garbage"));
    assert_eq!(hearing.deliver(&Reader, &first).await.unwrap(), "applied");
    assert_eq!(hearing.deliver(&Reader, &first).await.unwrap(), "applied");
    let waits = hearing.deliver(&Reader, &third).await.unwrap();
    assert_eq!(waits, "waits for an earlier event");
    assert_eq!(hearing.deliver(&Reader, &unknown).await.unwrap(), "ignored");
    assert_eq!(hearing.deliver(&Reader, &third).await.unwrap(), "applied");
    assert_eq!(hearing.deliver(&Reader, &reject).await.unwrap(), "rejected");
    let failed = hearing.deliver(&Reader, &garbage).await.unwrap_err();
    assert!(matches!(failed, Failure::Undecodable { .. }));
    assert_eq!(notes(hearing.pool(), "a").await, ["1", "3"]);
    assert_ne!(Handled::Applied, Handled::Ignored);
}
