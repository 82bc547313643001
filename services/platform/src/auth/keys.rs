//! An issuer's public keys, as its JWKS document says them (RFC 7517).

use std::collections::HashMap;
use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// The algorithms that count. Each belongs to one type of key, so that a token cannot choose how
/// its key is read: no `none`, nothing symmetric.
pub(super) const ALGORITHMS: [Algorithm; 3] =
    [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256];
/// The most keys that an issuer may have at a time.
const MAX_KEYS: usize = 64;

/// The document is not one, or holds nothing of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    #[error("the key set is no JSON of that kind")]
    Json(#[from] serde_json::Error),
    #[error("the key set holds {0} keys, at most {MAX_KEYS} are taken")]
    TooMany(usize),
    #[error("the key set holds no key that can be used")]
    Empty,
}

/// Keys by id and algorithm: a token signed by another algorithm than its key's finds none.
#[derive(Clone)]
pub(super) struct KeySet(HashMap<(String, Algorithm), Arc<DecodingKey>>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a document. Keys that cannot be used (another purpose, another algorithm, no id, an
    /// unknown form) are passed over, as RFC 7517 section 5 asks.
    pub(super) fn parse(document: &[u8]) -> Result<Self, KeysError> {
        let document: Document = serde_json::from_slice(document)?;
        if document.keys.len() > MAX_KEYS {
            return Err(KeysError::TooMany(document.keys.len()));
        }
        let usable = document.keys.into_iter().filter_map(usable);
        let keys: HashMap<_, _> = usable.collect();
        if keys.is_empty() {
            return Err(KeysError::Empty);
        }
        Ok(Self(keys))
    }

    pub(super) fn get(&self, id: &str, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        self.0.get(&(id.to_owned(), algorithm)).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn usable(key: serde_json::Value) -> Option<((String, Algorithm), Arc<DecodingKey>)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let (algorithm, stated) = match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        _ => return None,
    };
    let common = &key.common;
    let other_algorithm = common.key_algorithm.is_some_and(|found| found != stated);
    let purpose = common.public_key_use.as_ref();
    if other_algorithm || purpose.is_some_and(|found| *found != PublicKeyUse::Signature) {
        return None;
    }
    let id = common.key_id.clone().filter(|id| !id.is_empty())?;
    let key = DecodingKey::from_jwk(&key).ok()?;
    Some(((id, algorithm), Arc::new(key)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ED: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"; // RFC 8037, A.2

    fn set(keys: &[Value]) -> Result<KeySet, KeysError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn okp(kid: &str, more: &Value) -> Value {
        let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "x": ED, "kid": kid });
        let more = more.as_object().unwrap().clone();
        key.as_object_mut().unwrap().extend(more);
        key
    }

    /// P5: a key counts for the one algorithm of its type, and only for signatures.
    #[test]
    fn only_keys_of_the_pinned_kinds_count() {
        let point = json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "p384" });
        let keys = set(&[
            okp("good", &json!({})),
            okp("stated", &json!({ "alg": "EdDSA", "use": "sig" })),
            okp("encrypts", &json!({ "use": "enc" })),
            okp("other", &json!({ "alg": "ES256" })),
            okp("", &json!({})),
            json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256" }),
            json!({ "kty": "OKP", "crv": "X25519", "x": ED, "kid": "agreement" }),
            json!({ "kty": "new", "kid": "unknown" }),
            point,
        ])
        .unwrap();
        assert_eq!(keys.len(), 2);
        assert!(keys.get("good", Algorithm::EdDSA).is_some());
        assert!(keys.get("stated", Algorithm::EdDSA).is_some());
        for other in [Algorithm::RS256, Algorithm::ES256, Algorithm::HS256] {
            assert!(keys.get("good", other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_document_without_a_usable_key_is_refused() {
        assert!(matches!(set(&[]), Err(KeysError::Empty)));
        assert!(matches!(KeySet::parse(b"<html>"), Err(KeysError::Json(_))));
        let many = vec![okp("k", &json!({})); MAX_KEYS + 1];
        assert!(matches!(set(&many), Err(KeysError::TooMany(65))));
    }

    fn told(document: &[u8]) -> Result<usize, String> {
        let keys = KeySet::parse(document);
        keys.map(|keys| keys.len()).map_err(|why| why.to_string())
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            prop::sample::select(vec![
                "OKP", "EC", "RSA", "oct", "Ed25519", "P-256", "sig", ED
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 12, 4, |inner| {
            prop::collection::vec(inner, 0..4).prop_map(Value::from)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// P5: any document at all is a key set or refused, always alike.
        #[test]
        fn any_bytes_are_a_key_set_or_none(document in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(told(&document), told(&document));
        }

        /// P5: so is any key of any form; and one that is spoilt keeps no other from counting.
        #[test]
        fn a_key_of_any_form_is_passed_over_at_worst(
            key in prop::collection::btree_map(
                prop::sample::select(vec!["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"]),
                value(),
                0..9,
            ),
        ) {
            let document = json!({ "keys": [key, okp("good", &json!({}))] }).to_string();
            let keys = told(document.as_bytes());
            prop_assert!(matches!(keys, Ok(1 | 2)), "{:?}", keys);
            prop_assert_eq!(keys, told(document.as_bytes()));
        }

        /// P5: a document with any byte of it changed is a key set or refused.
        #[test]
        fn a_spoilt_document_is_a_key_set_or_none(at in any::<prop::sample::Index>(), byte: u8) {
            let mut document = json!({ "keys": [okp("good", &json!({}))] }).to_string().into_bytes();
            let at = at.index(document.len());
            document[at] = byte;
            prop_assert_eq!(told(&document), told(&document));
        }
    }
}
