//! The state of one engagement here, and its fold.

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Digest, EngagementId, Principal};
use uuid::Uuid;

use super::command::{ItemClosing, Loss};
use super::document::Document;
use super::estimate::Estimate;
use super::event::Event;
use super::policy::{Policy, PolicyStep};
use super::subject::Parts;

/// Everything that approval keeps of one engagement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// The deal.
    pub engagement: EngagementId,
    /// The newest submitted estimate.
    pub estimate: Submission,
    /// The documents there are now, in upload order.
    pub documents: Vec<Document>,
    /// The approval, once opened.
    pub case: Option<Case>,
}

/// What is known of the engagement's estimate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submission {
    /// Nothing was submitted yet.
    None,
    /// This version is submitted.
    Live(Box<Estimate>),
    /// This version was submitted, and is no longer (E8).
    Lost {
        /// The last submitted version.
        last: Box<Estimate>,
        /// Why it is gone.
        cause: Loss,
    },
}

/// An approval case (A1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its id: the aggregate id of every event that others hear.
    pub case_id: Uuid,
    /// Whether one person may decide several steps: the policy's word when the case was opened.
    pub one_person_may_decide_several_steps: bool,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What else must be done, in order (A8).
    pub checklist: Vec<ChecklistItem>,
    /// Where the case stands.
    pub phase: Phase,
}

/// A step of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the policy said when the case was opened.
    pub policy: PolicyStep,
    /// How far it is.
    pub outcome: Outcome,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody has decided.
    Undecided,
    /// It holds.
    Approved(Verdict),
    /// It held until a change touched what it had bound (A4).
    Voided(Verdict),
    /// Changes were requested.
    ChangesRequested(Verdict),
    /// It ended the case.
    Rejected(Verdict),
}

/// A decision: who, when, why, and of what exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Who.
    pub by: Principal,
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// Why; may be empty for an approval.
    pub comment: String,
    /// The digest of the parts that the step binds, as they were.
    pub bound: Digest,
}

/// Where a case stands. Each variant holds what is true only then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Steps are open.
    InReview,
    /// An approver asked for changes: waits for a new version.
    ChangesRequested,
    /// The estimate was withdrawn or expired: waits for a new version.
    AwaitingEstimate,
    /// An approver ended it.
    Rejected,
    /// Every step holds (A5).
    Stamped(Stamp),
    /// Out for signature, internal first (A6).
    AwaitingInternalSignature(Routed),
    /// The seller has signed; the customer has not.
    AwaitingCustomerSignature(Routed, Signature),
    /// Both have signed.
    Signed(Signed),
}

/// Legal's stamp (A5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The digest of everything that was approved.
    pub digest: Digest,
    /// Who completed the approval.
    pub by: Principal,
    /// When, UTC.
    pub at: DateTime<Utc>,
}

/// How the SOW went out for signature (A6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// The SOW's digest, as stamped.
    pub sow_digest: Digest,
    /// Who is to sign for the seller.
    pub internal_signatory: String,
    /// Who is to sign for the customer.
    pub customer_signatory: String,
    /// When, UTC.
    pub at: DateTime<Utc>,
}

/// A stamped deal that is out for signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The stamp, which can no longer be voided.
    pub stamp: Stamp,
    /// How it went out.
    pub routing: Routing,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who signed.
    pub signatory: String,
    /// When, UTC.
    pub at: DateTime<Utc>,
}

/// A deal that both have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub routed: Routed,
    /// The seller's signature.
    pub internal: Signature,
    /// The customer's.
    pub customer: Signature,
    /// The signed copy.
    pub signed_sow: Document,
}

/// An item of the checklist (A8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecklistItem {
    /// Its name.
    pub item: String,
    /// How it was closed and by whom; `None` while open.
    pub closed: Option<(ItemClosing, Principal)>,
}

impl Phase {
    /// The stamp, while it holds.
    #[must_use]
    pub const fn stamp(&self) -> Option<&Stamp> {
        match self {
            Self::Stamped(stamp) => Some(stamp),
            Self::AwaitingInternalSignature(_)
            | Self::AwaitingCustomerSignature(..)
            | Self::Signed(_) => match self.routed() {
                Some(routed) => Some(&routed.stamp),
                None => None,
            },
            Self::InReview | Self::ChangesRequested | Self::AwaitingEstimate | Self::Rejected => {
                None
            }
        }
    }

    /// How the deal went out for signature, from then on.
    #[must_use]
    pub const fn routed(&self) -> Option<&Routed> {
        match self {
            Self::AwaitingInternalSignature(routed)
            | Self::AwaitingCustomerSignature(routed, _)
            | Self::Signed(Signed { routed, .. }) => Some(routed),
            Self::InReview
            | Self::ChangesRequested
            | Self::AwaitingEstimate
            | Self::Rejected
            | Self::Stamped(_) => None,
        }
    }

    /// The phase's stable word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::InReview => "in_review",
            Self::ChangesRequested => "changes_requested",
            Self::AwaitingEstimate => "awaiting_estimate",
            Self::Rejected => "rejected",
            Self::Stamped(_) => "stamped",
            Self::AwaitingInternalSignature(_) => "awaiting_internal_signature",
            Self::AwaitingCustomerSignature(..) => "awaiting_customer_signature",
            Self::Signed(_) => "signed",
        }
    }
}

impl Outcome {
    /// Whether the step holds.
    #[must_use]
    pub const fn approval(&self) -> Option<&Verdict> {
        match self {
            Self::Approved(verdict) => Some(verdict),
            Self::Undecided | Self::Voided(_) | Self::ChangesRequested(_) | Self::Rejected(_) => {
                None
            }
        }
    }
}

impl Case {
    /// The first step that does not hold: the only one that may be decided (A1, serial).
    #[must_use]
    pub fn open_step(&self) -> Option<&Step> {
        self.steps
            .iter()
            .find(|step| step.outcome.approval().is_none())
    }

    fn step(&mut self, name: &str) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| step.policy.name == name)
    }
}

impl Dossier {
    /// Nothing yet.
    #[must_use]
    pub const fn new(engagement: EngagementId) -> Self {
        Self {
            engagement,
            estimate: Submission::None,
            documents: Vec::new(),
            case: None,
        }
    }

    /// The estimate under approval: live, or the last that was.
    #[must_use]
    pub fn last_estimate(&self) -> Option<&Estimate> {
        match &self.estimate {
            Submission::None => None,
            Submission::Live(estimate) | Submission::Lost { last: estimate, .. } => Some(estimate),
        }
    }

    /// The digests of what is under approval (A4).
    #[must_use]
    pub fn parts(&self) -> Option<Parts> {
        self.last_estimate()
            .map(|estimate| Parts::of(estimate, &self.documents))
    }

    /// The documents that approvals bind, in upload order: all but signed copies.
    pub fn approved_documents(&self) -> impl Iterator<Item = &Document> {
        self.documents
            .iter()
            .filter(|document| document.kind.is_approved())
    }

    /// Folds an event into the state. Every change goes through here.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::EstimateReceived(estimate) => self.receive(estimate),
            Event::EstimateLost { cause } => self.lose(*cause),
            Event::DocumentAdded { document, replaces } => self.add(document, *replaces),
            Event::DocumentRemoved { document_id, .. } => {
                self.documents
                    .retain(|document| document.document_id != *document_id);
            }
            Event::CaseOpened { case_id, policy } => self.case = Some(Case::new(*case_id, policy)),
            Event::StepApproved { .. }
            | Event::ChangesRequested { .. }
            | Event::CaseRejected { .. }
            | Event::ApprovalVoided { .. }
            | Event::DealStamped(_)
            | Event::StampVoided { .. }
            | Event::RoutedForSignature(_)
            | Event::InternalSigned(_)
            | Event::SowSigned { .. }
            | Event::ChecklistItemClosed { .. }
            | Event::ChecklistCompleted => {
                if let Some(case) = &mut self.case {
                    case.apply(event);
                }
            }
        }
    }

    fn receive(&mut self, estimate: &Estimate) {
        self.estimate = Submission::Live(Box::new(estimate.clone()));
        if let Some(case) = &mut self.case {
            case.resume();
        }
    }

    fn lose(&mut self, cause: Loss) {
        let before = std::mem::replace(&mut self.estimate, Submission::None);
        self.estimate = match before {
            Submission::Live(last) | Submission::Lost { last, .. } => {
                Submission::Lost { last, cause }
            }
            Submission::None => Submission::None,
        };
        if let Some(case) = &mut self.case
            && case.phase != Phase::Rejected
        {
            case.phase = Phase::AwaitingEstimate;
        }
    }

    fn add(&mut self, document: &Document, replaces: Option<Uuid>) {
        let place = self
            .documents
            .iter_mut()
            .find(|one| Some(one.document_id) == replaces);
        match place {
            Some(place) => *place = document.clone(),
            None => self.documents.push(document.clone()),
        }
    }
}

impl Case {
    fn new(case_id: Uuid, policy: &Policy) -> Self {
        let undecided = |step: &PolicyStep| Step {
            policy: step.clone(),
            outcome: Outcome::Undecided,
        };
        let open = |item: &String| ChecklistItem {
            item: item.clone(),
            closed: None,
        };
        Self {
            case_id,
            one_person_may_decide_several_steps: policy.one_person_may_decide_several_steps(),
            steps: policy.steps().iter().map(undecided).collect(),
            checklist: policy.checklist().iter().map(open).collect(),
            phase: Phase::InReview,
        }
    }

    /// A new version came: what was sent back is asked again, what holds stands.
    fn resume(&mut self) {
        for step in &mut self.steps {
            if matches!(step.outcome, Outcome::ChangesRequested(_)) {
                step.outcome = Outcome::Undecided;
            }
        }
        if matches!(
            self.phase,
            Phase::ChangesRequested | Phase::AwaitingEstimate
        ) {
            self.phase = Phase::InReview;
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::StepApproved { step, verdict } => {
                self.set(step, Outcome::Approved(verdict.clone()));
            }
            Event::ChangesRequested { step, verdict } => {
                self.set(step, Outcome::ChangesRequested(verdict.clone()));
                self.phase = Phase::ChangesRequested;
            }
            Event::CaseRejected { step, verdict } => {
                self.set(step, Outcome::Rejected(verdict.clone()));
                self.phase = Phase::Rejected;
            }
            Event::ApprovalVoided { step } => self.void(step),
            Event::DealStamped(stamp) => self.phase = Phase::Stamped(stamp.clone()),
            Event::StampVoided { .. } => self.phase = Phase::InReview,
            Event::ChecklistItemClosed {
                item,
                closing,
                closed_by,
            } => {
                if let Some(open) = self.checklist.iter_mut().find(|open| open.item == *item) {
                    open.closed = Some((closing.clone(), closed_by.clone()));
                }
            }
            Event::RoutedForSignature(_) | Event::InternalSigned(_) | Event::SowSigned { .. } => {
                self.phase = self.phase.clone().signed_by(event);
            }
            Event::ChecklistCompleted
            | Event::EstimateReceived(_)
            | Event::EstimateLost { .. }
            | Event::DocumentAdded { .. }
            | Event::DocumentRemoved { .. }
            | Event::CaseOpened { .. } => {}
        }
    }

    fn set(&mut self, name: &str, outcome: Outcome) {
        if let Some(step) = self.step(name) {
            step.outcome = outcome;
        }
    }

    fn void(&mut self, name: &str) {
        if let Some(step) = self.step(name)
            && let Outcome::Approved(verdict) = &step.outcome
        {
            step.outcome = Outcome::Voided(verdict.clone());
        }
    }
}

impl Phase {
    /// The next phase on the way to both signatures; itself when `event` does not follow.
    fn signed_by(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Stamped(stamp), Event::RoutedForSignature(routing)) => {
                Self::AwaitingInternalSignature(Routed {
                    stamp,
                    routing: routing.clone(),
                })
            }
            (Self::AwaitingInternalSignature(routed), Event::InternalSigned(signature)) => {
                Self::AwaitingCustomerSignature(routed, signature.clone())
            }
            (
                Self::AwaitingCustomerSignature(routed, internal),
                Event::SowSigned {
                    customer,
                    signed_sow,
                },
            ) => Self::Signed(Signed {
                routed,
                internal,
                customer: customer.clone(),
                signed_sow: signed_sow.clone(),
            }),
            (phase, _) => phase,
        }
    }
}
