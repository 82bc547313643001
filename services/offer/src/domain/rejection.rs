//! The refusals of this service. Each is a fact with a stable reason code; the platform's rejection
//! is made from it at the edge.

use std::fmt;

use countersign_kernel::Digest;

use super::change_order;
use super::id::OfferId;
use super::preflight::Finding;

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) field: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) problem: String,
}

impl Violation {
    pub(crate) fn new(
        field: &'static str,
        reason: &'static str,
        problem: impl Into<String>,
    ) -> Self {
        Self {
            field,
            reason,
            problem: problem.into(),
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Fields are wrong, all of them listed.
    Invalid(Vec<Violation>),
    /// The SOW is not signed by both sides, or not the one that is stamped now (A6, O3).
    SowNotSigned { findings: Vec<Finding> },
    /// Legal's stamp does not hold (A5).
    StampInvalid { findings: Vec<Finding> },
    /// The checklist is open (A8).
    ChecklistOpen { findings: Vec<Finding> },
    /// What was reviewed or drafted is not what is approved (O3).
    DigestMismatch {
        approved: Digest,
        findings: Vec<Finding>,
    },
    /// Nothing is known of the buyer yet (O1).
    IntakeMissing,
    /// The intake was checked against a deal that was replaced since.
    IntakeOutdated,
    /// The engagement has an offer that is not over: AWS lets a buyer hold one agreement for a
    /// professional-services product (facts §0.5).
    OfferOpen { offer_id: OfferId },
    /// AWS would refuse the offer (O4).
    PreflightFailed { findings: Vec<Finding> },
    /// Only a draft can be changed or released (O8).
    OfferNotDraft { state: &'static str },
    /// Only a published offer's expiry can be changed, or its end be asked of AWS (O11).
    OfferNotPublished { state: &'static str },
    /// The buyer accepted: only AWS's cancellation process ends the agreement.
    OfferAccepted,
    /// AWS works on the release; its end must be known first.
    ReleaseInProgress,
    /// AWS works on another change of the same offer: AWS locks the entity (facts §1.1).
    ChangeInProgress,
    /// A released authorization is what it is: AWS neither extends nor changes it (facts §1.5).
    AuthorizationFixed,
    /// AWS's API does not take the product: what a person entered in the portal is changed there (O10).
    ChangedInPortal,
    /// Nobody is asked to enter this offer in AWS's portal (O10).
    PortalNotAwaited { state: &'static str },
    /// The offer of AWS is another one of ours.
    AwsOfferTaken { offer_id: OfferId },
    /// Nobody can accept the offer of AWS's yet: there is nothing to adopt (O12).
    AwsOfferNotReleased,
    /// What AWS has as the authorization of a reseller's offer cannot be read (O12).
    AuthorizationNotRead { problem: String },
    /// What AWS has is not what was approved (O12, O3).
    AwsOfferDiffers { differences: Vec<Violation> },
    /// What AWS has is not what the caller looked at (O12).
    ComparisonOutdated { digest: Digest },
    /// Nobody says that AWS's copy of the legal document is what was signed (O12).
    LegalDocumentNotRead,
    /// The order is registered, by somebody else (O14).
    OrderRegistered,
    /// There is no agreement yet to ask for money under (O17).
    OfferNotAccepted { state: &'static str },
    /// The agreement charges by a schedule: there is nothing to ask for (O17).
    NoVariablePayments,
    /// AWS would refuse the payment request (O17).
    PaymentRefused { findings: Vec<Finding> },
    /// Whether AWS has the request must be known before it can be taken back.
    PaymentRequestSending,
    /// The buyer answered, or AWS refused it: there is nothing to take back.
    PaymentRequestEnded { state: &'static str },
    /// A change order does not take the command (O15).
    ChangeOrder(change_order::Refusal),
    /// Somebody else changed the offer since it was read.
    StaleRevision { expected: u32, actual: u32 },
}

impl Rejection {
    /// The stable reason code.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_FIELDS",
            Self::SowNotSigned { .. } => "SOW_NOT_SIGNED",
            Self::StampInvalid { .. } => "STAMP_INVALID",
            Self::ChecklistOpen { .. } => "CHECKLIST_OPEN",
            Self::DigestMismatch { .. } => "DIGEST_MISMATCH",
            Self::IntakeMissing => "INTAKE_MISSING",
            Self::IntakeOutdated => "INTAKE_OUTDATED",
            Self::OfferOpen { .. } => "OFFER_OPEN",
            Self::PreflightFailed { .. } => "PREFLIGHT_FAILED",
            Self::OfferNotDraft { .. } => "OFFER_NOT_DRAFT",
            Self::OfferNotPublished { .. } => "OFFER_NOT_PUBLISHED",
            Self::OfferAccepted => "OFFER_ACCEPTED",
            Self::ReleaseInProgress => "RELEASE_IN_PROGRESS",
            Self::ChangeInProgress => "CHANGE_IN_PROGRESS",
            Self::AuthorizationFixed => "AUTHORIZATION_FIXED",
            Self::ChangedInPortal => "CHANGED_IN_PORTAL",
            Self::PortalNotAwaited { .. } => "PORTAL_NOT_AWAITED",
            Self::AwsOfferTaken { .. } => "AWS_OFFER_TAKEN",
            Self::AwsOfferNotReleased => "AWS_OFFER_NOT_RELEASED",
            Self::AuthorizationNotRead { .. } => "AUTHORIZATION_NOT_READ",
            Self::AwsOfferDiffers { .. } => "AWS_OFFER_DIFFERS",
            Self::ComparisonOutdated { .. } => "COMPARISON_OUTDATED",
            Self::LegalDocumentNotRead => "LEGAL_DOCUMENT_NOT_READ",
            Self::OrderRegistered => "ORDER_REGISTERED",
            Self::OfferNotAccepted { .. } => "OFFER_NOT_ACCEPTED",
            Self::NoVariablePayments => "NO_VARIABLE_PAYMENTS",
            Self::PaymentRefused { .. } => "PAYMENT_REFUSED",
            Self::PaymentRequestSending => "PAYMENT_REQUEST_SENDING",
            Self::PaymentRequestEnded { .. } => "PAYMENT_REQUEST_ENDED",
            Self::ChangeOrder(refusal) => refusal.reason(),
            Self::StaleRevision { .. } => "STALE_REVISION",
        }
    }

    /// The wrong fields, or what pre-flight found; empty for the others.
    pub(crate) fn findings(&self) -> &[Finding] {
        match self {
            Self::SowNotSigned { findings }
            | Self::StampInvalid { findings }
            | Self::ChecklistOpen { findings }
            | Self::DigestMismatch { findings, .. }
            | Self::PreflightFailed { findings }
            | Self::PaymentRefused { findings } => findings,
            Self::Invalid(_)
            | Self::IntakeMissing
            | Self::IntakeOutdated
            | Self::OfferOpen { .. }
            | Self::OfferNotDraft { .. }
            | Self::OfferNotPublished { .. }
            | Self::OfferAccepted
            | Self::ReleaseInProgress
            | Self::ChangeInProgress
            | Self::AuthorizationFixed
            | Self::ChangedInPortal
            | Self::PortalNotAwaited { .. }
            | Self::AwsOfferTaken { .. }
            | Self::AwsOfferNotReleased
            | Self::AuthorizationNotRead { .. }
            | Self::AwsOfferDiffers { .. }
            | Self::ComparisonOutdated { .. }
            | Self::LegalDocumentNotRead
            | Self::OrderRegistered
            | Self::OfferNotAccepted { .. }
            | Self::NoVariablePayments
            | Self::PaymentRequestSending
            | Self::PaymentRequestEnded { .. }
            | Self::ChangeOrder(_)
            | Self::StaleRevision { .. } => &[],
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(violations) => {
                let fields: Vec<&str> = violations.iter().map(|wrong| wrong.field).collect();
                write!(f, "wrong: {}", fields.join(", "))
            }
            Self::SowNotSigned { .. } => {
                f.write_str("the SOW is not signed by both sides as it is stamped now")
            }
            Self::StampInvalid { .. } => f.write_str("legal's stamp does not hold"),
            Self::ChecklistOpen { .. } => f.write_str(
                "the checklist is open: close or waive every item in the approval service",
            ),
            Self::DigestMismatch { approved, .. } => {
                write!(f, "what is approved has the digest {approved}: review it again")
            }
            Self::IntakeMissing => f.write_str("the intake is missing: call CompleteIntake"),
            Self::IntakeOutdated => f.write_str(
                "price or duration changed since the intake was checked: call CompleteIntake again",
            ),
            Self::OfferOpen { offer_id } => {
                write!(f, "offer {offer_id} of this engagement is not over: cancel it first")
            }
            Self::PreflightFailed { findings } => {
                let rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
                write!(f, "AWS would refuse the offer: {}", rules.join(", "))
            }
            Self::OfferNotDraft { state } => {
                write!(f, "the offer is {state}; name, description, buyer, price, documents and \
                    schedule are frozen once it is released; only its expiry can still change")
            }
            Self::OfferNotPublished { state } => write!(f, "the offer is {state}, not published"),
            Self::OfferAccepted => f.write_str(
                "the buyer accepted the offer: an agreement ends by AWS's cancellation process only",
            ),
            Self::ReleaseInProgress => f.write_str("AWS is still publishing the offer"),
            Self::ChangeInProgress => f.write_str("AWS is still working on a change of the offer"),
            Self::AuthorizationFixed => f.write_str(
                "a released authorization cannot be extended: restrict it and give another",
            ),
            Self::ChangedInPortal => f.write_str(
                "the offer was entered in AWS's portal, and is changed or ended there: do that, and have it read back",
            ),
            Self::PortalNotAwaited { state } => write!(
                f,
                "the offer is {state}, and no release of it waits for AWS's portal"
            ),
            Self::AwsOfferTaken { offer_id } => {
                write!(f, "our offer {offer_id} is that offer of AWS's")
            }
            Self::AwsOfferNotReleased => {
                f.write_str("AWS has not released the offer: there is nothing to adopt yet")
            }
            Self::AuthorizationNotRead { problem } => {
                write!(f, "what AWS has as the authorization cannot be read: {problem}")
            }
            Self::AwsOfferDiffers { differences } => {
                let fields: Vec<&str> = differences.iter().map(|one| one.field).collect();
                write!(f, "AWS has something else than was approved: {}", fields.join(", "))
            }
            Self::ComparisonOutdated { digest } => write!(
                f,
                "what AWS has is not what was looked at: compare again, it is {digest} now"
            ),
            Self::LegalDocumentNotRead => f.write_str(
                "AWS shows its own copy of the legal document: read it, and say that it is what was \
                 signed",
            ),
            Self::OrderRegistered => {
                f.write_str("the order is registered already, with another buyer or contact")
            }
            Self::OfferNotAccepted { state } => {
                write!(f, "the offer is {state}: payments are asked for under its agreement")
            }
            Self::NoVariablePayments => {
                f.write_str("the agreement charges by its schedule, not by payment requests")
            }
            Self::PaymentRefused { findings } => {
                let rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
                write!(f, "AWS would refuse the payment request: {}", rules.join(", "))
            }
            Self::PaymentRequestSending => f.write_str(
                "the payment request is on its way to AWS: take it back once it waits for the buyer",
            ),
            Self::PaymentRequestEnded { state } => write!(f, "the payment request is {state}"),
            Self::ChangeOrder(refusal) => refusal.fmt(f),
            Self::StaleRevision { expected, actual } => {
                write!(f, "the offer is at revision {actual}, not {expected}: read it again")
            }
        }
    }
}
