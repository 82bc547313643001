//! One approval on its way through the levels of its plan, in order: the approvers of the lowest level without
//! a decision are asked, those above are queued (facts §3).

use chrono::{DateTime, Utc};

use super::Refusal;
use super::approval_plans::Plan;
use super::ids::derived;
use super::purchase_orders::Orders;

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApprovalStatus {
    PendingApproval,
    Approved,
    Rejected,
    Expired,
    Cancelled,
}

impl ApprovalStatus {
    /// Every word of [`Self::as_str`].
    pub(super) const WORDS: [&str; 5] = [
        "PENDING_APPROVAL",
        "APPROVED",
        "REJECTED",
        "EXPIRED",
        "CANCELLED",
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::PendingApproval => "PENDING_APPROVAL",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// What an approver has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutcomeStatus {
    /// A lower level has to decide first.
    Queued,
    PendingApproval,
    Approved,
    Rejected,
    /// Nobody waits for this one any more.
    Skipped,
    Expired,
}

impl OutcomeStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::PendingApproval => "PENDING_APPROVAL",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Skipped => "SKIPPED",
            Self::Expired => "EXPIRED",
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::PendingApproval)
    }
}

/// What one approver of an approval said, or is still asked.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(super) id: String,
    pub(super) status: OutcomeStatus,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) note: Option<String>,
    pub(super) orders: Orders,
}

impl Outcome {
    /// The outcome becomes another, and says when.
    fn becomes(&mut self, at: DateTime<Utc>, status: OutcomeStatus) {
        self.status = status;
        self.updated_at = at;
    }
}

/// One plan of a request on its way.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    pub(super) id: String,
    pub(super) request_id: String,
    /// The account that asked for it: the buyer.
    pub(super) requester: String,
    pub(super) plan: Plan,
    pub(super) note: Option<String>,
    pub(super) status: ApprovalStatus,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    /// With its quote: nothing is published about it.
    pub(super) expires_at: DateTime<Utc>,
    /// By level and approver of the plan.
    pub(super) outcomes: Vec<Vec<Outcome>>,
}

/// What an administrator says.
pub(super) struct Decision<'a> {
    pub(super) approves: bool,
    pub(super) note: Option<&'a str>,
    pub(super) orders: Orders,
}

impl Approval {
    /// On whose behalf a decision is made, by the id of an outcome: an approver of the level whose turn it is,
    /// and the first of them when nobody is named.
    pub(super) fn decided_by(&self, of: Option<&str>) -> Result<(usize, usize), Refusal> {
        if self.status != ApprovalStatus::PendingApproval {
            let message = format!("The agreement approval is {}.", self.status.as_str());
            return Err(Refusal::reasoned("CLOSED_AGREEMENT_APPROVAL", message));
        }
        let mut places = self.outcomes.iter().enumerate().flat_map(|(level, group)| {
            let places = group.iter().enumerate();
            places.map(move |(approver, outcome)| ((level, approver), outcome))
        });
        let named = |outcome: &Outcome| match of {
            Some(id) => outcome.id == id,
            None => outcome.status == OutcomeStatus::PendingApproval,
        };
        match places.find(|(_, outcome)| named(outcome)) {
            Some((place, outcome)) if outcome.status == OutcomeStatus::PendingApproval => Ok(place),
            Some((_, outcome)) if outcome.status == OutcomeStatus::Queued => {
                Err(Refusal::reasoned(
                    "QUEUED_AGREEMENT_APPROVAL",
                    "The level before has not been approved.",
                ))
            }
            _ => Err(Refusal::reasoned(
                "INVALID_APPROVER_OUTCOME_ID_TO_OVERRIDE",
                "approverOutcomeIdToOverride names no approver who is asked.",
            )),
        }
    }

    /// The decision of that approver: one approval is a level's, one rejection everybody's.
    pub(super) fn decide(
        &mut self,
        now: DateTime<Utc>,
        (level, approver): (usize, usize),
        decision: Decision<'_>,
    ) {
        let outcome = &mut self.outcomes[level][approver];
        outcome.note = decision.note.map(str::to_owned);
        outcome.orders = decision.orders;
        if !decision.approves {
            outcome.becomes(now, OutcomeStatus::Rejected);
            self.end(now, ApprovalStatus::Rejected, OutcomeStatus::Skipped);
            return;
        }
        outcome.becomes(now, OutcomeStatus::Approved);
        self.updated_at = now;
        let others = self.outcomes[level].iter_mut();
        for other in others.filter(|other| other.status.is_open()) {
            other.becomes(now, OutcomeStatus::Skipped);
        }
        match self.outcomes.get_mut(level + 1) {
            Some(next) => next
                .iter_mut()
                .for_each(|asked| asked.becomes(now, OutcomeStatus::PendingApproval)),
            None => self.status = ApprovalStatus::Approved,
        }
    }

    /// It is over, and so is everybody's part who has not decided.
    pub(super) fn end(&mut self, at: DateTime<Utc>, status: ApprovalStatus, rest: OutcomeStatus) {
        self.status = status;
        self.updated_at = at;
        let all = self.outcomes.iter_mut().flatten();
        for outcome in all.filter(|outcome| outcome.status.is_open()) {
            outcome.becomes(at, rest);
        }
    }
}

/// Everybody whom the plan names: the first level is asked at once.
pub(super) fn asked(approval: &str, plan: &Plan, now: DateTime<Utc>) -> Vec<Vec<Outcome>> {
    let levels = plan.levels.iter().enumerate().map(|(level, group)| {
        let approvers = (0..group.approvers.len()).map(|approver| Outcome {
            id: derived("aprout", &format!("{approval}/{level}/{approver}")),
            status: if level == 0 {
                OutcomeStatus::PendingApproval
            } else {
                OutcomeStatus::Queued
            },
            updated_at: now,
            note: None,
            orders: Orders::new(),
        });
        approvers.collect()
    });
    levels.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::approval_plans::Level;

    fn approval(levels: &[usize]) -> Approval {
        let level = |approvers: &usize| Level {
            name: None,
            approvers: vec!["ada@buyer.example.com".to_owned(); *approvers],
        };
        let plan = Plan {
            reference: "aplan-1".to_owned(),
            name: "Purchases".to_owned(),
            levels: levels.iter().map(level).collect(),
        };
        let at = DateTime::UNIX_EPOCH;
        Approval {
            id: "apr-1".to_owned(),
            request_id: "ar-1".to_owned(),
            requester: "444455556666".to_owned(),
            outcomes: asked("apr-1", &plan, at),
            plan,
            note: None,
            status: ApprovalStatus::PendingApproval,
            created_at: at,
            updated_at: at,
            expires_at: at,
        }
    }

    fn words(approval: &Approval) -> Vec<Vec<&'static str>> {
        let levels = approval.outcomes.iter();
        let words = |level: &Vec<Outcome>| level.iter().map(|it| it.status.as_str()).collect();
        levels.map(words).collect()
    }

    /// Approves, or rejects, for whoever is next.
    fn decide(approval: &mut Approval, approves: bool) {
        let place = approval.decided_by(None).unwrap();
        let decision = Decision {
            approves,
            note: None,
            orders: Orders::new(),
        };
        approval.decide(DateTime::UNIX_EPOCH, place, decision);
    }

    #[test]
    fn a_level_is_asked_once_the_one_below_has_approved() {
        let mut approval = approval(&[2, 1]);
        assert_eq!(
            words(&approval),
            [vec!["PENDING_APPROVAL"; 2], vec!["QUEUED"]]
        );
        decide(&mut approval, true);
        let asked = [vec!["APPROVED", "SKIPPED"], vec!["PENDING_APPROVAL"]];
        assert_eq!(words(&approval), asked);
        assert_eq!(approval.status, ApprovalStatus::PendingApproval);
        decide(&mut approval, true);
        let decided = [vec!["APPROVED", "SKIPPED"], vec!["APPROVED"]];
        assert_eq!(words(&approval), decided);
        assert_eq!(approval.status, ApprovalStatus::Approved);
        assert!(approval.decided_by(None).is_err());
    }

    #[test]
    fn one_rejection_ends_it() {
        let mut approval = approval(&[1, 2, 1]);
        decide(&mut approval, true);
        decide(&mut approval, false);
        let ended = [
            vec!["APPROVED"],
            vec!["REJECTED", "SKIPPED"],
            vec!["SKIPPED"],
        ];
        assert_eq!(words(&approval), ended);
        assert_eq!(approval.status, ApprovalStatus::Rejected);
    }
}
