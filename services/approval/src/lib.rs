//! Approvals bound to digests, the stamp, documents and signatures.
//!
//! **Owns**, per engagement: the newest submitted estimate, the documents, and the approval case
//! with its steps, stamp, signatures and checklist; per seller: the approval policy.
//!
//! | commands (gRPC) | rule |
//! |---|---|
//! | `UploadDocument`, `RemoveDocument` | A7, O6: content sniffed, stored by SHA-256, counted |
//! | `OpenCase` | A1: steps and checklist from the policy, kept by the case |
//! | `DecideStep` | A3, A4, A5: role, order, not one's own, bound to the digest that was read |
//! | `RouteForSignature`, `RecordSignature` | A5, A6: stamp, then internal, then customer |
//! | `ReceiveSignatureCallback` | A6, P5: the same as an e-signature provider tells it; who may, and how it is known, is in `grpc/callback.rs` |
//! | `CloseChecklistItem` | A8: done, or waived with a reason |
//! | `PutApprovalPolicy` | A1: data |
//!
//! | events out (aggregate: the case) | when |
//! |---|---|
//! | `ChangesRequested`, `CaseRejected` | an approver said so |
//! | `DealStamped` | every step holds; again when a newer version says the same |
//! | `StampVoided` | a change, or the loss of the estimate, after the stamp |
//! | `SowSigned` | both signatures are in |
//! | `ChecklistCompleted` | every item is closed; once |
//!
//! **Events in**, from estimate: `EstimateSubmitted`, `EstimateWithdrawn`, `EstimateExpired`.
//!
//! **Tables**: `engagements`, `documents`, `cases`, `approval_policies`, `signature_callbacks`;
//! documents' bytes lie in an object store.

pub mod config;
pub mod domain;
pub mod events;

mod commands;
mod documents;
mod grpc;
mod permissions;
mod store;
mod wire;

use countersign_platform::{BoxError, MAX_MESSAGE_BYTES, Parts, Service, Wiring};
use countersign_proto::approval::v1::approval_service_server::ApprovalServiceServer;

use config::ApprovalConfig;
use documents::objects::Objects;
use events::inbound::EstimateEvents;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service: its name, its schema's history, its descriptors.
#[must_use]
pub fn service() -> Service {
    Service::new("approval", env!("CARGO_PKG_VERSION"))
        .migrations(&MIGRATIONS)
        .append_only(&["signature_callbacks"])
        .descriptors(countersign_proto::FILE_DESCRIPTOR_SET)
        .permissions(&permissions::PERMISSIONS)
}

/// What the service is made of: what it serves and what it hears.
///
/// # Errors
/// When the documents' place cannot be opened, or the secrets of callbacks are none.
pub async fn compose(parts: Parts<ApprovalConfig>) -> Result<Wiring, BoxError> {
    let objects = Objects::open(&parts.section.documents_url).await?;
    let approval = grpc::Approval::new(
        parts.commands.clone(),
        objects,
        parts.section.concurrent_uploads,
        parts.section.callback_secrets()?,
    );
    Ok(Wiring::new()
        .grpc(ApprovalServiceServer::new(approval).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .subscribe("estimate", EstimateEvents))
}
