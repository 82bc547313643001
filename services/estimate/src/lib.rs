//! Fixed-price estimates: packages, uplift, listing fee, versions (E1 to E9).
//!
//! # What it owns
//! Estimates with all their versions, the seller's pricing policy, and the listing fees.
//!
//! | | |
//! |---|---|
//! | commands | Create, Revise, Submit, Withdraw, Clone, Renew, Replace (an estimate); Put (the pricing policy); Add (a listing fee) |
//! | questions | Get, List, customer's view, compare versions, solve, policy, fees |
//! | events out | `EstimateSubmitted`, `EstimateWithdrawn`, `EstimateExpired`, `EstimateApproved`; the aggregate is the estimate |
//! | events in | of approval: `DealStamped`, `ChangesRequested`, `CaseRejected`; of offer: `AgreementAccepted`, `AgreementEnded` |
//! | timers | `estimate.expire`, one per version, at the end of its last day (UTC) |
//! | tables | `estimate`, `estimate_version` (append-only), `agreement`, `pricing_policy`, `listing_fee` (append-only) |
//!
//! # Rooms
//! | room | what changes there |
//! |---|---|
//! | [`domain`] | a rule |
//! | `commands` | what a command leaves behind, and in which order |
//! | `store`, `migrations/` | how it is kept |
//! | `grpc` | how callers say it; `wire` holds the words that answers and events share |
//! | `events` | what others hear, and what is heard from them |
//! | `expiry` | the edge at which the timers of validity come due |

mod commands;
pub mod domain;
mod events;
mod expiry;
mod grpc;
mod permissions;
mod store;
mod wire;

pub use events::inbound::{Approvals, Offers};

use countersign_platform::{BoxError, MAX_MESSAGE_BYTES, NoSection, Parts, Service, Wiring};
use countersign_proto::estimate::v1::estimate_service_server::EstimateServiceServer;
use sqlx::migrate::Migrator;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// What the service is called, and what it keeps.
#[must_use]
pub fn service() -> Service {
    Service::new("estimate", env!("CARGO_PKG_VERSION"))
        .migrations(&MIGRATIONS)
        .append_only(&["estimate_version", "listing_fee"])
        .descriptors(countersign_proto::FILE_DESCRIPTOR_SET)
        .permissions(&permissions::PERMISSIONS)
}

/// What the service is made of. It has no configuration of its own.
///
/// # Errors
/// None: the signature is the harness's.
#[expect(
    clippy::unused_async,
    reason = "the harness composes services asynchronously"
)]
pub async fn compose(parts: Parts<NoSection>) -> Result<Wiring, BoxError> {
    let estimates = EstimateServiceServer::new(grpc::Estimates::new(parts.commands));
    let expiry = expiry::Expiry::new(&parts.metrics);
    Ok(Wiring::new()
        .grpc(estimates.max_decoding_message_size(MAX_MESSAGE_BYTES))
        .subscribe("approval", Approvals)
        .subscribe("offer", Offers)
        .task(commands::validity::KIND, expiry))
}
