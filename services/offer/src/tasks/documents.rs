//! Merging the legal document (O6): read the approved documents, check them, merge, store. The seller's own
//! reseller contract becomes a PDF of its own, where an authorization carries it.

use countersign_kernel::{Digest, SellerId};
use countersign_platform::{
    Failure, TaskHandler, TaskOutcome, TaskRun, async_trait, back_off, fault,
};

use super::Outside;
use super::clocks::conclude;
use crate::commands::follow_up::Subject;
use crate::documents::assemble::{Assembled, Source, assemble};
use crate::documents::source::DownloadError;
use crate::domain::command::Command;
use crate::domain::deal::Document;
use crate::domain::offer::{Basis, LegalDocument, ReadyDocument};
use crate::domain::resale::{Contract, Kind};
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
        match self.make(&subject.seller, &offer.basis).await {
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
    async fn make(&self, seller: &SellerId, basis: &Basis) -> Result<ReadyDocument, Trouble> {
        let deal = &basis.deal;
        let Assembled {
            bytes,
            digest,
            pages,
        } = self.merged(seller, deal.documents_in_merge_order()).await?;
        let size_bytes = bytes.len() as u64;
        let reseller_contract = match (&basis.kind, deal.reseller_contract()) {
            (Kind::Authorization(allowed), Some(own)) if allowed.contract == Contract::Own => {
                Some(self.merged(seller, vec![own]).await?)
            }
            _ => None,
        };
        let contract_digest = reseller_contract.as_ref().map(|contract| contract.digest);
        self.store(digest, bytes).await?;
        if let Some(contract) = reseller_contract {
            self.store(contract.digest, contract.bytes).await?;
        }
        fault::point("offer.after_document_stored");
        Ok(ReadyDocument {
            digest,
            pages,
            size_bytes,
            reseller_contract: contract_digest,
        })
    }

    /// One PDF of these documents, as they were approved.
    async fn merged(
        &self,
        seller: &SellerId,
        documents: Vec<&Document>,
    ) -> Result<Assembled, Trouble> {
        let mut sources = Vec::new();
        for document in documents {
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
        merged.map_err(|wrong| Trouble::Never(wrong.to_string()))
    }

    async fn store(&self, digest: Digest, bytes: Vec<u8>) -> Result<(), Trouble> {
        let stored = self.0.store.put(digest, bytes).await;
        stored.map_err(|error| Trouble::Later(report(&error)))
    }
}

fn report(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
