//! Another last day, and the end of an offer: by our doing, or because its time is over (O7, O11).

use countersign_kernel::chrono::NaiveDate;

use super::{Facts, expiry_after_today, portal};
use crate::domain::offer::{Event, Offer, Stage};
use crate::domain::portal::Left;
use crate::domain::preflight;
use crate::domain::rejection::{Rejection, Violation};
use crate::domain::resale::Kind;

/// Another last day, of what the buyer can accept.
pub(super) fn change_expiry(
    offer: &Offer,
    to: NaiveDate,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    match &offer.stage {
        Stage::Published {
            pending: Some(_), ..
        } => Err(Rejection::ChangeInProgress),
        Stage::Published { pending: None, .. } => {
            if let Kind::Authorization(_) = offer.basis.kind {
                return Err(Rejection::AuthorizationFixed);
            }
            if offer.by_portal() {
                return Err(Rejection::ChangedInPortal);
            }
            expiry_after_today(to, facts.now)?;
            if Some(to) == offer.terms.expires_on {
                return Ok(Vec::new());
            }
            let (today, limits) = (facts.now.date_naive(), facts.limits);
            let findings = preflight::expiry_findings(offer, to, today, facts.held, limits);
            if preflight::any_error(&findings) {
                return Err(Rejection::PreflightFailed { findings });
            }
            Ok(vec![Event::ExpiryChangeStarted { to }])
        }
        Stage::Releasing(_) => Err(Rejection::ReleaseInProgress),
        Stage::Accepted { .. } => Err(Rejection::OfferAccepted),
        Stage::Draft | Stage::Cancelled { .. } | Stage::Expired(_) => {
            Err(Rejection::OfferNotPublished {
                state: offer.stage.name(),
            })
        }
    }
}

/// The end by our doing.
pub(super) fn cancel(
    offer: &Offer,
    reason: &str,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    if reason.trim().is_empty() {
        let violation = Violation::new("reason", "REASON_REQUIRED", "say why the offer ends");
        return Err(Rejection::Invalid(vec![violation]));
    }
    let (reason, by) = (reason.trim().to_owned(), facts.by.clone());
    match &offer.stage {
        Stage::Draft => Ok(vec![Event::Cancelled { reason, by }]),
        Stage::Published { pending: None, .. } if offer.by_portal() => {
            Err(Rejection::ChangedInPortal)
        }
        Stage::Published { pending: None, .. } => Ok(vec![Event::CancellationStarted {
            at: facts.now,
            reason,
            by,
        }]),
        Stage::Published {
            pending: Some(_), ..
        } => Err(Rejection::ChangeInProgress),
        // Nobody said yet that it is entered: there is nothing of it at AWS.
        Stage::Releasing(_) if offer.waits_for_portal() && offer.portal_offer().is_none() => {
            Ok(vec![Event::Cancelled { reason, by }])
        }
        Stage::Releasing(_) => Err(Rejection::ReleaseInProgress),
        Stage::Accepted { .. } => Err(Rejection::OfferAccepted),
        Stage::Cancelled { .. } => Ok(Vec::new()),
        Stage::Expired(_) => Err(Rejection::OfferNotPublished {
            state: offer.stage.name(),
        }),
    }
}

/// A change under way may move the expiry: the end of that change asks again. So may a person in the portal.
pub(super) fn expire(offer: &Offer, left: Option<Left>, facts: Facts<'_>) -> Vec<Event> {
    let Stage::Published { pending: None, .. } = &offer.stage else {
        return Vec::new();
    };
    let done = left.map_or_else(Vec::new, |left| portal::done_there(offer, left, facts));
    let over = offer.expires_at().is_some_and(|end| facts.now >= end);
    if done.is_empty() && over {
        return vec![Event::Expired];
    }
    done
}
