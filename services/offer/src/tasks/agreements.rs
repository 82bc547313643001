//! Looking for agreements (O13): what changed since the last look, with an overlap, because AWS shows
//! an agreement up to a day late. What is known as it is costs one line of a search.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, back_off};

use super::Outside;
use crate::commands;
use crate::marketplace::{CallError, Summary};
use crate::store;
use crate::store::agreement::Seen;

/// There is one such task for the AWS account.
pub(super) const KIND: &str = "offer.look-for-agreements";
/// Pages of 50 that one look reads at most.
const MAX_PAGES: usize = 200;

#[derive(Debug)]
pub(super) struct Look(pub(super) Outside);

/// Why a look ended early.
enum Trouble {
    Aws(CallError),
    Ours(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Aws(error)
    }
}

#[async_trait]
impl TaskHandler for Look {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let began = run.now();
        match self.look(run, began).await {
            Ok(()) => {
                let pause = i64::try_from(self.0.config.agreement_poll_ms).unwrap_or(i64::MAX);
                Ok(TaskOutcome::Again(
                    run.now() + TimeDelta::milliseconds(pause),
                ))
            }
            // What was seen so far is kept; the cursor stays, so the next look sees the rest.
            Err(Trouble::Aws(error)) => Ok(TaskOutcome::RetryAt(
                run.now() + back_off(run.attempt),
                error.to_string(),
            )),
            // Never given up: without this task no acceptance is found.
            Err(Trouble::Ours(failure)) => Ok(TaskOutcome::RetryAt(
                run.now() + back_off(run.attempt),
                failure.report(),
            )),
        }
    }
}

impl Look {
    async fn look(&self, run: &TaskRun, began: DateTime<Utc>) -> Result<(), Trouble> {
        let pool = run.database().pool();
        let seller = &self.0.seller;
        let overlap = i64::try_from(self.0.config.agreement_overlap_ms).unwrap_or(i64::MAX);
        let asked_until = store::agreement::asked_until(pool, seller)
            .await
            .map_err(Failure::from)?;
        let since = asked_until.map(|until| until - TimeDelta::milliseconds(overlap));
        let mut next_token = None;
        for _ in 0..MAX_PAGES {
            let page = self.0.marketplace.search(since, next_token).await?;
            for summary in &page.summaries {
                self.take(run, summary).await?;
            }
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        self.attach_late(run).await?;
        // Pages beyond the limit: the cursor stays until a look reaches the end.
        if next_token.is_none() {
            self.move_cursor(run, began).await
        } else {
            Ok(())
        }
    }

    /// Keeps one agreement, unless it is known as it is.
    async fn take(&self, run: &TaskRun, summary: &Summary) -> Result<(), Trouble> {
        let pool = run.database().pool();
        let Summary {
            id,
            aws_offer_id,
            status,
            updated_at,
        } = summary;
        let known = store::agreement::is_known(pool, &self.0.seller, id, status, *updated_at).await;
        if known.map_err(Failure::from)? {
            return Ok(());
        }
        let details = self.0.marketplace.agreement(id).await?;
        let seen = Seen {
            id: id.clone(),
            aws_offer_id: aws_offer_id.clone(),
            status: status.clone(),
            updated_at: *updated_at,
            details,
        };
        let done = run.transaction(|uow| {
            let (seller, seen) = (self.0.seller.clone(), seen.clone());
            Box::pin(async move { commands::agreement::record(uow, &seller, &seen).await })
        });
        Ok(done.await?)
    }

    /// Agreements that were seen before their offer was known to be published.
    async fn attach_late(&self, run: &TaskRun) -> Result<(), Trouble> {
        let pool = run.database().pool();
        let late = store::agreement::unmatched(pool, &self.0.seller).await;
        for (aws_offer_id, agreement) in late.map_err(Failure::from)? {
            run.transaction(|uow| {
                let seller = self.0.seller.clone();
                let (aws_offer_id, agreement) = (aws_offer_id.clone(), agreement.clone());
                Box::pin(async move {
                    let offer = &aws_offer_id;
                    commands::agreement::attach(uow, &seller, offer, &agreement)
                        .await
                        .map(drop)
                })
            })
            .await?;
        }
        Ok(())
    }

    async fn move_cursor(&self, run: &TaskRun, until: DateTime<Utc>) -> Result<(), Trouble> {
        let done = run.transaction(|uow| {
            let seller = self.0.seller.clone();
            Box::pin(async move {
                store::agreement::move_cursor(uow.connection(), &seller, until).await?;
                Ok(())
            })
        });
        Ok(done.await?)
    }
}
