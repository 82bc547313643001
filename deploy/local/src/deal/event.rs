//! An event that no service said: put into a service's stream with the operator's rights, to see what
//! those who hear that stream make of it. The headers are those of `services/platform/src/envelope.rs`.

use anyhow::{Context, Result};
use async_nats::{HeaderMap, jetstream};
use countersign_platform::partition;
use serde_json::{Value, json};

use crate::environment::{NatsAccess, Service};

/// A trace of its own would be of no use: nobody asked for these events.
const TRACE: &str = "00-00000000000000000000000000000001-0000000000000001-01";

/// What is said, and in whose name.
#[derive(Debug)]
pub(super) struct Forgery<'a> {
    /// Whose stream.
    pub(super) from: Service,
    pub(super) seller: &'a str,
    /// The full protobuf name; none for a message without any header, which is no event.
    pub(super) type_name: Option<&'a str>,
    pub(super) aggregate_id: &'a str,
    /// Its place among the aggregate's events, from 1.
    pub(super) sequence: u32,
    pub(super) id: String,
    /// RFC 3339, UTC.
    pub(super) time: String,
    pub(super) payload: Vec<u8>,
}

/// Publishes it and waits until the stream has it.
pub(super) async fn publish(nats: &NatsAccess, forgery: Forgery<'_>) -> Result<Value> {
    let jetstream = jetstream::new(nats.connect().await?);
    let (subject, headers) = (forgery.subject(), forgery.headers());
    let sent = jetstream.publish_with_headers(subject, headers, forgery.payload.into());
    let taken = sent.await.context("publishing")?.await;
    let place = taken.context("the stream did not take it")?.sequence;
    Ok(json!({ "event_id": forgery.id, "stream_sequence": place }))
}

impl Forgery<'_> {
    fn subject(&self) -> String {
        let event = self.type_name.unwrap_or("nothing");
        let event = event.rsplit('.').next().unwrap_or(event).to_lowercase();
        let (schema, part) = (self.from.schema(), partition(self.aggregate_id));
        format!("countersign.{schema}.{part:02}.{event}.v1")
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let Some(type_name) = self.type_name else {
            return headers;
        };
        let (source, sequence) = (
            format!("/{}", self.from.schema()),
            self.sequence.to_string(),
        );
        for (name, value) in [
            ("Nats-Msg-Id", self.id.as_str()),
            ("ce-specversion", "1.0"),
            ("ce-id", &self.id),
            ("ce-source", &source),
            ("ce-type", type_name),
            ("ce-subject", self.aggregate_id),
            ("ce-time", &self.time),
            ("ce-sequence", &sequence),
            ("ce-traceparent", TRACE),
            ("countersign-seller", self.seller),
        ] {
            headers.insert(name, value);
        }
        headers
    }
}
