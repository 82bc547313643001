//! The Agreement API's values, apart from any encoding: one model, a codec beside it per protocol.
//!
//! The Rust SDK speaks Smithy RPC v2 CBOR ([`decode`], [`encode`]); other SDKs speak AWS JSON 1.0, whose
//! codec differs only in how it writes [`Wire::Time`].

use chrono::{DateTime, Utc};
use ciborium::Value as Cbor;
use serde_json::Value;

/// A value of an API answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wire {
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
pub(crate) fn encode(value: &Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a Vec cannot fail, and the model has no value that CBOR lacks.
    if let Err(error) = ciborium::into_writer(&to_cbor(value), &mut bytes) {
        tracing::error!(%error, "an answer could not be encoded");
    }
    bytes
}

fn to_cbor(value: &Wire) -> Cbor {
    match value {
        Wire::Int(number) => Cbor::Integer((*number).into()),
        Wire::Text(text) => Cbor::Text(text.clone()),
        Wire::Time(time) => Cbor::Tag(EPOCH_TAG, Box::new(epoch(*time))),
        Wire::List(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Wire::Map(fields) => Cbor::Map(
            fields
                .iter()
                .map(|(name, value)| (Cbor::Text((*name).to_owned()), to_cbor(value)))
                .collect(),
        ),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit a double exactly until the year 287396"
)]
fn epoch(time: DateTime<Utc>) -> Cbor {
    let millis = time.timestamp_millis();
    if millis % 1000 == 0 {
        Cbor::Integer((millis / 1000).into())
    } else {
        Cbor::Float(millis as f64 / 1000.0)
    }
}

/// Reads a request. The requests served here have no timestamps and no blobs.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, String> {
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
    fn times_are_tag_1_whole_or_with_milliseconds() {
        let whole = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        assert_eq!(
            encode(&Wire::Time(whole)),
            [0xc1, 0x1a, 0x65, 0x53, 0xf1, 0x00]
        );
        let bytes = encode(&Wire::Time(
            DateTime::from_timestamp_millis(1_700_000_000_123).unwrap(),
        ));
        assert_eq!(bytes[..2], [0xc1, 0xfb]);
    }

    #[test]
    fn requests_decode_to_json_and_absent_members_are_left_out() {
        let mut bytes = Vec::new();
        let sent = serde_json::json!({"filters": [{"name": "OfferId", "values": ["offer-1"]}], "maxResults": 5});
        ciborium::into_writer(&sent, &mut bytes).unwrap();
        assert_eq!(decode(&bytes).unwrap(), sent);
        assert!(decode(&[0xff]).is_err());
        assert_eq!(
            map([("a", None), ("b", Some(Wire::Int(1)))]),
            Wire::Map(vec![("b", Wire::Int(1))])
        );
    }
}
