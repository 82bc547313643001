//! The values of the RPC APIs, apart from any encoding: one model, a codec beside it per protocol.
//!
//! The Rust SDK speaks Smithy RPC v2 CBOR, boto3 AWS JSON 1.0. Both read to the same JSON, in which a
//! timestamp is its epoch seconds; they write [`Wire::Time`] each in its own way: a tagged number, a bare one.

use chrono::{DateTime, Utc};
use ciborium::Value as Cbor;
use serde_json::Value;

/// A value of an API answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wire {
    Bool(bool),
    Int(i64),
    Text(String),
    /// To the millisecond.
    Time(DateTime<Utc>),
    List(Vec<Wire>),
    Map(Vec<(&'static str, Wire)>),
}

impl Wire {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// A structure without its absent members.
pub(crate) fn map(fields: impl IntoIterator<Item = (&'static str, Option<Wire>)>) -> Wire {
    Wire::Map(
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
    )
}

/// Tag of an epoch timestamp (RFC 8949 §3.4.2).
const EPOCH_TAG: u64 = 1;

/// Writes an answer as CBOR.
pub(crate) fn encode_cbor(value: &Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a Vec cannot fail, and the model has no value that CBOR lacks.
    if let Err(error) = ciborium::into_writer(&to_cbor(value), &mut bytes) {
        tracing::error!(%error, "an answer could not be encoded");
    }
    bytes
}

fn to_cbor(value: &Wire) -> Cbor {
    match value {
        Wire::Bool(flag) => Cbor::Bool(*flag),
        Wire::Int(number) => Cbor::Integer((*number).into()),
        Wire::Text(text) => Cbor::Text(text.clone()),
        Wire::Time(time) => Cbor::Tag(
            EPOCH_TAG,
            Box::new(match epoch(*time) {
                Epoch::Whole(seconds) => Cbor::Integer(seconds.into()),
                Epoch::Parts(seconds) => Cbor::Float(seconds),
            }),
        ),
        Wire::List(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Wire::Map(fields) => Cbor::Map(
            fields
                .iter()
                .map(|(name, value)| (Cbor::Text((*name).to_owned()), to_cbor(value)))
                .collect(),
        ),
    }
}

/// Writes an answer as AWS JSON.
pub(crate) fn encode_json(value: &Wire) -> Vec<u8> {
    to_json(value).to_string().into_bytes()
}

fn to_json(value: &Wire) -> Value {
    match value {
        Wire::Bool(flag) => Value::from(*flag),
        Wire::Int(number) => Value::from(*number),
        Wire::Text(text) => Value::from(text.as_str()),
        Wire::Time(time) => match epoch(*time) {
            Epoch::Whole(seconds) => Value::from(seconds),
            Epoch::Parts(seconds) => Value::from(seconds),
        },
        Wire::List(items) => items.iter().map(to_json).collect(),
        Wire::Map(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), to_json(value)))
                .collect(),
        ),
    }
}

/// Seconds since 1970, a whole number where there are no milliseconds.
enum Epoch {
    Whole(i64),
    Parts(f64),
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit a double exactly until the year 287396"
)]
fn epoch(time: DateTime<Utc>) -> Epoch {
    let millis = time.timestamp_millis();
    if millis % 1000 == 0 {
        Epoch::Whole(millis / 1000)
    } else {
        Epoch::Parts(millis as f64 / 1000.0)
    }
}

/// Reads a request in AWS JSON.
pub(crate) fn decode_json(bytes: &[u8]) -> Result<Value, String> {
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(bytes) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("it is no object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads a request in CBOR. The requests served here have no blobs.
pub(crate) fn decode_cbor(bytes: &[u8]) -> Result<Value, String> {
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let cbor: Cbor = ciborium::from_reader(bytes).map_err(|error| error.to_string())?;
    from_cbor(cbor)
}

fn from_cbor(value: Cbor) -> Result<Value, String> {
    match value {
        Cbor::Null => Ok(Value::Null),
        Cbor::Bool(flag) => Ok(Value::Bool(flag)),
        Cbor::Text(text) => Ok(Value::String(text)),
        Cbor::Integer(number) => i64::try_from(number)
            .map(Value::from)
            .map_err(|_| "number out of range".to_owned()),
        Cbor::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| "number out of range".to_owned()),
        Cbor::Tag(EPOCH_TAG, seconds) => from_cbor(*seconds),
        Cbor::Array(items) => items
            .into_iter()
            .map(from_cbor)
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Cbor::Map(fields) => {
            let mut object = serde_json::Map::new();
            for (name, value) in fields {
                let Cbor::Text(name) = name else {
                    return Err("a name is not text".to_owned());
                };
                object.insert(name, from_cbor(value)?);
            }
            Ok(Value::Object(object))
        }
        other => Err(format!("unexpected {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_epoch_seconds_tagged_in_cbor_and_bare_in_json() {
        let whole = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        assert_eq!(
            encode_cbor(&Wire::Time(whole)),
            [0xc1, 0x1a, 0x65, 0x53, 0xf1, 0x00]
        );
        let parts = Wire::Time(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap());
        let bytes = encode_cbor(&parts);
        assert_eq!(bytes[..2], [0xc1, 0xfb]);
        assert_eq!(encode_json(&Wire::Time(whole)), b"1700000000");
        assert_eq!(encode_json(&parts), b"1700000000.123");
        assert_eq!(
            decode_cbor(&bytes).unwrap(),
            serde_json::json!(1_700_000_000.123)
        );
    }

    #[test]
    fn requests_decode_to_json_and_absent_members_are_left_out() {
        let mut bytes = Vec::new();
        let sent = serde_json::json!({"filters": [{"name": "OfferId", "values": ["offer-1"]}], "maxResults": 5});
        ciborium::into_writer(&sent, &mut bytes).unwrap();
        assert_eq!(decode_cbor(&bytes).unwrap(), sent);
        assert_eq!(decode_json(sent.to_string().as_bytes()).unwrap(), sent);
        assert!(decode_cbor(&[0xff]).is_err());
        assert!(decode_json(b"[]").is_err());
        assert_eq!(
            map([("a", None), ("b", Some(Wire::Int(1)))]),
            Wire::Map(vec![("b", Wire::Int(1))])
        );
    }
}
