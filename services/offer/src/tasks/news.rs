//! Hearing what AWS tells by itself (O13; facts §5.1): each event wakes the look that it is worth, in one
//! transaction with the others that came along, and is taken out of the queue after the commit. What
//! cannot be read stays, for the queue's own dead letters.

use countersign_platform::{
    Counter, Failure, Metrics, TaskHandler, TaskOutcome, TaskRun, async_trait,
};

use super::Outside;
use super::change_sets::come_back;
use crate::commands::news;
use crate::domain::id::ChangeSetId;
use crate::marketplace::{Made, News};

/// Counts what AWS told.
fn heard(metrics: &Metrics) -> Counter {
    let heard = metrics.counter(
        "countersign.aws.events",
        "Events of AWS that were heard, by what they are about.",
    );
    for about in ["agreement", "change_set", "other", "malformed"] {
        heard.add(0, &[("about", about)]);
    }
    heard
}

#[derive(Debug)]
pub(super) struct Hear {
    outside: Outside,
    heard: Counter,
}

impl Hear {
    pub(super) fn new(outside: Outside, metrics: &Metrics) -> Self {
        let heard = heard(metrics);
        Self { outside, heard }
    }
}

#[async_trait]
impl TaskHandler for Hear {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let marketplace = &self.outside.marketplace;
        let messages = match marketplace.news().await {
            Ok(messages) => messages,
            Err(error) => return Ok(come_back(run, error.into_later())),
        };
        let (mut agreements, mut made, mut change_sets) = (false, Vec::new(), Vec::new());
        for message in &messages {
            let about = match &message.news {
                Ok(News::Agreement(accepted)) => {
                    agreements = true;
                    made.extend(accepted.clone());
                    "agreement"
                }
                Ok(News::ChangeSet(id)) => {
                    change_sets.push(id.clone());
                    "change_set"
                }
                Ok(News::Other(name)) => {
                    tracing::debug!(name, "nothing follows from an event");
                    "other"
                }
                Err(problem) => {
                    tracing::warn!(problem, "an event cannot be read");
                    "malformed"
                }
            };
            self.heard.increment(&[("about", about)]);
        }
        // Never given up: the queue is one of the two ways in which acceptances are found.
        if let Err(failure) = self.wake(run, agreements, made, change_sets).await {
            return Ok(super::change_sets::retry(run, failure.report()));
        }
        for message in messages.iter().filter(|message| message.news.is_ok()) {
            // One that stays comes again, and wakes once more.
            if let Err(error) = marketplace.forget(message).await {
                return Ok(come_back(run, error.into_later()));
            }
        }
        Ok(TaskOutcome::Again(run.now()))
    }
}

impl Hear {
    async fn wake(
        &self,
        run: &TaskRun,
        agreements: bool,
        made: Vec<Made>,
        change_sets: Vec<ChangeSetId>,
    ) -> Result<(), Failure> {
        if !agreements && change_sets.is_empty() {
            return Ok(());
        }
        run.transaction(|uow| {
            let (seller, change_sets) = (self.outside.seller.clone(), change_sets.clone());
            let made = made.clone();
            Box::pin(async move {
                if agreements {
                    news::agreements_changed(uow, &seller).await?;
                }
                for Made {
                    aws_offer_id,
                    accepted_at,
                } in &made
                {
                    news::accepted(uow, &seller, aws_offer_id, *accepted_at).await?;
                }
                for id in &change_sets {
                    news::change_set_ended(uow, &seller, id).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
