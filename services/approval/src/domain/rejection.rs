//! Why a command is refused: facts, each with a stable reason code.

use countersign_kernel::chrono::NaiveDate;

/// A refusal. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing is under approval.
    #[error("no submitted estimate is known for this engagement")]
    NoSubmittedEstimate,
    /// E7: past its last valid day.
    #[error("the estimate was valid until {valid_until}")]
    EstimateExpired {
        /// The last day, UTC.
        valid_until: NaiveDate,
    },
    /// O6.
    #[error("a statement of work is needed")]
    SowMissing,
    /// O6.
    #[error("at least one licence agreement (EULA) is needed")]
    EulaMissing,
    /// O6: replace the one there is.
    #[error("the engagement already has a statement of work")]
    SowAlreadyPresent,
    /// O6.
    #[error("more than {limit} documents of this kind")]
    TooManyDocuments {
        /// The limit that would be passed.
        limit: usize,
    },
    /// No such document in this engagement.
    #[error("the engagement has no such document")]
    DocumentUnknown,
    /// A document may only be replaced by one of its own kind.
    #[error("a document is replaced only by one of the same kind")]
    DocumentKindMismatch,
    /// One case per engagement.
    #[error("the engagement already has a case")]
    CaseAlreadyOpen,
    /// There is no case yet.
    #[error("the engagement has no case")]
    CaseNotOpen,
    /// Rejection is final.
    #[error("the case was rejected")]
    CaseRejected,
    /// Waits for a new version.
    #[error("changes were requested: a new version must be submitted first")]
    ChangesRequested,
    /// The policy has no such step.
    #[error("the case has no step {step:?}")]
    StepUnknown {
        /// The name that was given.
        step: String,
    },
    /// Serial order (A1).
    #[error("the step {waits_for:?} comes first")]
    StepBlocked {
        /// The first step that does not hold.
        waits_for: String,
    },
    /// It holds already.
    #[error("the step is already approved")]
    StepAlreadyApproved,
    /// A4: the approver read something else.
    #[error("the deal has changed since it was read")]
    StaleDigest,
    /// A1.
    #[error("deciding this step needs the role {role:?}")]
    RoleMissing {
        /// The role.
        role: String,
    },
    /// A3.
    #[error("nobody decides on their own estimate")]
    SelfApproval,
    /// A3.
    #[error("this person already approved the step {step:?} of this case")]
    OneStepPerPerson {
        /// The other step.
        step: String,
    },
    /// A5.
    #[error("the deal has no valid stamp")]
    StampMissing,
    /// A6: what is out for signature does not change.
    #[error("the deal is routed for signature")]
    RoutedForSignature,
    /// A6.
    #[error("the deal is not routed for signature")]
    NotRoutedForSignature,
    /// A6: internal first.
    #[error("the internal signature comes first")]
    SignatureOutOfOrder,
    /// It is in.
    #[error("this signature is already recorded")]
    SignatureAlreadyRecorded,
    /// A6: another document was signed.
    #[error("the signed document is not the one that was routed")]
    SowDigestMismatch,
    /// A6.
    #[error("the customer's signature needs the signed copy, uploaded as a signed SOW")]
    SignedSowMissing,
    /// P5: the gateway to a provider files nothing else.
    #[error("a signature gateway files signed copies only")]
    SignedCopiesOnly,
    /// A signature lies in the past.
    #[error("a signature cannot lie in the future")]
    SignedInFuture,
    /// The policy has no such item.
    #[error("the checklist has no item {item:?}")]
    ItemUnknown {
        /// The name that was given.
        item: String,
    },
    /// It is closed.
    #[error("the item is already closed")]
    ItemAlreadyClosed,
}

/// What kind of refusal it is: which answer the caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The caller may not.
    Forbidden,
    /// The named thing does not exist.
    Unknown,
    /// The state does not allow it.
    State,
    /// The request itself is wrong; names the field.
    Field(&'static str),
}

impl Rejection {
    /// The reason code: stable, part of the contract.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSubmittedEstimate => "NO_SUBMITTED_ESTIMATE",
            Self::EstimateExpired { .. } => "ESTIMATE_EXPIRED",
            Self::SowMissing => "SOW_MISSING",
            Self::EulaMissing => "EULA_MISSING",
            Self::SowAlreadyPresent => "SOW_ALREADY_PRESENT",
            Self::TooManyDocuments { .. } => "TOO_MANY_DOCUMENTS",
            Self::DocumentUnknown => "DOCUMENT_UNKNOWN",
            Self::DocumentKindMismatch => "DOCUMENT_KIND_MISMATCH",
            Self::CaseAlreadyOpen => "CASE_ALREADY_OPEN",
            Self::CaseNotOpen => "CASE_NOT_OPEN",
            Self::CaseRejected => "CASE_REJECTED",
            Self::ChangesRequested => "CHANGES_REQUESTED",
            Self::StepUnknown { .. } => "STEP_UNKNOWN",
            Self::StepBlocked { .. } => "STEP_BLOCKED",
            Self::StepAlreadyApproved => "STEP_ALREADY_APPROVED",
            Self::StaleDigest => "STALE_DIGEST",
            Self::RoleMissing { .. } => "ROLE_MISSING",
            Self::SelfApproval => "SELF_APPROVAL",
            Self::OneStepPerPerson { .. } => "ONE_STEP_PER_PERSON",
            Self::StampMissing => "STAMP_MISSING",
            Self::RoutedForSignature => "ROUTED_FOR_SIGNATURE",
            Self::NotRoutedForSignature => "NOT_ROUTED_FOR_SIGNATURE",
            Self::SignatureOutOfOrder => "SIGNATURE_OUT_OF_ORDER",
            Self::SignatureAlreadyRecorded => "SIGNATURE_ALREADY_RECORDED",
            Self::SowDigestMismatch => "SOW_DIGEST_MISMATCH",
            Self::SignedSowMissing => "SIGNED_SOW_MISSING",
            Self::SignedCopiesOnly => "SIGNED_COPIES_ONLY",
            Self::SignedInFuture => "SIGNED_AT_IN_FUTURE",
            Self::ItemUnknown { .. } => "CHECKLIST_ITEM_UNKNOWN",
            Self::ItemAlreadyClosed => "CHECKLIST_ITEM_ALREADY_CLOSED",
        }
    }

    /// Which kind of refusal this is.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::RoleMissing { .. }
            | Self::SelfApproval
            | Self::OneStepPerPerson { .. }
            | Self::SignedCopiesOnly => Class::Forbidden,
            Self::DocumentUnknown
            | Self::StepUnknown { .. }
            | Self::ItemUnknown { .. }
            | Self::CaseNotOpen => Class::Unknown,
            Self::SignedInFuture => Class::Field("signed_at"),
            Self::NoSubmittedEstimate
            | Self::EstimateExpired { .. }
            | Self::SowMissing
            | Self::EulaMissing
            | Self::SowAlreadyPresent
            | Self::TooManyDocuments { .. }
            | Self::DocumentKindMismatch
            | Self::CaseAlreadyOpen
            | Self::CaseRejected
            | Self::ChangesRequested
            | Self::StepBlocked { .. }
            | Self::StepAlreadyApproved
            | Self::StaleDigest
            | Self::StampMissing
            | Self::RoutedForSignature
            | Self::NotRoutedForSignature
            | Self::SignatureOutOfOrder
            | Self::SignatureAlreadyRecorded
            | Self::SowDigestMismatch
            | Self::SignedSowMissing
            | Self::ItemAlreadyClosed => Class::State,
        }
    }
}
