//! The public event behind a notice, in this service's words.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, SellerId};
use uuid::Uuid;

use super::address::one_line;

/// What happened. Only events that somebody is told of (N1, N2, N3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum CauseKind {
    EstimateExpired,
    ChangesRequested,
    CaseRejected,
    StampVoided,
    SowSigned,
    IntakeCompleted,
    OfferPublished,
    OfferPublishOverdue,
    OfferReleaseFailed,
    OfferExpiryChanged,
    OfferCancelled,
    OfferExpired,
    AgreementAccepted,
    PublicOrderFlagged,
    OrderRegistered,
    OrderRefundAdvised,
    ClockBreached,
    PaymentRequestApproved,
    PaymentRequestRejected,
    PaymentRequestFailed,
    CancellationRequested,
    CancellationEnded,
    CashDisbursed,
    EngagementSettled,
    DiscrepancyFound,
}

impl CauseKind {
    /// Every kind there is.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 25] = [
        Self::EstimateExpired,
        Self::ChangesRequested,
        Self::CaseRejected,
        Self::StampVoided,
        Self::SowSigned,
        Self::IntakeCompleted,
        Self::OfferPublished,
        Self::OfferPublishOverdue,
        Self::OfferReleaseFailed,
        Self::OfferExpiryChanged,
        Self::OfferCancelled,
        Self::OfferExpired,
        Self::AgreementAccepted,
        Self::PublicOrderFlagged,
        Self::OrderRegistered,
        Self::OrderRefundAdvised,
        Self::ClockBreached,
        Self::PaymentRequestApproved,
        Self::PaymentRequestRejected,
        Self::PaymentRequestFailed,
        Self::CancellationRequested,
        Self::CancellationEnded,
        Self::CashDisbursed,
        Self::EngagementSettled,
        Self::DiscrepancyFound,
    ];

    /// The `type` of a webhook's body: part of what subscribers program against.
    pub(crate) const fn webhook_type(self) -> &'static str {
        match self {
            Self::EstimateExpired => "estimate.expired",
            Self::ChangesRequested => "approval.changes_requested",
            Self::CaseRejected => "approval.case_rejected",
            Self::StampVoided => "approval.stamp_voided",
            Self::SowSigned => "approval.sow_signed",
            Self::IntakeCompleted => "offer.intake_completed",
            Self::OfferPublished => "offer.published",
            Self::OfferPublishOverdue => "offer.publish_overdue",
            Self::OfferReleaseFailed => "offer.release_failed",
            Self::OfferExpiryChanged => "offer.expiry_changed",
            Self::OfferCancelled => "offer.cancelled",
            Self::OfferExpired => "offer.expired",
            Self::AgreementAccepted => "agreement.accepted",
            Self::PublicOrderFlagged => "order.public_flagged",
            Self::OrderRegistered => "order.registered",
            Self::OrderRefundAdvised => "order.refund_advised",
            Self::ClockBreached => "clock.breached",
            Self::PaymentRequestApproved => "payment_request.approved",
            Self::PaymentRequestRejected => "payment_request.rejected",
            Self::PaymentRequestFailed => "payment_request.failed",
            Self::CancellationRequested => "agreement.cancellation_requested",
            Self::CancellationEnded => "agreement.cancellation_ended",
            Self::CashDisbursed => "disbursement.cash_disbursed",
            Self::EngagementSettled => "disbursement.engagement_settled",
            Self::DiscrepancyFound => "disbursement.discrepancy_found",
        }
    }
}

/// A named value of the event, as a notice prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<Value>),
    Record(Fields),
}

/// Named values. Money is text with its code: `102500.00 USD`.
pub(crate) type Fields = BTreeMap<&'static str, Value>;

/// The buyer's contact person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    name: String,
    email: String,
}

impl Contact {
    /// Takes a name and an address that another service has checked; both become one line.
    pub(crate) fn new(name: &str, email: &str) -> Self {
        Self {
            name: one_line(name),
            email: one_line(email),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn email(&self) -> &str {
        &self.email
    }
}

/// Something that happened to a deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// The event's own id: repeated events have the same (N6).
    pub(crate) event_id: Uuid,
    pub(crate) seller: SellerId,
    pub(crate) engagement: EngagementId,
    pub(crate) kind: CauseKind,
    pub(crate) occurred_at: DateTime<Utc>,
    /// Known for what happens to an offer.
    pub(crate) buyer: Option<Contact>,
    /// What anybody may read, the buyer too.
    pub(crate) shared: Fields,
    /// What only the seller's people may read: base, uplift, fees, names of approvers (E5).
    pub(crate) internal: Fields,
}
