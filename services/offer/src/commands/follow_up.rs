//! What an event leaves to do: tasks, by kind and key. A task's key names the offer, and the revision
//! where it is about a change set, so that each is scheduled once for its cause.

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewTask, TaskRun, UnitOfWork};
use serde::{Deserialize, Serialize};

use crate::domain::clock::Kind;
use crate::domain::id::OfferId;
use crate::domain::limits::Limits;
use crate::domain::offer::{Event, Offer, Stage};
use crate::store;

/// Merges the legal document.
pub(crate) const ASSEMBLE: &str = "offer.assemble-legal-document";
/// Sends a change set.
pub(crate) const START_CHANGE_SET: &str = "offer.start-change-set";
/// Looks what became of a change set.
pub(crate) const POLL_CHANGE_SET: &str = "offer.poll-change-set";
/// Compares what a person entered in AWS's portal with what was approved (O10).
pub(crate) const CHECK_PORTAL_OFFER: &str = "offer.check-portal-offer";
/// Flags a release that takes longer than AWS says (O8, O18).
pub(crate) const PUBLISH_OVERDUE: &str = "offer.publish-overdue";
/// Ends an offer whose expiry passed (O7, O18).
pub(crate) const EXPIRE: &str = "offer.expire";

/// Looks for agreements that changed (O13). There is one such task for the AWS account.
pub(crate) const LOOK_FOR_AGREEMENTS: &str = "offer.look-for-agreements";
/// Reads the agreements that a look found (O13). There is one such task for the AWS account.
pub(crate) const READ_AGREEMENTS: &str = "offer.read-agreements";
/// Hears what AWS tells by itself (O13). There is one such task for the AWS account.
pub(crate) const HEAR_NEWS: &str = "offer.hear-news";

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) seller: SellerId,
    pub(crate) offer_id: OfferId,
    /// The revision that asked AWS for a change set, where the task is about one.
    pub(crate) change: u32,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    seller: String,
    offer_id: String,
    change: u32,
}

impl Subject {
    /// What the run is about.
    pub(crate) fn of(run: &TaskRun) -> Result<Self, Failure> {
        let unreadable = |source| Failure::undecodable(format!("the task {}", run.key), source);
        let payload: Payload = serde_json::from_value(run.payload.clone())
            .map_err(|wrong| Failure::undecodable(format!("the task {}", run.key), wrong))?;
        Ok(Self {
            seller: payload
                .seller
                .parse()
                .map_err(|_| unreadable("its seller"))?,
            offer_id: payload
                .offer_id
                .parse()
                .map_err(|_| unreadable("its offer"))?,
            change: payload.change,
        })
    }

    /// The key of a task about it.
    pub(crate) fn key(&self) -> String {
        let mut key = format!("{}/{}", self.seller, self.offer_id);
        if self.change > 0 {
            key = format!("{key}/{}", self.change);
        }
        key
    }

    fn task(&self, kind: &'static str, due_at: DateTime<Utc>) -> Result<NewTask, Failure> {
        let payload = Payload {
            seller: self.seller.to_string(),
            offer_id: self.offer_id.to_string(),
            change: self.change,
        };
        let payload = serde_json::to_value(payload)
            .map_err(|wrong| Failure::internal("writing a task", wrong))?;
        Ok(NewTask {
            kind,
            key: self.key(),
            payload,
            due_at,
        })
    }
}

/// Schedules what follows from `event`; `offer` is as it stands after it.
pub(crate) async fn schedule(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    event: &Event,
    limits: &Limits,
) -> Result<(), Failure> {
    let now = uow.now();
    let of_offer = Subject {
        seller: seller.clone(),
        offer_id: offer.id.clone(),
        change: 0,
    };
    let of_change = Subject {
        change: offer.change_under_way().unwrap_or(0),
        ..of_offer.clone()
    };
    let tasks = match event {
        Event::Drafted { .. } => vec![of_offer.task(ASSEMBLE, now)?],
        // A person enters it: the portal's time runs from when it is said to be there.
        Event::ReleaseStarted { .. } if offer.waits_for_portal() => Vec::new(),
        Event::PortalOfferGiven { .. } => vec![
            of_change.task(CHECK_PORTAL_OFFER, now)?,
            of_change.task(PUBLISH_OVERDUE, now + limits.publish_within())?,
        ],
        Event::ReleaseStarted { at } => vec![
            of_change.task(START_CHANGE_SET, now)?,
            of_change.task(PUBLISH_OVERDUE, *at + limits.publish_within())?,
        ],
        Event::ExpiryChangeStarted { .. } | Event::CancellationStarted { .. } => {
            vec![of_change.task(START_CHANGE_SET, now)?]
        }
        Event::ChangeSetAccepted { .. } => vec![of_change.task(POLL_CHANGE_SET, now)?],
        Event::ChangeSetFaulted { at, .. } => {
            let start = of_change.task(START_CHANGE_SET, *at)?;
            let running = store::clock::due_at(uow.connection(), seller, &offer.id, Kind::Publish);
            let due = overdue_of(offer, running.await?);
            let overdue = due.map(|due_at| of_change.task(PUBLISH_OVERDUE, due_at));
            [start].into_iter().chain(overdue.transpose()?).collect()
        }
        Event::Published(_) | Event::ExpiryChanged { .. } | Event::ChangeFailed { .. } => {
            let end = offer.expires_at().map(|end| of_offer.task(EXPIRE, end));
            end.transpose()?.into_iter().collect()
        }
        Event::Revised(_)
        | Event::ChangeSetStatusSeen { .. }
        | Event::LegalDocumentReady(_)
        | Event::LegalDocumentFailed { .. }
        | Event::PortalOfferRefused { .. }
        | Event::PublishOverdue
        | Event::ReleaseFailed { .. }
        | Event::Cancelled { .. }
        | Event::Expired
        | Event::AgreementRecorded(_) => Vec::new(),
    };
    for task in tasks {
        uow.schedule(task).await?;
    }
    // The time to publish is that of the new change set from now on.
    if let Event::ChangeSetFaulted { change, .. } = event {
        let before = Subject {
            change: *change,
            ..of_offer.clone()
        };
        uow.cancel_task(PUBLISH_OVERDUE, &before.key()).await?;
    }
    // Nothing is at AWS any more that could take too long.
    if let Event::PortalOfferRefused { .. } = event {
        let key = of_change.task(PUBLISH_OVERDUE, now)?.key;
        uow.cancel_task(PUBLISH_OVERDUE, &key).await?;
    }
    if let (Event::AgreementRecorded(_), Stage::Accepted { .. }) = (event, &offer.stage) {
        uow.cancel_task(EXPIRE, &of_offer.task(EXPIRE, now)?.key)
            .await?;
    }
    Ok(())
}

/// When the release is flagged, if it is one and was not yet: when its clock rings.
fn overdue_of(offer: &Offer, clock_due_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match &offer.stage {
        Stage::Releasing(release) if !release.overdue => clock_due_at,
        _ => None,
    }
}
