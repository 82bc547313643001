//! Cloning (O12): a new offer from the terms of another one of the same seller, in whatever state that is.
//!
//! | taken from the other offer | from the engagement that the clone is for | from the caller |
//! |---|---|---|
//! | kind, with reseller, mark-up and the authorization that it resells | price, payment plan, duration, documents, the approved digest (O3, A4) | the expiry |
//! | buyer, contact, listing: unless the engagement's own intake still fits (O1) | the intake, where it fits | name and description, where they differ |
//!
//! No approval is taken along: a clone is approved by what its engagement's case stamped and both sides
//! signed. It is a draft like any other, and pre-flight tells what no longer holds (O4).

use countersign_kernel::chrono::NaiveDate;

use super::deal::ApprovedDeal;
use super::engagement::Engagement;
use super::intake::{AccountKind, Form};
use super::offer::{Offer, Terms};
use super::rejection::{Rejection, Violation};
use super::resale::Kind;

/// What the clone is to have of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// `None`: the other's.
    pub(crate) name: Option<String>,
    /// `None`: the other's.
    pub(crate) description: Option<String>,
    /// The other's expiry is never taken: it lay where it had to for that one. `None` for a resale
    /// authorization without end.
    pub(crate) expires_on: Option<NaiveDate>,
}

/// The clone's terms.
///
/// # Errors
/// What a buyer accepts needs an expiry (O7).
pub(crate) fn terms(source: &Offer, wanted: &Wanted) -> Result<Terms, Rejection> {
    let endless = matches!(source.basis.kind, Kind::Authorization(_));
    if wanted.expires_on.is_none() && !endless {
        let problem = "say until when the clone can be accepted";
        let violation = Violation::new("expires_on", "EXPIRY_REQUIRED", problem);
        return Err(Rejection::Invalid(vec![violation]));
    }
    let or = |own: &Option<String>, other: &String| own.as_ref().unwrap_or(other).clone();
    Ok(Terms {
        name: or(&wanted.name, &source.terms.name),
        description: or(&wanted.description, &source.terms.description),
        expires_on: wanted.expires_on,
    })
}

/// The intake to complete before the clone of `source` is drafted, if one must be: of the other's buyer,
/// contact and listing, at the price and for the duration that are approved now. It is checked like one
/// that a person gives (O1). An intake of the engagement's own that fits stays.
pub(crate) fn intake(source: &Offer, engagement: &Engagement) -> Option<Form> {
    let deal = engagement.signed_deal()?;
    let own = engagement.intake.as_ref();
    if own.is_some_and(|intake| intake.fits(deal)) {
        return None;
    }
    Some(form(source, deal))
}

fn form(source: &Offer, deal: &ApprovedDeal) -> Form {
    let other = &source.basis.intake;
    let price = deal.price();
    Form {
        billing_terms_days: other.billing_terms_days,
        buyer_account_id: other.buyer_account.to_string(),
        // It was said of that account when the other intake was checked.
        buyer_account_kind: AccountKind::CommercialPayer,
        contact_name: other.contact_name.clone(),
        contact_email: other.contact_email.clone(),
        price_currency: price.currency().code().to_owned(),
        price_amount: price.amount_text(),
        scope_duration: deal.estimate.scope_duration.to_string(),
        product_id: other.listing.product_id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::draft;
    use crate::domain::engagement::Approval;
    use crate::domain::intake;
    use crate::domain::offer::{Event, Origin};
    use crate::domain::sample;

    fn wanted() -> Wanted {
        Wanted {
            expires_on: Some(sample::day("2026-04-30")),
            ..Wanted::default()
        }
    }

    /// Another engagement of the same customer, approved for less and longer; nothing is collected yet.
    fn next() -> Engagement {
        let mut deal = sample::deal();
        deal.estimate.economics.price_total = sample::usd("90000.00");
        deal.estimate.scope_duration = "P120D".parse().unwrap();
        Engagement {
            approval: Approval::Signed(deal),
            intake: None,
            ..sample::engagement()
        }
    }

    #[test]
    fn name_and_description_are_the_others_unless_given_and_the_expiry_is_new() {
        let source = sample::accepted();
        let taken = terms(&source, &wanted()).unwrap();
        assert_eq!(taken.name, source.terms.name);
        assert_eq!(taken.description, source.terms.description);
        assert_eq!(taken.expires_on, wanted().expires_on);
        let own = Wanted {
            name: Some("Phase two".into()),
            description: Some("Opportunity 007".into()),
            ..wanted()
        };
        let taken = terms(&source, &own).unwrap();
        assert_eq!(
            (taken.name, taken.description),
            (own.name.unwrap(), own.description.unwrap())
        );
    }

    /// O7: only an authorization may be without end.
    #[test]
    fn what_a_buyer_accepts_needs_an_expiry() {
        let without = Wanted::default();
        for source in [sample::draft(), sample::partner_draft().0] {
            let refused = terms(&source, &without).unwrap_err();
            let Rejection::Invalid(wrong) = &refused else {
                panic!("{refused:?}")
            };
            assert_eq!(wrong[0].reason, "EXPIRY_REQUIRED");
        }
        let (authorization, _) = sample::authorization_draft();
        assert_eq!(terms(&authorization, &without).unwrap().expires_on, None);
    }

    /// O1, O3: whom and what for is the other's, how much and how long what is approved now.
    #[test]
    fn the_intake_is_the_others_at_the_price_that_is_approved() {
        let (source, engagement) = (sample::draft(), next());
        let form = super::intake(&source, &engagement).unwrap();
        let listing = sample::listing();
        let deal = engagement.signed_deal();
        let checked = intake::check(&form, deal, Some(&listing)).unwrap();
        assert_eq!(checked.total_price, sample::usd("90000.00"));
        assert_eq!(checked.scope_duration.to_string(), "P120D");
        assert_eq!(checked.buyer_account, source.basis.intake.buyer_account);
        assert_eq!(checked.contact_email, source.basis.intake.contact_email);
        // The listing may be gone since.
        let wrong = intake::check(&form, deal, None).unwrap_err();
        assert_eq!(wrong[0].reason, "PRODUCT_UNKNOWN");
    }

    #[test]
    fn an_intake_of_its_own_stays_while_it_fits() {
        let mut engagement = next();
        engagement.intake = Some(sample::intake());
        assert!(super::intake(&sample::draft(), &engagement).is_some());
        assert_eq!(super::intake(&sample::draft(), &sample::engagement()), None);
    }

    /// O3: nothing is approved by having been approved elsewhere.
    #[test]
    fn a_clone_needs_its_own_stamp_and_signatures_and_carries_their_digest() {
        let source = sample::accepted();
        let now = sample::at("2026-03-02T10:00:00Z");
        let ask = |engagement: &Engagement, open: Option<&_>| {
            let made = (
                source.basis.kind.clone(),
                Origin::Cloned {
                    from: source.id.clone(),
                },
            );
            let terms = terms(&source, &wanted()).unwrap();
            draft(
                "offer-2".parse().unwrap(),
                terms,
                made,
                engagement,
                open,
                now,
            )
        };
        let mut engagement = sample::engagement();
        let events = ask(&engagement, None).unwrap();
        let [Event::Drafted { basis, .. }] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(Some(&basis.deal), engagement.signed_deal());
        let from = source.id.clone();
        assert_eq!(basis.origin, Origin::Cloned { from });
        // The approval is not free while an offer holds it.
        let refused = ask(&engagement, Some(&source.id)).unwrap_err();
        assert_eq!(refused.reason(), "OFFER_OPEN");
        engagement.approval = Approval::Stamped(sample::deal());
        assert_eq!(
            ask(&engagement, None).unwrap_err().reason(),
            "SOW_NOT_SIGNED"
        );
        assert_eq!(super::intake(&source, &engagement), None);
    }
}
