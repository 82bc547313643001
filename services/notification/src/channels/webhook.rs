//! Webhooks, signed by the Standard Webhooks scheme (N5): id, timestamp, HMAC-SHA256.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use countersign_kernel::webhook::{self, WebhookSecret};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, StatusCode, redirect};

use super::{Answer, ChannelError};
use crate::config::NotificationConfig;
use crate::domain::address::{UrlPolicy, WebhookUrl, is_public};
use crate::domain::delivery::{Letter, Outcome};

#[derive(Debug)]
pub(super) struct Webhooks {
    client: Client,
    policy: UrlPolicy,
}

impl Webhooks {
    pub(super) fn new(config: &NotificationConfig) -> Result<Self, ChannelError> {
        let policy = config.url_policy();
        let builder = Client::builder()
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .timeout(config.webhook_timeout())
            // A redirect could lead to where the URL itself was not let.
            .redirect(redirect::Policy::none())
            .no_proxy();
        let builder = match policy {
            UrlPolicy::LocalToo => builder,
            UrlPolicy::PublicHttps => builder.dns_resolver(Arc::new(PublicOnly)),
        };
        let client = builder.build().map_err(|error| ChannelError {
            key: "notification.webhook",
            source: error.into(),
        })?;
        Ok(Self { client, policy })
    }

    pub(super) async fn send(
        &self,
        letter: &Letter,
        secret: &WebhookSecret,
        now: DateTime<Utc>,
    ) -> Answer {
        let body = &letter.content.text;
        let (id, timestamp) = (letter.id.to_string(), now.timestamp());
        let url = match WebhookUrl::parse(&letter.recipient, self.policy) {
            Ok(url) => url,
            Err(error) => return Answer::new(Outcome::Refused, error.to_string()),
        };
        let signature = secret.sign(&id, timestamp, body.as_bytes());
        let request = self
            .client
            .post(url.as_str())
            .header("content-type", "application/json")
            .header(webhook::HEADER_ID, id)
            .header(webhook::HEADER_TIMESTAMP, timestamp)
            .header(webhook::HEADER_SIGNATURE, signature)
            .body(body.clone());
        match request.send().await {
            Ok(response) => answer_of(response).await,
            Err(error) => Answer::deferred(&error.without_url()),
        }
    }
}

/// Standard Webhooks: 2xx is taken, 410 is gone for good, all else may pass. Of the body the first
/// piece is kept: enough to tell why.
async fn answer_of(mut response: Response) -> Answer {
    let status = response.status();
    let outcome = match status {
        StatusCode::GONE => Outcome::Gone,
        taken if taken.is_success() => Outcome::Accepted,
        _ => Outcome::Deferred,
    };
    let piece = response.chunk().await.ok().flatten().unwrap_or_default();
    Answer::new(
        outcome,
        format!("{status} {}", String::from_utf8_lossy(&piece)),
    )
}

/// Resolves names to public addresses only: a public name may point into this network.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("the host name leads to no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
