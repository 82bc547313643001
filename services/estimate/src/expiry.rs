//! Runs the timers of validity (E7): the edge at which time comes in. A timer only asks.

use countersign_platform::{
    Counter, Failure, Metrics, TaskHandler, TaskOutcome, TaskRun, async_trait,
};

use crate::commands::validity::{self, Timer};

/// The clock as the metrics have it.
const VALIDITY: [(&str, &str); 1] = [("kind", "validity")];

/// Runs tasks of the kind [`validity::KIND`], and counts the clocks that ran out (O18).
#[derive(Debug)]
pub(crate) struct Expiry(Counter);

impl Expiry {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let breached = metrics.counter(
            "countersign.clocks.breached",
            "Clocks that ran out before what they watch was done.",
        );
        breached.add(0, &VALIDITY);
        Self(breached)
    }
}

#[async_trait]
impl TaskHandler for Expiry {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let timer = Timer::read(run.payload.clone())?;
        let expired = run
            .transaction(|uow| {
                let timer = timer.clone();
                Box::pin(async move {
                    let expired = validity::expire(uow, &timer).await?;
                    uow.complete_task().await?;
                    Ok(expired)
                })
            })
            .await?;
        self.0.add(u64::from(expired), &VALIDITY);
        Ok(TaskOutcome::Done)
    }
}
