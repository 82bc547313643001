//! The section `disbursement_reconciliation` of the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often the feeds are looked at when nothing is said: AWS writes them once a day.
const DEFAULT_POLL_INTERVAL_SECONDS: u64 = 900;

/// What this service is configured with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisbursementReconciliationConfig {
    /// Where each seller's feeds lie.
    pub feeds: Vec<FeedLocation>,
    /// Seconds between two looks at the feeds, by the service's clock.
    pub poll_interval_seconds: u64,
}

/// A folder or bucket into which AWS writes the feeds of one seller (facts §6.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedLocation {
    /// The tenant whose feeds these are.
    pub seller: String,
    /// Such as `file:///var/lib/feeds` or `s3://bucket/prefix`.
    pub url: String,
    /// What the object store is told besides, such as `aws_region`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl Default for DisbursementReconciliationConfig {
    fn default() -> Self {
        Self {
            feeds: Vec::new(),
            poll_interval_seconds: DEFAULT_POLL_INTERVAL_SECONDS,
        }
    }
}
