//! The five services: their names, what they hear, and the environment each is started with.
//!
//! This is the one place to look at when a service's configuration changes.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::certificates::TlsFiles;
use super::issuer::ISSUER;

/// A service of Countersign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Prices work packages.
    Estimate,
    /// Collects approvals, the stamp and the signatures.
    Approval,
    /// Makes and releases the offer on AWS Marketplace.
    Offer,
    /// Tells people.
    Notification,
    /// Follows the money.
    DisbursementReconciliation,
}

impl Service {
    /// All of them, in the order in which a deal meets them.
    pub const ALL: [Self; 5] = [
        Self::Estimate,
        Self::Approval,
        Self::Offer,
        Self::Notification,
        Self::DisbursementReconciliation,
    ];

    /// The name that people use, such as `disbursement-reconciliation`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Estimate => "estimate",
            Self::Approval => "approval",
            Self::Offer => "offer",
            Self::Notification => "notification",
            Self::DisbursementReconciliation => "disbursement-reconciliation",
        }
    }

    /// Its schema in Postgres, its user on NATS and its package in protobuf: the name with `_` for `-`.
    #[must_use]
    pub fn schema(self) -> &'static str {
        match self {
            Self::Estimate => "estimate",
            Self::Approval => "approval",
            Self::Offer => "offer",
            Self::Notification => "notification",
            Self::DisbursementReconciliation => "disbursement_reconciliation",
        }
    }

    /// The stream that it publishes to.
    #[must_use]
    pub fn stream(self) -> String {
        self.schema().to_uppercase()
    }

    /// Its program, which has its package's name.
    #[must_use]
    pub fn program(self) -> String {
        format!("countersign-{}", self.name())
    }

    /// The service that answers `grpc_service`, such as `countersign.offer.v1.OfferService`.
    #[must_use]
    pub fn answering(grpc_service: &str) -> Option<Self> {
        let schema = grpc_service
            .strip_prefix("countersign.")?
            .split('.')
            .next()?;
        Self::ALL
            .into_iter()
            .find(|service| service.schema() == schema)
    }

    /// Whose events it consumes.
    #[must_use]
    pub fn hears(self) -> &'static [Self] {
        match self {
            Self::Estimate => &[Self::Approval, Self::Offer],
            Self::Offer => &[Self::Approval],
            Self::Approval => &[Self::Estimate],
            Self::Notification => &[
                Self::Estimate,
                Self::Approval,
                Self::Offer,
                Self::DisbursementReconciliation,
            ],
            Self::DisbursementReconciliation => &[Self::Offer],
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|service| service.name() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no service is called {text:?}; the services are {names}")
        })
    }
}

/// The seller whose AWS account the sandbox plays, and whose feeds it writes.
pub(crate) const SELLER: &str = "acme";
/// The seller that deals call as another tenant.
const OTHER_SELLER: &str = "initech";

/// What approval is told of the e-signature providers' secrets: both sellers' is the same.
pub(crate) fn signature_secrets(secret: &str) -> String {
    format!("{SELLER}={secret} {OTHER_SELLER}={secret}")
}

/// What a service must be told of the world around it.
#[derive(Debug)]
pub(crate) struct Wiring<'a> {
    pub(crate) listen: SocketAddr,
    /// Health and metrics, in plain text.
    pub(crate) management: SocketAddr,
    /// The collector that traces go to; none when nobody collects.
    pub(crate) collector: Option<&'a str>,
    pub(crate) database: &'a DatabaseUrls,
    pub(crate) nats: &'a NatsAccess,
    pub(crate) clock_file: &'a Path,
    /// Documents by digest.
    pub(crate) objects: &'a Path,
    /// With what the sellers' e-signature providers sign.
    pub(crate) signature_secret: &'a str,
    /// Stands in for the S3 bucket that AWS fetches legal documents from.
    pub(crate) bucket: &'a Path,
    /// Where the seller data feeds arrive.
    pub(crate) feeds: &'a Path,
    pub(crate) marketplace: SocketAddr,
    pub(crate) smtp: SocketAddr,
    /// Where approval answers, for whoever reads documents from it.
    pub(crate) approval: SocketAddr,
    /// The service's certificate, which every other end here can check.
    pub(crate) tls: &'a TlsFiles,
    /// Whether Postgres is private, and wants to see it.
    pub(crate) postgres_is_secured: bool,
    /// Whose tokens count.
    pub(crate) key_set: &'a Path,
    /// Calls that one caller may make a second, where it is not the services' own default.
    pub(crate) rate_limit: Option<u32>,
}

/// The three ways into the database: to make the schema and roles, to migrate, to run.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseUrls {
    pub(crate) admin: String,
    pub(crate) owner: String,
    pub(crate) run: String,
}

/// Where NATS is, and as whom to go there; no credentials where the URL has them or none are needed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NatsAccess {
    pub(crate) url: String,
    /// What to show there; none where TLS is not spoken, or as the URL says.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) credentials: Option<(String, String)>,
}

impl NatsAccess {
    /// Connects.
    pub(crate) async fn connect(&self) -> Result<async_nats::Client> {
        let mut options = async_nats::ConnectOptions::new();
        if let Some((user, password)) = &self.credentials {
            options = options.user_and_password(user.clone(), password.clone());
        }
        if let Some(files) = &self.tls {
            options = files.for_nats(options);
        }
        let connected = options.connect(&self.url).await;
        connected.context("connecting to NATS")
    }
}

/// Without what it holds: both URL and credentials may be secret.
impl std::fmt::Debug for NatsAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsAccess").finish_non_exhaustive()
    }
}

/// What `provision` and `migrate` need besides. A service that serves cannot make roles or tables.
pub(crate) fn privileged(database: &DatabaseUrls) -> Vec<(String, String)> {
    [
        ("COUNTERSIGN_DATABASE_OWNER_URL", &database.owner),
        ("COUNTERSIGN_DATABASE_ADMIN_URL", &database.admin),
    ]
    .map(|(name, url)| (name.to_owned(), url.clone()))
    .into()
}

/// The environment that `service` is started with.
pub(crate) fn environment(service: Service, wiring: &Wiring<'_>) -> Vec<(String, String)> {
    let mut env = common(service, wiring);
    let own = match service {
        Service::Estimate => vec![],
        Service::Approval => vec![
            ("DOCUMENTS_URL", folder_url(wiring.objects)),
            (
                "SIGNATURE_SECRETS",
                signature_secrets(wiring.signature_secret),
            ),
        ],
        Service::Offer => vec![
            ("SELLER", SELLER.to_owned()),
            (
                "MARKETPLACE_ENDPOINT",
                format!("http://{}", wiring.marketplace),
            ),
            ("DOCUMENT_STORE_URL", folder_url(wiring.bucket)),
            (
                "DOCUMENT_PUBLIC_URL_BASE",
                format!("http://{}/bucket", wiring.marketplace),
            ),
            ("APPROVAL_URL", format!("https://{}", wiring.approval)),
            ("CHANGE_SET_POLL_MIN_MS", "200".to_owned()),
            ("CHANGE_SET_POLL_MAX_MS", "1000".to_owned()),
            ("AGREEMENT_POLL_MS", "1000".to_owned()),
        ],
        Service::Notification => vec![
            ("SMTP_URL", format!("smtp://{}", wiring.smtp)),
            ("MAIL_FROM", "Acme Deals <deals@acme.example>".to_owned()),
            ("WEBHOOK_ALLOW_LOCAL", "true".to_owned()),
        ],
        Service::DisbursementReconciliation => vec![(
            "FEEDS",
            format!(
                "[{{seller={SELLER}, url=\"{}\"}}]",
                folder_url(wiring.feeds)
            ),
        )],
    };
    let section = service.schema().to_uppercase();
    env.extend(
        own.into_iter()
            .map(|(name, value)| (format!("COUNTERSIGN_{section}__{name}"), value)),
    );
    if service == Service::Offer {
        env.extend(sandbox_credentials());
    }
    env
}

fn common(service: Service, wiring: &Wiring<'_>) -> Vec<(String, String)> {
    let (user, password) = match &wiring.nats.credentials {
        Some((user, password)) => (user.clone(), password.clone()),
        None => (service.schema().to_owned(), String::new()),
    };
    let pairs = [
        ("COUNTERSIGN_LISTEN", wiring.listen.to_string()),
        (
            "COUNTERSIGN_MANAGEMENT_LISTEN",
            wiring.management.to_string(),
        ),
        (
            "COUNTERSIGN_OTLP_ENDPOINT",
            wiring.collector.unwrap_or_default().to_owned(),
        ),
        ("COUNTERSIGN_DATABASE_URL", wiring.database.run.clone()),
        ("COUNTERSIGN_NATS_URL", wiring.nats.url.clone()),
        ("COUNTERSIGN_NATS_USER", user),
        ("COUNTERSIGN_NATS_PASSWORD", password),
        (
            "COUNTERSIGN_CLOCK_FILE",
            wiring.clock_file.display().to_string(),
        ),
        ("COUNTERSIGN_LOG_FORMAT", "json".to_owned()),
        ("COUNTERSIGN_AUTH_ISSUER", ISSUER.to_owned()),
        (
            "COUNTERSIGN_AUTH_JWKS_URL",
            format!("file://{}", wiring.key_set.display()),
        ),
    ];
    let authority = &wiring.tls.authority;
    let files = [
        ("TLS_CERTIFICATE_FILE", Some(&wiring.tls.certificate)),
        ("TLS_KEY_FILE", Some(&wiring.tls.key)),
        ("TLS_CLIENT_CA_FILE", Some(authority)),
        ("TLS_CA_FILE", Some(authority)),
        (
            "NATS_CA_FILE",
            wiring.nats.tls.as_ref().map(|files| &files.authority),
        ),
        (
            "DATABASE_CA_FILE",
            wiring.postgres_is_secured.then_some(authority),
        ),
    ];
    let files = files.into_iter().filter_map(|(name, file)| {
        Some((format!("COUNTERSIGN_{name}"), file?.display().to_string()))
    });
    let limits = wiring.rate_limit.into_iter().flat_map(|calls| {
        ["RATE_LIMIT_PER_SECOND", "RATE_LIMIT_BURST"]
            .map(|name| (format!("COUNTERSIGN_{name}"), calls.to_string()))
    });
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
    pairs.into_iter().chain(files).chain(limits).collect()
}

/// The key that the sandbox knows and whose signatures it checks; it protects nothing else.
pub(crate) fn sandbox_credentials() -> impl Iterator<Item = (String, String)> {
    let pairs = [
        ("AWS_ACCESS_KEY_ID", "AKIACOUNTERSIGN00001"),
        ("AWS_SECRET_ACCESS_KEY", "countersign-sandbox-secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn folder_url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_one_another() {
        let service = Service::DisbursementReconciliation;
        assert_eq!(service.program(), "countersign-disbursement-reconciliation");
        assert_eq!(service.stream(), "DISBURSEMENT_RECONCILIATION");
        assert_eq!("offer".parse(), Ok(Service::Offer));
        assert!("offers".parse::<Service>().is_err());
    }

    #[test]
    fn a_grpc_service_tells_who_answers_it() {
        let name = "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService";
        assert_eq!(
            Service::answering(name),
            Some(Service::DisbursementReconciliation)
        );
        assert_eq!(Service::answering("grpc.health.v1.Health"), None);
    }
}
