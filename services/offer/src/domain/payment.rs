//! Payment requests (O17): a milestone becomes a request for money under the cap of an agreement's
//! variable payments. A request holds its part of the cap from the asking until it is rejected,
//! cancelled or failed; the offer's row lock lets one be asked for at a time, so that together they
//! never hold more than the cap.
//!
//! AWS's word stands, whenever it comes: [`Command::RecordSeen`] takes AWS's picture of a request, also
//! of one that we do not know to have been sent, and a status that is not known here is kept, shown and
//! waited for.

mod decide;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, IsoDuration, Money, Principal};

use super::agreement::VariablePayments;
use super::clock::{self, Clock};
use super::id::{AgreementId, AwsPaymentRequestId, OfferId, PaymentRequestId};
use super::offer::{AwsError, Offer};
use super::preflight;
use super::preflight::payment::Asked;
use super::rejection::Rejection;

pub(crate) use decide::{decide, evolve};

/// A payment request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaymentRequest {
    /// Ours; AWS gets it as the client token (facts §2).
    pub(crate) id: PaymentRequestId,
    /// Counts up with every event.
    pub(crate) revision: u32,
    pub(crate) offer_id: OfferId,
    pub(crate) engagement_id: EngagementId,
    pub(crate) agreement_id: AgreementId,
    /// 1, 2, 3 in the order of the asking, per agreement.
    pub(crate) number: u32,
    /// AWS's id of the term that it is asked under.
    pub(crate) term_id: String,
    pub(crate) milestone: String,
    /// Empty for none.
    pub(crate) description: String,
    pub(crate) amount: Money,
    /// How long the buyer may be silent before it approves itself, as the agreement has it.
    pub(crate) approves_after: Option<IsoDuration>,
    pub(crate) requested_by: Principal,
    pub(crate) requested_at: DateTime<Utc>,
    /// What AWS said when it last refused the request, or to take it back.
    pub(crate) last_errors: Vec<AwsError>,
    pub(crate) stage: Stage,
}

/// Where a payment request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is on its way: AWS may have it or not.
    Sending,
    /// AWS has it, and the buyer has not answered.
    Pending {
        at_aws: AtAws,
        /// AWS is asked to take it back.
        withdrawal: Option<Withdrawal>,
    },
    /// AWS will invoice it.
    Approved {
        at_aws: AtAws,
        charge_id: Option<String>,
        at: DateTime<Utc>,
    },
    Rejected {
        at_aws: AtAws,
        reason: String,
        at: DateTime<Utc>,
    },
    /// By us, or because the agreement ended.
    Cancelled {
        at_aws: AtAws,
        reason: String,
        at: DateTime<Utc>,
    },
    /// AWS refused it, or found it wrong after it had taken it.
    Failed {
        at_aws: Option<AtAws>,
        at: DateTime<Utc>,
    },
}

/// What AWS made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AtAws {
    pub(crate) id: AwsPaymentRequestId,
    /// AWS's own word: new ones are not an error.
    pub(crate) status: String,
    pub(crate) sent_at: DateTime<Utc>,
}

/// Who wants it back, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Withdrawal {
    pub(crate) reason: String,
    pub(crate) by: Principal,
}

/// A payment request as AWS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: AwsPaymentRequestId,
    pub(crate) status: String,
    pub(crate) charge_id: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: Option<DateTime<Utc>>,
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) milestone: String,
    /// Empty for none.
    pub(crate) description: String,
    pub(crate) amount: Money,
}

/// What the agreement's requests hold already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// How many there are, whatever became of them.
    pub(crate) count: u32,
    /// Of those that are on their way or wait for the buyer.
    pub(crate) requested: Money,
    pub(crate) approved: Money,
}

/// What can be said of a payment request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// AWS shows it.
    RecordSeen(Seen),
    /// AWS refused to take it.
    RecordRefused { errors: Vec<AwsError> },
    /// A person wants it back.
    Withdraw { reason: String },
    /// AWS refused to take it back, and it still waits for the buyer.
    RecordWithdrawalRefused { errors: Vec<AwsError> },
}

/// What happened to a payment request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Sent(AtAws),
    StatusSeen {
        status: String,
    },
    Approved {
        charge_id: Option<String>,
        at: DateTime<Utc>,
    },
    Rejected {
        reason: String,
        at: DateTime<Utc>,
    },
    WithdrawalAsked(Withdrawal),
    WithdrawalRefused {
        errors: Vec<AwsError>,
    },
    Cancelled {
        reason: String,
        at: DateTime<Utc>,
    },
    Failed {
        errors: Vec<AwsError>,
        at: DateTime<Utc>,
    },
}

impl Stage {
    /// The state's name, as messages and the database have it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Pending { .. } => "pending",
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
            Self::Cancelled { .. } => "cancelled",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Drawn {
    /// What is left under `cap`.
    pub(crate) fn remaining(&self, cap: Money) -> Option<Money> {
        let left = cap.checked_sub(self.requested).ok()?;
        left.checked_sub(self.approved).ok()
    }
}

impl PaymentRequest {
    /// As AWS lists it: the number makes it the only one of its agreement, so that one whose answer
    /// was lost is found again.
    pub(crate) fn name(&self) -> String {
        format!("{} #{}", self.milestone, self.number)
    }

    /// What AWS made of it, once it has it.
    pub(crate) const fn at_aws(&self) -> Option<&AtAws> {
        match &self.stage {
            Stage::Sending => None,
            Stage::Pending { at_aws, .. }
            | Stage::Approved { at_aws, .. }
            | Stage::Rejected { at_aws, .. }
            | Stage::Cancelled { at_aws, .. } => Some(at_aws),
            Stage::Failed { at_aws, .. } => at_aws.as_ref(),
        }
    }

    /// When it ended, if it did.
    pub(crate) const fn ended_at(&self) -> Option<DateTime<Utc>> {
        match &self.stage {
            Stage::Sending | Stage::Pending { .. } => None,
            Stage::Approved { at, .. }
            | Stage::Rejected { at, .. }
            | Stage::Cancelled { at, .. }
            | Stage::Failed { at, .. } => Some(*at),
        }
    }

    /// When the buyer's silence becomes approval, once AWS has it.
    pub(crate) fn approves_itself_at(&self) -> Option<DateTime<Utc>> {
        let sent_at = self.at_aws()?.sent_at;
        let day = self.approves_after?.after(sent_at.date_naive())?;
        Some(day.and_time(sent_at.time()).and_utc())
    }

    /// The clock that shows when it approves itself (O18).
    pub(crate) fn clock(&self) -> Option<Clock> {
        let (started_at, due_at) = (self.at_aws()?.sent_at, self.approves_itself_at()?);
        let subject = clock::Subject {
            offer_id: &self.offer_id,
            engagement_id: &self.engagement_id,
            id: self.id.as_str(),
        };
        let kind = clock::Kind::PaymentRequest;
        Some(Clock::about(subject, kind, started_at, due_at))
    }

    /// Whether the buyer's silence, and not a word, approved it.
    pub(crate) fn approved_itself(&self) -> bool {
        let approved = matches!(self.stage, Stage::Approved { .. });
        let at = self.ended_at().filter(|_| approved);
        at.zip(self.approves_itself_at())
            .is_some_and(|(at, due_at)| at >= due_at)
    }

    /// Who wants it back, while AWS is asked to.
    pub(crate) const fn withdrawal(&self) -> Option<&Withdrawal> {
        match &self.stage {
            Stage::Pending { withdrawal, .. } => withdrawal.as_ref(),
            Stage::Sending
            | Stage::Approved { .. }
            | Stage::Rejected { .. }
            | Stage::Cancelled { .. }
            | Stage::Failed { .. } => None,
        }
    }
}

/// The accepted offer's variable payments and the agreement that has them.
pub(crate) fn payments_of(offer: &Offer) -> Result<(&AgreementId, &VariablePayments), Rejection> {
    let Some(agreement) = offer.agreement() else {
        return Err(Rejection::OfferNotAccepted {
            state: offer.stage.name(),
        });
    };
    let variable = agreement.variable.as_ref();
    let variable = variable.ok_or(Rejection::NoVariablePayments)?;
    Ok((&agreement.id, variable))
}

/// What an asking is decided on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) now: DateTime<Utc>,
    pub(crate) by: &'a Principal,
    pub(crate) offer: &'a Offer,
    /// The agreement's status as AWS last showed it.
    pub(crate) status: &'a str,
    pub(crate) drawn: Drawn,
}

/// Asks for a payment. What AWS would refuse is refused here, all of it at once (O4).
pub(crate) fn request(
    id: PaymentRequestId,
    ask: Ask,
    facts: Facts<'_>,
) -> Result<PaymentRequest, Rejection> {
    let Facts { offer, drawn, .. } = facts;
    let (agreement_id, variable) = payments_of(offer)?;
    let findings = preflight::payment::findings(&Asked {
        ask: &ask,
        cap: variable.cap,
        drawn,
        status: facts.status,
        ends_at: offer.agreement().and_then(|agreement| agreement.ends_at),
        now: facts.now,
    });
    if !findings.is_empty() {
        return Err(Rejection::PaymentRefused { findings });
    }
    Ok(PaymentRequest {
        id,
        revision: 1,
        offer_id: offer.id.clone(),
        engagement_id: offer.engagement_id().clone(),
        agreement_id: agreement_id.clone(),
        number: drawn.count + 1,
        term_id: variable.term_id.clone(),
        milestone: ask.milestone,
        description: ask.description,
        amount: ask.amount,
        approves_after: variable.approves_after,
        requested_by: facts.by.clone(),
        requested_at: facts.now,
        last_errors: Vec::new(),
        stage: Stage::Sending,
    })
}

#[cfg(test)]
mod tests;
