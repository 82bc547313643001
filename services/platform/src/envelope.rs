//! Events on the wire: `CloudEvents` 1.0 attributes in the NATS protocol binding, binary mode.

use async_nats::HeaderMap;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use countersign_kernel::{Digest, EngagementId, SellerId};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

use crate::failure::Failure;
use crate::telemetry::TraceContext;

/// Partitions of a stream: consumers may take one each and keep every aggregate's order.
pub const PARTITIONS: u8 = 16;

/// A payload above this is refused when it is published: larger things are stored and referred to.
pub const MAX_PAYLOAD_BYTES: usize = 250 * 1024;

/// Where the NATS binding wants per cent signs: blank, quote, per cent (and all that is not ASCII).
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

pub(crate) const MESSAGE_ID: &str = "Nats-Msg-Id";
const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
const SELLER: &str = "countersign-seller";
const TRACEPARENT: &str = "traceparent";

/// An event that a transaction publishes: a fact, in the past tense, of one aggregate.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The full protobuf name, such as `countersign.estimate.v1.EstimateSubmitted`.
    pub type_name: String,
    /// The tenant.
    pub seller: SellerId,
    /// The deal, where there is one.
    pub engagement: Option<EngagementId>,
    /// Whose order it keeps: events of one aggregate arrive everywhere in the order of their
    /// commits.
    pub aggregate_id: String,
    /// The encoded message, at most [`MAX_PAYLOAD_BYTES`].
    pub payload: Vec<u8>,
}

/// An event as a subscriber sees it.
#[derive(Debug, Clone)]
pub struct IncomingEvent {
    /// Unique for ever; the same for every delivery and replay.
    pub id: Uuid,
    /// The service that published it, as its schema is called (`disbursement_reconciliation`).
    pub source: String,
    /// The full protobuf name.
    pub type_name: String,
    /// The tenant.
    pub seller: SellerId,
    /// The deal, where there is one.
    pub engagement: Option<EngagementId>,
    /// The aggregate that it is of.
    pub aggregate_id: String,
    /// Its place among the aggregate's events: 1, 2, 3…
    pub aggregate_seq: i64,
    /// When it happened, by its publisher's clock.
    pub time: DateTime<Utc>,
    /// The id of the command, event or task that caused it.
    pub causation: String,
    /// The trace that it belongs to.
    pub trace: TraceContext,
    /// The encoded message.
    pub payload: Bytes,
    /// Where it lies in the stream; 0 when it comes from this service's parked events.
    pub stream_seq: u64,
}

impl IncomingEvent {
    /// Decodes the payload.
    ///
    /// # Errors
    /// [`Failure::Undecodable`], upon which the harness parks the event at once.
    pub fn decode<M: prost::Message + Default>(&self) -> Result<M, Failure> {
        M::decode(self.payload.clone())
            .map_err(|error| Failure::undecodable(self.type_name.clone(), error))
    }
}

/// What the outbox keeps of an event: enough to publish it at any time again.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) id: Uuid,
    pub(crate) type_name: String,
    pub(crate) seller: String,
    pub(crate) engagement: Option<String>,
    pub(crate) aggregate_id: String,
    pub(crate) aggregate_seq: i64,
    pub(crate) time: DateTime<Utc>,
    pub(crate) causation: String,
    pub(crate) traceparent: String,
    /// How often it was taken back to be published again.
    pub(crate) generation: i32,
}

impl Envelope {
    /// What JetStream deduplicates by. A new generation is another message to it, so that a
    /// wanted repetition is not swallowed by the duplicate window.
    pub(crate) fn message_id(&self) -> String {
        match self.generation {
            0 => self.id.to_string(),
            generation => format!("{}.g{generation}", self.id),
        }
    }

    /// The headers of the message, for the stream called `stream`.
    pub(crate) fn headers(&self, schema: &str, stream: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(MESSAGE_ID, self.message_id());
        headers.insert(EXPECTED_STREAM, stream);
        let sequence = self.aggregate_seq.to_string();
        let time = self.time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let id = self.id.to_string();
        let source = format!("/{schema}");
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", &id),
            ("ce-source", &source),
            ("ce-type", &self.type_name),
            ("ce-subject", &self.aggregate_id),
            ("ce-time", &time),
            ("ce-datacontenttype", "application/protobuf"),
            ("ce-dataschema", &self.type_name),
            ("ce-partitionkey", &self.aggregate_id),
            ("ce-sequence", &sequence),
            (
                "ce-correlationid",
                self.engagement.as_deref().unwrap_or_default(),
            ),
            ("ce-causationid", &self.causation),
            ("ce-traceparent", &self.traceparent),
            (TRACEPARENT, &self.traceparent),
            (SELLER, &self.seller),
        ] {
            if !value.is_empty() {
                headers.insert(name, encode(value));
            }
        }
        headers
    }
}

fn encode(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

/// The message does not carry what an event carries.
#[derive(Debug, thiserror::Error)]
#[error("header {0} is missing or malformed")]
pub(crate) struct NotAnEvent(&'static str);

/// Reads an event out of a message's headers and payload.
pub(crate) fn parse(
    headers: &HeaderMap,
    payload: Bytes,
    stream_seq: u64,
) -> Result<IncomingEvent, NotAnEvent> {
    let find = |name: &'static str| {
        let value = headers.get(name)?.as_str();
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let text = |name: &'static str| {
        find(name)
            .filter(|value| !value.is_empty())
            .ok_or(NotAnEvent(name))
    };
    let source = text("ce-source")?;
    Ok(IncomingEvent {
        id: text("ce-id")?.parse().map_err(|_| NotAnEvent("ce-id"))?,
        source: source.trim_start_matches('/').to_owned(),
        type_name: text("ce-type")?,
        seller: text(SELLER)?.parse().map_err(|_| NotAnEvent(SELLER))?,
        engagement: find("ce-correlationid")
            .filter(|value| !value.is_empty())
            .map(|value| value.parse())
            .transpose()
            .map_err(|_| NotAnEvent("ce-correlationid"))?,
        aggregate_id: text("ce-subject")?,
        aggregate_seq: text("ce-sequence")?
            .parse()
            .ok()
            .filter(|sequence| *sequence > 0)
            .ok_or(NotAnEvent("ce-sequence"))?,
        time: DateTime::parse_from_rfc3339(&text("ce-time")?)
            .map_err(|_| NotAnEvent("ce-time"))?
            .to_utc(),
        causation: find("ce-causationid").unwrap_or_default(),
        trace: text("ce-traceparent")?
            .parse()
            .map_err(|_| NotAnEvent("ce-traceparent"))?,
        payload,
        stream_seq,
    })
}

/// Which partition an aggregate's events go to: stable for ever, since order hangs on it.
#[must_use]
pub fn partition(aggregate_id: &str) -> u8 {
    Digest::of(aggregate_id.as_bytes()).as_bytes()[0] % PARTITIONS
}

/// The subject of an event: `<prefix>.<schema>.<partition>.<event_in_snake_case>.<version>`.
pub(crate) fn subject(prefix: &str, schema: &str, type_name: &str, aggregate_id: &str) -> String {
    let mut words = type_name.rsplit('.');
    let event = snake_case(words.next().unwrap_or_default());
    let version = words.next().unwrap_or("v1");
    let partition = partition(aggregate_id);
    format!("{prefix}.{schema}.{partition:02}.{event}.{version}")
}

/// The subjects of a type of event, with a star for the partition: few, and the same for every
/// system, as the names of spans must be.
pub(crate) fn destination(schema: &str, type_name: &str) -> String {
    let mut words = type_name.rsplit('.');
    let event = snake_case(words.next().unwrap_or_default());
    let version = words.next().unwrap_or("v1");
    format!("{schema}.*.{event}.{version}")
}

/// When the event of a message happened, if the message says so.
pub(crate) fn time(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let time = headers.get("ce-time")?.as_str();
    let time = DateTime::parse_from_rfc3339(time).ok()?;
    Some(time.to_utc())
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: Uuid::from_u128(7),
            type_name: "countersign.sample.v1.ThingDone".to_owned(),
            seller: "acme".to_owned(),
            engagement: Some("006D".to_owned()),
            aggregate_id: "things/7 \"é\" 100%".to_owned(),
            aggregate_seq: 3,
            time: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            causation: "key-1".to_owned(),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            generation: 0,
        }
    }

    /// messaging §2.4: what is sent is what is read, non-ASCII and per cent signs included.
    #[test]
    fn headers_round_trip() {
        let sent = envelope();
        let headers = sent.headers("sample", "SAMPLE");
        for (_, values) in headers.iter() {
            assert!(values.iter().all(|value| value.as_str().is_ascii()));
        }
        assert_eq!(
            headers.get("Content-Type"),
            None,
            "that would be structured mode"
        );
        assert_eq!(headers.get("ce-source").unwrap().as_str(), "/sample");
        let event = parse(&headers, Bytes::from_static(b"x"), 9).unwrap();
        assert_eq!(event.id, sent.id);
        assert_eq!(event.source, "sample");
        assert_eq!(event.aggregate_id, sent.aggregate_id);
        assert_eq!(event.aggregate_seq, 3);
        assert_eq!(event.time, sent.time);
        assert_eq!(event.engagement.unwrap().as_str(), "006D");
        assert_eq!(event.trace.to_string(), sent.traceparent);
        assert_eq!((event.causation.as_str(), event.stream_seq), ("key-1", 9));
    }

    #[test]
    fn what_lacks_a_header_is_no_event() {
        for name in [
            "ce-id",
            "ce-source",
            "ce-type",
            "ce-subject",
            "ce-sequence",
            SELLER,
        ] {
            let complete = envelope().headers("sample", "SAMPLE");
            let mut lacking = HeaderMap::new();
            for (header, values) in complete.iter() {
                if header.to_string() != name {
                    lacking.insert(header.clone(), values[0].clone());
                }
            }
            assert!(parse(&lacking, Bytes::new(), 1).is_err(), "{name}");
        }
    }

    #[test]
    fn a_new_generation_is_another_message_of_the_same_event() {
        let mut event = envelope();
        let first = event.message_id();
        event.generation = 2;
        assert_eq!(event.message_id(), format!("{first}.g2"));
        assert_eq!(
            event.headers("s", "S").get("ce-id").unwrap().as_str(),
            first
        );
    }

    /// The partition is a promise: changing it would break order across a release.
    #[test]
    fn subjects_are_stable() {
        assert_eq!(
            subject(
                "countersign",
                "sample",
                "countersign.sample.v1.ThingDone",
                "a"
            ),
            "countersign.sample.10.thing_done.v1"
        );
        assert!((0..1000).all(|id| partition(&id.to_string()) < PARTITIONS));
    }

    const NAMES: [&str; 9] = [
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-subject",
        "ce-time",
        "ce-sequence",
        "ce-correlationid",
        "ce-traceparent",
        SELLER,
    ];

    /// An event, or why it is none, as it prints.
    fn told(headers: &HeaderMap, payload: &[u8]) -> String {
        let parsed = parse(headers, Bytes::copy_from_slice(payload), 7);
        format!("{parsed:?}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// P2: whatever anybody puts into a subject, it is an event or it is not, always alike.
        #[test]
        fn any_message_is_an_event_or_none(
            given in prop::collection::btree_map(
                prop::sample::select(NAMES.to_vec()),
                prop_oneof!["\\PC{0,40}", "(%[0-9a-fA-F]{0,2}|[0-9]){0,12}", "[0-9-]{0,40}"],
                0..9,
            ),
            payload in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.insert(name, value);
            }
            prop_assert_eq!(told(&headers, &payload), told(&headers, &payload));
        }

        /// P2: a message of ours with one header spoilt is an event, whose payload is untouched, or
        /// none.
        #[test]
        fn a_spoilt_message_is_an_event_or_none(
            name in prop::sample::select(NAMES.to_vec()),
            at in any::<prop::sample::Index>(),
            by in "\\PC?",
            payload in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut headers = envelope().headers("sample", "SAMPLE");
            let value = headers.get(name).map(|value| value.as_str().to_owned());
            let mut value: Vec<char> = value.unwrap_or_default().chars().collect();
            let at = at.index(value.len() + 1);
            value.splice(at..value.len().min(at + 1), by.chars());
            headers.insert(name, value.into_iter().collect::<String>());
            prop_assert_eq!(told(&headers, &payload), told(&headers, &payload));
            if let Ok(event) = parse(&headers, Bytes::copy_from_slice(&payload), 7) {
                prop_assert_eq!(&event.payload[..], &payload[..]);
                prop_assert!(event.aggregate_seq > 0 && !event.aggregate_id.is_empty());
                // What it carries is decoded by whoever knows its type, and never trusted to be that.
                let decoded = || event.decode::<prost_types::FileDescriptorSet>();
                prop_assert_eq!(decoded().is_ok(), decoded().is_ok());
            }
        }
    }
}
