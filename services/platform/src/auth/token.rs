//! Bearer tokens: JWTs of one issuer, for this audience, signed by a key that it has now (P5).
//!
//! Their time is the system's, whatever clock the service runs by: a rehearsal that moves a year
//! ahead (P8) must neither end the sessions of those who rehearse nor bring expired tokens back.

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use tonic::{Code, Status};

use super::denial::{denied, denied_for};
use super::identity::{Identity, roles};
use super::key_cache::{KeyCache, NoKey};
use super::keys::ALGORITHMS;
use crate::clock::Clock;

/// How far the clocks of issuer and service may be apart, in seconds.
const SKEW_SECONDS: i64 = 60;
/// The longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The most roles that a token may name.
const MAX_ROLES: usize = 32;
/// When to come back while the issuer's keys cannot be read.
const KEYS_AWAY: std::time::Duration = std::time::Duration::from_secs(5);

/// What a token says. Times are whole seconds since 1970.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    countersign_seller: String,
    #[serde(default)]
    countersign_roles: Vec<String>,
}

/// Verifies tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    keys: Arc<KeyCache>,
    issuer: String,
    audience: String,
    clock: Clock,
}

impl Tokens {
    pub(super) fn new(keys: Arc<KeyCache>, issuer: &str, audience: &str, clock: Clock) -> Self {
        Self {
            keys,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            clock,
        }
    }

    /// Who the token says that its bearer is.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` with what is wrong with it; `UNAVAILABLE` when nobody can tell.
    pub(super) async fn verify(&self, token: &str) -> Result<Identity, Status> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused("TOKEN_MALFORMED"));
        }
        let header = decode_header(token).map_err(|_| refused("TOKEN_MALFORMED"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(refused("TOKEN_ALGORITHM_REFUSED"));
        }
        // Critical extensions must be understood; none is here (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(refused("TOKEN_MALFORMED"));
        }
        let id = header.kid.unwrap_or_default();
        let key = self.keys.find(&id, header.alg).await.map_err(no_key)?;
        let mut validation = Validation::new(header.alg);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        // By our own clock, below.
        validation.validate_exp = false;
        let token = decode::<Claims>(token, &key, &validation);
        let claims = token.map_err(|error| invalid(error.kind()))?.claims;
        self.in_time(&claims)?;
        identity(&claims)
    }

    fn in_time(&self, claims: &Claims) -> Result<(), Status> {
        let now = self.clock.now().timestamp();
        if claims.exp.saturating_add(SKEW_SECONDS) <= now {
            return Err(refused("TOKEN_EXPIRED"));
        }
        let from = claims.nbf.max(claims.iat);
        if from.is_some_and(|from| from.saturating_sub(SKEW_SECONDS) > now) {
            return Err(refused("TOKEN_NOT_YET_VALID"));
        }
        Ok(())
    }
}

fn identity(claims: &Claims) -> Result<Identity, Status> {
    let wrong = || refused("TOKEN_CLAIMS_INVALID");
    if claims.countersign_roles.len() > MAX_ROLES {
        return Err(wrong());
    }
    Ok(Identity {
        seller: claims.countersign_seller.parse().map_err(|_| wrong())?,
        principal: claims.sub.parse().map_err(|_| wrong())?,
        roles: roles(claims.countersign_roles.iter().map(String::as_str)),
    })
}

fn no_key(why: NoKey) -> Status {
    match why {
        NoKey::Unknown => refused("TOKEN_KEY_UNKNOWN"),
        NoKey::Unavailable => denied_for(
            Code::Unavailable,
            "JWKS_UNAVAILABLE",
            "the issuer's keys cannot be read",
            KEYS_AWAY,
        ),
    }
}

fn invalid(kind: &ErrorKind) -> Status {
    refused(match kind {
        ErrorKind::InvalidSignature => "TOKEN_SIGNATURE_INVALID",
        ErrorKind::InvalidIssuer => "TOKEN_ISSUER_WRONG",
        ErrorKind::InvalidAudience => "TOKEN_AUDIENCE_WRONG",
        _ => "TOKEN_CLAIMS_INVALID",
    })
}

fn refused(reason: &'static str) -> Status {
    denied(
        Code::Unauthenticated,
        reason,
        "the bearer token does not count",
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use proptest::prelude::*;
    use rcgen::KeyPair;
    use serde_json::json;
    use tokio::runtime::{Builder, Runtime};
    use tonic_types::StatusExt;

    use super::*;
    use crate::auth::key_source::KeySource;

    const NOW: i64 = 1_772_442_000;

    struct Issuer {
        runtime: Runtime,
        tokens: Tokens,
        good: String,
    }

    impl Issuer {
        fn new(name: &str) -> Self {
            let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
            let public = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
            let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": public, "kid": "a" });
            let file = format!("countersign-tokens-{name}-{}", std::process::id());
            let file = std::env::temp_dir().join(file);
            std::fs::write(&file, json!({ "keys": [key] }).to_string()).unwrap();
            let source = KeySource::new(&format!("file://{}", file.display()), false).unwrap();
            let keys = Arc::new(KeyCache::new(source));
            let now = chrono::DateTime::from_timestamp(NOW, 0).unwrap();
            let tokens = Tokens::new(keys, "us", "countersign", Clock::manual(now));
            let claims = json!({
                "iss": "us", "aud": "countersign", "sub": "ops@acme.example",
                "exp": NOW + 600, "countersign_seller": "acme",
            });
            let header = Header {
                kid: Some("a".to_owned()),
                ..Header::new(Algorithm::EdDSA)
            };
            let signer = EncodingKey::from_ed_der(pair.serialized_der());
            let good = jsonwebtoken::encode(&header, &claims, &signer).unwrap();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let it = Self {
                runtime,
                tokens,
                good,
            };
            // Read once; nothing is read again while they are known and time stands still.
            assert_eq!(it.told(&it.good.clone()), None);
            std::fs::remove_file(file).unwrap();
            it
        }

        /// Why a token does not count.
        fn told(&self, token: &str) -> Option<(Code, String)> {
            let status = self.runtime.block_on(self.tokens.verify(token)).err()?;
            let details = status.get_error_details();
            let reason = details.error_info().map(|info| info.reason.clone());
            Some((status.code(), reason.unwrap_or_default()))
        }
    }

    /// P5: what anybody may send as a token is refused in so many words, always alike.
    #[test]
    fn nothing_made_up_counts() {
        let it = Issuer::new("made-up");
        let part = prop_oneof![
            "[A-Za-z0-9_-]{0,40}",
            "\\PC{0,20}".prop_map(|text| URL_SAFE_NO_PAD.encode(text)),
            prop::sample::select(vec![
                r#"{"alg":"EdDSA","kid":"a"}"#,
                r#"{"alg":"EdDSA","kid":"a","crit":["exp"]}"#,
                r#"{"alg":"none"}"#,
                r#"{"alg":"HS256","kid":"a"}"#,
                r#"{"exp":1e99}"#,
            ])
            .prop_map(|text| URL_SAFE_NO_PAD.encode(text)),
        ];
        let parts = prop::collection::vec(part, 0..5).prop_map(|parts| parts.join("."));
        let made_up = prop_oneof!["\\PC{0,80}", parts];
        proptest!(ProptestConfig::with_cases(256), |(token in made_up)| {
            let told = it.told(&token);
            let refused = matches!(told, Some((Code::Unauthenticated, ref why)) if !why.is_empty());
            prop_assert!(refused, "{:?}", told);
            prop_assert_eq!(told, it.told(&token));
        });
    }

    /// P5: a good token with any character of it changed, left out or put in twice does not count.
    #[test]
    fn nothing_spoilt_counts() {
        let it = Issuer::new("spoilt");
        let places = any::<prop::sample::Index>();
        let letters = "[A-Za-z0-9._-]";
        proptest!(ProptestConfig::with_cases(256), |(at in places, by in letters, how in 0..3)| {
            let at = at.index(it.good.len());
            let (before, behind) = it.good.split_at(at);
            let token = match how {
                0 => format!("{before}{by}{}", &behind[1..]),
                1 => format!("{before}{}", &behind[1..]),
                _ => format!("{before}{by}{behind}"),
            };
            prop_assume!(token != it.good);
            let told = it.told(&token);
            prop_assert!(matches!(told, Some((Code::Unauthenticated, _))), "{:?}", told);
        });
    }
}
