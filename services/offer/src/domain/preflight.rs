//! AWS's rules, checked before AWS is called (O4). Each rule is a row of a table: which kinds of offer
//! it is for, which field it is about, what AWS would answer (facts §1.2 to §1.5), and how to fix it.
//! All failures are found at once. Rules of ours stand in the same table, without an error code of AWS's
//! (A4 to A6, A8, O1, O3). The table drives pre-flight, its tests, and the documentation.
//!
//! | module | family |
//! |---|---|
//! | [`approval`] | stamp, digest, signatures, checklist, intake |
//! | [`wording`] | name and description |
//! | [`availability`] | the expiry |
//! | [`buyers`] | whom it is for |
//! | [`money`] | currency, price, amounts |
//! | [`schedule`] | the dates of the charges, the duration |
//! | [`product`] | product and dimensions |
//! | [`documents`] | the legal documents |
//! | [`authorization`] | what only a resale authorization must keep |
//! | [`partner`] | what only a reseller's offer must keep |
//! | [`renewal`] | what the buyer has already |
//! | [`replacement`] | what a cancelled agreement leaves unpaid |
//! | [`form`] | what is asked of the intake, before there is an offer |
//! | [`payment`] | what is asked of a payment request, once there is an agreement |
//! | [`prerequisite`] | what only the seller's AWS account shows: a checklist |
//! | [`largest`] | the largest offer that passes: what is timed |
//! | [`printed`] | the whole table as text |
//!
//! The codes are those of AWS's pages on private offers, on resale authorizations and on channel partner
//! private offers (DG/work-with-private-offers, DG/work-with-resale-authorizations, DG/work-with-cppos);
//! what AWS refuses in its shape is a `ValidationException`. Where they are silent or contradict
//! themselves, the row names the likeliest code and the smaller number. A test sends each violation that
//! AWS can be sent to the sandbox, whose rules are written separately, has the buyer accept what is taken, and
//! compares what comes back; what is not told so, and why, is listed there. What is asked of an intake and of a payment request is not sent.

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{Digest, Money};

use super::deal::Document;
use super::engagement::Engagement;
use super::limits::Limits;
use super::offer::{AwsError, LegalDocument, Offer, Stage};
use super::plan::Plan;
use super::renewal::Held;
use super::resale::{Kind, SellerKind};
use super::unpaid::Unpaid;

mod approval;
mod authorization;
mod availability;
mod buyers;
mod documents;
pub(crate) mod form;
pub(crate) mod largest;
mod money;
mod partner;
pub(crate) mod payment;
pub(crate) mod prerequisite;
pub(crate) mod printed;
mod product;
mod renewal;
mod replacement;
mod schedule;
mod wording;

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod tests;

/// Every rule about an offer, by family.
const FAMILIES: [&[Rule]; 12] = [
    approval::RULES,
    wording::RULES,
    availability::RULES,
    buyers::RULES,
    money::RULES,
    schedule::RULES,
    product::RULES,
    documents::RULES,
    authorization::RULES,
    partner::RULES,
    renewal::RULES,
    replacement::RULES,
];

fn rules() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.into_iter().flatten()
}

/// The kinds of offer that a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kinds {
    direct: bool,
    authorization: bool,
    partner: bool,
}

impl Kinds {
    const ALL: Self = Self::these(true, true, true);
    /// What a buyer accepts.
    const OFFERS: Self = Self::these(true, false, true);
    /// What a seller makes of a product of its own.
    const SELLERS: Self = Self::these(true, true, false);
    const DIRECT: Self = Self::these(true, false, false);
    const AUTHORIZATION: Self = Self::these(false, true, false);
    const PARTNER: Self = Self::these(false, false, true);

    const fn these(direct: bool, authorization: bool, partner: bool) -> Self {
        Self {
            direct,
            authorization,
            partner,
        }
    }

    const fn has(self, kind: &Kind) -> bool {
        match kind {
            Kind::Direct => self.direct,
            Kind::Authorization(_) => self.authorization,
            Kind::Partner(_) => self.partner,
        }
    }
}

/// One rule.
struct Rule {
    id: &'static str,
    kinds: Kinds,
    field: &'static str,
    /// What AWS would answer; empty for a rule of ours.
    aws_error_code: &'static str,
    fix: &'static str,
    severity: Severity,
    /// What is wrong, if anything is.
    check: fn(&Candidate) -> Option<String>,
}

impl Rule {
    const fn error(
        id: &'static str,
        kinds: Kinds,
        field: &'static str,
        aws_error_code: &'static str,
        fix: &'static str,
        check: fn(&Candidate) -> Option<String>,
    ) -> Self {
        Self {
            id,
            kinds,
            field,
            aws_error_code,
            fix,
            severity: Severity::Error,
            check,
        }
    }

    /// The same of a resale authorization, for which AWS has another code.
    const fn in_authorizations(self, aws_error_code: &'static str) -> Self {
        Self {
            kinds: Kinds::AUTHORIZATION,
            aws_error_code,
            ..self
        }
    }

    const fn warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }

    fn find(&self, candidate: &Candidate) -> Option<Finding> {
        if !self.kinds.has(&candidate.plan.kind) {
            return None;
        }
        (self.check)(candidate).map(|problem| Finding {
            rule: self.id,
            field: self.field,
            aws_error_code: self.aws_error_code,
            problem,
            fix: self.fix,
            severity: self.severity,
        })
    }
}

/// What AWS answers to what is wrong in its shape, before it makes a change set of it (facts §1.2).
const REFUSED_AT_ONCE: &str = "ValidationException";

/// More of them than AWS takes.
fn more_than(count: usize, most: u32, what: &str) -> Option<String> {
    when(
        u32::try_from(count).map_or(true, |count| count > most),
        || format!("{count} {what}, at most {most}"),
    )
}

fn when(wrong: bool, problem: impl FnOnce() -> String) -> Option<String> {
    wrong.then(problem)
}

/// Ours, not AWS's: the rule's name is the reason code of a refused release.
pub(crate) const STAMP_INVALID: &str = "STAMP_INVALID";
/// See [`STAMP_INVALID`].
pub(crate) const DIGEST_MISMATCH: &str = "DIGEST_MISMATCH";
/// See [`STAMP_INVALID`].
pub(crate) const SOW_NOT_SIGNED: &str = "SOW_NOT_SIGNED";
/// See [`STAMP_INVALID`].
pub(crate) const CHECKLIST_OPEN: &str = "CHECKLIST_OPEN";
/// What must hold until AWS has a release, and not only when it is asked for.
const UNTIL_SENT: [&str; 3] = [STAMP_INVALID, DIGEST_MISMATCH, SOW_NOT_SIGNED];

/// What the day decides on which the request of a release is made.
const DATED: [&str; 4] = [
    "OFFER_EXPIRY_IN_FUTURE",
    "CHARGE_DATES_NOT_PAST",
    "AUTHORIZATION_CHARGES_IN_FUTURE",
    "AUTHORIZATION_IN_FORCE",
];

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
    /// Of the deal, in upload order.
    pub(crate) documents: Vec<Document>,
    /// Why there will be no merged document.
    pub(crate) document_failure: Option<String>,
    pub(crate) product_dimensions: Vec<String>,
    /// Whether a person enters the offer in AWS's portal (O10).
    pub(crate) by_portal: bool,
    /// Whether the approved deal renews an agreement (O16).
    pub(crate) renewal: bool,
    /// What the seller is at AWS.
    pub(crate) seller: SellerKind,
    pub(crate) limits: Limits,
    /// What the buyer has of the same product, as far as it is known.
    pub(crate) held: Option<Held>,
    /// Of the agreement whose place it takes.
    pub(crate) unpaid: Option<Unpaid>,
}

impl Candidate {
    /// The day after which the agreement would be over, if it were accepted today.
    fn agreement_end(&self) -> Option<NaiveDate> {
        self.plan.duration.after(self.today)
    }
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
            documents: deal.documents.clone(),
            product_dimensions: offer.basis.intake.listing.dimension_keys.clone(),
            by_portal: offer.by_portal(),
            renewal: deal.estimate.renewal,
            seller: SellerKind::default(),
            limits: Limits::default(),
            held: None,
            unpaid: None,
        }
    }
}

/// Every rule that does not hold, in the order of the table.
pub(crate) fn findings(candidate: &Candidate) -> Vec<Finding> {
    rules().filter_map(|rule| rule.find(candidate)).collect()
}

/// What no longer holds of the approval behind a release (A5, A6, O3): until AWS was sent it, the
/// release can still be taken back.
pub(crate) fn approval_findings(offer: &Offer, engagement: &Engagement) -> Vec<Finding> {
    let Stage::Releasing(release) = &offer.stage else {
        return Vec::new();
    };
    let candidate = Candidate::of(offer, engagement, release.released_at.date_naive());
    rules()
        .filter(|rule| UNTIL_SENT.contains(&rule.id))
        .filter_map(|rule| rule.find(&candidate))
        .collect()
}

/// What no longer holds of a release when its request is made, on `today`: its charges were dated when it was asked for
/// (O9), and it may have waited since.
pub(crate) fn outdated(offer: &Offer, asked_on: NaiveDate, today: NaiveDate) -> Vec<Finding> {
    let engagement = Engagement::new(offer.engagement_id().clone());
    let candidate = Candidate {
        plan: Plan::of(offer, asked_on),
        ..Candidate::of(offer, &engagement, today)
    };
    rules()
        .filter(|rule| DATED.contains(&rule.id))
        .filter_map(|rule| rule.find(&candidate))
        .collect()
}

/// The findings as a refusal of ours, in the shape of AWS's. `undone` says what did not happen.
pub(crate) fn as_errors(findings: &[Finding], undone: &str) -> Vec<AwsError> {
    let errors = findings.iter().map(|finding| AwsError {
        code: finding.rule.to_owned(),
        message: format!("{undone}: {}; {}", finding.problem, finding.fix),
    });
    errors.collect()
}

/// What stops a new expiry of a published offer: the rules about dates, with the charges that AWS
/// has (O11), what the buyer has, and the seller's limits.
pub(crate) fn expiry_findings(
    offer: &Offer,
    to: NaiveDate,
    today: NaiveDate,
    held: Option<&Held>,
    limits: Limits,
) -> Vec<Finding> {
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
    candidate.plan.available_until = Some(to);
    candidate.held = held.cloned();
    candidate.limits = limits;
    rules()
        .filter(|rule| rule.field == availability::EXPIRY)
        .filter_map(|rule| rule.find(&candidate))
        .collect()
}

/// Whether any of them stops the release.
pub(crate) fn any_error(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
}
