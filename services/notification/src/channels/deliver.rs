//! The task that makes one attempt at one delivery: outside any transaction, its result a command.

use countersign_kernel::SellerId;
use countersign_kernel::id::NotAName;
use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, fault};
use serde_json::Value;
use uuid::Uuid;

use super::Channels;
use crate::commands::deliveries::record;
use crate::domain::delivery::{Attempt, Outcome, State};
use crate::store::{deliveries, subscriptions};

/// Runs of one task before it is given up: far more than the attempts that a delivery has. Should
/// recording fail again and again, nobody is sent the same mail for ever; the delivery has failed
/// then, and can be redriven.
const MAX_RUNS: i32 = 24;

/// Sends what is queued. It may run twice for one delivery (a crash before the commit, an expired
/// lease): the receiver can tell by the Message-ID or the webhook's id, which are the delivery's.
#[derive(Debug)]
pub(crate) struct Deliver {
    channels: Channels,
}

impl Deliver {
    pub(crate) const fn new(channels: Channels) -> Self {
        Self { channels }
    }
}

#[async_trait]
impl TaskHandler for Deliver {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let (seller, id) = parse(&run.payload)?;
        let mut reader = run.reading().await?;
        let Some(stored) = deliveries::get(&mut *reader, &seller, id).await? else {
            return Ok(TaskOutcome::Failed("there is no such delivery".to_owned()));
        };
        if !matches!(stored.delivery.state, State::Queued { .. }) {
            return Ok(TaskOutcome::Done);
        }
        let subscription = match stored.letter.subscription {
            Some(id) => subscriptions::get(&mut *reader, &seller, id).await?,
            None => None,
        };
        drop(reader);
        let attempt = if run.attempt > MAX_RUNS {
            Attempt {
                at: run.now(),
                outcome: Outcome::Refused,
                answer: "sent or tried too often, and never recorded".to_owned(),
            }
        } else {
            self.channels
                .send(&stored.letter, subscription.as_ref(), run.now())
                .await
        };
        fault::point("notification.after_send");
        tracing::info!(
            %seller,
            engagement = %stored.letter.engagement,
            delivery = %id,
            outcome = attempt.outcome.name(),
            answer = attempt.answer,
            "attempt"
        );
        let answer = attempt.answer.clone();
        let again = run
            .transaction(move |uow| {
                let (seller, attempt) = (seller.clone(), attempt.clone());
                Box::pin(async move { record(uow, &seller, id, attempt).await })
            })
            .await?;
        Ok(again.map_or(TaskOutcome::Done, |due_at| {
            TaskOutcome::RetryAt(due_at, answer)
        }))
    }
}

fn parse(payload: &Value) -> Result<(SellerId, Uuid), Failure> {
    let text = |name: &str| {
        payload
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let what = "reading a task's payload";
    let seller = text("seller")
        .parse()
        .map_err(|error: NotAName| Failure::internal(what, error))?;
    let id = text("delivery_id")
        .parse()
        .map_err(|error: uuid::Error| Failure::internal(what, error))?;
    Ok((seller, id))
}
