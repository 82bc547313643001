//! Clocks of an offer (O18): each asks once, and the decision looks whether it is still due.

use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait};

use crate::commands::follow_up::Subject;
use crate::commands::offer;
use crate::domain::command::Command;

/// Flags a release that takes longer than AWS says (O8).
#[derive(Debug)]
pub(super) struct PublishOverdue;

#[async_trait]
impl TaskHandler for PublishOverdue {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let command = Command::FlagOverdue {
            change: subject.change,
        };
        conclude(run, &subject, command).await
    }
}

/// Ends an offer whose expiry passed (O7).
#[derive(Debug)]
pub(super) struct Expire;

#[async_trait]
impl TaskHandler for Expire {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        conclude(run, &Subject::of(run)?, Command::Expire).await
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
        Box::pin(async move {
            uow.complete_task().await?;
            offer::apply(uow, &subject.seller, &subject.offer_id, &command)
                .await
                .map(drop)
        })
    })
    .await?;
    Ok(TaskOutcome::Done)
}
