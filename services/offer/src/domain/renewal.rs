//! Renewals (O16): agreements that end, who sees to each, and how near its end is.

use std::fmt;

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{AwsAccountId, EngagementId, Money, Principal};

use super::agreement::Agreement;
use super::clock::Kind;
use super::cosell::Successor;
use super::id::{AgreementId, OfferId};
use super::offer::Offer;
use super::resale::Kind as OfferKind;

/// An agreement that ends, and that somebody should see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renewal {
    pub(crate) agreement_id: AgreementId,
    /// Ours; `None` where the offer was made elsewhere (O12).
    pub(crate) offer_id: Option<OfferId>,
    /// The agreement's own name where nobody here opened an opportunity for it.
    pub(crate) engagement_id: EngagementId,
    /// Empty where nobody here knows it, as the title is.
    pub(crate) customer_name: String,
    pub(crate) product_title: String,
    pub(crate) buyer_account: AwsAccountId,
    pub(crate) ends_at: DateTime<Utc>,
    /// What was approved: the whole price, or the cap. What AWS charges where the offer was made elsewhere;
    /// `None` where that does not add up.
    pub(crate) value: Option<Money>,
    /// Who sees to it: the author of the estimate, until somebody else is named; nobody where there is none.
    pub(crate) owner: Option<Principal>,
    /// What renews it, once that is approved (E11).
    pub(crate) successor: Option<Successor>,
    /// The milestone that was passed last on the way to its end, if one was.
    pub(crate) reached: Option<Kind>,
    /// Which kind of offer the agreement is of: on it depends whether the one that follows can be marked as
    /// a renewal at AWS. `None` where nobody here knows.
    pub(crate) kind: Option<OfferKind>,
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
            offer_id: Some(offer.id.clone()),
            engagement_id: offer.engagement_id().clone(),
            customer_name: deal.estimate.customer_name.clone(),
            product_title: intake.listing.title.clone(),
            buyer_account: intake.buyer_account.clone(),
            ends_at: agreement.ends_at?,
            value: Some(deal.price()),
            owner: known.owner.or_else(|| Some(deal.estimate.author.clone())),
            successor: known.successor,
            reached: known.reached,
            kind: Some(offer.basis.kind.clone()),
        })
    }

    /// The renewal of an agreement whose offer was made elsewhere (O12); `None` without an end, or with a name
    /// that cannot stand for an engagement.
    pub(crate) fn of_nobody(agreement: &Agreement, known: Known) -> Option<Self> {
        let acceptance = agreement.acceptance();
        Some(Self {
            engagement_id: agreement.id.as_str().parse().ok()?,
            agreement_id: acceptance.agreement_id,
            offer_id: None,
            customer_name: String::new(),
            product_title: String::new(),
            buyer_account: acceptance.acceptor,
            ends_at: agreement.ends_at?,
            value: acceptance.total,
            owner: known.owner,
            successor: known.successor,
            reached: known.reached,
            kind: None,
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
        assert_eq!(renewal.owner.unwrap().as_str(), "em@acme.example");
        assert_eq!(
            (renewal.value, renewal.kind),
            (Some(usd("102500.00")), Some(OfferKind::Direct))
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
        assert_eq!(named.owner, Some(other));
        assert_eq!(Renewal::of(&sample::draft(), Known::default()), None);
        let variable = Renewal::of(&sample::variable_accepted(), Known::default()).unwrap();
        assert_eq!(variable.value, Some(usd("102500.00")));
    }

    #[test]
    fn nobody_sees_to_an_agreement_made_elsewhere_until_somebody_is_named() {
        let agreement = sample::agreement();
        let renewal = Renewal::of_nobody(&agreement, Known::default()).unwrap();
        assert_eq!((&renewal.owner, &renewal.kind), (&None, &None));
        assert_eq!(renewal.engagement_id.as_str(), agreement.id.as_str());
        assert_eq!(renewal.value, Some(usd("102500.00")));
        let endless = Agreement {
            ends_at: None,
            ..agreement
        };
        assert_eq!(Renewal::of_nobody(&endless, Known::default()), None);
    }
}
