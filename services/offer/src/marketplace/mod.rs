//! AWS Marketplace through its official SDK (O9): the Catalog API for offers, the Agreement API for
//! what buyers accepted, and a queue of what AWS tells by itself. Every call has its deadline; what an error means is decided in [`error`].

mod adjustments;
mod agreements;
mod audience;
mod cancellations;
mod catalog;
#[cfg(test)]
mod cross_check;
#[cfg(test)]
mod cross_check_intake;
#[cfg(test)]
mod cross_check_payments;
#[cfg(test)]
mod cross_check_prerequisites;
#[cfg(test)]
mod cross_check_said;
mod entity;
mod error;
mod listing;
mod news;
mod observe;
mod payments;
mod rate;
mod request;
mod resale;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_marketplacecatalog::config::Credentials;

pub(crate) use adjustments::BATCH as ADJUSTMENT_BATCH;
pub(crate) use catalog::Progress;
pub(crate) use error::{CallError, Later, Why};
pub(crate) use news::{Made, News};
pub(crate) use request::{ChangeSetRequest, Urls};

use countersign_kernel::SellerId;
use countersign_platform::{Database, Metrics};
use news::Queue;
use observe::Calls;
use rate::Rates;

use crate::config::OfferConfig;

/// Pages of one answer that are asked for: a list that is longer, or has no end, is not ours to read.
const MAX_PAGES: usize = 200;

/// Both APIs, with the credentials of one AWS seller account.
#[derive(Debug, Clone)]
pub(crate) struct Marketplace {
    catalog: aws_sdk_marketplacecatalog::Client,
    agreements: aws_sdk_marketplaceagreement::Client,
    queue: Option<Queue>,
    calls: Calls,
}

impl Marketplace {
    /// Connects lazily: nothing is called before it is needed.
    pub(crate) async fn connect(
        config: &OfferConfig,
        seller: &SellerId,
        database: Database,
        metrics: &Metrics,
    ) -> Self {
        let timeout = config.marketplace_timeout();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(timeout / 4)
            .operation_timeout(timeout / 2)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(config.marketplace_region.clone()))
            .retry_config(RetryConfig::disabled())
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
        let percent = config.marketplace_rate_percent.into();
        let rates = Rates::new(database, seller.clone(), percent, metrics);
        Self {
            catalog: aws_sdk_marketplacecatalog::Client::new(&shared),
            agreements: aws_sdk_marketplaceagreement::Client::new(&shared),
            queue: Queue::connect(config, &shared),
            calls: Calls::new(rates, timeout, metrics),
        }
    }
}

fn too_many_pages(of: &str) -> CallError {
    CallError::Later(Later::fault(format!(
        "AWS lists more than {MAX_PAGES} pages of {of}"
    )))
}
