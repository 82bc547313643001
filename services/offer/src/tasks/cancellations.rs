//! A cancellation request's life at AWS (O15). As a payment request, it is looked for before it is sent, and
//! watched until the buyer, the buyer's silence or AWS ends it.

use chrono::{DateTime, Utc};
use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, fault};

use super::Outside;
use super::change_sets::{come_back, retry};
use crate::commands::change_order::{self, Subject};
use crate::domain::change_order::{AtAws, ChangeOrder, Command, Seen, Stage};
use crate::domain::id::AwsCancellationId;
use crate::domain::offer::AwsError;
use crate::marketplace::{CallError, Later};
use crate::store;

#[derive(Debug)]
pub(super) struct Send(pub(super) Outside);

#[derive(Debug)]
pub(super) struct Poll(pub(super) Outside);

#[derive(Debug)]
pub(super) struct Withdraw(pub(super) Outside);

#[async_trait]
impl TaskHandler for Send {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some(order) = find(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let Stage::Sending { asked_at } = order.stage else {
            return Ok(TaskOutcome::Done);
        };
        let mut reader = run.reading().await?;
        let others = store::change_order::others_at_aws(&mut *reader, &subject.seller, &order);
        let others = others.await?;
        drop(reader);
        let command = match self.send(&order, asked_at, &others).await {
            Ok(seen) => Command::RecordSeen(seen),
            Err(CallError::Refused(error)) => Command::RecordRefused {
                errors: vec![error],
            },
            Err(CallError::Later(later)) => return Ok(come_back(run, later)),
        };
        conclude(run, &subject, command).await
    }
}

impl Send {
    /// Sends the request, once. What AWS refuses is looked for too, since an answer before the refusal
    /// may have been lost.
    async fn send(
        &self,
        order: &ChangeOrder,
        asked_at: DateTime<Utc>,
        others: &[AwsCancellationId],
    ) -> Result<Seen, CallError> {
        if let Some(seen) = self.find(order, asked_at, others).await? {
            return Ok(seen);
        }
        let sent = self.0.marketplace.send_cancellation(order).await;
        fault::point("offer.after_cancellation_sent");
        match sent {
            Err(CallError::Refused(error)) => match self.find(order, asked_at, others).await? {
                Some(seen) => Ok(seen),
                None => Err(CallError::Refused(error)),
            },
            other => other,
        }
    }

    /// Not being allowed to look says nothing about the request.
    async fn find(
        &self,
        order: &ChangeOrder,
        asked_at: DateTime<Utc>,
        others: &[AwsCancellationId],
    ) -> Result<Option<Seen>, CallError> {
        let marketplace = &self.0.marketplace;
        let found = marketplace.find_cancellation(order, asked_at, others).await;
        found.map_err(|error| CallError::Later(error.into_later()))
    }
}

#[async_trait]
impl TaskHandler for Poll {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some((order, at_aws)) = pending(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let seen = match self.0.marketplace.cancellation(&order, &at_aws.id).await {
            Ok(seen) => seen,
            // A request that AWS took does not end because we may not look at it.
            Err(error) => return Ok(come_back(run, error.into_later())),
        };
        let after = record(run, &subject, Command::RecordSeen(seen)).await?;
        Ok(match after.stage {
            Stage::Pending { .. } => {
                let decides = after.cancels_itself_at();
                TaskOutcome::Again(self.0.next_look(run.now(), at_aws.sent_at, decides))
            }
            Stage::Started
            | Stage::Sending { .. }
            | Stage::Over { .. }
            | Stage::Replaced { .. }
            | Stage::Rejected { .. }
            | Stage::Withdrawn { .. }
            | Stage::Failed { .. } => TaskOutcome::Done,
        })
    }
}

#[async_trait]
impl TaskHandler for Withdraw {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some((order, at_aws)) = pending(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let Some(asked) = order.withdrawal() else {
            return Ok(TaskOutcome::Done);
        };
        let (marketplace, id) = (&self.0.marketplace, &at_aws.id);
        let answer = marketplace
            .withdraw_cancellation(&order, id, &asked.reason)
            .await;
        let refused = match answer {
            Ok(()) => None,
            Err(CallError::Refused(error)) => Some(error),
            Err(CallError::Later(later)) => {
                // AWS calls a request that is not pending any more a conflict, which may pass or not.
                return self.look(run, &subject, &order, id, Err(later)).await;
            }
        };
        self.look(run, &subject, &order, id, Ok(refused)).await
    }
}

impl Withdraw {
    /// What stands at AWS counts: the buyer may have been faster, or a run before this one.
    async fn look(
        &self,
        run: &TaskRun,
        subject: &Subject,
        order: &ChangeOrder,
        id: &AwsCancellationId,
        answer: Result<Option<AwsError>, Later>,
    ) -> Result<TaskOutcome, Failure> {
        let seen = match self.0.marketplace.cancellation(order, id).await {
            Ok(seen) => seen,
            Err(error) => return Ok(come_back(run, error.into_later())),
        };
        let after = record(run, subject, Command::RecordSeen(seen)).await?;
        match (&after.stage, answer) {
            (Stage::Pending { .. }, Ok(Some(error))) => {
                let errors = vec![error];
                conclude(run, subject, Command::RecordWithdrawalRefused { errors }).await
            }
            // AWS took it back and does not show it yet.
            (Stage::Pending { .. }, Ok(None)) => Ok(retry(run, "not taken back yet".to_owned())),
            (Stage::Pending { .. }, Err(later)) => Ok(come_back(run, later)),
            _ => Ok(TaskOutcome::Done),
        }
    }
}

pub(super) async fn find(run: &TaskRun, subject: &Subject) -> Result<Option<ChangeOrder>, Failure> {
    let mut reader = run.reading().await?;
    Ok(store::change_order::find(&mut *reader, &subject.seller, &subject.id).await?)
}

/// The change order, while its request waits for the buyer, as far as is known: when the agreement was seen
/// to be over before the request was, AWS's last word of that one is still to be read.
async fn pending(
    run: &TaskRun,
    subject: &Subject,
) -> Result<Option<(ChangeOrder, AtAws)>, Failure> {
    let order = find(run, subject).await?;
    let order = order.filter(|order| {
        matches!(order.stage, Stage::Pending { .. }) || order.stage.over_at().is_some()
    });
    Ok(order.and_then(|order| {
        let at_aws = order.cancellation.clone()?;
        Some((order, at_aws))
    }))
}

/// Applies the command, and leaves the task as it is.
pub(super) async fn record(
    run: &TaskRun,
    subject: &Subject,
    command: Command,
) -> Result<ChangeOrder, Failure> {
    run.transaction(|uow| {
        let (subject, command) = (subject.clone(), command.clone());
        Box::pin(async move { change_order::apply(uow, &subject, &command).await })
    })
    .await
}

/// Applies the command and completes the task, in one transaction. Completion comes first, as for every
/// task.
pub(super) async fn conclude(
    run: &TaskRun,
    subject: &Subject,
    command: Command,
) -> Result<TaskOutcome, Failure> {
    run.transaction(|uow| {
        let (subject, command) = (subject.clone(), command.clone());
        Box::pin(async move {
            uow.complete_task().await?;
            change_order::apply(uow, &subject, &command).await.map(drop)
        })
    })
    .await?;
    Ok(TaskOutcome::Done)
}
