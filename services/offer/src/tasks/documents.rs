//! Merging the legal document (O6): read the approved documents, check them, merge, store.

use countersign_kernel::SellerId;
use countersign_platform::{
    Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, back_off, fault,
};

use super::Outside;
use super::clocks::conclude;
use crate::commands::follow_up::Subject;
use crate::documents::assemble::{Assembled, Source, assemble};
use crate::documents::source::DownloadError;
use crate::domain::command::Command;
use crate::domain::deal::ApprovedDeal;
use crate::domain::offer::{LegalDocument, ReadyDocument};
use crate::store;

#[derive(Debug)]
pub(super) struct Assemble(pub(super) Outside);

/// Why there is no document yet.
enum Trouble {
    /// It may work later.
    Later(String),
    /// A person must change the documents.
    Never(String),
}

#[async_trait]
impl TaskHandler for Assemble {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let subject = Subject::of(run)?;
        let mut reader = run.reading().await?;
        let found = store::offer::find(&mut *reader, &subject.seller, &subject.offer_id).await?;
        drop(reader);
        let Some(offer) = found.filter(|offer| offer.document == LegalDocument::Assembling) else {
            return Ok(TaskOutcome::Done);
        };
        match self.make(&subject.seller, &offer.basis.deal).await {
            Ok(ready) => conclude(run, &subject, Command::RecordDocumentReady(ready)).await,
            Err(Trouble::Never(reason)) => {
                conclude(run, &subject, Command::RecordDocumentFailed { reason }).await
            }
            Err(Trouble::Later(problem)) => Ok(TaskOutcome::RetryAt(
                run.now() + back_off(run.attempt),
                problem,
            )),
        }
    }
}

impl Assemble {
    async fn make(&self, seller: &SellerId, deal: &ApprovedDeal) -> Result<ReadyDocument, Trouble> {
        let mut sources = Vec::new();
        for document in deal.documents_in_merge_order() {
            let downloaded = self.0.source.download(seller, document.digest).await;
            let bytes = downloaded.map_err(|error| match error {
                DownloadError::Away(problem) => Trouble::Later(problem),
                DownloadError::Gone { .. } => {
                    Trouble::Never(format!("{}: {error}", document.file_name))
                }
            })?;
            sources.push(Source {
                file_name: document.file_name.clone(),
                media_type: document.media_type,
                bytes,
            });
        }
        let merged = tokio::task::spawn_blocking(|| assemble(sources)).await;
        // The same documents would make it panic again.
        let merged = merged.map_err(|stopped| {
            if stopped.is_panic() {
                Trouble::Never("the documents cannot be merged".to_owned())
            } else {
                Trouble::Later(stopped.to_string())
            }
        })?;
        let Assembled {
            bytes,
            digest,
            pages,
        } = merged.map_err(|wrong| Trouble::Never(wrong.to_string()))?;
        let size_bytes = bytes.len() as u64;
        let stored = self.0.store.put(digest, bytes).await;
        stored.map_err(|error| Trouble::Later(report(&error)))?;
        fault::point("offer.after_document_stored");
        Ok(ReadyDocument {
            digest,
            pages,
            size_bytes,
        })
    }
}

fn report(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
