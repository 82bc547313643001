//! Reading the agreements that a look found, a few a run: at what AWS allows in a second, ten thousand take more than
//! an hour, in which those of our offers come first. A stop at any instant reads again what was being read.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait};

use super::{Trouble, told};
use crate::commands;
use crate::commands::agreement::PublicOrder;
use crate::domain::agreement::{Acceptance, Line};
use crate::domain::clock::IDENTIFY_WITHIN;
use crate::domain::id::AwsOfferId;
use crate::marketplace::CallError;
use crate::store;
use crate::store::agreement::Seen;
use crate::store::to_read::{Again, BATCH};
use crate::tasks::Outside;

/// Between two runs when nothing is due. Nobody wakes this task: a run beside one under way would read the same.
const IDLE: TimeDelta = TimeDelta::seconds(2);
/// After which one is read again that could not be read or recorded now.
const LATER: TimeDelta = TimeDelta::seconds(5);
/// After which one of an offer that is not ours is read again that AWS refused to show: with every look while AWS
/// lists it among what changed, and then for as long as it runs.
const REFUSED: TimeDelta = TimeDelta::hours(6);

#[derive(Debug)]
pub(in crate::tasks) struct Read(pub(in crate::tasks) Outside);

/// Until when acceptances are no orders any more.
type History = Option<DateTime<Utc>>;

#[async_trait]
impl TaskHandler for Read {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        Ok(match self.read_batch(run).await {
            Ok(true) => TaskOutcome::Again(run.now()),
            Ok(false) => TaskOutcome::Again(run.now() + IDLE.min(self.0.shortest_pause())),
            Err(trouble) => trouble.outcome(run),
        })
    }
}

impl Read {
    /// Returns whether more may be due.
    async fn read_batch(&self, run: &TaskRun) -> Result<bool, Trouble> {
        let history = self.history(run).await?;
        let due = self.due(run).await?;
        for line in &due {
            let done = self.read(run, line, history).await;
            if done.is_err() {
                self.postpone(run, line).await?;
            }
            match done {
                // One agreement that cannot be recorded hides no other.
                Err(Trouble::Ours(failure)) => drop(told(&line.id, failure)),
                done => done?,
            }
        }
        self.await_ends(run).await?;
        Ok(i64::try_from(due.len()).is_ok_and(|read| read >= BATCH))
    }

    /// What was accepted before anybody looked, and too long ago to ask who bought, is history, and stays that when
    /// it changes.
    async fn history(&self, run: &TaskRun) -> Result<History, Failure> {
        let mut reader = run.reading().await?;
        let cursor = store::agreement::cursor(&mut *reader, &self.0.seller).await?;
        let first_look = cursor.map_or(Some(run.now()), |seen| seen.first_look_at);
        Ok(first_look.map(|at| at - IDENTIFY_WITHIN))
    }

    async fn due(&self, run: &TaskRun) -> Result<Vec<Line>, Failure> {
        let again = Again {
            ours: self.0.shortest_pause(),
            others: REFUSED,
        };
        let mut reader = run.reading().await?;
        Ok(store::to_read::due(&mut *reader, &self.0.seller, run.now(), again).await?)
    }

    async fn postpone(&self, run: &TaskRun, line: &Line) -> Result<(), Failure> {
        let until = run.now() + LATER;
        run.transaction(|uow| {
            let (seller, id) = (self.0.seller.clone(), line.id.clone());
            Box::pin(async move {
                store::to_read::postpone(uow.connection(), &seller, &id, until).await?;
                Ok(())
            })
        })
        .await
    }

    /// Reads the agreement and records it. That AWS refuses to show this one is kept as the reason.
    async fn read(&self, run: &TaskRun, line: &Line, history: History) -> Result<(), Trouble> {
        let read = self.0.marketplace.agreement(&line.id).await;
        let (mut details, acceptance, product_id) = match read {
            Ok(read) => (read.details, read.acceptance, read.product_id),
            Err(error @ CallError::Refused(_)) => (Err(error.to_string()), None, None),
            Err(later @ CallError::Later(_)) => return Err(later.into()),
        };
        let news = acceptance.filter(|accepted| history.is_none_or(|until| accepted.at > until));
        let public = match news {
            Some(acceptance) => match self.public_order(run, line, acceptance).await? {
                Ok(public) => public,
                Err(untold) => {
                    details = Err(untold);
                    None
                }
            },
            None => None,
        };
        let line = line.clone();
        let seen = Seen {
            line,
            details,
            product_id,
        };
        let recorded = run.transaction(|uow| {
            let (seller, seen, public) = (self.0.seller.clone(), seen.clone(), public.clone());
            Box::pin(async move { commands::agreement::record(uow, &seller, &seen, public).await })
        });
        Ok(recorded.await?)
    }

    /// What was accepted, if AWS shows its offer to everybody; `Err` says why that cannot be told. Ours are made for
    /// their buyers.
    async fn public_order(
        &self,
        run: &TaskRun,
        line: &Line,
        acceptance: Acceptance,
    ) -> Result<Result<Option<PublicOrder>, String>, Trouble> {
        let Ok(id) = line.aws_offer_id.parse::<AwsOfferId>() else {
            return Ok(Ok(None));
        };
        let mut reader = run.reading().await?;
        let ours = store::offer::by_aws_id(&mut *reader, &self.0.seller, &id).await;
        drop(reader);
        if ours.map_err(Failure::from)?.is_some() {
            return Ok(Ok(None));
        }
        match self.0.marketplace.audience(&id).await {
            Ok(audience) => Ok(Ok(audience.is_public.then_some(PublicOrder {
                acceptance,
                aws_offer_id: id,
                product_id: audience.product_id,
            }))),
            Err(error) if error.is_unknown() => Ok(Ok(None)),
            Err(error @ CallError::Refused(_)) => {
                Ok(Err(format!("its offer is not shown: {error}")))
            }
            Err(later @ CallError::Later(_)) => Err(later.into()),
        }
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
}
