//! Runs the timers of validity (E7): the edge at which time comes in. A timer only asks.

use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait};

use crate::commands::validity::{self, Timer};

/// Runs tasks of the kind [`validity::KIND`].
#[derive(Debug)]
pub(crate) struct Expiry;

#[async_trait]
impl TaskHandler for Expiry {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let timer = Timer::read(run.payload.clone())?;
        run.transaction(|uow| {
            let timer = timer.clone();
            Box::pin(async move {
                validity::expire(uow, &timer).await?;
                uow.complete_task().await
            })
        })
        .await?;
        Ok(TaskOutcome::Done)
    }
}
