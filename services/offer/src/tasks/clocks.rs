//! Clocks (O18): each rings by a task of its own, which survives restarts, and the decision looks
//! whether it is still due: the time may have been set back since the task was due, or since its next run
//! was set, and a clock that is not due yet is neither lost nor rung early. Publishing and expiry are the
//! offer's to decide.

use chrono::{DateTime, Utc};
use countersign_platform::{
    Counter, Failure, Metrics, TaskHandler, TaskOutcome, TaskRun, UnitOfWork, async_trait,
};

use super::Outside;
use super::change_sets::come_back;
use crate::commands::follow_up::Subject;
use crate::commands::{clock, offer};
use crate::domain::clock::Kind;
use crate::domain::command::Command;
use crate::domain::offer::{Offer, Stage};
use crate::domain::portal::Left;
use crate::store;

/// Counts the clocks that ran out (O18).
pub(super) fn breached(metrics: &Metrics) -> Counter {
    let counter = metrics.counter(
        "countersign.clocks.breached",
        "Clocks that ran out before what they watch was done.",
    );
    for kind in Kind::all() {
        counter.add(0, &[("kind", kind.name())]);
    }
    counter
}

/// Flags a release that takes longer than AWS says (O8).
#[derive(Debug)]
pub(super) struct PublishOverdue(pub(super) Counter);

#[async_trait]
impl TaskHandler for PublishOverdue {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let command = Command::FlagOverdue {
            change: subject.change,
        };
        let offer = match at_its_time(run, &subject, Kind::Publish, command).await? {
            Ok(offer) => offer,
            Err(due_at) => return Ok(TaskOutcome::Again(due_at)),
        };
        if matches!(&offer.stage, Stage::Releasing(release) if release.overdue) {
            self.0.increment(&[("kind", Kind::Publish.name())]);
        }
        Ok(TaskOutcome::Done)
    }
}

/// Ends an offer whose expiry passed (O7). A person may have moved it in AWS's portal (O11): one of the portal, or
/// that was adopted, is read back first.
#[derive(Debug)]
pub(super) struct Expire {
    pub(super) outside: Outside,
    pub(super) breached: Counter,
}

#[async_trait]
impl TaskHandler for Expire {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let left = match self.left_in_portal(run, &subject).await? {
            Ok(left) => left,
            Err(not_now) => return Ok(not_now),
        };
        let command = Command::Expire { left };
        let offer = match at_its_time(run, &subject, Kind::OfferExpiry, command).await? {
            Ok(offer) => offer,
            Err(due_at) => return Ok(TaskOutcome::Again(due_at)),
        };
        if matches!(&offer.stage, Stage::Expired(_)) {
            self.breached
                .increment(&[("kind", Kind::OfferExpiry.name())]);
        }
        Ok(TaskOutcome::Done)
    }
}

impl Expire {
    /// What AWS has of an offer whose time is over and that a person may have moved; nothing of another, or where AWS
    /// has nothing that can be read. `Err` says when to come back.
    async fn left_in_portal(
        &self,
        run: &TaskRun,
        subject: &Subject,
    ) -> Result<Result<Option<Left>, TaskOutcome>, Failure> {
        let mut reader = run.reading().await?;
        let found = store::offer::find(&mut *reader, &subject.seller, &subject.offer_id).await?;
        drop(reader);
        let over = |offer: &Offer| offer.expires_at().is_some_and(|end| run.now() >= end);
        let Some(offer) = found.filter(|offer| offer.may_change_in_portal() && over(offer)) else {
            return Ok(Ok(None));
        };
        let Stage::Published {
            publication,
            pending: None,
        } = &offer.stage
        else {
            return Ok(Ok(None));
        };
        let offer = offer.id.as_str();
        match self
            .outside
            .marketplace
            .entity(&publication.aws_offer_id)
            .await
        {
            Ok(Ok(shown)) => Ok(Ok(Some(Left::of(&shown)))),
            Ok(Err(unread)) => {
                tracing::warn!(offer, unread, "it is not read back");
                Ok(Ok(None))
            }
            Err(error) if error.is_unknown() => {
                tracing::warn!(offer, "AWS has it no more: it is not read back");
                Ok(Ok(None))
            }
            // Not being allowed to look says nothing about it.
            Err(error) => Ok(Err(come_back(run, error.into_later()))),
        }
    }
}

/// Rings a clock that no decision of its offer rings.
#[derive(Debug)]
pub(super) struct Ring(pub(super) Counter);

#[async_trait]
impl TaskHandler for Ring {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let (seller, clock_id) = clock::Ring::of(run)?;
        let rung = run
            .transaction(|uow| {
                let (seller, clock_id) = (seller.clone(), clock_id.clone());
                Box::pin(async move {
                    uow.complete_task().await?;
                    clock::ring(uow, &seller, &clock_id).await
                })
            })
            .await?;
        if let Some(kind) = rung {
            self.0.increment(&[("kind", kind.name())]);
        }
        Ok(TaskOutcome::Done)
    }
}

/// Applies the command and completes the task, in one transaction. Completion comes first: what the
/// command schedules may be this very task anew.
pub(super) async fn conclude(
    run: &TaskRun,
    subject: &Subject,
    command: Command,
) -> Result<TaskOutcome, Failure> {
    run.transaction(|uow| {
        let (subject, command) = (subject.clone(), command.clone());
        Box::pin(async move { done_with(uow, &subject, &command).await.map(drop) })
    })
    .await?;
    Ok(TaskOutcome::Done)
}

/// The same of what ends the offer's clock of this kind; `Err` says when that is due, if it is still to come.
async fn at_its_time(
    run: &TaskRun,
    subject: &Subject,
    kind: Kind,
    command: Command,
) -> Result<Result<Offer, DateTime<Utc>>, Failure> {
    run.transaction(|uow| {
        let (subject, command) = (subject.clone(), command.clone());
        Box::pin(async move {
            let Subject {
                seller, offer_id, ..
            } = &subject;
            match clock::still_to_come(uow, seller, offer_id, kind).await? {
                Some(due_at) => Ok(Err(due_at)),
                None => done_with(uow, &subject, &command).await.map(Ok),
            }
        })
    })
    .await
}

async fn done_with(
    uow: &mut UnitOfWork,
    subject: &Subject,
    command: &Command,
) -> Result<Offer, Failure> {
    uow.complete_task().await?;
    offer::apply(uow, &subject.seller, &subject.offer_id, command).await
}
