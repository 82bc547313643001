//! The issuer of tokens of one run: a key of its own, and the key set that the services read (P5).

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use countersign_platform::config::DEFAULT_AUDIENCE;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::run_folder::RunFolder;
use super::services::SELLER;

/// The `iss` of every token.
pub(crate) const ISSUER: &str = "https://issuer.countersign.local";
const KEY_ID: &str = "local";

/// The offer service as approval sees it.
const OFFER: Bearer<'_> = Bearer {
    seller: SELLER,
    subject: "service:offer",
    roles: &[],
};
/// How long its token counts: no run lasts longer.
const OFFER_LIMIT: Duration = Duration::from_hours(30 * 24);

/// Where an issuer's key and key set lie: whoever may read the key mints tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IssuerFiles {
    pub(crate) key: PathBuf,
    pub(crate) key_set: PathBuf,
}

/// Whom a token is for.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// The tenant.
    pub seller: &'a str,
    /// The person, or `service:<name>`.
    pub subject: &'a str,
    /// What it may be.
    pub roles: &'a [String],
}

/// Mints tokens that the services of one run accept.
#[derive(Clone)]
pub struct Issuer(EncodingKey);

impl IssuerFiles {
    /// Makes a key that only its owner reads, and its key set.
    pub(crate) fn make(folder: &RunFolder) -> Result<Self> {
        let key = new_key()?;
        Ok(Self {
            key: folder.secret_file("issuer.key", &key, None)?,
            key_set: folder.secret_file("issuer.jwks.json", &key_set(&key)?, None)?,
        })
    }
}

/// A key to sign with, as PEM.
pub(crate) fn new_key() -> Result<String> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).context("making the issuer's key")?;
    Ok(key.serialize_pem())
}

/// The key set (RFC 7517) by which the signatures of `key` are checked.
pub(crate) fn key_set(key: &str) -> Result<String> {
    let key = KeyPair::from_pem(key).context("reading the issuer's key")?;
    let public = URL_SAFE_NO_PAD.encode(key.public_key_raw());
    let key_set = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "x": public, "kid": KEY_ID, "alg": "EdDSA", "use": "sig" }
    ] });
    Ok(key_set.to_string())
}

impl Issuer {
    /// The issuer whose files these are.
    pub(crate) fn open(files: &IssuerFiles) -> Result<Self> {
        let key = read(&files.key)?;
        let key = KeyPair::from_pem(&key).context("reading the issuer's key")?;
        Ok(Self(EncodingKey::from_ed_der(key.serialized_der())))
    }

    /// An issuer of its own.
    pub(crate) fn make(folder: &RunFolder) -> Result<Self> {
        Self::open(&IssuerFiles::make(folder)?)
    }

    /// The token with which offer reads from approval.
    pub(crate) fn offer_token(&self) -> Result<String> {
        self.token(&OFFER, OFFER_LIMIT)
    }

    /// A token that counts from now, by the system's clock, for `time`.
    ///
    /// # Errors
    /// If the time leads past the calendar, or signing fails.
    pub fn token(&self, bearer: &Bearer<'_>, time: Duration) -> Result<String> {
        let now = system_now();
        let end = now
            .checked_add_signed(chrono::TimeDelta::from_std(time)?)
            .ok_or_else(|| anyhow!("a token for {time:?} leads past the calendar"))?;
        let claims = json!({
            "iss": ISSUER,
            "aud": DEFAULT_AUDIENCE,
            "iat": now.timestamp(),
            "exp": end.timestamp(),
            "sub": bearer.subject,
            "countersign_seller": bearer.seller,
            "countersign_roles": bearer.roles,
        });
        let header = Header {
            kid: Some(KEY_ID.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &self.0).context("signing a token")
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issuer(…)")
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

/// Tokens know no rehearsal: services check them by the system's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "tokens are of the system's time, whatever the rehearsal clock says"
)]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    #[test]
    fn what_it_signs_its_key_set_verifies() {
        let folder = RunFolder::create().unwrap();
        let files = IssuerFiles::make(&folder).unwrap();
        let issuer = Issuer::open(&files).unwrap();
        let roles = ["legal".to_owned()];
        let bearer = Bearer {
            seller: "acme",
            subject: "lea@acme.example",
            roles: &roles,
        };
        let token = issuer.token(&bearer, Duration::from_mins(1)).unwrap();
        let keys: JwkSet = serde_json::from_str(&read(&files.key_set).unwrap()).unwrap();
        let key = DecodingKey::from_jwk(keys.find(KEY_ID).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[DEFAULT_AUDIENCE]);
        let read = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap();
        assert_eq!(read.claims["countersign_seller"], "acme");
        assert_eq!(read.claims["countersign_roles"], json!(["legal"]));
        assert_eq!(format!("{issuer:?}"), "Issuer(…)");
    }
}
