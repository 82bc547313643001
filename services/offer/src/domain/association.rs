//! An offer that was made elsewhere, in AWS's portal or with another tool, becomes ours (O12): what AWS has
//! is laid beside what the engagement's approval says, field by field, and only what was looked at is
//! adopted. From then on it is an offer like any other. So does a resale authorization, and a reseller's offer
//! from one (O2): what a draft of theirs says beside the approval, whoever associates one says (`expected`).
//!
//! What approval binds must be equal (O3, A4): product, buyers, currency, price, cap, schedule, duration,
//! payment terms. What a person chooses is AWS's: name, description, expiry. AWS shows its own copy of the
//! legal document (facts §1.2), whose bytes need not be ours: that there is exactly one, of the seller's own,
//! is checked, and that it says what was signed somebody must have read.
//!
//! | | expected by whoever associates it | AWS's, whatever it is |
//! |---|---|---|
//! | an offer to the buyer | nothing else | |
//! | an authorization | reseller, buyers, single use, reseller contract, net terms | that it has no end |
//! | a reseller's offer | its authorization, net terms | what its authorization says; whether the approved amounts were entered or come of a mark-up |

mod compare;
mod expected;
mod resold;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Digest, EngagementId};

use super::agreement::Agreement;
use super::engagement::Engagement;
use super::id::{AwsOfferId, OfferId};
use super::offer::{Basis, Event, Publication, Terms};
use super::rejection::{Rejection, Violation};

pub(crate) use compare::compare;
pub(crate) use expected::{Expected, Resold, Seen};

/// How one field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// AWS has what was approved.
    Same,
    /// Not approved but chosen: AWS's counts.
    Adopted,
    /// A person must have read it.
    ToRead,
    /// AWS has something else than what was approved.
    Differs,
}

/// One field of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The reason code where it differs.
    pub(crate) code: &'static str,
    /// Empty where nothing was approved.
    pub(crate) approved: String,
    /// Empty where AWS shows nothing.
    pub(crate) at_aws: String,
    pub(crate) verdict: Verdict,
}

/// What AWS has beside what was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) fields: Vec<Field>,
    /// Binds every field of the comparison, of this offer with this approval.
    pub(crate) digest: Digest,
    /// The buyer can accept it, or could.
    pub(crate) released: bool,
    basis: Basis,
    terms: Terms,
    released_at: DateTime<Utc>,
}

impl Comparison {
    /// Whether nothing of it stops the association.
    pub(crate) fn adoptable(&self) -> bool {
        let fits = |field: &Field| field.verdict != Verdict::Differs;
        self.released && self.fields.iter().all(fits)
    }

    fn differences(&self) -> Vec<Violation> {
        let differ = self
            .fields
            .iter()
            .filter(|one| one.verdict == Verdict::Differs);
        let told = differ.map(|field| {
            let problem = format!(
                "approved is {:?}, AWS has {:?}",
                field.approved, field.at_aws
            );
            Violation::new(field.name, field.code, problem)
        });
        told.collect()
    }
}

/// What the caller says with an association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) engagement_id: EngagementId,
    pub(crate) aws_offer_id: AwsOfferId,
    /// What it is.
    pub(crate) expected: Expected,
    /// The comparison that was looked at.
    pub(crate) seen: Digest,
    /// Somebody read AWS's copy of the legal document, and it says what was signed.
    pub(crate) legal_document_read: bool,
}

/// What a decision needs beside the comparison.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) id: OfferId,
    pub(crate) engagement: &'a Engagement,
    /// The engagement's offer that is not over.
    pub(crate) open_offer: Option<&'a OfferId>,
    /// Our offer that is that one of AWS's already.
    pub(crate) namesake: Option<&'a OfferId>,
    /// What a buyer accepted under it, as far as that was seen.
    pub(crate) agreement: Option<&'a Agreement>,
    /// Where the buyer accepts it; empty for an authorization.
    pub(crate) url: String,
    pub(crate) now: DateTime<Utc>,
}

/// Adopts AWS's offer: drafted and published at once, and accepted if it was.
///
/// # Errors
/// It is ours already, or the engagement has another; the checklist is open (A8); AWS has not released it; a
/// field differs from what was approved; the comparison is another one than was looked at; nobody read the
/// legal document.
pub(crate) fn associate(
    comparison: Comparison,
    asked: &Asked,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    if let Some(offer_id) = facts.namesake {
        let offer_id = offer_id.clone();
        return Err(Rejection::AwsOfferTaken { offer_id });
    }
    if let Some(offer_id) = facts.open_offer {
        let offer_id = offer_id.clone();
        return Err(Rejection::OfferOpen { offer_id });
    }
    if !facts.engagement.checklist_completed() {
        let findings = Vec::new();
        return Err(Rejection::ChecklistOpen { findings });
    }
    if !comparison.released {
        return Err(Rejection::AwsOfferNotReleased);
    }
    let differences = comparison.differences();
    if !differences.is_empty() {
        return Err(Rejection::AwsOfferDiffers { differences });
    }
    if comparison.digest != asked.seen {
        let digest = comparison.digest;
        return Err(Rejection::ComparisonOutdated { digest });
    }
    if !asked.legal_document_read {
        return Err(Rejection::LegalDocumentNotRead);
    }
    let mut events = vec![
        Event::Drafted {
            id: facts.id,
            basis: Box::new(comparison.basis),
            terms: comparison.terms,
        },
        Event::Published(Publication {
            aws_offer_id: asked.aws_offer_id.clone(),
            url: facts.url,
            released_at: comparison.released_at,
            published_at: facts.now,
        }),
    ];
    let accepted = facts.agreement.cloned();
    events.extend(accepted.map(Event::AgreementRecorded));
    Ok(events)
}

#[cfg(test)]
mod resale_tests;
#[cfg(test)]
mod tests;
