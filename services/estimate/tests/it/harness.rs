//! The service served in this process, in a database of its own, and how tests talk to it.

use countersign_estimate::{compose, service};
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{NoSection, Settings, Wiring};
use countersign_proto::estimate::v1::estimate_service_client::EstimateServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// The tenant of most tests.
pub(crate) const SELLER: &str = "acme";
/// The engagement manager of most tests.
pub(crate) const AUTHOR: &str = "em@acme.example";

pub(crate) struct Harness {
    pub(crate) bed: TestBed<NoSection>,
    pub(crate) client: EstimateServiceClient<Channel>,
    running: Running,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let bed = TestBed::with_settings(&service(), NoSection {}, change).await;
        let running = bed.serve(&service(), compose).await;
        let client = EstimateServiceClient::new(running.channel());
        Self {
            bed,
            client,
            running,
        }
    }

    /// What [`TestBed::run_due_tasks`] runs.
    pub(crate) async fn wiring(&self) -> Wiring {
        compose(self.bed.parts()).await.unwrap()
    }

    /// The trail of one aggregate: action, who, why.
    pub(crate) async fn audit(&self, aggregate_id: &str) -> Vec<(String, String, String)> {
        sqlx::query_as(
            "SELECT action, principal, reason FROM audit WHERE aggregate_id = $1 ORDER BY audit_seq",
        )
        .bind(aggregate_id)
        .fetch_all(self.bed.pool())
        .await
        .unwrap()
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// A request of [`AUTHOR`] for [`SELLER`] under an idempotency key.
pub(crate) fn command<T>(key: &str, message: T) -> Request<T> {
    let mut request = question(message);
    request
        .metadata_mut()
        .insert("idempotency-key", key.parse().unwrap());
    request
}

/// A request that changes nothing.
pub(crate) fn question<T>(message: T) -> Request<T> {
    from(SELLER, AUTHOR, message)
}

pub(crate) fn from<T>(seller: &str, principal: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("countersign-seller", seller.parse().unwrap());
    metadata.insert("countersign-principal", principal.parse().unwrap());
    let roles = "engagement-manager,finance";
    metadata.insert("countersign-roles", roles.parse().unwrap());
    request
}

/// A refusal as its code and reason.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    (
        status.code(),
        details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default(),
    )
}

/// The wrong fields of a refusal with their reasons.
pub(crate) fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let found = details
        .bad_request()
        .map(|bad| bad.field_violations.clone())
        .unwrap_or_default();
    found
        .into_iter()
        .map(|wrong| (wrong.field, wrong.reason))
        .collect()
}
