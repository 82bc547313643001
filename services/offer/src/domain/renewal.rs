//! Renewals (O16): agreements that end, who sees to each, and how near its end is.

use std::fmt;

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{AwsAccountId, EngagementId, Money, Principal};

use super::clock::Kind;
use super::cosell::Successor;
use super::id::{AgreementId, OfferId};
use super::offer::Offer;
use super::resale::Kind as OfferKind;

/// An agreement that ends, and that somebody should see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renewal {
    pub(crate) agreement_id: AgreementId,
    pub(crate) offer_id: OfferId,
    pub(crate) engagement_id: EngagementId,
    pub(crate) customer_name: String,
    pub(crate) product_title: String,
    pub(crate) buyer_account: AwsAccountId,
    pub(crate) ends_at: DateTime<Utc>,
    /// What was approved: the whole price, or the cap.
    pub(crate) value: Money,
    /// Who sees to it: the author of the estimate, until somebody else is named.
    pub(crate) owner: Principal,
    /// What renews it, once that is approved (E11).
    pub(crate) successor: Option<Successor>,
    /// The milestone that was passed last on the way to its end, if one was.
    pub(crate) reached: Option<Kind>,
    /// Which kind of offer the agreement is of: on it depends whether the one that follows can be marked as
    /// a renewal at AWS.
    pub(crate) kind: OfferKind,
}

/// What is known of a renewal beside its offer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Who was named to see to it.
    pub(crate) owner: Option<Principal>,
    pub(crate) successor: Option<Successor>,
    pub(crate) reached: Option<Kind>,
}

impl Renewal {
    /// The renewal of an accepted offer's agreement; `None` without an agreement, or without its end.
    pub(crate) fn of(offer: &Offer, known: Known) -> Option<Self> {
        let agreement = offer.agreement()?;
        let (deal, intake) = (&offer.basis.deal, &offer.basis.intake);
        Some(Self {
            agreement_id: agreement.id.clone(),
            offer_id: offer.id.clone(),
            engagement_id: offer.engagement_id().clone(),
            customer_name: deal.estimate.customer_name.clone(),
            product_title: intake.listing.title.clone(),
            buyer_account: intake.buyer_account.clone(),
            ends_at: agreement.ends_at?,
            value: deal.price(),
            owner: known.owner.unwrap_or_else(|| deal.estimate.author.clone()),
            successor: known.successor,
            reached: known.reached,
            kind: offer.basis.kind.clone(),
        })
    }
}

/// An agreement that a buyer has, of the product that is offered: it accepts no other of that product until
/// this one is over (facts §0.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) agreement_id: AgreementId,
    /// Absent for an agreement without end.
    pub(crate) ends_at: Option<DateTime<Utc>>,
}

impl Held {
    /// Whether it is over before that day, UTC: AWS's agreements end with a day (facts §1.2), so that one
    /// which ends on it leaves nothing of it.
    pub(crate) fn ends_before(&self, day: NaiveDate) -> bool {
        self.ends_at
            .is_some_and(|ends_at| ends_at.date_naive() < day)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buyer has agreement {}, active ", self.agreement_id)?;
        match self.ends_at {
            Some(ends_at) => write!(f, "until {}", ends_at.to_rfc3339()),
            None => write!(f, "without end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{self, usd};

    #[test]
    fn a_renewal_is_its_authors_until_somebody_else_is_named() {
        let offer = sample::accepted();
        let renewal = Renewal::of(&offer, Known::default()).unwrap();
        assert_eq!(renewal.owner.as_str(), "em@acme.example");
        assert_eq!(
            (renewal.value, renewal.kind),
            (usd("102500.00"), OfferKind::Direct)
        );
        let other: Principal = "ren@acme.example".parse().unwrap();
        let named = Renewal::of(
            &offer,
            Known {
                owner: Some(other.clone()),
                ..Known::default()
            },
        )
        .unwrap();
        assert_eq!(named.owner, other);
        assert_eq!(Renewal::of(&sample::draft(), Known::default()), None);
        let variable = Renewal::of(&sample::variable_accepted(), Known::default()).unwrap();
        assert_eq!(variable.value, usd("102500.00"));
    }
}
