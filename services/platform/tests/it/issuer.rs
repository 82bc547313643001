//! An issuer of tokens of a test's own, honest or not.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_platform::{Secret, Settings};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";

/// A key pair by its id.
pub(crate) struct Key {
    id: &'static str,
    pair: KeyPair,
}

impl Key {
    pub(crate) fn new(id: &'static str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        Self { id, pair }
    }

    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key_raw()
    }

    /// A token of these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let key = EncodingKey::from_ed_der(self.pair.serialized_der());
        self.sign_with(Algorithm::EdDSA, &key, claims)
    }

    /// A token that says that it is signed by this key, and is signed by another.
    pub(crate) fn sign_with(
        &self,
        algorithm: Algorithm,
        by: &EncodingKey,
        claims: &Value,
    ) -> String {
        let header = Header {
            kid: Some(self.id.to_owned()),
            ..Header::new(algorithm)
        };
        jsonwebtoken::encode(&header, claims, by).unwrap()
    }

    /// A token that nobody signed.
    pub(crate) fn unsigned(&self, claims: &Value) -> String {
        let header = json!({ "alg": "none", "kid": self.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(claims))
    }
}

/// Claims of an operator of acme that count now.
pub(crate) fn claims() -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    json!({
        "iss": ISSUER,
        "aud": ["another", "countersign"],
        "sub": "ops@acme.example",
        "iat": now,
        "exp": now + 600,
        "countersign_seller": "acme",
        "countersign_roles": ["operator"],
    })
}

/// The same claims with some of them changed; `null` leaves one out.
pub(crate) fn but(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

/// A key set in a file.
pub(crate) struct KeySet(PathBuf);

impl KeySet {
    /// A file that is not there yet.
    pub(crate) fn named(name: &str) -> Self {
        let name = format!("countersign-it-{name}-{}.json", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn holds(&self, keys: &[&Key]) {
        let key = |key: &&Key| {
            let public = URL_SAFE_NO_PAD.encode(key.public());
            json!({ "kty": "OKP", "crv": "Ed25519", "x": public, "kid": key.id })
        };
        let keys: Vec<_> = keys.iter().map(key).collect();
        std::fs::write(&self.0, json!({ "keys": keys }).to_string()).unwrap();
    }

    /// Lets a service trust these keys.
    pub(crate) fn configure(&self, settings: &mut Settings) {
        ISSUER.clone_into(&mut settings.auth_issuer);
        settings.auth_jwks_url = Secret::new(format!("file://{}", self.0.display()));
        settings.nats_url = countersign_platform::Secret::default();
    }
}

impl Drop for KeySet {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
