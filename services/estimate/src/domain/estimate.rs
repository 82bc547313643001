//! The life of an estimate (E8): Draft → Submitted → Approved, Changes requested, Withdrawn or
//! Expired. Every change of content is a new version. What is allowed when stands in
//! [`super::decide`](mod@super::decide).

use countersign_kernel::{Digest, EngagementId, Principal};
use uuid::Uuid;

use super::form::ContentForm;
use super::pricing::Version;

/// Where an estimate stands. No variant holds what is not true in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is none yet.
    Absent,
    /// The newest version is being written.
    Draft(Head),
    /// The newest version is under review.
    Submitted(Head),
    /// An approver wants another version.
    ChangesRequested(Head, ChangeRequest),
    /// The newest version is approved, with the digest that the stamp bound (A4).
    Approved(Head, Digest),
    /// Taken back by its author, or refused by an approver, for good.
    Withdrawn(Head, Withdrawal),
    /// The validity of the newest version passed before approval (E7).
    Expired(Head),
}

/// What every estimate has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub estimate_id: Uuid,
    /// The deal that it is for.
    pub engagement_id: EngagementId,
    /// The customer, for people.
    pub customer_name: String,
    /// The agreement that it was started from, as AWS names it (E11).
    pub follows: Option<String>,
    /// The newest version.
    pub latest: Version,
}

/// What an approver wants to have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// The approval step, such as "revenue".
    pub step: String,
    /// Who asked.
    pub requested_by: Principal,
    /// For what.
    pub comment: String,
}

/// Why an estimate ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The author, or the approver who refused.
    pub by: Principal,
    /// In that person's words.
    pub reason: String,
}

impl State {
    /// What every estimate has; `None` while there is none.
    #[must_use]
    pub const fn head(&self) -> Option<&Head> {
        match self {
            Self::Absent => None,
            Self::Draft(head)
            | Self::Submitted(head)
            | Self::ChangesRequested(head, _)
            | Self::Approved(head, _)
            | Self::Withdrawn(head, _)
            | Self::Expired(head) => Some(head),
        }
    }

    /// The stable name of the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Draft(_) => "draft",
            Self::Submitted(_) => "submitted",
            Self::ChangesRequested(..) => "changes_requested",
            Self::Approved(..) => "approved",
            Self::Withdrawn(..) => "withdrawn",
            Self::Expired(_) => "expired",
        }
    }

    fn into_head(self) -> Option<Head> {
        match self {
            Self::Absent => None,
            Self::Draft(head)
            | Self::Submitted(head)
            | Self::ChangesRequested(head, _)
            | Self::Approved(head, _)
            | Self::Withdrawn(head, _)
            | Self::Expired(head) => Some(head),
        }
    }
}

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Start an estimate, with version 1.
    Draft {
        /// Its name.
        estimate_id: Uuid,
        /// The deal, as it was written.
        engagement_id: String,
        /// The customer, as it was written.
        customer_name: String,
        /// Version 1.
        content: ContentForm,
        /// The agreement that it is started from.
        follows: Option<String>,
    },
    /// Write the next version.
    Revise {
        /// The newest version that the author has seen.
        expected_version: u32,
        /// The next one.
        content: ContentForm,
    },
    /// Hand the newest version in.
    Submit {
        /// The newest version that the author has seen.
        expected_version: u32,
    },
    /// Take the estimate back for good.
    Withdraw {
        /// Why.
        reason: String,
    },
    /// The approval case of a version is complete (A5).
    Approve {
        /// The version that was stamped.
        version: u32,
        /// What the stamp binds (A4).
        digest: Digest,
    },
    /// An approver asks for changes to a version.
    RequestChanges {
        /// The version.
        version: u32,
        /// What is asked for.
        request: ChangeRequest,
    },
    /// An approver refuses a version for good.
    Refuse {
        /// The version.
        version: u32,
        /// By whom and why.
        refusal: Withdrawal,
    },
    /// The last day of a version's validity may be over.
    Expire {
        /// The version.
        version: u32,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Version 1 was written.
    Drafted(Box<Head>),
    /// The next version was written.
    Revised(Box<Version>),
    /// The newest version was handed in.
    Submitted {
        /// By whom.
        by: Principal,
    },
    /// It ended, by the author's will or an approver's.
    Withdrawn(Withdrawal),
    /// The newest version was approved.
    Approved {
        /// What the stamp binds.
        digest: Digest,
    },
    /// Changes to the newest version were asked for.
    ChangesRequested(ChangeRequest),
    /// The newest version's validity passed.
    Expired,
}

/// The state after `event`. Total: an event of an estimate that is not there changes nothing.
#[must_use]
pub fn evolve(state: State, event: Event) -> State {
    match (event, state.into_head()) {
        (Event::Drafted(head), _) => State::Draft(*head),
        (Event::Revised(latest), Some(head)) => State::Draft(Head {
            latest: *latest,
            ..head
        }),
        (Event::Submitted { by: _ }, Some(head)) => State::Submitted(head),
        (Event::Withdrawn(withdrawal), Some(head)) => State::Withdrawn(head, withdrawal),
        (Event::Approved { digest }, Some(head)) => State::Approved(head, digest),
        (Event::ChangesRequested(request), Some(head)) => State::ChangesRequested(head, request),
        (Event::Expired, Some(head)) => State::Expired(head),
        (_, None) => State::Absent,
    }
}
