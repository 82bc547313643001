//! Renewals (O16): agreements that end, who sees to each, and how near its end is. The days before the
//! end at which a clock rings are [`clock`]'s.

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{AwsAccountId, EngagementId, Money, Principal};

use super::clock::{self, Kind};
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
    /// Which kind of offer the agreement is of: on it depends whether the one that follows can be marked as
    /// a renewal at AWS.
    pub(crate) kind: OfferKind,
}

impl Renewal {
    /// The renewal of an accepted offer's agreement; `None` without an agreement, or without its end.
    pub(crate) fn of(offer: &Offer, owner: Option<Principal>) -> Option<Self> {
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
            owner: owner.unwrap_or_else(|| deal.estimate.author.clone()),
            kind: offer.basis.kind.clone(),
        })
    }

    /// The clock that rang last on the way to its end, if one has.
    pub(crate) fn reached(&self, now: DateTime<Utc>) -> Option<Kind> {
        clock::renewal_reached(self.ends_at, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{self, at, usd};

    #[test]
    fn a_renewal_is_its_authors_until_somebody_else_is_named() {
        let offer = sample::accepted();
        let renewal = Renewal::of(&offer, None).unwrap();
        assert_eq!(renewal.owner.as_str(), "em@acme.example");
        assert_eq!(
            (renewal.value, renewal.kind),
            (usd("102500.00"), OfferKind::Direct)
        );
        let other: Principal = "ren@acme.example".parse().unwrap();
        let named = Renewal::of(&offer, Some(other.clone())).unwrap();
        assert_eq!(named.owner, other);
        assert_eq!(Renewal::of(&sample::draft(), None), None);
        let variable = Renewal::of(&sample::variable_accepted(), None).unwrap();
        assert_eq!(variable.value, usd("102500.00"));
    }

    /// O16: 120, 90 and 60 days before 2026-06-03T23:59:59Z.
    #[test]
    fn the_end_comes_nearer_by_clocks() {
        let renewal = Renewal::of(&sample::accepted(), None).unwrap();
        for (now, reached) in [
            ("2026-02-03T23:59:58Z", None),
            ("2026-02-03T23:59:59Z", Some(Kind::Renewal120)),
            ("2026-03-05T23:59:58Z", Some(Kind::Renewal120)),
            ("2026-03-05T23:59:59Z", Some(Kind::Renewal90)),
            ("2026-04-04T23:59:59Z", Some(Kind::Renewal60)),
            ("2026-06-04T00:00:00Z", Some(Kind::Renewal60)),
        ] {
            assert_eq!(renewal.reached(at(now)), reached, "{now}");
        }
    }
}
