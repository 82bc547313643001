//! A change set's life (O9): its request is made once and kept, sent with a token derived from offer
//! and revision, and looked after until AWS says how it ended. A crash between any two steps repeats
//! the step with the same bytes, for as long as the document's URL in them can be read. What AWS fails
//! by a fault of its own is asked for by a new revision, so made, checked and kept anew.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::Digest;
use countersign_platform::{
    Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, back_off, fault,
};

use super::Outside;
use super::clocks::conclude;
use crate::commands;
use crate::commands::follow_up::Subject;
use crate::documents::store::{SENDABLE_FOR, StoreError};
use crate::domain::command::Command;
use crate::domain::id::{AwsOfferId, ChangeSetId};
use crate::domain::offer::{AwsError, Offer, Stage};
use crate::domain::plan::{self, Plan};
use crate::domain::portal::Reading;
use crate::domain::resale::Kind;
use crate::domain::{portal, preflight};
use crate::marketplace::{CallError, ChangeSetRequest, Later, Progress, Urls};
use crate::store;

#[derive(Debug)]
pub(super) struct Start(pub(super) Outside);

#[derive(Debug)]
pub(super) struct Poll(pub(super) Outside);

/// Why nothing was sent to AWS.
enum Unsent {
    /// It may work later.
    Later(Later),
    /// It never will.
    Refused(Vec<AwsError>),
    Ours(Failure),
}

impl From<Failure> for Unsent {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

impl From<CallError> for Unsent {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Later(later) => Self::Later(later),
            CallError::Refused(error) => Self::Refused(vec![error]),
        }
    }
}

#[async_trait]
impl TaskHandler for Start {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let Some(offer) = under_way(run, &subject).await? else {
            return Ok(TaskOutcome::Done);
        };
        let change = subject.change;
        let command = match self.start(run, &subject, &offer).await {
            Ok(id) => Command::RecordChangeSetAccepted { change, id },
            Err(Unsent::Refused(errors)) => Command::RecordChangeFailed { change, errors },
            Err(Unsent::Later(later)) => return Ok(come_back(run, later)),
            Err(Unsent::Ours(failure)) => return Err(failure),
        };
        conclude(run, &subject, command).await
    }
}

impl Start {
    /// Sends the request, once: what an earlier run may have sent is looked for first, and what AWS
    /// refuses is looked for too, since an answer before the refusal may have been lost (O9).
    async fn start(
        &self,
        run: &TaskRun,
        subject: &Subject,
        offer: &Offer,
    ) -> Result<ChangeSetId, Unsent> {
        let marketplace = &self.0.marketplace;
        let known = kept(run, subject).await?;
        if let Some((request, _)) = &known
            && let Some(id) = self.find(request).await?
        {
            return Ok(id);
        }
        let request = match known {
            // What AWS may have by now, though it does not list it yet, is sent as it was and nothing else: the same
            // bytes with the same token are the same change set, and what has become too late AWS says itself.
            Some((request, made_at)) if run.now() - made_at < SENDABLE_FOR => request,
            // AWS has nothing of it, and could not read the document any more.
            Some(_) | None => {
                in_time(offer, run.now())?;
                self.keep(run, subject, offer).await?
            }
        };
        fault::point("offer.after_request_kept");
        let started = marketplace.start(&request).await;
        fault::point("offer.after_change_set_started");
        match started {
            Err(CallError::Refused(error)) => match self.find(&request).await? {
                Some(id) => Ok(id),
                None => Err(Unsent::Refused(vec![error])),
            },
            other => Ok(other?),
        }
    }

    /// The change set of the request. Not being allowed to look says nothing about it.
    async fn find(&self, request: &ChangeSetRequest) -> Result<Option<ChangeSetId>, Unsent> {
        let found = self.0.marketplace.find(&request.name).await;
        found.map_err(|error| Unsent::Later(error.into_later()))
    }

    /// Makes the request and keeps it; of two that are made at once the first stays.
    async fn keep(
        &self,
        run: &TaskRun,
        subject: &Subject,
        offer: &Offer,
    ) -> Result<ChangeSetRequest, Unsent> {
        let made = self.make(subject, offer).await?;
        let text = made
            .to_text()
            .map_err(|wrong| Failure::internal("writing a request", wrong))?;
        let refused = run
            .transaction(|uow| {
                let (subject, offer, text) = (subject.clone(), offer.clone(), text.clone());
                Box::pin(async move {
                    let request = (text.as_str(), SENDABLE_FOR);
                    commands::change_set::keep(uow, &subject, &offer, request).await
                })
            })
            .await?;
        if !refused.is_empty() {
            return Err(Unsent::Refused(refused));
        }
        let kept = kept(run, subject).await?.map(|(request, _)| request);
        Ok(kept.ok_or_else(|| Failure::internal("keeping a request", "it is gone"))?)
    }

    async fn make(&self, subject: &Subject, offer: &Offer) -> Result<ChangeSetRequest, Unsent> {
        let Subject {
            offer_id, change, ..
        } = subject;
        match &offer.stage {
            Stage::Releasing(release) => {
                let plan = Plan::of(offer, release.released_at.date_naive());
                let digest = plan.legal_document;
                let digest = digest.ok_or_else(|| inconsistent("a release without document"))?;
                let differences = self.0.authorization_errors(offer, Reading::ToMake).await;
                let differences = differences.map_err(Unsent::Later)?;
                if !differences.is_empty() {
                    return Err(Unsent::Refused(differences));
                }
                let legal = self.document_url(digest).await?;
                let reseller_contract = match plan.reseller_contract {
                    Some(digest) => Some(self.document_url(digest).await?),
                    None => None,
                };
                let urls = Urls {
                    legal: &legal,
                    reseller_contract: reseller_contract.as_deref(),
                };
                Ok(ChangeSetRequest::release(offer_id, *change, &plan, urls))
            }
            Stage::Published {
                publication,
                pending: Some(pending),
            } => {
                let aws_offer_id = &publication.aws_offer_id;
                let asked = plan::after_release(&offer.basis.kind, aws_offer_id, pending);
                Ok(ChangeSetRequest::after_release(offer_id, *change, &asked))
            }
            Stage::Draft
            | Stage::Published { pending: None, .. }
            | Stage::Accepted { .. }
            | Stage::Cancelled { .. }
            | Stage::Expired(_) => Err(inconsistent("no change is under way").into()),
        }
    }

    /// Where AWS reads the legal document, which must still be the one that was merged (O3).
    async fn document_url(&self, digest: Digest) -> Result<String, Unsent> {
        let away = |error: StoreError| Unsent::Later(Later::fault(error.to_string()));
        if self.0.store.holds(digest).await.map_err(away)? {
            return self.0.store.url(digest).await.map_err(away);
        }
        Err(Unsent::Refused(vec![AwsError {
            code: "LEGAL_DOCUMENT_LOST".to_owned(),
            message: format!(
                "not sent to AWS: the merged document {digest} is gone or damaged; cancel this draft \
                 and draft the offer again"
            ),
        }]))
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
            Ok(Progress::UnderWay) => {
                status_seen(run, &subject, &offer, None).await?;
                Ok(TaskOutcome::Again(self.next_look(run, &subject).await?))
            }
            // Kept where its people and operators see it: one of them may have to look what AWS means by it.
            Ok(Progress::Unknown(status)) => {
                status_seen(run, &subject, &offer, Some(&status)).await?;
                Ok(TaskOutcome::RetryAt(
                    self.next_look(run, &subject).await?,
                    format!("AWS says {status} of {id}"),
                ))
            }
            Ok(Progress::Succeeded { offer_id }) => {
                let command = match (&offer.stage, offer_id) {
                    (Stage::Releasing(_), Some(aws_offer_id)) => {
                        let url = self.0.url_of(&offer, &aws_offer_id);
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
            Ok(Progress::Faulted(errors)) => {
                let change = subject.change;
                let command = Command::RecordChangeFaulted { change, errors };
                conclude(run, &subject, command).await
            }
            // A change set that AWS started does not end because we may not look at it.
            Err(error) => Ok(come_back(run, error.into_later())),
        }
    }
}

/// Keeps AWS's word where it is none that is known here, and forgets it with the next that is.
async fn status_seen(
    run: &TaskRun,
    subject: &Subject,
    offer: &Offer,
    unknown: Option<&str>,
) -> Result<(), Failure> {
    if offer.aws_status.as_deref() == unknown {
        return Ok(());
    }
    let command = Command::RecordChangeSetStatus {
        change: subject.change,
        unknown: unknown.map(str::to_owned),
    };
    run.transaction(|uow| {
        let (subject, command) = (subject.clone(), command.clone());
        Box::pin(async move {
            let Subject {
                seller, offer_id, ..
            } = &subject;
            commands::offer::apply(uow, seller, offer_id, &command).await
        })
    })
    .await
    .map(drop)
}

impl Poll {
    /// The longer AWS takes, the longer the pauses: an eighth of the time since the change set was
    /// asked for, within the configured bounds.
    async fn next_look(&self, run: &TaskRun, subject: &Subject) -> Result<DateTime<Utc>, Failure> {
        let config = &self.0.config;
        let now = run.now();
        let asked = kept(run, subject)
            .await?
            .map_or(now, |(_, made_at)| made_at);
        let waited = (now - asked).num_milliseconds() / 8;
        let milliseconds = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let shortest = milliseconds(config.change_set_poll_min_ms);
        let longest = milliseconds(config.change_set_poll_max_ms).max(shortest);
        Ok(now + TimeDelta::milliseconds(waited.clamp(shortest, longest)))
    }
}

impl Outside {
    /// Where the buyer accepts; nobody accepts an authorization.
    pub(super) fn url_of(&self, offer: &Offer, aws_offer_id: &AwsOfferId) -> String {
        let product = offer.basis.intake.listing.product_id.as_str();
        match offer.basis.kind {
            Kind::Direct | Kind::Partner(_) => {
                self.config.offer_url(aws_offer_id.as_str(), product)
            }
            Kind::Authorization(_) => String::new(),
        }
    }

    /// How the authorization that a reseller's offer is made from differs from what AWS has (O5); nothing
    /// for other kinds. `Err` says why that cannot be told now.
    pub(super) async fn authorization_errors(
        &self,
        offer: &Offer,
        reading: Reading,
    ) -> Result<Vec<AwsError>, Later> {
        let Kind::Partner(partner) = &offer.basis.kind else {
            return Ok(Vec::new());
        };
        let received = &partner.authorization;
        match self.marketplace.entity(&received.id).await {
            Err(CallError::Later(later)) => Err(later),
            Err(CallError::Refused(error)) => Ok(vec![error]),
            Ok(Err(unread)) => Ok(vec![AwsError {
                code: "ENTITY_NOT_READ".to_owned(),
                message: unread,
            }]),
            Ok(Ok(shown)) => Ok(portal::authorization_differences(received, &shown, reading)),
        }
    }
}

pub(super) fn retry(run: &TaskRun, problem: String) -> TaskOutcome {
    come_back(run, Later::fault(problem))
}

/// The task runs again when the same call may work: the longer, the more must pass first, and no sooner
/// than AWS asks.
pub(super) fn come_back(run: &TaskRun, later: Later) -> TaskOutcome {
    let pause = back_off(run.attempt.saturating_add(later.why.head_start()));
    let pause = later.asked.map_or(pause, |asked| pause.max(asked));
    TaskOutcome::RetryAt(run.now() + pause, later.problem)
}

/// The offer, if AWS works on this task's change of it, or should.
pub(super) async fn under_way(run: &TaskRun, subject: &Subject) -> Result<Option<Offer>, Failure> {
    let mut reader = run.reading().await?;
    let found = store::offer::find(&mut *reader, &subject.seller, &subject.offer_id).await?;
    Ok(found.filter(|offer| offer.change_under_way() == Some(subject.change)))
}

/// Whether AWS would still take a release of what it was dated for when it was asked for.
fn in_time(offer: &Offer, now: DateTime<Utc>) -> Result<(), Unsent> {
    let Stage::Releasing(release) = &offer.stage else {
        return Ok(());
    };
    let outdated = preflight::outdated(offer, release.released_at.date_naive(), now.date_naive());
    if outdated.is_empty() {
        return Ok(());
    }
    let errors = preflight::as_errors(&outdated, "not sent to AWS in time");
    Err(Unsent::Refused(errors))
}

/// The request, and when it was made.
async fn kept(
    run: &TaskRun,
    subject: &Subject,
) -> Result<Option<(ChangeSetRequest, DateTime<Utc>)>, Failure> {
    let mut reader = run.reading().await?;
    let Subject {
        seller,
        offer_id,
        change,
    } = subject;
    let found = store::change_set::request(&mut *reader, seller, offer_id, *change).await?;
    let read = |(text, made_at): (String, _)| Ok((ChangeSetRequest::from_text(&text)?, made_at));
    found
        .map(read)
        .transpose()
        .map_err(|wrong: serde_json::Error| Failure::internal("reading a request", wrong))
}

fn inconsistent(what: &str) -> Failure {
    Failure::internal("a change set", what)
}
