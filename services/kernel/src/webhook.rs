//! Webhooks by the Standard Webhooks scheme: an HMAC-SHA256 over an id, a timestamp and the body, by a
//! secret that both ends have (P5). What goes out is signed by it (N5), what comes in is checked.
//!
//! The text that is signed is `id.timestamp.body`. So neither id nor timestamp may hold a full stop: the
//! same signature would then be of other parts as well.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use hmac_sha256::HMAC;

/// The header that names the message: the same on every attempt to deliver it.
pub const HEADER_ID: &str = "webhook-id";
/// The header that tells when this attempt was made, in seconds since 1970.
pub const HEADER_TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, with blanks between.
pub const HEADER_SIGNATURE: &str = "webhook-signature";

/// The longest id that is taken, in characters.
pub const MAX_ID: usize = 100;
/// Signatures that are looked at: one for each secret that its sender has while it changes them.
pub const MAX_SIGNATURES: usize = 8;
/// How far a timestamp may be from now, either way: a message that was listened in on counts no
/// longer, and two clocks may differ.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";
/// The secret's length in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The version of the scheme that is an HMAC-SHA256, as it stands before a signature.
const VERSION: &str = "v1,";
/// The most digits of a timestamp: they last for thirty thousand years.
const MAX_TIMESTAMP: usize = 12;

/// A webhook's signing secret: `whsec_` and 24 to 64 bytes in base64. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    text: String,
    key: Vec<u8>,
}

/// The text is no such secret. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"whsec_\" and 24 to 64 bytes in base64")]
pub struct NotASecret;

impl WebhookSecret {
    /// Reads a secret.
    ///
    /// # Errors
    /// [`NotASecret`].
    pub fn parse(text: &str) -> Result<Self, NotASecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(NotASecret)?;
        let key = BASE64.decode(encoded).map_err(|_| NotASecret)?;
        if !SECRET_BYTES.contains(&key.len()) {
            return Err(NotASecret);
        }
        let text = text.to_owned();
        Ok(Self { text, key })
    }

    /// The text, for the store; for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What the header [`HEADER_SIGNATURE`] says of a message. `timestamp` is in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mac = self.mac(id, &timestamp.to_string(), body).finalize();
        format!("{VERSION}{}", BASE64.encode(mac))
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> HMAC {
        let mut mac = HMAC::new(&self.key);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// A webhook as it came: three headers and the body, byte for byte.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// [`HEADER_ID`].
    pub id: &'a str,
    /// [`HEADER_TIMESTAMP`].
    pub timestamp: &'a str,
    /// [`HEADER_SIGNATURE`].
    pub signature: &'a str,
    /// The body, as it was sent.
    pub body: &'a [u8],
}

/// Why a webhook does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// The id is no id.
    #[error("an id is 1 to {MAX_ID} visible ASCII characters without a full stop")]
    Id,
    /// The timestamp is none.
    #[error("a timestamp is whole seconds since 1970, in digits")]
    Timestamp,
    /// None of the signatures is by any of the secrets.
    #[error("no signature is by a secret that is known here")]
    Signature,
    /// It was signed too long ago, or lies in the future.
    #[error("the timestamp is more than five minutes from now")]
    Stale,
}

impl Received<'_> {
    /// Checks that whoever has one of `secrets` signed this, not long from `now`. Of several
    /// signatures one suffices, and so of several secrets: while one takes the other's place, both
    /// count. How long it takes tells nothing of how much of a signature is right.
    ///
    /// # Errors
    /// [`NotGenuine`]; of the time only once the signature is right, since nobody else's timestamp
    /// says anything.
    pub fn verify(&self, secrets: &[WebhookSecret], now: DateTime<Utc>) -> Result<(), NotGenuine> {
        let is_id = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        if !(1..=MAX_ID).contains(&self.id.len()) || !self.id.bytes().all(is_id) {
            return Err(NotGenuine::Id);
        }
        let digits = self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || self.timestamp.len() > MAX_TIMESTAMP {
            return Err(NotGenuine::Timestamp);
        }
        let timestamp: i64 = self.timestamp.parse().map_err(|_| NotGenuine::Timestamp)?;
        if !secrets.iter().any(|secret| self.is_signed_by(secret)) {
            return Err(NotGenuine::Signature);
        }
        let apart = now.timestamp().abs_diff(timestamp);
        if apart > TOLERANCE.num_seconds().unsigned_abs() {
            return Err(NotGenuine::Stale);
        }
        Ok(())
    }

    fn is_signed_by(&self, secret: &WebhookSecret) -> bool {
        let mac = secret.mac(self.id, self.timestamp, self.body);
        let signatures = self.signature.split(' ').take(MAX_SIGNATURES);
        // Signatures of other versions of the scheme stand beside these.
        let versioned = signatures.filter_map(|one| one.strip_prefix(VERSION));
        let mut decoded =
            versioned.filter_map(|one| <[u8; 32]>::try_from(BASE64.decode(one).ok()?).ok());
        decoded.any(|one| mac.clone().finalize_verify(&one))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the scheme's own libraries.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const AT: i64 = 1_649_367_553;
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    fn secret(byte: u8) -> WebhookSecret {
        WebhookSecret::parse(&format!("whsec_{}", BASE64.encode([byte; 32]))).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 999_999_999).unwrap()
    }

    #[test]
    fn secrets_have_a_length_and_are_never_printed() {
        let secret = |bytes: usize| format!("whsec_{}", BASE64.encode(vec![7; bytes]));
        for bytes in [24, 64] {
            let text = secret(bytes);
            let parsed = WebhookSecret::parse(&text).unwrap();
            assert_eq!(parsed.expose(), text);
            assert_eq!(format!("{parsed:?}"), "WebhookSecret(…)");
        }
        for wrong in [
            &secret(23),
            &secret(65),
            "",
            "whsec_",
            "whsec_*",
            &BASE64.encode([7; 32]),
        ] {
            assert_eq!(WebhookSecret::parse(wrong), Err(NotASecret), "{wrong}");
        }
    }

    #[test]
    fn it_signs_as_the_scheme_s_own_libraries_do() {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        assert_eq!(secret.sign(ID, AT, BODY), SIGNATURE);
    }

    /// P5: a case per row: what is other than what was signed, and what it is refused with.
    #[test]
    fn what_was_not_signed_so_and_just_now_does_not_count() {
        use NotGenuine::{Id, Signature, Stale, Timestamp};

        let genuine = Received {
            id: ID,
            timestamp: "1649367553",
            signature: SIGNATURE,
            body: BODY,
        };
        let long = "x".repeat(MAX_ID + 1);
        let of_another = secret(1).sign(ID, AT, BODY);
        let unnamed = SIGNATURE.replace("v1,", "");
        let asymmetric = SIGNATURE.replace("v1,", "v1a,");
        let among = format!("{of_another} v1,AAAA v2,x {SIGNATURE}");
        let beyond = format!("{}{SIGNATURE}", "v1,AAAA ".repeat(MAX_SIGNATURES));
        let with = |change: fn(&mut Received<'_>)| {
            let mut one = genuine;
            change(&mut one);
            one
        };
        let signed = |signature| Received {
            signature,
            ..genuine
        };
        let rows = [
            (genuine, 0, Ok(())),
            (genuine, 300, Ok(())),
            (genuine, -300, Ok(())),
            (genuine, 301, Err(Stale)),
            (genuine, -301, Err(Stale)),
            (signed(&among), 0, Ok(())),
            (signed(&beyond), 0, Err(Signature)),
            (signed(&of_another), 0, Err(Signature)),
            (signed(&unnamed), 0, Err(Signature)),
            (signed(&asymmetric), 0, Err(Signature)),
            (signed(&SIGNATURE[..12]), 0, Err(Signature)),
            (signed("v1,"), 0, Err(Signature)),
            (signed(""), 0, Err(Signature)),
            // Who does not have the secret is told nothing of the time.
            (signed(&of_another), 999, Err(Signature)),
            (with(|one| one.body = b"{}"), 0, Err(Signature)),
            (with(|one| one.body = b""), 0, Err(Signature)),
            (with(|one| one.id = "msg_2"), 0, Err(Signature)),
            (with(|one| one.timestamp = "1649367554"), 0, Err(Signature)),
            (with(|one| one.timestamp = "01649367553"), 0, Err(Signature)),
            (with(|one| one.id = ""), 0, Err(Id)),
            (with(|one| one.id = "msg.1"), 0, Err(Id)),
            (with(|one| one.id = "msg 1"), 0, Err(Id)),
            (with(|one| one.id = "é"), 0, Err(Id)),
            (
                Received {
                    id: &long,
                    ..genuine
                },
                0,
                Err(Id),
            ),
            (with(|one| one.timestamp = ""), 0, Err(Timestamp)),
            (with(|one| one.timestamp = "-1"), 0, Err(Timestamp)),
            (with(|one| one.timestamp = "+1649367553"), 0, Err(Timestamp)),
            (
                with(|one| one.timestamp = "1649367553.0"),
                0,
                Err(Timestamp),
            ),
            (
                with(|one| one.timestamp = "9999999999999"),
                0,
                Err(Timestamp),
            ),
        ];
        let secrets = [secret(2), WebhookSecret::parse(SECRET).unwrap()];
        for (received, later, expected) in rows {
            let told = received.verify(&secrets, at(AT + later));
            assert_eq!(told, expected, "{received:?} {later}");
        }
        assert_eq!(genuine.verify(&[], at(AT)), Err(Signature));
        assert_eq!(genuine.verify(&secrets[..1], at(AT)), Err(Signature));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// P5: whatever comes, it is told apart without a panic, and only by who has the secret.
        #[test]
        fn nothing_counts_that_was_not_signed(
            id in "\\PC{0,12}",
            timestamp in prop_oneof!["[0-9]{0,14}", "\\PC{0,12}"],
            signature in prop_oneof![
                "\\PC{0,40}",
                "(v1,[A-Za-z0-9+/]{43}= ?){0,3}",
            ],
            body in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let received = Received {
                id: &id,
                timestamp: &timestamp,
                signature: &signature,
                body: &body,
            };
            prop_assert!(received.verify(&[secret(1)], at(AT)).is_err());
        }

        /// P5: what is signed counts, by any of the secrets, and no longer when a bit of it changes.
        #[test]
        fn what_is_signed_counts_to_the_bit(
            id in "[!-\\-/-~]{1,100}",
            body in prop::collection::vec(any::<u8>(), 1..64),
            later in -300..=300_i64,
            flip in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let timestamp = AT.to_string();
            let signature = secret(1).sign(&id, AT, &body);
            let received = |body| Received { id: &id, timestamp: &timestamp, signature: &signature, body };
            let now = at(AT + later);
            prop_assert_eq!(received(&body).verify(&[secret(2), secret(1)], now), Ok(()));
            let mut other = body.clone();
            other[flip.index(body.len())] ^= 1 << bit;
            let told = received(&other).verify(&[secret(1)], now);
            prop_assert_eq!(told, Err(NotGenuine::Signature));
        }
    }
}
