//! The offer: its states, what happened to it, and their fold (O8). What is true in one state only
//! stands in that state.

mod fold;

use countersign_kernel::chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use countersign_kernel::{Digest, EngagementId, Principal};

use super::agreement::Agreement;
use super::deal::{ApprovedDeal, DatedAmount};
use super::id::{AwsOfferId, ChangeSetId, OfferId};
use super::intake::Intake;
use super::listing::ReleaseWay;
use super::plan::Plan;
use super::resale::Kind;

pub(crate) use fold::evolve;

/// The pauses before what AWS failed by a fault of its own is sent again (facts §1.1: `SERVER_FAULT` is to be
/// retried): after as many faults in a row a person decides.
pub(crate) const PAUSES_AFTER_FAULT: [TimeDelta; 3] = [
    TimeDelta::minutes(1),
    TimeDelta::minutes(5),
    TimeDelta::minutes(15),
];

/// A private offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) id: OfferId,
    /// Counts up with every event.
    pub(crate) revision: u32,
    pub(crate) basis: Basis,
    pub(crate) terms: Terms,
    pub(crate) document: LegalDocument,
    /// The change set that was sent to AWS last.
    pub(crate) change_set_id: Option<ChangeSetId>,
    /// AWS's word for the change set under way, while it is one that is not known here.
    pub(crate) aws_status: Option<String>,
    /// What AWS said when it last refused or failed a change set; empty after one that it took.
    pub(crate) last_errors: Vec<AwsError>,
    pub(crate) stage: Stage,
}

/// What the offer is made from, as it was when it was drafted (O3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basis {
    pub(crate) deal: ApprovedDeal,
    pub(crate) intake: Intake,
    /// Which kind of offer it is, with what is particular to that (O2).
    pub(crate) kind: Kind,
    /// How it came to be.
    pub(crate) origin: Origin,
}

/// How an offer came to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Origin {
    /// Drafted here.
    #[default]
    Drafted,
    /// Drafted here from the terms of another offer (O12).
    Cloned { from: OfferId },
    /// Made elsewhere, and adopted (O12).
    Associated,
}

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) name: String,
    pub(crate) description: String,
    /// `None` only for a resale authorization without end.
    pub(crate) expires_on: Option<NaiveDate>,
}

/// The merged legal document (O6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LegalDocument {
    Assembling,
    Ready(ReadyDocument),
    Failed { reason: String },
}

/// The one PDF, stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadyDocument {
    pub(crate) digest: Digest,
    pub(crate) pages: u32,
    pub(crate) size_bytes: u64,
    /// Of the PDF of the seller's own reseller contract, where an authorization carries it.
    pub(crate) reseller_contract: Option<Digest>,
}

/// Where the offer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    Draft,
    /// AWS has the change set, or gets it.
    Releasing(Release),
    /// The buyer can accept it.
    Published {
        publication: Publication,
        pending: Option<PendingChange>,
    },
    /// An agreement exists.
    Accepted {
        publication: Publication,
        agreement: Agreement,
    },
    /// Over by our doing; with the publication when it had been published.
    Cancelled {
        publication: Option<Publication>,
        reason: String,
        by: Principal,
    },
    /// The expiry passed.
    Expired(Publication),
}

/// A release under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// The offer's revision that asked for the change set: its token is derived from it (O9).
    pub(crate) change: u32,
    /// Change sets of this release that AWS failed by a fault of its own.
    pub(crate) faults: u32,
    pub(crate) released_at: DateTime<Utc>,
    pub(crate) overdue: bool,
    pub(crate) way: Way,
}

/// How a release reaches AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    Api,
    /// A person enters it; `given` is AWS's id as it was given back, while it is checked (O10).
    Portal {
        given: Option<AwsOfferId>,
    },
}

/// What AWS made of the offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) aws_offer_id: AwsOfferId,
    pub(crate) url: String,
    /// The charges were dated on that day.
    pub(crate) released_at: DateTime<Utc>,
    pub(crate) published_at: DateTime<Utc>,
}

/// A change that AWS was asked for after the release; `change` and `faults` as those of a [`Release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PendingChange {
    Expiry {
        change: u32,
        faults: u32,
        to: NaiveDate,
    },
    Cancellation {
        change: u32,
        faults: u32,
        asked_at: DateTime<Utc>,
        reason: String,
        by: Principal,
    },
}

/// An error as AWS gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsError {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// What happened to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Drafted {
        id: OfferId,
        basis: Box<Basis>,
        terms: Terms,
    },
    Revised(Terms),
    LegalDocumentReady(ReadyDocument),
    LegalDocumentFailed {
        reason: String,
    },
    ReleaseStarted {
        at: DateTime<Utc>,
    },
    ChangeSetAccepted {
        id: ChangeSetId,
    },
    /// AWS says a word of the change set under way that is not known here, or after such one that is.
    ChangeSetStatusSeen {
        unknown: Option<String>,
    },
    /// AWS failed the change set by a fault of its own: the same is asked for anew `at`, by the revision
    /// that this event makes, so with a token and a name of its own (O9).
    ChangeSetFaulted {
        /// The revision that had asked for it.
        change: u32,
        at: DateTime<Utc>,
        errors: Vec<AwsError>,
    },
    /// A person entered it in AWS's portal, and says which one it is (O10).
    PortalOfferGiven {
        aws_offer_id: AwsOfferId,
    },
    /// What AWS has under that id is not what was approved.
    PortalOfferRefused {
        errors: Vec<AwsError>,
    },
    PublishOverdue,
    Published(Publication),
    ReleaseFailed {
        errors: Vec<AwsError>,
    },
    ExpiryChangeStarted {
        to: NaiveDate,
    },
    ExpiryChanged {
        from: Option<NaiveDate>,
        to: NaiveDate,
    },
    CancellationStarted {
        at: DateTime<Utc>,
        reason: String,
        by: Principal,
    },
    Cancelled {
        reason: String,
        by: Principal,
    },
    /// AWS refused a change after the release: the offer stays as it was published.
    ChangeFailed {
        errors: Vec<AwsError>,
    },
    Expired,
    AgreementRecorded(Agreement),
}

impl LegalDocument {
    /// The digest, once there is one.
    pub(crate) const fn digest(&self) -> Option<Digest> {
        match self {
            Self::Ready(ready) => Some(ready.digest),
            Self::Assembling | Self::Failed { .. } => None,
        }
    }

    /// The digest of the reseller contract, where there is one.
    pub(crate) const fn reseller_contract(&self) -> Option<Digest> {
        match self {
            Self::Ready(ready) => ready.reseller_contract,
            Self::Assembling | Self::Failed { .. } => None,
        }
    }
}

impl Stage {
    /// The state's name, as messages and the database have it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Releasing(_) => "releasing",
            Self::Published { .. } => "published",
            Self::Accepted { .. } => "accepted",
            Self::Cancelled { .. } => "cancelled",
            Self::Expired(_) => "expired",
        }
    }
}

impl PendingChange {
    /// The revision that asked for it.
    pub(crate) const fn change(&self) -> u32 {
        match self {
            Self::Expiry { change, .. } | Self::Cancellation { change, .. } => *change,
        }
    }
}

impl Offer {
    /// The engagement.
    pub(crate) const fn engagement_id(&self) -> &EngagementId {
        &self.basis.deal.estimate.engagement_id
    }

    /// What AWS made of it, once it was published.
    pub(crate) const fn publication(&self) -> Option<&Publication> {
        match &self.stage {
            Stage::Published { publication, .. }
            | Stage::Accepted { publication, .. }
            | Stage::Expired(publication) => Some(publication),
            Stage::Cancelled { publication, .. } => publication.as_ref(),
            Stage::Draft | Stage::Releasing(_) => None,
        }
    }

    /// The agreement, once there is one.
    pub(crate) const fn agreement(&self) -> Option<&Agreement> {
        match &self.stage {
            Stage::Accepted { agreement, .. } => Some(agreement),
            Stage::Draft
            | Stage::Releasing(_)
            | Stage::Published { .. }
            | Stage::Cancelled { .. }
            | Stage::Expired(_) => None,
        }
    }

    /// The revision whose change set AWS works on, if it works on one.
    pub(crate) const fn change_under_way(&self) -> Option<u32> {
        match &self.stage {
            Stage::Releasing(release) => Some(release.change),
            Stage::Published {
                pending: Some(pending),
                ..
            } => Some(pending.change()),
            Stage::Draft
            | Stage::Published { pending: None, .. }
            | Stage::Accepted { .. }
            | Stage::Cancelled { .. }
            | Stage::Expired(_) => None,
        }
    }

    /// How many change sets of the change under way AWS failed by a fault of its own.
    pub(crate) const fn faults(&self) -> u32 {
        match &self.stage {
            Stage::Releasing(release) => release.faults,
            Stage::Published {
                pending:
                    Some(
                        PendingChange::Expiry { faults, .. }
                        | PendingChange::Cancellation { faults, .. },
                    ),
                ..
            } => *faults,
            Stage::Draft
            | Stage::Published { pending: None, .. }
            | Stage::Accepted { .. }
            | Stage::Cancelled { .. }
            | Stage::Expired(_) => 0,
        }
    }

    /// Whether a person enters it in AWS's portal, from the release to its end: AWS's API does not take
    /// its product (O10).
    pub(crate) const fn by_portal(&self) -> bool {
        matches!(self.basis.intake.listing.release_way, ReleaseWay::Portal)
    }

    /// Whether a person may change it in AWS's portal without our hearing of it: one that was entered or made there.
    pub(crate) fn may_change_in_portal(&self) -> bool {
        self.by_portal() || self.basis.origin == Origin::Associated
    }

    const fn way(&self) -> Option<&Way> {
        match &self.stage {
            Stage::Releasing(release) => Some(&release.way),
            Stage::Draft
            | Stage::Published { .. }
            | Stage::Accepted { .. }
            | Stage::Cancelled { .. }
            | Stage::Expired(_) => None,
        }
    }

    /// Whether the release waits for a person to enter it in AWS's portal, or for the check of that
    /// (O10).
    pub(crate) const fn waits_for_portal(&self) -> bool {
        matches!(self.way(), Some(Way::Portal { .. }))
    }

    /// The offer of AWS's that a person entered, while it is checked (O10).
    pub(crate) const fn portal_offer(&self) -> Option<&AwsOfferId> {
        match self.way() {
            Some(Way::Portal { given }) => given.as_ref(),
            Some(Way::Api) | None => None,
        }
    }

    /// What the buyer is charged when: as the agreement has it, else as it was released, else as if
    /// it were released on `today` (UTC).
    pub(crate) fn charges(&self, today: NaiveDate) -> Vec<DatedAmount> {
        if let Some(agreement) = self.agreement() {
            return agreement.charges.clone();
        }
        Plan::of(self, self.released_at().map_or(today, |at| at.date_naive())).schedule
    }

    /// When the release that counts was asked for.
    pub(crate) fn released_at(&self) -> Option<DateTime<Utc>> {
        match &self.stage {
            Stage::Releasing(release) => Some(release.released_at),
            Stage::Draft
            | Stage::Published { .. }
            | Stage::Accepted { .. }
            | Stage::Cancelled { .. }
            | Stage::Expired(_) => self
                .publication()
                .map(|publication| publication.released_at),
        }
    }

    /// The last moment at which it can be accepted (O7), if there is one.
    pub(crate) fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.terms.expires_on.map(end_of_day)
    }
}

/// 23:59:59 UTC of `date` (O7).
pub(crate) fn end_of_day(date: NaiveDate) -> DateTime<Utc> {
    let next = date
        .succ_opt()
        .unwrap_or(date)
        .and_time(NaiveTime::MIN)
        .and_utc();
    next - TimeDelta::seconds(1)
}
