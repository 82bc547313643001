//! The service's own section of the configuration: `COUNTERSIGN_OFFER__<KEY>`, or `[offer]` in TOML.

use std::path::PathBuf;
use std::time::Duration;

use countersign_kernel::SellerId;
use countersign_platform::Secret;
use serde::{Deserialize, Serialize};

pub use crate::domain::resale::SellerKind;

/// The section. Durations are milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfferConfig {
    /// The tenant whose AWS seller account the process's AWS credentials are of: only for it is AWS asked
    /// anything from here. Another seller of the same schema has processes of its own, and what is to be
    /// done at AWS for it waits for those. The credentials come from the SDK's ordinary chain.
    pub seller: String,
    /// What that seller is at AWS: `isv`, or `channel-partner`, which cannot mark a renewal (O16).
    #[serde(with = "SellerKindText")]
    pub seller_kind: SellerKind,
    /// Where both AWS Marketplace APIs are, when it is not AWS: the sandbox.
    pub marketplace_endpoint: Option<String>,
    /// AWS Marketplace's APIs live in us-east-1 only.
    pub marketplace_region: String,
    /// An access key to use in place of the SDK's ordinary chain, with its secret.
    pub marketplace_access_key_id: Option<String>,
    /// See `marketplace_access_key_id`.
    pub marketplace_secret_access_key: Secret,
    /// The SQS queue that the account's event bus delivers to, in the same region; without it nothing is
    /// heard, and everything is still found by looking. The credentials need `sqs:ReceiveMessage` and
    /// `sqs:DeleteMessage`. Give it a redrive policy: what cannot be read is left for its dead letters.
    pub events_queue_url: Option<String>,
    /// How long one call to AWS may take, with its repetitions.
    pub marketplace_timeout_ms: u64,
    /// How much of AWS's published rates these replicas may use, together: 1 to 100. Other tools with
    /// the same account need the rest.
    pub marketplace_rate_percent: u8,
    /// Where merged legal documents are kept: `s3://bucket/prefix`, or a folder.
    pub document_store_url: String,
    /// Where AWS reads them when they lie in a folder: `<base>/<digest>.pdf`. Without it a bucket's
    /// documents get signed URLs.
    pub document_public_url_base: Option<String>,
    /// The approval service, for reading documents: `http://host:port`, or `https://host:port`, where
    /// the platform's `tls_ca_file` vouches for it and this process's certificate is shown.
    pub approval_url: String,
    /// A file that holds the bearer token to show there, read anew for each document. Without it the
    /// offer service is known by its certificate; without that too it only says who it is, which a
    /// service on the same machine may believe.
    pub approval_token_file: Option<PathBuf>,
    /// How long reading one document may take.
    pub approval_timeout_ms: u64,
    /// Where the buyer accepts; `{offer_id}` (AWS's) and `{product_id}` are filled in.
    pub offer_url_template: String,
    /// The shortest and the longest pause between two looks at a change set.
    pub change_set_poll_min_ms: u64,
    /// See `change_set_poll_min_ms`.
    pub change_set_poll_max_ms: u64,
    /// The pause between two looks for agreements; the shortest between two looks at a payment request.
    pub agreement_poll_ms: u64,
    /// How far each look reaches back before the last one: AWS shows an agreement up to 24 hours
    /// late, with its old time.
    pub agreement_overlap_ms: u64,
}

/// How the configuration writes a [`SellerKind`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "SellerKind", rename_all = "kebab-case")]
enum SellerKindText {
    Isv,
    ChannelPartner,
}

impl Default for OfferConfig {
    fn default() -> Self {
        Self {
            seller: String::new(),
            seller_kind: SellerKind::default(),
            marketplace_endpoint: None,
            marketplace_region: "us-east-1".to_owned(),
            marketplace_access_key_id: None,
            marketplace_secret_access_key: Secret::default(),
            events_queue_url: None,
            marketplace_timeout_ms: 30_000,
            marketplace_rate_percent: 100,
            document_store_url: "offer-documents".to_owned(),
            document_public_url_base: None,
            approval_url: String::new(),
            approval_token_file: None,
            approval_timeout_ms: 30_000,
            offer_url_template:
                "https://console.aws.amazon.com/marketplace/home#/private-offers?offerId={offer_id}"
                    .to_owned(),
            change_set_poll_min_ms: 5_000,
            change_set_poll_max_ms: 60_000,
            agreement_poll_ms: 60_000,
            agreement_overlap_ms: 25 * 60 * 60 * 1000,
        }
    }
}

/// A key that is missing or cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("offer.{key} is {value:?}: {expected}")]
pub struct WrongKey {
    key: &'static str,
    value: String,
    expected: &'static str,
}

impl OfferConfig {
    pub(crate) fn seller(&self) -> Result<SellerId, WrongKey> {
        self.seller.parse().map_err(|_| WrongKey {
            key: "seller",
            value: self.seller.clone(),
            expected: "the seller whose AWS account the credentials are of",
        })
    }

    /// What a seller is at AWS: known of the one whose AWS account this is, an ISV where it is another's.
    pub(crate) fn kind_of(&self, seller: &SellerId) -> SellerKind {
        if self.seller == seller.as_str() {
            self.seller_kind
        } else {
            SellerKind::default()
        }
    }

    pub(crate) const fn marketplace_timeout(&self) -> Duration {
        Duration::from_millis(self.marketplace_timeout_ms)
    }

    pub(crate) const fn approval_timeout(&self) -> Duration {
        Duration::from_millis(self.approval_timeout_ms)
    }

    /// Where the buyer of an offer accepts it.
    pub(crate) fn offer_url(&self, aws_offer_id: &str, product_id: &str) -> String {
        self.offer_url_template
            .replace("{offer_id}", aws_offer_id)
            .replace("{product_id}", product_id)
    }
}
