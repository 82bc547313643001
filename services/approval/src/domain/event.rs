//! What happened to a dossier. Private; the few that others hear of are mapped in `events::outbound`.

use countersign_kernel::Digest;
use uuid::Uuid;

use super::command::{ItemClosing, Loss};
use super::document::Document;
use super::dossier::{Routing, Signature, Stamp, Verdict};
use super::estimate::Estimate;
use super::policy::Policy;

/// A change of a [`super::Dossier`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A newer submitted version is under approval.
    EstimateReceived(Box<Estimate>),
    /// There is no submitted version any more.
    EstimateLost {
        /// Why.
        cause: Loss,
    },
    /// A document came in, at the end or in the place of another.
    DocumentAdded {
        /// The document.
        document: Document,
        /// Whose place it took.
        replaces: Option<Uuid>,
    },
    /// A document went out.
    DocumentRemoved {
        /// Which.
        document_id: Uuid,
        /// Why.
        reason: String,
    },
    /// The approval began.
    CaseOpened {
        /// The case.
        case_id: Uuid,
        /// The policy that it keeps.
        policy: Policy,
    },
    /// A step holds.
    StepApproved {
        /// Its name.
        step: String,
        /// Who, when, why, what.
        verdict: Verdict,
    },
    /// An approver asked for changes.
    ChangesRequested {
        /// The step.
        step: String,
        /// Who, when, why, what.
        verdict: Verdict,
    },
    /// An approver ended it.
    CaseRejected {
        /// The step.
        step: String,
        /// Who, when, why, what.
        verdict: Verdict,
    },
    /// What this step had bound has changed (A4).
    ApprovalVoided {
        /// The step.
        step: String,
    },
    /// Every step holds (A5).
    DealStamped(Stamp),
    /// The stamp no longer holds (A4).
    StampVoided {
        /// What it bound.
        digest: Digest,
        /// What changed.
        reason: &'static str,
    },
    /// The SOW went out for signature (A6).
    RoutedForSignature(Routing),
    /// The seller signed.
    InternalSigned(Signature),
    /// The customer signed: both signatures are in.
    SowSigned {
        /// The customer's signature.
        customer: Signature,
        /// The signed copy.
        signed_sow: Document,
    },
    /// An item of the checklist was closed.
    ChecklistItemClosed {
        /// Which.
        item: String,
        /// How.
        closing: ItemClosing,
        /// By whom.
        closed_by: countersign_kernel::Principal,
    },
    /// The last open item was closed (A8). Happens once.
    ChecklistCompleted,
}
