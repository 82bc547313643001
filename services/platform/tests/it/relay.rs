//! The relay: in order, once each, and again when NATS lost them (P2; messaging §0.2, §0.7–0.10).

use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context, Message};
use countersign_platform::testing::{NATS_VARIABLE, TestBed, required};
use countersign_platform::{NoSection, Secret, Settings};
use futures::StreamExt;

use crate::support::{
    PrivateNats, compose_reader, compose_sample, eventually, eventually_notes, notes, pair,
    pair_with, publish, reader, sample,
};

async fn jetstream_at(url: &str) -> Context {
    jetstream::new(async_nats::connect(url).await.unwrap())
}

fn stream_of(bed: &TestBed) -> String {
    let prefix = &bed.parts().settings.nats_prefix;
    format!("{prefix}_sample").to_uppercase().replace('-', "_")
}

async fn messages(jetstream: &Context, stream: &str) -> Vec<Message> {
    let stream = jetstream.get_stream(stream).await.unwrap();
    let count = usize::try_from(stream.cached_info().state.messages).unwrap();
    let consumer = stream
        .create_consumer(pull::Config {
            deliver_policy: DeliverPolicy::All,
            ..pull::Config::default()
        })
        .await
        .unwrap();
    let messages = consumer.messages().await.unwrap().take(count);
    messages.map(Result::unwrap).collect().await
}

async fn unpublished(bed: &TestBed) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        .fetch_one(bed.pool())
        .await
        .unwrap()
}

async fn all_published(bed: &TestBed) {
    eventually("everything published", || async {
        unpublished(bed).await == 0
    })
    .await;
}

/// Events lie in the stream in the order of their commits, each once, with the headers of
/// messaging §2.4, and the outbox knows the place of each.
#[tokio::test]
async fn publishes_in_order_with_headers() {
    let (bed, _) = pair().await;
    for number in 0..20 {
        publish(&bed, "a", &number.to_string()).await;
    }
    let running = bed.serve(&sample(), compose_sample).await;
    for number in 20..40 {
        publish(&bed, "a", &number.to_string()).await;
    }
    all_published(&bed).await;
    let jetstream = jetstream_at(&required(NATS_VARIABLE)).await;
    let messages = messages(&jetstream, &stream_of(&bed)).await;
    let bodies: Vec<String> = messages
        .iter()
        .map(|message| String::from_utf8_lossy(&message.payload).into_owned())
        .collect();
    let expected: Vec<String> = (0..40).map(|number: i32| number.to_string()).collect();
    assert_eq!(bodies, expected);
    let header = |name: &str| {
        messages[4]
            .headers
            .as_ref()
            .unwrap()
            .get(name)
            .unwrap()
            .as_str()
    };
    assert_eq!(header("ce-type"), "countersign.sample.v1.ThingNoted");
    assert_eq!(header("ce-source"), "/sample");
    assert_eq!(header("ce-sequence"), "5");
    assert_eq!(header("ce-id"), header("Nats-Msg-Id"));
    assert_eq!(header("countersign-seller"), "acme");
    assert_eq!(header("ce-correlationid"), "006D");
    assert_eq!(header("traceparent"), header("ce-traceparent"));
    let prefix = &bed.parts().settings.nats_prefix;
    assert_eq!(
        messages[4].subject.as_str(),
        format!("{prefix}.sample.10.thing_noted.v1")
    );
    let places: Vec<i64> = sqlx::query_scalar("SELECT stream_seq FROM outbox ORDER BY id")
        .fetch_all(bed.pool())
        .await
        .unwrap();
    assert_eq!(places, (1..=40).collect::<Vec<i64>>());
    running.stop().await;
}

/// A batch reads itself, however much waits behind it.
#[tokio::test]
async fn a_batch_costs_the_same_however_long_the_backlog() {
    const BACKLOG: i32 = 10_000;
    let (bed, _) = pair().await;
    let mut superuser = bed.superuser().await;
    sqlx::query(
        "INSERT INTO sample.outbox (event_id, seller, aggregate_id, aggregate_seq, type_name, causation,
            traceparent, payload, occurred_at)
        SELECT gen_random_uuid(), 'acme', n::text, 1, 'countersign.sample.v1.ThingNoted', 'test', '',
            '\\x78', now() FROM generate_series(1, $1) AS n",
    )
    .bind(BACKLOG)
    .execute(&mut superuser)
    .await
    .unwrap();
    let running = bed.serve(&sample(), compose_sample).await;
    let jetstream = jetstream_at(&required(NATS_VARIABLE)).await;
    // Asked of NATS: a look into the outbox would be counted below.
    eventually("all of it in the stream", || async {
        let Ok(stream) = jetstream.get_stream(&stream_of(&bed)).await else {
            return false;
        };
        stream.cached_info().state.messages == u64::from(BACKLOG.unsigned_abs())
    })
    .await;
    running.stop().await;
    let read = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables
        WHERE schemaname = 'sample' AND relname = 'outbox'";
    let mut rows: i64 = 0;
    // A session tells its figures when it ends.
    for _ in 0..100 {
        let now = sqlx::query_scalar(read).fetch_one(&mut superuser);
        rows = now.await.unwrap();
        if rows >= i64::from(BACKLOG) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(rows >= i64::from(BACKLOG), "{rows}");
    assert!(rows < i64::from(5 * BACKLOG), "{rows} rows were read");
}

/// A crash between publishing and marking: the same message id is sent again, and NATS has it once.
#[tokio::test]
async fn what_was_not_marked_is_sent_again_and_stored_once() {
    let (bed, _) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    publish(&bed, "a", "one").await;
    publish(&bed, "a", "two").await;
    all_published(&bed).await;
    running.stop().await;
    sqlx::query("UPDATE outbox SET published_at = NULL, stream_seq = NULL")
        .execute(bed.pool())
        .await
        .unwrap();
    let running = bed.serve(&sample(), compose_sample).await;
    all_published(&bed).await;
    let jetstream = jetstream_at(&required(NATS_VARIABLE)).await;
    assert_eq!(messages(&jetstream, &stream_of(&bed)).await.len(), 2);
    running.stop().await;
}

/// Two instances: one leads, and the other takes over when it stops.
#[tokio::test]
async fn one_leads_and_another_takes_over() {
    let (bed, _) = pair().await;
    let first = bed.serve(&sample(), compose_sample).await;
    publish(&bed, "a", "one").await;
    all_published(&bed).await;
    let second = bed.serve(&sample(), compose_sample).await;
    let leaders = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut looker = bed.superuser().await;
    let leading: i64 = sqlx::query_scalar(leaders)
        .fetch_one(&mut looker)
        .await
        .unwrap();
    assert_eq!(leading, 1);
    first.stop().await;
    publish(&bed, "a", "two").await;
    all_published(&bed).await;
    second.stop().await;
}

/// messaging §0.9: a stream that is there with other settings is refused, not used.
#[tokio::test]
async fn a_stream_of_another_make_is_refused() {
    let (bed, _) = pair().await;
    let jetstream = jetstream_at(&required(NATS_VARIABLE)).await;
    let prefix = &bed.parts().settings.nats_prefix;
    jetstream
        .create_stream(Config {
            name: stream_of(&bed),
            subjects: vec![format!("{prefix}.sample.>")],
            storage: StorageType::Memory,
            max_bytes: 1_000_000,
            ..Config::default()
        })
        .await
        .unwrap();
    let running = bed.serve(&sample(), compose_sample).await;
    publish(&bed, "a", "one").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(unpublished(&bed).await, 1);
    // Out of the way, the right one is made.
    jetstream.delete_stream(stream_of(&bed)).await.unwrap();
    all_published(&bed).await;
    running.stop().await;
}

/// A setting that may change is brought in line.
#[tokio::test]
async fn a_stream_is_brought_in_line() {
    let (bed, _) = pair().await;
    bed.serve(&sample(), compose_sample).await.stop().await;
    let running = bed.serve(&sample(), compose_sample).await;
    publish(&bed, "a", "one").await;
    all_published(&bed).await;
    let jetstream = jetstream_at(&required(NATS_VARIABLE)).await;
    let mut stream = jetstream.get_stream(stream_of(&bed)).await.unwrap();
    let config = Config {
        max_bytes: 32 * 1024 * 1024,
        ..stream.cached_info().config.clone()
    };
    jetstream.update_stream(config).await.unwrap();
    eventually("the old limit", || {
        let stream = stream.clone();
        async move {
            let mut stream = stream;
            stream.info().await.unwrap().config.max_bytes == 16 * 1024 * 1024
        }
    })
    .await;
    let config = &stream.info().await.unwrap().config;
    assert!(config.deny_delete && config.deny_purge);
    assert_eq!(config.max_age, Duration::ZERO);
    running.stop().await;
}

/// NATS away: commands go on, and everything arrives when it is back.
#[tokio::test]
async fn nats_may_be_away() {
    let mut nats = PrivateNats::start();
    let url = nats.url();
    let (bed, hearing) = pair_with(|settings| settings.nats_url = Secret::new(url.clone())).await;
    nats.kill();
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    publish(&bed, "a", "one").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(unpublished(&bed).await, 1);
    nats.start_again();
    eventually_notes(hearing.pool(), "a", &["one"]).await;
    nats.kill();
    publish(&bed, "a", "two").await;
    nats.start_again();
    eventually_notes(hearing.pool(), "a", &["one", "two"]).await;
    running.stop().await;
    listening.stop().await;
}

/// messaging §0.2, §2.7: the JetStream folder is removed; everything is published again, and
/// applied once.
#[tokio::test]
async fn a_wiped_jetstream_loses_nothing() {
    let mut nats = PrivateNats::start();
    let url = nats.url();
    let (bed, hearing) = pair_with(|settings| settings.nats_url = Secret::new(url.clone())).await;
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    publish(&bed, "a", "1").await;
    publish(&bed, "b", "1").await;
    eventually_notes(hearing.pool(), "a", &["1"]).await;
    nats.kill();
    nats.wipe();
    publish(&bed, "a", "2").await;
    nats.start_again();
    publish(&bed, "a", "3").await;
    eventually_notes(hearing.pool(), "a", &["1", "2", "3"]).await;
    eventually_notes(hearing.pool(), "b", &["1"]).await;
    all_published(&bed).await;
    let jetstream = jetstream_at(&url).await;
    assert_eq!(messages(&jetstream, &stream_of(&bed)).await.len(), 4);
    running.stop().await;
    listening.stop().await;
}

/// messaging §1.2: NATS comes back as it was a while ago and says nothing. What it forgot is
/// published again, what came later arrives, and nothing is applied twice.
#[tokio::test]
async fn a_jetstream_that_went_back_loses_nothing() {
    let mut nats = PrivateNats::start();
    let url = nats.url();
    let (bed, hearing) = pair_with(|settings| settings.nats_url = Secret::new(url.clone())).await;
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    for number in 1..=5 {
        publish(&bed, "a", &number.to_string()).await;
    }
    all_published(&bed).await;
    nats.kill();
    nats.snapshot();
    nats.start_again();
    for number in 6..=9 {
        publish(&bed, "a", &number.to_string()).await;
    }
    eventually("nine notes", || async {
        notes(hearing.pool(), "a").await.len() == 9
    })
    .await;
    nats.kill();
    nats.restore();
    publish(&bed, "a", "10").await;
    nats.start_again();
    publish(&bed, "a", "11").await;
    let expected: Vec<String> = (1..=11).map(|number: i32| number.to_string()).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    eventually_notes(hearing.pool(), "a", &expected).await;
    all_published(&bed).await;
    // The stream holds all eleven again.
    let jetstream = jetstream_at(&url).await;
    let mut bodies: Vec<u32> = messages(&jetstream, &stream_of(&bed))
        .await
        .iter()
        .map(|message| String::from_utf8_lossy(&message.payload).parse().unwrap())
        .collect();
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies, (1..=11).collect::<Vec<u32>>());
    running.stop().await;
    listening.stop().await;
}

/// A deleted stream, while everything is connected, is made again and filled again.
#[tokio::test]
async fn a_deleted_stream_is_made_again() {
    let (bed, hearing) = pair().await;
    let running = bed.serve(&sample(), compose_sample).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    publish(&bed, "a", "1").await;
    eventually_notes(hearing.pool(), "a", &["1"]).await;
    let jetstream = jetstream_at(&required(NATS_VARIABLE)).await;
    jetstream.delete_stream(stream_of(&bed)).await.unwrap();
    publish(&bed, "a", "2").await;
    eventually_notes(hearing.pool(), "a", &["1", "2"]).await;
    all_published(&bed).await;
    assert_eq!(messages(&jetstream, &stream_of(&bed)).await.len(), 2);
    running.stop().await;
    listening.stop().await;
}

/// P1: what a service may say on NATS is this list and no more, and it is enough for all that the
/// harness does: streams, publishing, hearing, starting over, replays.
#[tokio::test]
async fn a_user_of_its_own_is_enough() {
    let prefix = crate::support::prefix();
    let stream = |schema: &str| {
        format!("{prefix}_{schema}")
            .to_uppercase()
            .replace('-', "_")
    };
    let user = |schema: &str, hears: &[&str]| {
        let own = stream(schema);
        let mut publish = vec![
            format!("{prefix}.{schema}.>"),
            format!("$JS.API.STREAM.CREATE.{own}"),
            format!("$JS.API.STREAM.UPDATE.{own}"),
            format!("$JS.API.STREAM.INFO.{own}"),
            format!("$JS.API.STREAM.MSG.GET.{own}"),
        ];
        for source in hears {
            let (heard, durable) = (stream(source), format!("{schema}__on-{source}"));
            publish.push(format!("{prefix}-replay.{source}"));
            publish.push(format!("$JS.API.STREAM.INFO.{heard}"));
            publish.push(format!("$JS.API.STREAM.MSG.GET.{heard}"));
            publish.push(format!("$JS.ACK.{heard}.{durable}.>"));
            for operation in ["CREATE", "INFO", "DELETE", "MSG.NEXT"] {
                publish.push(format!("$JS.API.CONSUMER.{operation}.{heard}.{durable}"));
            }
        }
        format!(
            "{{ user: {schema}, password: secret, permissions: {{
                publish: {publish:?}, subscribe: [\"_INBOX.{schema}.>\", \"{prefix}-replay.{schema}\"]
            }} }}"
        )
    };
    let users = [user("sample", &[]), user("reader", &["sample"])].join("\n");
    let nats = PrivateNats::start_with(&format!("authorization {{ users: [\n{users}\n] }}"));
    let settings = |schema: &'static str| {
        let (url, prefix) = (nats.url(), prefix.clone());
        move |settings: &mut Settings| {
            settings.nats_url = Secret::new(url);
            settings.nats_prefix = prefix;
            settings.nats_user = schema.to_owned();
            settings.nats_password = Secret::new("secret");
        }
    };
    let bed = TestBed::with_settings(&sample(), NoSection {}, settings("sample")).await;
    let hearing = TestBed::with_settings(&reader(), NoSection {}, settings("reader")).await;
    let running = bed.serve(&sample(), compose_sample).await;
    publish(&bed, "a", "1").await;
    all_published(&bed).await;
    // Lost on the way: reader must ask for it. And reader's place is wrong: it must start over.
    publish(&bed, "a", "2").await;
    all_published(&bed).await;
    let listening = hearing.serve(&reader(), compose_reader).await;
    eventually_notes(hearing.pool(), "a", &["1", "2"]).await;
    sqlx::query("UPDATE consumer_position SET last_message_id = 'another'")
        .execute(hearing.pool())
        .await
        .unwrap();
    eventually("starting over", || async {
        let place = "SELECT last_message_id FROM consumer_position";
        let place: String = sqlx::query_scalar(place)
            .fetch_one(hearing.pool())
            .await
            .unwrap();
        place != "another" && !place.is_empty()
    })
    .await;
    running.stop().await;
    publish(&bed, "a", "3").await;
    publish(&bed, "a", "4").await;
    sqlx::query("UPDATE outbox SET published_at = now() WHERE aggregate_seq = 3")
        .execute(bed.pool())
        .await
        .unwrap();
    let running = bed.serve(&sample(), compose_sample).await;
    eventually_notes(hearing.pool(), "a", &["1", "2", "3", "4"]).await;
    running.stop().await;
    listening.stop().await;
}
