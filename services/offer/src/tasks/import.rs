//! The import of what a seller has at AWS (O12): one page a run, each with where it goes on, so that a stop
//! at any instant reads at most one page again, which changes nothing.

use chrono::TimeDelta;
use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait};

use super::Outside;
use super::change_sets::come_back;
use crate::commands::import::{Answer, Reading, take};
use crate::domain::import::State;
use crate::marketplace::CallError;
use crate::store;

/// Between two pages: a twentieth part of what AWS allows of `ListEntities` in a second (facts §1.1).
const PAUSE: TimeDelta = TimeDelta::seconds(2);
/// What AWS answers to a token that it no longer knows.
const STALE: &str = "ValidationException";

#[derive(Debug)]
pub(super) struct Read(pub(super) Outside);

#[async_trait]
impl TaskHandler for Read {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let (seller, number) = Reading::of(run)?;
        let mut reader = run.reading().await?;
        let import = store::import::find(&mut *reader, &seller).await?;
        drop(reader);
        let Some(import) = import.filter(|import| import.runs(number)) else {
            return Ok(TaskOutcome::Done);
        };
        let State::Running { list, next_token } = import.state else {
            return Ok(TaskOutcome::Done);
        };
        let page = self.0.marketplace.list(list, import.since, next_token);
        let answer = match page.await {
            Ok(page) => Answer::Page {
                list,
                offers: page.offers,
                next_token: page.next_token,
            },
            Err(CallError::Refused(error)) => Answer::Refused {
                stale: error.code == STALE,
                problem: format!("{}: {}", error.code, error.message),
            },
            Err(CallError::Later(later)) => return Ok(come_back(run, later)),
        };
        let goes_on = run.transaction(|uow| {
            let (seller, answer) = (seller.clone(), answer.clone());
            Box::pin(async move { take(uow, &seller, number, answer).await })
        });
        Ok(if goes_on.await? {
            TaskOutcome::Again(run.now() + PAUSE)
        } else {
            TaskOutcome::Done
        })
    }
}
