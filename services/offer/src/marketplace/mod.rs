//! AWS Marketplace through its official SDK (O9): the Catalog API for offers, the Agreement API for
//! what buyers accepted. Every call has its deadline; what an error means is decided in [`error`].

mod adjustments;
mod agreements;
mod cancellations;
mod catalog;
mod entity;
mod error;
mod observe;
mod payments;
mod request;
mod resale;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_marketplacecatalog::config::Credentials;

pub(crate) use adjustments::BATCH as ADJUSTMENT_BATCH;
pub(crate) use agreements::Summary;
pub(crate) use catalog::Progress;
pub(crate) use error::CallError;
pub(crate) use request::ChangeSetRequest;

use countersign_platform::Metrics;
use observe::Calls;

use crate::config::OfferConfig;

/// Pages of one answer that are asked for: a list that is longer, or has no end, is not ours to read.
const MAX_PAGES: usize = 200;
/// Attempts of one call by the SDK itself, before a task's own back-off takes over.
const ATTEMPTS: u32 = 3;

/// Both APIs, with the credentials of one AWS seller account.
#[derive(Debug, Clone)]
pub(crate) struct Marketplace {
    catalog: aws_sdk_marketplacecatalog::Client,
    agreements: aws_sdk_marketplaceagreement::Client,
    calls: Calls,
}

impl Marketplace {
    /// Connects lazily: nothing is called before it is needed.
    pub(crate) async fn connect(config: &OfferConfig, metrics: &Metrics) -> Self {
        let timeout = config.marketplace_timeout();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(timeout / 4)
            .operation_attempt_timeout(timeout / 2)
            .operation_timeout(timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(config.marketplace_region.clone()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts);
        if let Some(endpoint) = &config.marketplace_endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(id) = &config.marketplace_access_key_id {
            let secret = config.marketplace_secret_access_key.expose();
            let credentials = Credentials::new(id, secret, None, None, "offer configuration");
            loader = loader.credentials_provider(credentials);
        }
        let shared = loader.load().await;
        Self {
            catalog: aws_sdk_marketplacecatalog::Client::new(&shared),
            agreements: aws_sdk_marketplaceagreement::Client::new(&shared),
            calls: Calls::new(metrics),
        }
    }
}

fn too_many_pages(of: &str) -> CallError {
    CallError::Later(format!("AWS lists more than {MAX_PAGES} pages of {of}"))
}
