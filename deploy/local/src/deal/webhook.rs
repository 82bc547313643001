//! A webhook as whoever has a secret signs it: what a call hands on that takes one (A6).

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use countersign_kernel::webhook::WebhookSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::variables::Variables;

/// The field by which a request is known that takes a webhook.
pub(super) const SIGNATURE_FIELD: &str = "webhook_signature";

/// A webhook as a deal file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    /// Its id: the same on every attempt.
    id: String,
    /// With what it is signed, `whsec_…`.
    secret: String,
    /// When; now, if nothing is said.
    at: Option<String>,
    /// JSON, or a text as it stands.
    body: Value,
}

impl Webhook {
    /// The request that hands it on: its three headers and its body.
    pub(super) fn request(&self, variables: &Variables, now: DateTime<Utc>) -> Result<Value> {
        let text = |text: &str| variables.expand_str(text, now);
        let id = text(&self.id)?;
        let secret = WebhookSecret::parse(&text(&self.secret)?).context("the webhook's secret")?;
        let at = self.at.as_deref().map_or(Ok(now), |at| {
            let at = text(at)?;
            at.parse()
                .with_context(|| format!("{at:?} is no time at which a webhook is signed"))
        })?;
        let body = match variables.expand(&self.body, now)? {
            Value::String(text) => text,
            json => json.to_string(),
        };
        let at = at.timestamp();
        Ok(json!({
            "webhook_id": id,
            "webhook_timestamp": at.to_string(),
            SIGNATURE_FIELD: secret.sign(&id, at, body.as_bytes()),
            "body": BASE64.encode(&body),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_YWNtZSBhY21lIGFjbWUgYWNtZSBhY21l";

    fn request(webhook: Value) -> Result<Value> {
        let mut variables = Variables::default();
        variables.set("secret", json!(SECRET));
        variables.set("run", json!("7f3a"));
        let webhook: Webhook = serde_json::from_value(webhook)?;
        webhook.request(&variables, "2026-03-02T09:00:00Z".parse()?)
    }

    #[test]
    fn a_webhook_is_signed_as_it_is_sent() {
        let request = request(json!({
            "id": "msg_${run}", "secret": "${secret}", "at": "${now - PT1H}", "body": { "of": "${run}" },
        }))
        .unwrap();
        let body = br#"{"of":"7f3a"}"#;
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let expected = json!({
            "webhook_id": "msg_7f3a",
            "webhook_timestamp": "1772438400",
            "webhook_signature": secret.sign("msg_7f3a", 1_772_438_400, body),
            "body": BASE64.encode(body),
        });
        assert_eq!(request, expected);
    }

    #[test]
    fn what_cannot_be_signed_is_an_error() {
        for (secret, at) in [("hunter2", "${now}"), (SECRET, "soon")] {
            let webhook = json!({ "id": "msg", "secret": secret, "at": at, "body": "text" });
            assert!(request(webhook).is_err(), "{at}");
        }
    }
}
