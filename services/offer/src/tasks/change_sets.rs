//! A change set's life (O9): its request is made once and kept, sent with a token derived from offer
//! and revision, and looked after until AWS says how it ended. A crash between any two steps repeats
//! the step with the same bytes.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_platform::{
    Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, back_off, fault,
};

use super::Outside;
use super::clocks::conclude;
use crate::commands::follow_up::Subject;
use crate::domain::command::Command;
use crate::domain::offer::{Offer, Stage};
use crate::domain::plan::{self, Plan};
use crate::marketplace::{CallError, ChangeSetRequest, Progress};
use crate::store;

#[derive(Debug)]
pub(super) struct Start(pub(super) Outside);

#[derive(Debug)]
pub(super) struct Poll(pub(super) Outside);

#[async_trait]
impl TaskHandler for Start {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some(offer) = under_way(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let request = match kept(run, &subject).await? {
            Some(request) => request,
            None => self.keep(run, &subject, &offer).await?,
        };
        fault::point("offer.after_request_kept");
        let started = self.0.marketplace.start(&request).await;
        fault::point("offer.after_change_set_started");
        let change = subject.change;
        match started {
            Ok(id) => {
                conclude(
                    run,
                    &subject,
                    Command::RecordChangeSetAccepted { change, id },
                )
                .await
            }
            Err(CallError::Refused(error)) => {
                let errors = vec![error];
                conclude(
                    run,
                    &subject,
                    Command::RecordChangeFailed { change, errors },
                )
                .await
            }
            Err(CallError::Later(problem)) => Ok(TaskOutcome::RetryAt(
                run.now() + back_off(run.attempt),
                problem,
            )),
        }
    }
}

impl Start {
    /// Makes the request and keeps it; of two that are made at once the first stays.
    async fn keep(
        &self,
        run: &TaskRun,
        subject: &Subject,
        offer: &Offer,
    ) -> Result<ChangeSetRequest, Failure> {
        let made = self.make(subject, offer).await?;
        let text = made
            .to_text()
            .map_err(|wrong| Failure::internal("writing a request", wrong))?;
        run.transaction(|uow| {
            let (subject, text) = (subject.clone(), text.clone());
            Box::pin(async move {
                let now = uow.now();
                let Subject {
                    seller,
                    offer_id,
                    change,
                } = &subject;
                let connection = uow.connection();
                store::change_set::keep(connection, seller, offer_id, *change, &text, now).await?;
                Ok(())
            })
        })
        .await?;
        kept(run, subject)
            .await?
            .ok_or_else(|| Failure::internal("keeping a request", "it is gone"))
    }

    async fn make(&self, subject: &Subject, offer: &Offer) -> Result<ChangeSetRequest, Failure> {
        let Subject {
            offer_id, change, ..
        } = subject;
        match &offer.stage {
            Stage::Releasing(release) => {
                let plan = Plan::of(offer, release.released_at.date_naive());
                let digest = plan.legal_document;
                let digest = digest.ok_or_else(|| inconsistent("a release without document"))?;
                let url = self.0.store.url(digest).await;
                let url = url.map_err(|error| Failure::unavailable("the document's URL", error))?;
                Ok(ChangeSetRequest::release(offer_id, *change, &plan, &url))
            }
            Stage::Published {
                publication,
                pending: Some(pending),
            } => {
                let asked = plan::availability(&publication.aws_offer_id, pending);
                Ok(ChangeSetRequest::availability(offer_id, *change, &asked))
            }
            Stage::Draft
            | Stage::Published { pending: None, .. }
            | Stage::Accepted { .. }
            | Stage::Cancelled { .. }
            | Stage::Expired(_) => Err(inconsistent("no change is under way")),
        }
    }
}

#[async_trait]
impl TaskHandler for Poll {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some(offer) = under_way(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let id = offer.change_set_id.as_ref();
        let id = id.ok_or_else(|| inconsistent("a change set without id"))?;
        match self.0.marketplace.describe(id).await {
            Ok(Progress::UnderWay(_)) => Ok(TaskOutcome::Again(self.next_look(run, &offer))),
            Ok(Progress::Succeeded { offer_id }) => {
                let command = match (&offer.stage, offer_id) {
                    (Stage::Releasing(_), Some(aws_offer_id)) => {
                        let product = offer.basis.intake.listing.product_id.as_str();
                        let url = self.0.config.offer_url(aws_offer_id.as_str(), product);
                        Command::RecordPublished {
                            change: subject.change,
                            aws_offer_id,
                            url,
                        }
                    }
                    (Stage::Releasing(_), None) => {
                        return Ok(TaskOutcome::Failed(format!("{id} names no offer")));
                    }
                    _ => Command::RecordChangeApplied {
                        change: subject.change,
                    },
                };
                conclude(run, &subject, command).await
            }
            Ok(Progress::Failed(errors)) => {
                let change = subject.change;
                conclude(
                    run,
                    &subject,
                    Command::RecordChangeFailed { change, errors },
                )
                .await
            }
            Err(error) => {
                // A change set that AWS started does not end because we may not look at it.
                Ok(TaskOutcome::RetryAt(
                    run.now() + back_off(run.attempt),
                    error.to_string(),
                ))
            }
        }
    }
}

impl Poll {
    /// The longer AWS takes, the longer the pauses: an eighth of the time since the change set was
    /// asked for, within the configured bounds.
    fn next_look(&self, run: &TaskRun, offer: &Offer) -> DateTime<Utc> {
        let config = &self.0.config;
        let now = run.now();
        let asked = match &offer.stage {
            Stage::Releasing(release) => release.released_at,
            _ => now,
        };
        let waited = (now - asked).num_milliseconds() / 8;
        let milliseconds = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let shortest = milliseconds(config.change_set_poll_min_ms);
        let longest = milliseconds(config.change_set_poll_max_ms).max(shortest);
        now + TimeDelta::milliseconds(waited.clamp(shortest, longest))
    }
}

/// The offer, if AWS works on this task's change of it, or should.
async fn under_way(run: &TaskRun, subject: &Subject) -> Result<Option<Offer>, Failure> {
    let pool = run.database().pool();
    let found = store::offer::find(pool, &subject.seller, &subject.offer_id).await?;
    Ok(found.filter(|offer| offer.change_under_way() == Some(subject.change)))
}

async fn kept(run: &TaskRun, subject: &Subject) -> Result<Option<ChangeSetRequest>, Failure> {
    let pool = run.database().pool();
    let Subject {
        seller,
        offer_id,
        change,
    } = subject;
    let text = store::change_set::request(pool, seller, offer_id, *change).await?;
    let read = |text: String| ChangeSetRequest::from_text(&text);
    text.map(read)
        .transpose()
        .map_err(|wrong| Failure::internal("reading a request", wrong))
}

fn inconsistent(what: &str) -> Failure {
    Failure::internal("a change set", what)
}
