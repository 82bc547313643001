//! This service's section: where mail goes out, and how webhooks may.

use std::time::Duration;

use countersign_platform::config::Secret;
use serde::{Deserialize, Serialize};

use crate::domain::address::UrlPolicy;

/// The table `notification`; in the environment `COUNTERSIGN_NOTIFICATION__` and the key in upper
/// case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct NotificationConfig {
    /// The SMTP server: `smtp://host:port` without encryption (a local catcher),
    /// `smtp://user:password@host:587?tls=required` for STARTTLS, `smtps://user:password@host` for
    /// TLS from the start. `serve` needs it.
    pub smtp_url: Secret,
    /// How long the server may take to take one mail, in milliseconds.
    pub smtp_timeout_ms: u64,
    /// Who notices are from: `Name <address>`. Its host also ends every Message-ID. `serve` needs it.
    pub mail_from: String,
    /// How long a webhook's receiver may take to answer, in milliseconds.
    pub webhook_timeout_ms: u64,
    /// Whether webhooks may go to `http` URLs and to this machine and its network: for one machine's
    /// demo and tests, never where tenants are not trusted.
    pub webhook_allow_local: bool,
}

impl Default for NotificationConfig {
    fn default() -> Self {
        Self {
            smtp_url: Secret::default(),
            smtp_timeout_ms: 20_000,
            mail_from: String::new(),
            webhook_timeout_ms: 15_000,
            webhook_allow_local: false,
        }
    }
}

impl NotificationConfig {
    pub(crate) const fn smtp_timeout(&self) -> Duration {
        Duration::from_millis(self.smtp_timeout_ms)
    }

    pub(crate) const fn webhook_timeout(&self) -> Duration {
        Duration::from_millis(self.webhook_timeout_ms)
    }

    pub(crate) const fn url_policy(&self) -> UrlPolicy {
        if self.webhook_allow_local {
            UrlPolicy::LocalToo
        } else {
            UrlPolicy::PublicHttps
        }
    }
}
