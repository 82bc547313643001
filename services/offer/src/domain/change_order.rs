//! Change orders (O15). AWS amends no agreement of professional services (facts §0 row 4), and has neither
//! agreement-based (replacement) offers nor future-dated agreements for them (facts §1.2, §2), so that none
//! are made here: a change is the agreement's cancellation, billing adjustments of what was invoiced and is to
//! be returned, and another offer. It is one process that rests between its steps: nothing that cannot be
//! undone happens unless a person asks for that very step.
//!
//! | state | what it waits for | what may be asked |
//! |---|---|---|
//! | started | a person | the cancellation; to give it up |
//! | sending | AWS to take the cancellation request | |
//! | pending | the buyer, whose silence of 7 days is a yes (facts §3.1) | to take the request back |
//! | over | the agreement is over: a person | billing adjustments, the offer that replaces it |
//! | replaced | that offer is drafted | billing adjustments |
//! | rejected, withdrawn, failed | nothing: the agreement goes on, another change order may start | |
//!
//! The offer that replaces it should carry what AWS no longer invoices, and need not, since a change may be one of the
//! price: pre-flight tells what of it is left out ([`super::unpaid`]).
//!
//! AWS's word stands, whenever it comes: an agreement that AWS shows as over is over, whatever became of the
//! request; a status that is not known here is kept, shown and waited for.

mod adjust;
mod decide;

use std::fmt;

use countersign_kernel::chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::{EngagementId, Principal};

use super::agreement::{ACTIVE, Agreement};
use super::clock::{self, Clock};
use super::id::{AgreementId, AwsCancellationId, ChangeOrderId, OfferId};
use super::offer::{AwsError, Offer};
use super::rejection::{Rejection, Violation};

pub(crate) use adjust::{Adjustment, AdjustmentState, Asked, Invoice};
pub(crate) use decide::{decide, evolve};

/// How long the buyer may be silent before the agreement is cancelled (facts §3.1).
const SILENCE: TimeDelta = TimeDelta::days(7);
/// The longest reason: AWS's limit of a description (facts §3.1).
const REASON_MAX: usize = 2_000;

/// A change order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeOrder {
    /// Ours; AWS gets it as the client token.
    pub(crate) id: ChangeOrderId,
    /// Counts up with every event.
    pub(crate) revision: u32,
    /// The offer whose agreement is to be replaced.
    pub(crate) offer_id: OfferId,
    pub(crate) engagement_id: EngagementId,
    pub(crate) agreement_id: AgreementId,
    /// What the buyer reads beside the cancellation request.
    pub(crate) reason: String,
    pub(crate) started_by: Principal,
    pub(crate) started_at: DateTime<Utc>,
    /// The cancellation request, once AWS has it.
    pub(crate) cancellation: Option<AtAws>,
    /// What AWS said when it last refused the request, or to take it back.
    pub(crate) last_errors: Vec<AwsError>,
    pub(crate) stage: Stage,
    /// What AWS invoiced under the agreement, as last read; empty before it is over.
    pub(crate) invoices: Vec<Invoice>,
    /// In the order of the asking.
    pub(crate) adjustments: Vec<Adjustment>,
}

/// Where a change order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing is asked of AWS yet.
    Started,
    /// The cancellation request is on its way: AWS may have it or not.
    Sending { asked_at: DateTime<Utc> },
    /// AWS has it, and the buyer has not answered. Perhaps AWS is asked to take it back.
    Pending { withdrawal: Option<Withdrawal> },
    /// The agreement is over.
    Over { at: DateTime<Utc> },
    /// The offer that replaces it is drafted.
    Replaced { at: DateTime<Utc>, by: Replacement },
    /// By the buyer.
    Rejected { reason: String, at: DateTime<Utc> },
    /// By us.
    Withdrawn { reason: String, at: DateTime<Utc> },
    /// AWS refused the request, or found it wrong after it had taken it.
    Failed { at: DateTime<Utc> },
}

/// What AWS made of the cancellation request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AtAws {
    pub(crate) id: AwsCancellationId,
    /// AWS's own word: new ones are not an error.
    pub(crate) status: String,
    pub(crate) sent_at: DateTime<Utc>,
}

/// Who wants the request back, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Withdrawal {
    pub(crate) reason: String,
    pub(crate) by: Principal,
}

/// What comes in the place of the agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement {
    pub(crate) offer_id: OfferId,
    /// Signed like every other (O3); not the agreement's own, which keeps its accepted offer.
    pub(crate) engagement_id: EngagementId,
}

/// A cancellation request as AWS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: AwsCancellationId,
    pub(crate) status: String,
    pub(crate) message: Option<String>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: Option<DateTime<Utc>>,
    /// Whether its agreement is over, where the request is closed with no answer: it was taken back, or had
    /// nothing more to ask for.
    pub(crate) agreement_over: bool,
}

/// What can be said of a change order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// A person wants the agreement cancelled. Once the buyer agrees, nothing brings it back.
    RequestCancellation,
    /// A person gives it up.
    Withdraw { reason: String },
    /// AWS shows the cancellation request.
    RecordSeen(Seen),
    /// AWS refused to take it.
    RecordRefused { errors: Vec<AwsError> },
    /// AWS refused to take it back, and it still waits for the buyer.
    RecordWithdrawalRefused { errors: Vec<AwsError> },
    /// AWS shows that the agreement is over.
    RecordAgreementOver { at: DateTime<Utc> },
    /// AWS shows what it invoiced.
    RecordInvoices(Vec<Invoice>),
    /// A person wants invoiced money given back to the buyer. AWS does that without asking anybody.
    Adjust(Vec<Asked>),
    /// AWS shows what became of adjustments, each by its number.
    RecordAdjustments(Vec<(u32, AdjustmentState)>),
    /// The offer that replaces the agreement is drafted.
    RecordReplacement(Replacement),
}

/// What happened to a change order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    CancellationAsked {
        at: DateTime<Utc>,
    },
    Sent(AtAws),
    StatusSeen {
        status: String,
    },
    WithdrawalAsked(Withdrawal),
    WithdrawalRefused {
        errors: Vec<AwsError>,
    },
    AgreementOver {
        at: DateTime<Utc>,
    },
    Rejected {
        reason: String,
        at: DateTime<Utc>,
    },
    Withdrawn {
        reason: String,
        at: DateTime<Utc>,
    },
    Failed {
        errors: Vec<AwsError>,
        at: DateTime<Utc>,
    },
    InvoicesRead(Vec<Invoice>),
    AdjustmentsAsked(Vec<Adjustment>),
    AdjustmentSeen {
        number: u32,
        state: AdjustmentState,
    },
    Replaced(Replacement),
}

/// Why a change order does not take a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Only an agreement that runs can be cancelled (facts §3.1).
    AgreementNotActive { status: String },
    /// The agreement has one that did not come to nothing.
    Open { id: ChangeOrderId },
    /// Whether AWS has the request must be known before it can be taken back.
    Sending,
    /// It came to an end that does not allow this.
    Ended { state: &'static str },
    /// Invoices are adjusted, and another offer is made, when the agreement is over (facts §0 row 5, §3.1).
    AgreementNotOver { state: &'static str },
    /// An offer of another engagement replaces the agreement.
    Replaced { by: OfferId },
}

impl Refusal {
    /// The stable reason code.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::AgreementNotActive { .. } => "AGREEMENT_NOT_ACTIVE",
            Self::Open { .. } => "CHANGE_ORDER_OPEN",
            Self::Sending => "CHANGE_ORDER_SENDING",
            Self::Ended { .. } => "CHANGE_ORDER_ENDED",
            Self::AgreementNotOver { .. } => "AGREEMENT_NOT_OVER",
            Self::Replaced { .. } => "AGREEMENT_REPLACED",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgreementNotActive { status } => {
                write!(f, "the agreement is {status} at AWS: only an active one is replaced")
            }
            Self::Open { id } => write!(f, "change order {id} of the agreement goes on"),
            Self::Sending => f.write_str(
                "the cancellation request is on its way to AWS: take it back once it waits for the buyer",
            ),
            Self::Ended { state } => write!(f, "the change order is {state}"),
            Self::AgreementNotOver { state } => write!(
                f,
                "the change order is {state}: this is possible once the agreement is over"
            ),
            Self::Replaced { by } => write!(f, "offer {by} of another engagement replaces it"),
        }
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self::ChangeOrder(refusal)
    }
}

impl Stage {
    /// The state's name, as messages and the database have it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Sending { .. } => "sending",
            Self::Pending { .. } => "pending",
            Self::Over { .. } => "over",
            Self::Replaced { .. } => "replaced",
            Self::Rejected { .. } => "rejected",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Failed { .. } => "failed",
        }
    }

    /// When the agreement was over, if it is.
    pub(crate) const fn over_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Over { at } | Self::Replaced { at, .. } => Some(*at),
            Self::Started
            | Self::Sending { .. }
            | Self::Pending { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. }
            | Self::Failed { .. } => None,
        }
    }
}

impl ChangeOrder {
    /// When the buyer's silence cancels the agreement, once AWS has the request.
    pub(crate) fn cancels_itself_at(&self) -> Option<DateTime<Utc>> {
        self.cancellation
            .as_ref()?
            .sent_at
            .checked_add_signed(SILENCE)
    }

    /// The clock that shows it (O18).
    pub(crate) fn clock(&self) -> Option<Clock> {
        let started_at = self.cancellation.as_ref()?.sent_at;
        let subject = clock::Subject {
            offer_id: &self.offer_id,
            engagement_id: &self.engagement_id,
            id: self.id.as_str(),
        };
        let kind = clock::Kind::CancellationSilence;
        Some(Clock::about(
            subject,
            kind,
            started_at,
            self.cancels_itself_at()?,
        ))
    }

    /// Whether the buyer's silence, and not a word, ended the agreement.
    pub(crate) fn cancelled_itself(&self) -> bool {
        let over_at = self.stage.over_at();
        over_at
            .zip(self.cancels_itself_at())
            .is_some_and(|(at, due_at)| at >= due_at)
    }

    /// Who wants the request back, while AWS is asked to.
    pub(crate) const fn withdrawal(&self) -> Option<&Withdrawal> {
        match &self.stage {
            Stage::Pending { withdrawal } => withdrawal.as_ref(),
            Stage::Started
            | Stage::Sending { .. }
            | Stage::Over { .. }
            | Stage::Replaced { .. }
            | Stage::Rejected { .. }
            | Stage::Withdrawn { .. }
            | Stage::Failed { .. } => None,
        }
    }
}

/// What a start is decided on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) now: DateTime<Utc>,
    pub(crate) by: &'a Principal,
    pub(crate) offer: &'a Offer,
    pub(crate) agreement: &'a Agreement,
    /// The agreement's status as AWS last showed it.
    pub(crate) status: &'a str,
    /// The agreement's change order that did not come to nothing, if it has one.
    pub(crate) open: Option<&'a ChangeOrderId>,
}

/// Starts a change order. Nothing is asked of AWS by it.
pub(crate) fn start(
    id: ChangeOrderId,
    reason: &str,
    facts: Facts<'_>,
) -> Result<ChangeOrder, Rejection> {
    let reason = reason.trim();
    if !(1..=REASON_MAX).contains(&reason.chars().count()) {
        let problem = format!("say in 1 to {REASON_MAX} characters why: the buyer reads it");
        let violation = Violation::new("reason", "REASON_REQUIRED", problem);
        return Err(Rejection::Invalid(vec![violation]));
    }
    if let Some(open) = facts.open {
        return Err(Refusal::Open { id: open.clone() }.into());
    }
    if facts.status != ACTIVE {
        let status = facts.status.to_owned();
        return Err(Refusal::AgreementNotActive { status }.into());
    }
    Ok(ChangeOrder {
        id,
        revision: 1,
        offer_id: facts.offer.id.clone(),
        engagement_id: facts.offer.engagement_id().clone(),
        agreement_id: facts.agreement.id.clone(),
        reason: reason.to_owned(),
        started_by: facts.by.clone(),
        started_at: facts.now,
        cancellation: None,
        last_errors: Vec::new(),
        stage: Stage::Started,
        invoices: Vec::new(),
        adjustments: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
