//! Looking for agreements (O13): what changed since the last look, with an overlap, because AWS shows
//! an agreement up to a day late. What is known as it is costs one line of a search.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, back_off};

use super::Outside;
use super::change_sets::come_back;
use crate::commands;
use crate::commands::agreement::PublicOrder;
use crate::domain::agreement::{Acceptance, is_over};
use crate::domain::clock::IDENTIFY_WITHIN;
use crate::domain::id::{AgreementId, AwsOfferId};
use crate::marketplace::{CallError, Later, Summary};
use crate::store;
use crate::store::agreement::{Cursor, Seen};

/// Pages of one look, of fifty agreements each: the first look at an old account reads them all.
const MOST_PAGES: usize = 4_000;

#[derive(Debug)]
pub(super) struct Look(pub(super) Outside);

/// Until when acceptances are no orders any more.
type History = Option<DateTime<Utc>>;

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
        // The account is one tenant's, whatever else lies in the schema.
        match self.look(&run.bound_to(&self.0.seller), began).await {
            Ok(()) => {
                let pause = i64::try_from(self.0.config.agreement_poll_ms).unwrap_or(i64::MAX);
                Ok(TaskOutcome::Again(
                    run.now() + TimeDelta::milliseconds(pause),
                ))
            }
            // What was seen so far is kept; the cursor stays, so the next look sees the rest.
            Err(Trouble::Aws(error)) => Ok(come_back(run, error.into_later())),
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
        let overlap = i64::try_from(self.0.config.agreement_overlap_ms).unwrap_or(i64::MAX);
        let cursor = self.cursor(run).await?;
        let since = cursor.map(|seen| seen.asked_until - TimeDelta::milliseconds(overlap));
        // What was accepted before anybody looked, and too long ago to ask who bought, is history, and stays
        // that when it changes.
        let first_look = cursor.map_or(Some(began), |seen| seen.first_look_at);
        let history = first_look.map(|at| at - IDENTIFY_WITHIN);
        let mut next_token = None;
        let mut whole = self.read_again(run, history).await;
        let mut pages = 0;
        loop {
            pages += 1;
            if pages > MOST_PAGES {
                let endless = format!("AWS lists more than {MOST_PAGES} pages of agreements");
                return Err(CallError::Later(Later::fault(endless)).into());
            }
            let page = self.0.marketplace.search(since, next_token).await?;
            for summary in &page.summaries {
                // One agreement that cannot be recorded hides no other.
                match self.take(run, summary, history).await {
                    Err(Trouble::Ours(failure)) => whole = Err(told(&summary.id, failure)),
                    done => done?,
                }
            }
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        let attached = self.attach_late(run).await;
        let awaited = self.await_ends(run).await;
        // What was not recorded is seen again: the cursor stays.
        whole.and(attached).and(awaited)?;
        self.move_cursor(run, began).await
    }

    async fn cursor(&self, run: &TaskRun) -> Result<Option<Cursor>, Failure> {
        let mut reader = run.reading().await?;
        Ok(store::agreement::cursor(&mut *reader, &self.0.seller).await?)
    }

    /// Agreements of our offers that could not be read the last time.
    async fn read_again(&self, run: &TaskRun, history: History) -> Result<(), Trouble> {
        let mut reader = run.reading().await?;
        let unread = store::agreement::unread(&mut *reader, &self.0.seller).await;
        drop(reader);
        for seen in unread.map_err(Failure::from)? {
            self.read(run, seen, history).await?;
        }
        Ok(())
    }

    /// Keeps one agreement, unless it is known as it is.
    async fn take(
        &self,
        run: &TaskRun,
        summary: &Summary,
        history: History,
    ) -> Result<(), Trouble> {
        let mut reader = run.reading().await?;
        let Summary {
            id,
            aws_offer_id,
            status,
            updated_at,
        } = summary;
        let known =
            store::agreement::is_known(&mut *reader, &self.0.seller, id, status, *updated_at).await;
        if known.map_err(Failure::from)? {
            return Ok(());
        }
        let before = store::agreement::details(&mut *reader, &self.0.seller, id).await;
        let before = before.map_err(Failure::from)?;
        drop(reader);
        let seen = |details| Seen {
            id: id.clone(),
            aws_offer_id: aws_offer_id.clone(),
            status: status.clone(),
            updated_at: *updated_at,
            details,
        };
        match before {
            // What it said is known, and the line of the search says that it is over.
            Some(agreement) if is_over(status) => self.record(run, seen(Ok(agreement)), None).await,
            Some(_) | None => {
                let unread = Err("not read yet".to_owned());
                self.read(run, seen(unread), history).await
            }
        }
    }

    /// Reads the agreement and records it. That AWS refuses to show this one is kept as the reason.
    async fn read(&self, run: &TaskRun, mut seen: Seen, history: History) -> Result<(), Trouble> {
        let acceptance = match self.0.marketplace.agreement(&seen.id).await {
            Ok(read) => {
                seen.details = read.details;
                read.acceptance
            }
            Err(error @ CallError::Refused(_)) => {
                seen.details = Err(error.to_string());
                None
            }
            Err(later @ CallError::Later(_)) => return Err(later.into()),
        };
        let news = acceptance.filter(|accepted| history.is_none_or(|until| accepted.at > until));
        let public = match news {
            Some(acceptance) => match self.public_order(run, &seen, acceptance).await? {
                Ok(public) => public,
                Err(untold) => {
                    seen.details = Err(untold);
                    None
                }
            },
            None => None,
        };
        self.record(run, seen, public).await
    }

    async fn record(
        &self,
        run: &TaskRun,
        seen: Seen,
        public: Option<PublicOrder>,
    ) -> Result<(), Trouble> {
        let done = run.transaction(|uow| {
            let (seller, seen, public) = (self.0.seller.clone(), seen.clone(), public.clone());
            Box::pin(async move { commands::agreement::record(uow, &seller, &seen, public).await })
        });
        Ok(done.await?)
    }

    /// What was accepted, if AWS shows its offer to everybody; `Err` says why that cannot be told. Ours are made for
    /// their buyers.
    async fn public_order(
        &self,
        run: &TaskRun,
        seen: &Seen,
        acceptance: Acceptance,
    ) -> Result<Result<Option<PublicOrder>, String>, Trouble> {
        let Ok(id) = seen.aws_offer_id.parse::<AwsOfferId>() else {
            return Ok(Ok(None));
        };
        let mut reader = run.reading().await?;
        let ours = store::offer::by_aws_id(&mut *reader, &self.0.seller, &id).await;
        drop(reader);
        if ours.map_err(Failure::from)?.is_some() {
            return Ok(Ok(None));
        }
        match self.0.marketplace.entity(&id).await {
            Ok(Ok(shown)) => Ok(Ok(shown.is_public().then_some(PublicOrder {
                acceptance,
                aws_offer_id: id,
                product_id: shown.product_id,
            }))),
            Ok(Err(_)) => Ok(Ok(None)),
            Err(error) if error.is_unknown() => Ok(Ok(None)),
            Err(error @ CallError::Refused(_)) => {
                Ok(Err(format!("its offer is not shown: {error}")))
            }
            Err(later @ CallError::Later(_)) => Err(later.into()),
        }
    }

    /// Agreements that were seen before their offer was known to be published.
    async fn attach_late(&self, run: &TaskRun) -> Result<(), Trouble> {
        let mut reader = run.reading().await?;
        let late = store::agreement::unmatched(&mut *reader, &self.0.seller).await;
        drop(reader);
        let mut whole = Ok(());
        for (aws_offer_id, agreement, standing) in late.map_err(Failure::from)? {
            let attached = run.transaction(|uow| {
                let seller = self.0.seller.clone();
                let (aws_offer_id, agreement) = (aws_offer_id.clone(), agreement.clone());
                let standing = standing.clone();
                Box::pin(async move {
                    let offer = &aws_offer_id;
                    commands::agreement::attach(uow, &seller, offer, &agreement, &standing)
                        .await
                        .map(drop)
                })
            });
            if let Err(failure) = attached.await {
                whole = Err(told(&agreement.id, failure));
            }
        }
        whole
    }

    /// What ends and is not ours, once, from whenever it was first seen.
    async fn await_ends(&self, run: &TaskRun) -> Result<(), Trouble> {
        let mut reader = run.reading().await?;
        let unawaited = store::agreement::unawaited(&mut *reader, &self.0.seller).await;
        drop(reader);
        let mut whole = Ok(());
        for agreement in unawaited.map_err(Failure::from)? {
            let awaited = run.transaction(|uow| {
                let (seller, agreement) = (self.0.seller.clone(), agreement.clone());
                Box::pin(
                    async move { commands::agreement::await_end(uow, &seller, &agreement).await },
                )
            });
            if let Err(failure) = awaited.await {
                whole = Err(told(&agreement.id, failure));
            }
        }
        whole
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

/// The trouble with one agreement, after it was told to whoever reads the log.
fn told(id: &AgreementId, failure: Failure) -> Trouble {
    let (agreement, problem) = (id.as_str(), failure.report());
    if matches!(failure, Failure::Conflict(_) | Failure::Unavailable { .. }) {
        tracing::warn!(agreement, problem, "an agreement is not recorded yet");
    } else {
        tracing::error!(agreement, problem, "an agreement was not recorded");
    }
    Trouble::Ours(failure)
}
