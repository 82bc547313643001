//! What is refused before anything is looked up (P5).

use std::collections::BTreeMap;

use countersign_kernel::webhook::WebhookSecret;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::parse::tests::{expected, reasons};
use super::*;

const ACME: &str = "whsec_YWNtZSBhY21lIGFjbWUgYWNtZSBhY21l";
const ACME_NEXT: &str = "whsec_bmV4dCBuZXh0IG5leHQgbmV4dCBuZXh0";
const OTHER: &str = "whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIh";
const CASE: &str = "018f0000-0000-7000-8000-000000000000";

fn seller(name: &str) -> SellerId {
    name.parse().unwrap()
}

fn secret(text: &str) -> WebhookSecret {
    WebhookSecret::parse(text).unwrap()
}

fn secrets() -> CallbackSecrets {
    BTreeMap::from([
        (seller("acme"), vec![secret(ACME_NEXT), secret(ACME)]),
        (seller("other"), vec![secret(OTHER)]),
    ])
}

fn now() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

/// A callback with this body, signed by this secret now.
fn signed(secret_text: &str, body: Vec<u8>) -> ReceiveSignatureCallbackRequest {
    let seconds = now().timestamp();
    ReceiveSignatureCallbackRequest {
        webhook_id: "msg_1".to_owned(),
        webhook_timestamp: seconds.to_string(),
        webhook_signature: secret(secret_text).sign("msg_1", seconds, &body),
        body,
    }
}

fn completed() -> Value {
    let digest = Digest::of(b"sow").to_string();
    json!({ "type": COMPLETED, "timestamp": "2026-03-02T09:00:00Z", "data": {
        "case_id": CASE, "party": "customer", "signatory": "Carla Customer",
        "signed_at": "2026-03-02T08:59:00Z", "routed_sow_digest": digest,
        "signed_copy_digest": digest, "envelope": { "of": "the provider" },
    } })
}

fn told(request: &ReceiveSignatureCallbackRequest) -> Result<Told, Rejection> {
    read(&secrets(), &seller("acme"), request, now())
}

#[test]
fn a_signature_is_what_record_signature_would_say() {
    let body = completed().to_string().into_bytes();
    for secret in [ACME, ACME_NEXT] {
        let request = signed(secret, body.clone());
        let Told::Signature(callback) = told(&request).unwrap() else {
            panic!("it is one");
        };
        assert_eq!(callback.case_id.to_string(), CASE);
        assert_eq!(callback.body, Digest::of(&body));
        let expected = Command::RecordSignature {
            party: SigningParty::Customer,
            signatory: "Carla Customer".to_owned(),
            signed_at: "2026-03-02T08:59:00Z".parse().unwrap(),
            routed_sow_digest: Digest::of(b"sow"),
            signed_copy: Some(SignedCopy::Bytes(Digest::of(b"sow"))),
        };
        assert_eq!(callback.command, expected);
    }
}

/// What a provider tells besides is its own.
#[test]
fn another_type_is_no_signature_and_no_error() {
    for body in [r#"{"type":"envelope.sent"}"#, r#"{"type":"","data":7}"#] {
        let request = signed(ACME, body.as_bytes().to_vec());
        assert!(matches!(told(&request), Ok(Told::Other)), "{body}");
    }
}

/// P5: a case per row: what comes, and the field and reason that it is refused with.
#[test]
fn what_is_not_genuine_or_says_nothing_is_refused() {
    let good = || signed(ACME, completed().to_string().into_bytes());
    let json = |value: Value| signed(ACME, value.to_string().into_bytes());
    let with = |change: fn(&mut ReceiveSignatureCallbackRequest)| {
        let mut request = good();
        change(&mut request);
        request
    };
    let largest = vec![b' '; MAX_BODY_BYTES];
    let forged = ("webhook_signature", "WEBHOOK_SIGNATURE_INVALID");
    let rows = [
        (signed(OTHER, good().body), forged),
        (with(|one| one.webhook_signature.clear()), forged),
        (with(|one| one.body.push(b' ')), forged),
        (with(|one| one.webhook_id.push('2')), forged),
        (
            with(|one| one.webhook_id.push('.')),
            ("webhook_id", "WEBHOOK_ID_INVALID"),
        ),
        (
            with(|one| one.webhook_timestamp.push('Z')),
            ("webhook_timestamp", "WEBHOOK_TIMESTAMP_INVALID"),
        ),
        (
            signed(ACME, [largest.clone(), vec![b' ']].concat()),
            ("body", "BODY_TOO_LARGE"),
        ),
        (signed(ACME, largest), ("body", "BODY_INVALID")),
        (signed(ACME, Vec::new()), ("body", "BODY_INVALID")),
        (signed(ACME, b"\xff{}".to_vec()), ("body", "BODY_INVALID")),
        (json(json!([])), ("body", "BODY_INVALID")),
        (json(json!({ "data": {} })), ("body", "BODY_INVALID")),
        (
            json(json!({ "type": COMPLETED, "data": { "case_id": 7 } })),
            ("body.data", "BODY_INVALID"),
        ),
        (
            json(json!({ "type": COMPLETED })),
            ("body.data", "BODY_INVALID"),
        ),
    ];
    for (request, (field, reason)) in rows {
        assert_eq!(reasons(told(&request)), expected(&[(field, reason)]));
    }
    let late = now() + chrono::TimeDelta::seconds(301);
    let stale = read(&secrets(), &seller("acme"), &good(), late);
    assert_eq!(
        reasons(stale),
        expected(&[("webhook_timestamp", "WEBHOOK_STALE")])
    );
    let nobody = read(&secrets(), &seller("initech"), &good(), now());
    assert_eq!(nobody.unwrap_err().reason(), "CALLBACKS_NOT_SET_UP");
}

/// P4: every wrong field at once.
#[test]
fn every_wrong_field_of_the_data_is_named() {
    let body = json!({ "type": COMPLETED, "data": {
        "case_id": "7", "party": "both", "signed_at": "today", "signed_copy_digest": "x",
    } });
    let request = signed(ACME, body.to_string().into_bytes());
    assert_eq!(
        reasons(told(&request)),
        expected(&[
            ("body.data.case_id", "ID_INVALID"),
            ("body.data.party", "PARTY_UNKNOWN"),
            ("body.data.signatory", "REQUIRED"),
            ("body.data.signed_at", "TIME_INVALID"),
            ("body.data.routed_sow_digest", "REQUIRED"),
            ("body.data.signed_copy_digest", "DIGEST_INVALID"),
        ])
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// P5: whatever a provider signs is told or refused, always alike, and a signature has a case and a
    /// name.
    #[test]
    fn any_signed_body_is_told_or_refused(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "\\PC{0,200}".prop_map(String::into_bytes),
            "\\{\"type\":\"signature.completed\",\"data\":(\\{(\"(case_id|party|signatory)\":\"[a-z0-9-]{0,40}\",?){0,4}\\}|[0-9]{1,5})\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let request = signed(ACME, body);
        let first = told(&request).map_err(|refused| reasons_of(&refused));
        let again = told(&request).map_err(|refused| reasons_of(&refused));
        prop_assert_eq!(format!("{first:?}"), format!("{again:?}"));
    }

    /// P5: what nobody signed is never parsed, whatever it says.
    #[test]
    fn no_unsigned_body_gets_through(
        id in "\\PC{0,20}",
        timestamp in prop_oneof![Just("1772442000".to_owned()), "\\PC{0,20}"],
        signature in prop_oneof!["\\PC{0,60}", "(v1,[A-Za-z0-9+/]{43}= ?){0,3}"],
        body in prop_oneof![
            Just(completed().to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..200),
        ],
    ) {
        let request = ReceiveSignatureCallbackRequest {
            webhook_id: id,
            webhook_timestamp: timestamp,
            webhook_signature: signature,
            body,
        };
        let refused = told(&request).unwrap_err();
        let fields: Vec<_> = refused.violations().iter().map(|one| one.field.clone()).collect();
        prop_assert!(fields[0].starts_with("webhook_"), "{:?}", fields);
    }
}

fn reasons_of(refused: &Rejection) -> Vec<(String, &'static str)> {
    let found = refused.violations().iter();
    found.map(|one| (one.field.clone(), one.reason)).collect()
}
