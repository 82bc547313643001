//! Events that are missing: how long they may be, and asking their publisher for them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use countersign_kernel::EngagementId;

use crate::envelope::IncomingEvent;
use crate::nats::Nats;
use crate::relay::ReplayRequest;
use crate::unit_of_work::Database;

/// How long a gap may stay before its publisher is asked, and how often it is asked again.
const GAP_PATIENCE: Duration = Duration::from_secs(3);
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Aggregates of which an event is missing: since when, and when its publisher was last asked.
#[derive(Default)]
pub(crate) struct Gaps(HashMap<(String, String), (Instant, Option<Instant>)>);

impl Gaps {
    pub(crate) fn forget(&mut self, event: &IncomingEvent) {
        if !self.0.is_empty() {
            self.0.remove(&key(event));
        }
    }

    /// Notes that something before `event` is missing. Whether its publisher is to be asked now.
    pub(crate) fn note(&mut self, event: &IncomingEvent) -> bool {
        let (since, asked) = self
            .0
            .entry(key(event))
            .or_insert_with(|| (Instant::now(), None));
        let due = asked.map_or(since.elapsed() >= GAP_PATIENCE, |at| {
            at.elapsed() >= ASK_AGAIN
        });
        if due {
            *asked = Some(Instant::now());
        }
        due
    }
}

fn key(event: &IncomingEvent) -> (String, String) {
    (event.seller.to_string(), event.aggregate_id.clone())
}

/// Asks the publisher for what is missing before `event`.
pub(crate) async fn ask(database: &Database, nats: &Nats, event: &IncomingEvent) {
    let last: Result<i64, sqlx::Error> = sqlx::query_scalar(
        "SELECT last_seq FROM aggregate_cursor
        WHERE seller = $1 AND source = $2 AND aggregate_id = $3",
    )
    .bind(event.seller.as_str())
    .bind(&event.source)
    .bind(&event.aggregate_id)
    .fetch_one(database.system())
    .await;
    let Ok(last) = last else { return };
    let request = ReplayRequest {
        seller: event.seller.to_string(),
        aggregate_id: event.aggregate_id.clone(),
        from_seq: last + 1,
    };
    tracing::warn!(
        ?request,
        source = event.source,
        seller = event.seller.as_str(),
        engagement = event.engagement.as_ref().map(EngagementId::as_str),
        trace_id = event.trace.trace_id(),
        "an event is missing; asking for it"
    );
    let Ok(payload) = serde_json::to_vec(&request) else {
        return;
    };
    let subject = nats.names.replay(&event.source);
    if let Err(error) = nats.client.publish(subject, payload.into()).await {
        tracing::warn!(%error, "cannot ask for a replay");
    }
}
