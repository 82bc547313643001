//! Looking for agreements (O13): what changed since the last look, with an overlap, because AWS shows
//! an agreement up to a day late. A look costs one call for fifty lines, however many of them are new: it notes
//! what is to be read, and [`reading`] reads that, so that a long list to read hides nothing that came after it.

pub(super) mod reading;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_platform::{Failure, TaskHandler, TaskOutcome, TaskRun, async_trait};

use super::Outside;
use super::change_sets::{come_back, retry};
use crate::commands;
use crate::domain::agreement::Line;
use crate::domain::id::AgreementId;
use crate::marketplace::{CallError, Later};
use crate::store;
use crate::store::agreement::{Cursor, Seen};

/// Pages of one look, of fifty agreements each: the first look at an old account sees them all.
const MOST_PAGES: usize = 4_000;

#[derive(Debug)]
pub(super) struct Look(pub(super) Outside);

/// Why a look, or a reading, ended early.
enum Trouble {
    Aws(CallError),
    Ours(Failure),
}

impl Trouble {
    /// Never given up: without these tasks no acceptance is found.
    fn outcome(self, run: &TaskRun) -> TaskOutcome {
        match self {
            Self::Aws(error) => come_back(run, error.into_later()),
            Self::Ours(failure) => retry(run, failure.report()),
        }
    }
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
        Ok(match self.look(run, began).await {
            Ok(()) => TaskOutcome::Again(run.now() + self.0.shortest_pause()),
            // What was seen so far is kept; the cursor stays, so the next look sees the rest.
            Err(trouble) => trouble.outcome(run),
        })
    }
}

impl Look {
    async fn look(&self, run: &TaskRun, began: DateTime<Utc>) -> Result<(), Trouble> {
        let overlap = i64::try_from(self.0.config.agreement_overlap_ms).unwrap_or(i64::MAX);
        let cursor = self.cursor(run).await?;
        let since = cursor.map(|seen| seen.asked_until - TimeDelta::milliseconds(overlap));
        let mut next_token = None;
        let mut whole = Ok(());
        let mut pages = 0;
        loop {
            pages += 1;
            if pages > MOST_PAGES {
                let endless = format!("AWS lists more than {MOST_PAGES} pages of agreements");
                return Err(CallError::Later(Later::fault(endless)).into());
            }
            let page = self.0.marketplace.search(since, next_token).await?;
            whole = self.take(run, &page.lines).await.and(whole);
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        let attached = self.attach_late(run).await;
        // What was not recorded is seen again: the cursor stays.
        whole.and(attached)?;
        self.move_cursor(run, began).await
    }

    async fn cursor(&self, run: &TaskRun) -> Result<Option<Cursor>, Failure> {
        let mut reader = run.reading().await?;
        Ok(store::agreement::cursor(&mut *reader, &self.0.seller).await?)
    }

    /// Keeps what a page says. One agreement that cannot be recorded hides no other.
    async fn take(&self, run: &TaskRun, page: &[Line]) -> Result<(), Trouble> {
        let (mut whole, mut to_read) = (Ok(()), Vec::new());
        for line in page {
            match self.take_line(run, line).await {
                Ok(true) => to_read.push(line.clone()),
                Ok(false) => {}
                Err(failure) => whole = Err(told(&line.id, failure)),
            }
        }
        if !to_read.is_empty() {
            let noted = run.transaction(|uow| {
                let (seller, to_read) = (self.0.seller.clone(), to_read.clone());
                Box::pin(async move { commands::agreement::note(uow, &seller, &to_read).await })
            });
            noted.await?;
        }
        whole
    }

    /// Records what the line itself says. Returns whether the agreement must be read.
    async fn take_line(&self, run: &TaskRun, line: &Line) -> Result<bool, Failure> {
        let mut reader = run.reading().await?;
        let seller = &self.0.seller;
        if store::agreement::is_known(&mut *reader, seller, line).await? {
            return Ok(false);
        }
        let before = store::agreement::details(&mut *reader, seller, &line.id).await?;
        drop(reader);
        // What it said is known, and the line says that it is over.
        let Some(agreement) = before.filter(|_| line.standing.is_over()) else {
            return Ok(true);
        };
        let seen = Seen {
            line: line.clone(),
            details: Ok(agreement),
            product_id: None,
        };
        let recorded = run.transaction(|uow| {
            let (seller, seen) = (seller.clone(), seen.clone());
            Box::pin(async move { commands::agreement::record(uow, &seller, &seen, None).await })
        });
        recorded.await.map(|()| false)
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
