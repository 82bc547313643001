//! What can be asked of a dossier.

use std::collections::BTreeSet;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Digest, Principal};
use uuid::Uuid;

use super::document::Document;
use super::estimate::Estimate;
use super::policy::Policy;

/// Who asks, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person or system.
    pub principal: Principal,
    /// The roles that it holds.
    pub roles: BTreeSet<String>,
}

/// What is true when a command is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The time, UTC.
    pub now: DateTime<Utc>,
    /// Who asks.
    pub actor: Actor,
}

/// A request for change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A version was submitted for approval.
    ReceiveEstimate(Box<Estimate>),
    /// The estimate is no longer submitted.
    LoseEstimate {
        /// Which estimate.
        estimate_id: String,
        /// Its version then.
        version: u32,
        /// Why.
        cause: Loss,
    },
    /// Put a stored document into the engagement.
    AddDocument {
        /// The document, its bytes already stored under its digest.
        document: Document,
        /// The document whose place it takes.
        replaces: Option<Uuid>,
    },
    /// Take a document out of the engagement.
    RemoveDocument {
        /// Which.
        document_id: Uuid,
        /// Why.
        reason: String,
    },
    /// Start the approval (A1).
    OpenCase {
        /// The new case's id.
        case_id: Uuid,
        /// The seller's policy now; the case keeps it.
        policy: Policy,
    },
    /// Decide a step (A3, A4).
    DecideStep {
        /// The step's name.
        step: String,
        /// Which way.
        decision: Decision,
        /// Why; empty only when approving.
        comment: String,
        /// The subject's digest as the approver read it.
        subject_digest: Digest,
    },
    /// Send the stamped SOW out for signature (A6).
    RouteForSignature {
        /// Who signs for the seller.
        internal_signatory: String,
        /// Who signs for the customer.
        customer_signatory: String,
    },
    /// A signature is in (A6).
    RecordSignature {
        /// Whose.
        party: SigningParty,
        /// Who signed.
        signatory: String,
        /// When, UTC.
        signed_at: DateTime<Utc>,
        /// The SOW that was signed.
        routed_sow_digest: Digest,
        /// The signed copy; the customer's signature needs it.
        signed_copy: Option<SignedCopy>,
    },
    /// Close an item of the checklist (A8).
    CloseChecklistItem {
        /// Which.
        item: String,
        /// How.
        closing: ItemClosing,
    },
}

/// Why an estimate is no longer submitted (E8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Its author took it back.
    Withdrawn,
    /// Its validity passed.
    Expired,
}

/// Which way a step is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may go on.
    Approve,
    /// It may go on when changed.
    RequestChanges,
    /// It ends here.
    Reject,
}

/// Who signs, in this order (A6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningParty {
    /// The seller's signatory: first.
    Internal,
    /// The customer's: second.
    Customer,
}

impl SigningParty {
    /// The party's stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Customer => "customer",
        }
    }
}

/// Which of the uploaded signed copies a signature is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedCopy {
    /// The document of this id.
    Document(Uuid),
    /// One of these bytes: who signs elsewhere knows no id of ours.
    Bytes(Digest),
}

/// How an item of the checklist is closed (A8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemClosing {
    /// It is done.
    Done,
    /// It is not needed.
    Waived {
        /// Why not.
        reason: String,
    },
}
