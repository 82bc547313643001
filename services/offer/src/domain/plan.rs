//! What AWS is sent, as values. Pre-flight checks a [`Plan`] and the change set is written from the
//! same plan, so that nothing else can reach AWS than what was checked (O3, O4).

use countersign_kernel::chrono::{Days, NaiveDate};
use countersign_kernel::{Currency, Digest, IsoDuration, Money};

use super::deal::{DatedAmount, PaymentPlan};
use super::id::{AwsOfferId, OfferId};
use super::offer::{Offer, PendingChange};

/// The terms of a direct private offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) product_id: String,
    /// Buyer-visible.
    pub(crate) name: String,
    /// Seller-only.
    pub(crate) description: String,
    pub(crate) buyer_accounts: Vec<String>,
    pub(crate) currency: Currency,
    /// What the buyer is charged when: the fixed term's own price is zero then (facts §1.3).
    pub(crate) schedule: Vec<DatedAmount>,
    /// Of the agreement, from acceptance.
    pub(crate) duration: IsoDuration,
    /// The one dimension that is granted.
    pub(crate) dimension_key: Option<String>,
    /// The last day on which the offer can be accepted, until 23:59:59 UTC (O7).
    pub(crate) available_until: NaiveDate,
    /// The one PDF (O6).
    pub(crate) legal_document: Option<Digest>,
}

impl Plan {
    /// The plan for a release on `day` (UTC). A prepaid deal is one charge on that day: it lies
    /// before the expiry, so AWS invoices it on acceptance (facts §1.3).
    pub(crate) fn of(offer: &Offer, day: NaiveDate) -> Self {
        let estimate = &offer.basis.deal.estimate;
        let listing = &offer.basis.intake.listing;
        Self {
            product_id: listing.product_id.to_string(),
            name: offer.terms.name.clone(),
            description: offer.terms.description.clone(),
            buyer_accounts: vec![offer.basis.intake.buyer_account.to_string()],
            currency: estimate.currency,
            schedule: schedule(&estimate.payment_plan, offer.basis.deal.price(), day),
            duration: estimate.scope_duration,
            dimension_key: listing.dimension_keys.first().cloned(),
            available_until: offer.terms.expires_on,
            legal_document: offer.document.digest(),
        }
    }
}

/// A variable plan has no schedule: pre-flight refuses it, AWS's API cannot make one (facts §2).
fn schedule(plan: &PaymentPlan, price: Money, day: NaiveDate) -> Vec<DatedAmount> {
    match plan {
        PaymentPlan::Prepaid => vec![DatedAmount {
            date: day,
            amount: price,
        }],
        PaymentPlan::Installments(installments) => installments.clone(),
        PaymentPlan::Variable { .. } => Vec::new(),
    }
}

/// What AWS is asked to change on an offer that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AvailabilityChange {
    pub(crate) aws_offer_id: AwsOfferId,
    pub(crate) available_until: NaiveDate,
}

/// What the change set of a pending change says. Ending an offer is an expiry in the past: yesterday
/// of the day on which it was asked (facts §0.15).
pub(crate) fn availability(
    aws_offer_id: &AwsOfferId,
    change: &PendingChange,
) -> AvailabilityChange {
    let available_until = match change {
        PendingChange::Expiry { to, .. } => *to,
        PendingChange::Cancellation { asked_at, .. } => {
            let today = asked_at.date_naive();
            today.checked_sub_days(Days::new(1)).unwrap_or(today)
        }
    };
    AvailabilityChange {
        aws_offer_id: aws_offer_id.clone(),
        available_until,
    }
}

/// The idempotency token of the change set that the offer's `revision` asks for: at most 51
/// characters, the same for every attempt (O9).
pub(crate) fn client_request_token(offer_id: &OfferId, revision: u32) -> String {
    format!("{offer_id}.{revision}")
}

/// AWS lists change sets by name: ours says which offer and revision asked for it.
pub(crate) fn change_set_name(offer_id: &OfferId, revision: u32) -> String {
    format!("countersign {offer_id} revision {revision}")
}
