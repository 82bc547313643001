//! A payment request's life at AWS (O17). It is looked for before it is sent, however often the task
//! runs: a run before may have sent it and lost the answer, and AWS's memory of the client token is
//! short. Then it is watched until the buyer or AWS ends it.

use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, fault};

use super::Outside;
use super::change_sets::{come_back, retry};
use crate::commands::payment::{self, Subject};
use crate::domain::id::AwsPaymentRequestId;
use crate::domain::offer::AwsError;
use crate::domain::payment::{Command, PaymentRequest, Seen, Stage};
use crate::marketplace::{CallError, Later};
use crate::store;

#[derive(Debug)]
pub(super) struct Send(pub(super) Outside);

#[derive(Debug)]
pub(super) struct Poll(pub(super) Outside);

#[derive(Debug)]
pub(super) struct Cancel(pub(super) Outside);

#[async_trait]
impl TaskHandler for Send {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let request = find(run, &subject).await?;
        let Some(request) = request.filter(|request| request.stage == Stage::Sending) else {
            return Ok(TaskOutcome::Done);
        };
        let command = match self.send(&request).await {
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
    async fn send(&self, request: &PaymentRequest) -> Result<Seen, CallError> {
        if let Some(seen) = self.find(request).await? {
            return Ok(seen);
        }
        let sent = self.0.marketplace.send_payment_request(request).await;
        fault::point("offer.after_payment_request_sent");
        match sent {
            Err(CallError::Refused(error)) => match self.find(request).await? {
                Some(seen) => Ok(seen),
                None => Err(CallError::Refused(error)),
            },
            other => other,
        }
    }

    /// Not being allowed to look says nothing about the request.
    async fn find(&self, request: &PaymentRequest) -> Result<Option<Seen>, CallError> {
        let found = self.0.marketplace.find_payment_request(request).await;
        found.map_err(|error| CallError::Later(error.into_later()))
    }
}

#[async_trait]
impl TaskHandler for Poll {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some((request, aws_id)) = pending(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let seen = match look(&self.0, &request, &aws_id).await {
            Ok(seen) => seen,
            Err(later) => return Ok(come_back(run, later)),
        };
        let after = record(run, &subject, Command::RecordSeen(seen)).await?;
        Ok(match after.stage {
            Stage::Pending { .. } => {
                let sent_at = after.at_aws().map_or(run.now(), |at_aws| at_aws.sent_at);
                let decides = after.approves_itself_at();
                TaskOutcome::Again(self.0.next_look(run.now(), sent_at, decides))
            }
            Stage::Sending
            | Stage::Approved { .. }
            | Stage::Rejected { .. }
            | Stage::Cancelled { .. }
            | Stage::Failed { .. } => TaskOutcome::Done,
        })
    }
}

#[async_trait]
impl TaskHandler for Cancel {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some((request, aws_id)) = pending(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let marketplace = &self.0.marketplace;
        let agreement = &request.agreement_id;
        let answer = marketplace.cancel_payment_request(agreement, &aws_id).await;
        fault::point("offer.after_payment_withdrawal_sent");
        let refused = match answer {
            Ok(()) => None,
            Err(CallError::Refused(error)) => Some(error),
            Err(CallError::Later(later)) => return Ok(come_back(run, later)),
        };
        // What stands at AWS counts: the buyer may have been faster, or a run before this one.
        let seen = match look(&self.0, &request, &aws_id).await {
            Ok(seen) => seen,
            Err(later) => return Ok(come_back(run, later)),
        };
        let after = record(run, &subject, Command::RecordSeen(seen)).await?;
        match (&after.stage, refused) {
            (Stage::Pending { .. }, Some(error)) => {
                let errors: Vec<AwsError> = vec![error];
                let command = Command::RecordWithdrawalRefused { errors };
                conclude(run, &subject, command).await
            }
            // AWS took it back and does not show it yet.
            (Stage::Pending { .. }, None) => Ok(retry(run, "not taken back yet".to_owned())),
            _ => Ok(TaskOutcome::Done),
        }
    }
}

/// How AWS's request stands, or when that will be known. A request that AWS took does not end because
/// we may not look at it, or because it is another than ours.
async fn look(
    outside: &Outside,
    request: &PaymentRequest,
    aws_id: &AwsPaymentRequestId,
) -> Result<Seen, Later> {
    let found = outside.marketplace.payment_request(request, aws_id).await;
    found
        .map_err(CallError::into_later)?
        .inspect_err(|differs| {
            tracing::error!(
                engagement = request.engagement_id.as_str(),
                payment_request = request.id.as_str(),
                differs,
                "AWS has another payment request under the id of ours"
            );
        })
        .map_err(Later::fault)
}

async fn find(run: &TaskRun, subject: &Subject) -> Result<Option<PaymentRequest>, Failure> {
    let mut reader = run.reading().await?;
    Ok(store::payment::find(&mut *reader, &subject.seller, &subject.id).await?)
}

/// The request, while it waits for the buyer.
async fn pending(
    run: &TaskRun,
    subject: &Subject,
) -> Result<Option<(PaymentRequest, AwsPaymentRequestId)>, Failure> {
    let request = find(run, subject).await?;
    let request = request.filter(|request| matches!(request.stage, Stage::Pending { .. }));
    Ok(request.and_then(|request| {
        let id = request.at_aws()?.id.clone();
        Some((request, id))
    }))
}

/// Applies the command, and leaves the task as it is.
async fn record(
    run: &TaskRun,
    subject: &Subject,
    command: Command,
) -> Result<PaymentRequest, Failure> {
    run.transaction(|uow| {
        let (subject, command) = (subject.clone(), command.clone());
        Box::pin(async move { payment::apply(uow, &subject, &command).await })
    })
    .await
}

/// Applies the command and completes the task, in one transaction. Completion comes first, as for every
/// task.
async fn conclude(
    run: &TaskRun,
    subject: &Subject,
    command: Command,
) -> Result<TaskOutcome, Failure> {
    run.transaction(|uow| {
        let (subject, command) = (subject.clone(), command.clone());
        Box::pin(async move {
            uow.complete_task().await?;
            payment::apply(uow, &subject, &command).await.map(drop)
        })
    })
    .await?;
    Ok(TaskOutcome::Done)
}
