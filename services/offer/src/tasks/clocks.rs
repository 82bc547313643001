//! Clocks of an offer (O18): each asks once, and the decision looks whether it is still due.

use countersign_platform::{
    Counter, Failure, Metrics, TaskHandler, TaskOutcome, TaskRun, async_trait,
};

use crate::commands::follow_up::Subject;
use crate::commands::offer;
use crate::domain::command::Command;
use crate::domain::offer::{Offer, Stage};

/// The clocks as the metrics have them.
const PUBLISH: &str = "publish";
const EXPIRY: &str = "expiry";

/// Counts the clocks that ran out (O18).
pub(super) fn breached(metrics: &Metrics) -> Counter {
    let counter = metrics.counter(
        "countersign.clocks.breached",
        "Clocks that ran out before what they watch was done.",
    );
    for kind in [PUBLISH, EXPIRY] {
        counter.add(0, &[("kind", kind)]);
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
        let offer = apply(run, &subject, command).await?;
        if matches!(&offer.stage, Stage::Releasing(release) if release.overdue) {
            self.0.increment(&[("kind", PUBLISH)]);
        }
        Ok(TaskOutcome::Done)
    }
}

/// Ends an offer whose expiry passed (O7).
#[derive(Debug)]
pub(super) struct Expire(pub(super) Counter);

#[async_trait]
impl TaskHandler for Expire {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let offer = apply(run, &Subject::of(run)?, Command::Expire).await?;
        if matches!(&offer.stage, Stage::Expired(_)) {
            self.0.increment(&[("kind", EXPIRY)]);
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
    apply(run, subject, command).await?;
    Ok(TaskOutcome::Done)
}

async fn apply(run: &TaskRun, subject: &Subject, command: Command) -> Result<Offer, Failure> {
    run.transaction(|uow| {
        let (subject, command) = (subject.clone(), command.clone());
        Box::pin(async move {
            uow.complete_task().await?;
            offer::apply(uow, &subject.seller, &subject.offer_id, &command).await
        })
    })
    .await
}
