//! How fast the outbox relay publishes, against what JetStream itself acknowledges.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_nats::jetstream::{self, stream};
use futures::{StreamExt, TryStreamExt};

use super::report::{Figure, Target, median};
use super::superuser;
use crate::environment::{Environment, Service};

const EVENTS: i32 = 20_000;
const PAYLOAD_BYTES: usize = 300;
/// As many unacknowledged messages as the relay has in one batch.
const WINDOW: usize = 512;
const ROUNDS: usize = 3;
const DRAIN_LIMIT: Duration = Duration::from_mins(2);
const STREAM: &str = "BENCH";

pub(super) async fn measure(environment: &Environment) -> Result<Vec<Figure>> {
    // Nobody listens: what is measured is the relay, not its consumers.
    for service in Service::ALL {
        environment.stop(service);
    }
    let (mut relay, mut limit) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        limit.push(jetstream_rate(environment).await?);
        relay.push(relay_rate(environment, round).await?);
    }
    for service in Service::ALL {
        if environment.process_id(service).is_none() {
            environment.start_service(service, &[]).await?;
        }
    }
    let (relay, limit) = (median(relay), median(limit));
    Ok(vec![
        Figure::new("JetStream, acknowledged", limit, "events/s"),
        Figure::new("relay, published and marked", relay, "events/s"),
        Figure::new("relay / JetStream", 100.0 * relay / limit, "%").target(Target::AtLeast(40.0)),
    ])
}

async fn jetstream_rate(environment: &Environment) -> Result<f64> {
    let context = jetstream::new(environment.nats().await?);
    let config = stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["bench.>".to_owned()],
        storage: stream::StorageType::File,
        ..stream::Config::default()
    };
    context
        .create_stream(config)
        .await
        .context("making a stream")?;
    let payload = bytes::Bytes::from(vec![b'x'; PAYLOAD_BYTES]);
    let start = Instant::now();
    futures::stream::iter(0..EVENTS)
        .map(|number| publish(&context, number, payload.clone()))
        .buffered(WINDOW)
        .try_collect::<Vec<()>>()
        .await?;
    let rate = f64::from(EVENTS) / start.elapsed().as_secs_f64();
    context
        .delete_stream(STREAM)
        .await
        .context("removing the stream")?;
    Ok(rate)
}

/// With as many headers as an event has.
async fn publish(context: &jetstream::Context, number: i32, payload: bytes::Bytes) -> Result<()> {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("bench-{number}"));
    for name in [
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-subject",
        "ce-time",
        "ce-sequence",
    ] {
        headers.insert(name, "a value of ordinary length");
    }
    let sent = context
        .publish_with_headers("bench.00.event.v1", headers, payload)
        .await
        .context("publishing")?;
    sent.await
        .map(drop)
        .context("waiting for the acknowledgement")
}

/// Fills the outbox, starts the service, and reads from the rows' own marks how long it took.
async fn relay_rate(environment: &Environment, round: usize) -> Result<f64> {
    let mut connection = superuser(environment).await?;
    sqlx::query(
        "INSERT INTO estimate.outbox (event_id, seller, aggregate_id, aggregate_seq, type_name,
            causation, traceparent, payload, occurred_at)
        SELECT gen_random_uuid(), 'bench', 'bench-' || $1 || '-' || n, 1,
            'countersign.estimate.v1.EstimateBench', 'bench',
            '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
            decode(repeat('78', $2), 'hex'), now()
        FROM generate_series(1, $3) AS n",
    )
    .bind(round.to_string())
    .bind(i32::try_from(PAYLOAD_BYTES).context("payload size")?)
    .bind(EVENTS)
    .execute(&mut connection)
    .await
    .context("filling the outbox")?;

    environment.start_service(Service::Estimate, &[]).await?;
    let start = Instant::now();
    loop {
        let open: i64 =
            sqlx::query_scalar("SELECT count(*) FROM estimate.outbox WHERE published_at IS NULL")
                .fetch_one(&mut connection)
                .await?;
        if open == 0 {
            break;
        }
        if start.elapsed() > DRAIN_LIMIT {
            bail!("{open} events are still unpublished after {DRAIN_LIMIT:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    environment.stop(Service::Estimate);

    // The first batch's own time is not between two marks, so its rows do not count either.
    let rate: f64 = sqlx::query_scalar(
        "WITH marks AS (
            SELECT published_at, count(*) AS events FROM estimate.outbox
            WHERE aggregate_id LIKE 'bench-' || $1 || '-%' GROUP BY published_at
        )
        SELECT ((sum(events) - (SELECT events FROM marks ORDER BY published_at LIMIT 1))
            / extract(epoch FROM max(published_at) - min(published_at)))::FLOAT8 FROM marks",
    )
    .bind(round.to_string())
    .fetch_one(&mut connection)
    .await
    .context("reading the marks")?;
    Ok(rate)
}
