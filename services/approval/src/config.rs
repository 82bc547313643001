//! The section `approval`: `COUNTERSIGN_APPROVAL__<KEY>`.

use serde::{Deserialize, Serialize};

/// What only approval is configured with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalConfig {
    /// Where documents lie: `file:///folder`, made when missing, or `s3://bucket/prefix` with
    /// credentials and region as the AWS tools take them from the environment.
    pub documents_url: String,
    /// How many uploads are taken in at the same time; each may hold 10 MiB. Others wait.
    pub concurrent_uploads: usize,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self {
            documents_url: "file:///var/lib/countersign/documents".to_owned(),
            concurrent_uploads: 8,
        }
    }
}
