//! AWS's rules for a direct private offer, checked before AWS is called (O4). Each rule is a line of
//! a table: which field it is about, what AWS would answer (facts §1.2, §1.3), and how to fix it. All
//! failures are found at once. Five lines are ours: stamp, digest, signatures, checklist and intake (A4
//! to A6, A8, O1, O3).

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{Digest, Money};

use super::deal::DocumentKind;
use super::engagement::Engagement;
use super::offer::{LegalDocument, Offer, Stage};
use super::plan::Plan;

mod checks;
mod rules;
#[cfg(test)]
mod tests;

use rules::RULES;

/// Ours, not AWS's: the rule's name is the reason code of a refused release.
pub(crate) const STAMP_INVALID: &str = "STAMP_INVALID";
/// See [`STAMP_INVALID`].
pub(crate) const DIGEST_MISMATCH: &str = "DIGEST_MISMATCH";
/// See [`STAMP_INVALID`].
pub(crate) const SOW_NOT_SIGNED: &str = "SOW_NOT_SIGNED";
/// See [`STAMP_INVALID`].
pub(crate) const CHECKLIST_OPEN: &str = "CHECKLIST_OPEN";

/// Whether a finding stops the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Warning,
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    pub(crate) field: &'static str,
    /// Empty for a rule of ours.
    pub(crate) aws_error_code: &'static str,
    pub(crate) problem: String,
    pub(crate) fix: &'static str,
    pub(crate) severity: Severity,
}

/// What is checked: the plan, and what it must agree with.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) plan: Plan,
    /// UTC.
    pub(crate) today: NaiveDate,
    pub(crate) approved_price: Money,
    /// The digest that the offer carries.
    pub(crate) offer_digest: Digest,
    pub(crate) standing: Standing,
    /// Whether the offer was drafted from the intake that is known now.
    pub(crate) intake_current: bool,
    pub(crate) has_eula: bool,
    /// Why there will be no merged document.
    pub(crate) document_failure: Option<String>,
    pub(crate) product_dimensions: Vec<String>,
}

/// How the approval of the engagement stands now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// What is approved, while the stamp holds or not.
    pub(crate) approved_digest: Option<Digest>,
    pub(crate) stamp_valid: bool,
    /// Whether both sides signed what is stamped now: a stamp given again needs new signatures.
    pub(crate) sow_signed: bool,
    pub(crate) checklist_completed: bool,
}

impl Standing {
    fn of(engagement: &Engagement) -> Self {
        Self {
            approved_digest: engagement.deal().map(|approved| approved.digest),
            stamp_valid: engagement.stamp_valid(),
            sow_signed: engagement.sow_signed(),
            checklist_completed: engagement.checklist_completed(),
        }
    }
}

impl Candidate {
    /// What would be released on `today`.
    pub(crate) fn of(offer: &Offer, engagement: &Engagement, today: NaiveDate) -> Self {
        let deal = &offer.basis.deal;
        Self {
            plan: Plan::of(offer, today),
            today,
            approved_price: deal.price(),
            offer_digest: deal.digest,
            standing: Standing::of(engagement),
            intake_current: engagement.intake.as_ref() == Some(&offer.basis.intake),
            document_failure: match &offer.document {
                LegalDocument::Failed { reason } => Some(reason.clone()),
                LegalDocument::Assembling | LegalDocument::Ready(_) => None,
            },
            has_eula: deal
                .documents
                .iter()
                .any(|document| document.kind == DocumentKind::Eula),
            product_dimensions: offer.basis.intake.listing.dimension_keys.clone(),
        }
    }
}

/// Every rule that does not hold, in the order of the table.
pub(crate) fn findings(candidate: &Candidate) -> Vec<Finding> {
    RULES
        .iter()
        .filter_map(|rule| rule.find(candidate))
        .collect()
}

/// What no longer holds of the approval behind a release (A5, A6, O3): until AWS was sent it, the
/// release can still be taken back.
pub(crate) fn approval_findings(offer: &Offer, engagement: &Engagement) -> Vec<Finding> {
    let Stage::Releasing(release) = &offer.stage else {
        return Vec::new();
    };
    let candidate = Candidate::of(offer, engagement, release.released_at.date_naive());
    RULES
        .iter()
        .filter(|rule| [STAMP_INVALID, DIGEST_MISMATCH, SOW_NOT_SIGNED].contains(&rule.id))
        .filter_map(|rule| rule.find(&candidate))
        .collect()
}

/// What stops a new expiry of a published offer: the rules about dates, with the charges that AWS
/// has (O11).
pub(crate) fn expiry_findings(offer: &Offer, to: NaiveDate, today: NaiveDate) -> Vec<Finding> {
    let Stage::Published { publication, .. } = &offer.stage else {
        return Vec::new();
    };
    let released_on = publication.released_at.date_naive();
    let mut candidate = Candidate::of(
        offer,
        &Engagement::new(offer.engagement_id().clone()),
        today,
    );
    candidate.plan = Plan::of(offer, released_on);
    candidate.plan.available_until = to;
    RULES
        .iter()
        .filter(|rule| rule.field == rules::EXPIRY)
        .filter_map(|rule| rule.find(&candidate))
        .collect()
}

/// Whether any of them stops the release.
pub(crate) fn any_error(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
}
