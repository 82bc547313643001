//! A turn over a seller's feeds: files are read outside any transaction, rows are taken in short
//! ones, and the agreements that they touch are reconciled when all files are in (R2).
//!
//! Asked for by gRPC or by the clock, it is the same work; two turns at once do it once. Whatever
//! dies in the middle, the next turn goes on: how far a file has come and which agreements are due
//! is written with the rows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use countersign_kernel::{Digest, SellerId};
use countersign_platform::{
    Cause, Database, Failure, TaskHandler, TaskOutcome, TaskRun, TraceContext, async_trait,
    back_off, fault,
};

use super::csv_file::{RefusedFile, Rows};
use super::layout::FeedFile;
use super::resold;
use super::source::FeedSource;
use crate::commands;
use crate::commands::intake::Progress;
use crate::domain::ids::AgreementId;
use crate::domain::intake::{Chunk, FileVersion};
use crate::store;
use crate::store::authorization::{FoundEnd, FoundSale};
use crate::store::feed::{FileState, Report};

/// The kind of the recurring task.
pub(crate) const TASK: &str = "feeds.ingest";

/// How many rows one transaction takes: short enough that no one waits for its locks.
const CHUNK: usize = 500;

/// The feeds of every seller that is configured. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Feeds {
    database: Database,
    sources: Arc<Vec<FeedSource>>,
}

/// Why a turn runs.
#[derive(Debug, Clone)]
pub(crate) struct Because {
    pub(crate) cause: Cause,
    pub(crate) trace: TraceContext,
}

impl Feeds {
    pub(crate) fn new(database: Database, sources: Vec<FeedSource>) -> Self {
        Self {
            database,
            sources: Arc::new(sources),
        }
    }

    /// Whether there is any place to read this seller's feeds from.
    pub(crate) fn has(&self, seller: &SellerId) -> bool {
        self.sources.iter().any(|source| source.seller == *seller)
    }

    /// Reads what is new for a seller. Returns the files that had changed, in the order read.
    pub(crate) async fn ingest(
        &self,
        seller: &SellerId,
        because: &Because,
    ) -> Result<Vec<Report>, Failure> {
        let mut reports = Vec::new();
        let mut failed = Ok(());
        for source in self
            .sources
            .iter()
            .filter(|source| source.seller == *seller)
        {
            for file in source.files().await? {
                match self.ingest_file(source, file, because).await {
                    Ok(report) => reports.extend(report),
                    // One file that cannot be taken is no reason to leave the others waiting.
                    Err(failure) => failed = failed.and(Err(failure)),
                }
            }
        }
        fault::point("feeds.before_reconcile");
        self.resold(seller, because).await?;
        self.reconcile(seller, because).await?;
        failed.map(|()| reports)
    }

    async fn ingest_file(
        &self,
        source: &FeedSource,
        file: FeedFile,
        because: &Because,
    ) -> Result<Option<Report>, Failure> {
        let Some(bytes) = source.read(file).await? else {
            return Ok(None);
        };
        let version = FileVersion {
            path: file.to_string(),
            feed: file.feed.to_string(),
            digest: Digest::of(&bytes),
        };
        if !self
            .take(&source.seller, file, &version, &bytes, because)
            .await?
        {
            return Ok(None);
        }
        let mut reader = self.database.reading(&source.seller).await?;
        let report = store::feed::report(&mut reader, &source.seller, &version).await?;
        drop(reader);
        log(&source.seller, &report);
        Ok(Some(report))
    }

    /// Takes a file version; returns whether there was anything to do.
    async fn take(
        &self,
        seller: &SellerId,
        file: FeedFile,
        version: &FileVersion,
        bytes: &[u8],
        because: &Because,
    ) -> Result<bool, Failure> {
        let mut rows = match Rows::open(file.feed, bytes) {
            Ok(rows) => rows,
            Err(refused) => return self.refuse(seller, version, &refused, because).await,
        };
        let remarks = Arc::new(std::mem::take(&mut rows.remarks));
        let mut rows = rows.peekable();
        let mut from = 0;
        loop {
            let lines = rows.by_ref().take(CHUNK).collect();
            let last = rows.peek().is_none();
            let chunk = Arc::new(Chunk { from, lines, last });
            from = chunk.end();
            let progress = self
                .database
                .transaction(seller, because.cause.clone(), because.trace, |uow| {
                    let (seller, version) = (seller.clone(), version.clone());
                    let (remarks, chunk) = (Arc::clone(&remarks), Arc::clone(&chunk));
                    Box::pin(async move {
                        commands::intake::take_rows(uow, &seller, &version, &remarks, &chunk).await
                    })
                })
                .await?;
            fault::point("feeds.after_rows");
            match progress {
                Progress::More => {}
                Progress::Finished => return Ok(true),
                Progress::Known => return Ok(false),
            }
        }
    }

    /// Notes that nothing of a file version can be taken; returns whether that is news.
    async fn refuse(
        &self,
        seller: &SellerId,
        version: &FileVersion,
        RefusedFile(reason): &RefusedFile,
        because: &Because,
    ) -> Result<bool, Failure> {
        let progress = self
            .database
            .transaction(seller, because.cause.clone(), because.trace, |uow| {
                let (seller, version, reason) = (seller.clone(), version.clone(), reason.clone());
                Box::pin(async move {
                    commands::intake::refuse_file(uow, &seller, &version, &reason).await
                })
            })
            .await?;
        Ok(progress == Progress::Finished)
    }

    /// Expects the cash of what resellers sold, and drops what ended. One sale that cannot be expected is no
    /// reason to leave the others waiting; the next turn finds it again.
    async fn resold(&self, seller: &SellerId, because: &Because) -> Result<(), Failure> {
        let mut failed = Ok(());
        let mut last = String::new();
        loop {
            let mut reader = self.database.reading(seller).await?;
            let found = store::authorization::sold(&mut reader, seller, &last).await?;
            drop(reader);
            for sale in &found {
                failed = failed.and(self.sell(seller, sale, because).await);
            }
            match found.into_iter().last() {
                Some(sale) => last = sale.agreement_id,
                None => break,
            }
        }
        last = String::new();
        loop {
            let mut reader = self.database.reading(seller).await?;
            let found = store::authorization::ended(&mut reader, seller, &last).await?;
            drop(reader);
            for end in &found {
                failed = failed.and(self.end(seller, end, because).await);
            }
            match found.into_iter().last() {
                Some(end) => last = end.agreement_id,
                None => return failed,
            }
        }
    }

    async fn sell(
        &self,
        seller: &SellerId,
        found: &FoundSale,
        because: &Because,
    ) -> Result<(), Failure> {
        let sale = resold::sale(found)
            .map_err(|error| Failure::undecodable("the feeds' rows of a sale", error))?;
        self.database
            .transaction(seller, because.cause.clone(), because.trace, |uow| {
                let (seller, sale) = (seller.clone(), sale.clone());
                Box::pin(async move { commands::authorization::sell(uow, &seller, sale).await })
            })
            .await
    }

    async fn end(
        &self,
        seller: &SellerId,
        found: &FoundEnd,
        because: &Because,
    ) -> Result<(), Failure> {
        let (agreement, on) = resold::end(found)
            .map_err(|error| Failure::undecodable("the feeds' row of an agreement", error))?;
        self.database
            .transaction(seller, because.cause.clone(), because.trace, |uow| {
                let (seller, agreement) = (seller.clone(), agreement.clone());
                Box::pin(
                    async move { commands::authorization::end(uow, &seller, &agreement, on).await },
                )
            })
            .await
    }

    /// Reconciles every agreement that is due. One that cannot be is no reason to leave the others
    /// waiting; it stays due.
    async fn reconcile(&self, seller: &SellerId, because: &Because) -> Result<(), Failure> {
        let mut failed = Ok(());
        let mut last: Option<AgreementId> = None;
        loop {
            let due = self.due(seller, last.as_ref()).await?;
            for agreement in &due {
                let reconciled = self.reconcile_one(seller, agreement, because).await;
                failed = failed.and(reconciled);
            }
            last = due.into_iter().last();
            if last.is_none() {
                return failed;
            }
        }
    }

    /// Some of the agreements that are due: the connection is given back before they are reconciled.
    async fn due(
        &self,
        seller: &SellerId,
        after: Option<&AgreementId>,
    ) -> Result<Vec<AgreementId>, Failure> {
        let mut reader = self.database.reading(seller).await?;
        store::due::next(&mut reader, seller, after).await
    }

    async fn reconcile_one(
        &self,
        seller: &SellerId,
        agreement: &AgreementId,
        because: &Because,
    ) -> Result<(), Failure> {
        self.database
            .transaction(seller, because.cause.clone(), because.trace, |uow| {
                let (seller, agreement) = (seller.clone(), agreement.clone());
                Box::pin(
                    async move { commands::agreement::reconcile(uow, &seller, &agreement).await },
                )
            })
            .await
    }
}

/// What was refused is for a person to see: it is in the report, and in the log.
fn log(seller: &SellerId, report: &Report) {
    let (tally, path) = (report.kept.tally, report.version.path.as_str());
    let (seller, remarks) = (seller.as_str(), report.remarks.join("; "));
    if report.kept.state == FileState::Refused {
        tracing::error!(seller, path, remarks, "refused a feed file");
    } else if tally.refused > 0 {
        let (new, refused) = (tally.new, tally.refused);
        tracing::error!(
            seller,
            path,
            new,
            refused,
            remarks,
            "refused rows of a feed file"
        );
    } else {
        let (new, repeated) = (tally.new, tally.repeated);
        tracing::info!(seller, path, new, repeated, remarks, "read a feed file");
    }
}

/// The turn that comes by the clock.
#[derive(Debug)]
pub(crate) struct Poll {
    feeds: Feeds,
    interval: TimeDelta,
}

impl Poll {
    pub(crate) fn new(feeds: Feeds, interval: Duration) -> Self {
        Self {
            feeds,
            interval: TimeDelta::from_std(interval).unwrap_or(TimeDelta::hours(1)),
        }
    }
}

#[async_trait]
impl TaskHandler for Poll {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let cause = Cause::Task {
            kind: run.kind.clone(),
            key: run.key.clone(),
        };
        let because = Because {
            cause,
            trace: run.trace,
        };
        // One seller's bucket that is away is no reason to leave the others waiting.
        let mut failed: Option<String> = None;
        let sellers: BTreeSet<&SellerId> = self
            .feeds
            .sources
            .iter()
            .map(|source| &source.seller)
            .collect();
        for seller in sellers {
            if let Err(failure) = self.feeds.ingest(seller, &because).await {
                failed = Some(format!("{seller}: {}", failure.report()));
            }
        }
        Ok(match failed {
            None => TaskOutcome::Again(run.now() + self.interval),
            Some(why) => TaskOutcome::RetryAt(run.now() + back_off(run.attempt), why),
        })
    }
}
