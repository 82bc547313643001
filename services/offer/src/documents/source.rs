//! The documents' bytes, read from the approval service: it keeps them, a copy would be silly. What
//! comes is checked against the digest that was approved (A4, O3).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_kernel::{Digest, SellerId};
use countersign_platform::tls::{self, TlsError};
use countersign_platform::{Settings, TRACEPARENT_KEY, TraceContext};
use countersign_proto::approval::v1::DownloadDocumentRequest;
use countersign_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tracing::Instrument;

/// More than the 10 MB that a document may have (A7): a stream without end is cut.
const LIMIT: usize = 16 * 1024 * 1024;
const PRINCIPAL: &str = "service:offer";
const METHOD: &str = "countersign.approval.v1.ApprovalService/DownloadDocument";

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    /// It may work later.
    #[error("the approval service: {0}")]
    Away(String),
    /// It never will: the approval service has no such document, or another.
    #[error("the document {digest} {problem}")]
    Gone { digest: Digest, problem: String },
}

/// The approval service as a source of documents.
#[derive(Debug, Clone)]
pub(crate) struct DocumentSource {
    url: String,
    settings: Arc<Settings>,
    token_file: Option<PathBuf>,
    timeout: Duration,
}

impl DocumentSource {
    /// Looks whether the address and the certificates can be used; connects for each document, with
    /// the certificates of that time.
    pub(crate) async fn new(
        url: &str,
        settings: Arc<Settings>,
        token_file: Option<PathBuf>,
        timeout: Duration,
    ) -> Result<Self, TlsError> {
        let source = Self {
            url: url.to_owned(),
            settings,
            token_file,
            timeout,
        };
        source.client().await?;
        Ok(source)
    }

    async fn client(&self) -> Result<ApprovalServiceClient<Channel>, TlsError> {
        let endpoint = tls::endpoint(&self.settings, &self.url).await?;
        let endpoint = endpoint.connect_timeout(self.timeout / 4);
        Ok(ApprovalServiceClient::new(
            endpoint.timeout(self.timeout).connect_lazy(),
        ))
    }

    /// The document's bytes: those that the digest names, or an error. The time is bounded here too:
    /// a channel bounds the wait for the first answer only, and a server may hang after it.
    pub(crate) async fn download(
        &self,
        seller: &SellerId,
        digest: Digest,
    ) -> Result<Vec<u8>, DownloadError> {
        let span = tracing::debug_span!(
            "download",
            otel.name = METHOD,
            otel.kind = "client",
            "rpc.system.name" = "grpc",
            "rpc.method" = METHOD,
        );
        let read = self.read(seller, digest).instrument(span);
        tokio::time::timeout(self.timeout, read)
            .await
            .unwrap_or_else(|_| Err(DownloadError::Away("it took too long".to_owned())))
    }

    /// Who asks, for whom.
    async fn credentials(
        &self,
        seller: &SellerId,
    ) -> Result<[(&'static str, String); 2], DownloadError> {
        let who = match &self.token_file {
            None => ("countersign-principal", PRINCIPAL.to_owned()),
            Some(file) => {
                let token = tokio::fs::read_to_string(file).await;
                let token = token.map_err(|error| {
                    DownloadError::Away(format!("reading {}: {error}", file.display()))
                })?;
                ("authorization", format!("Bearer {}", token.trim()))
            }
        };
        Ok([("countersign-seller", seller.to_string()), who])
    }

    async fn read(&self, seller: &SellerId, digest: Digest) -> Result<Vec<u8>, DownloadError> {
        let gone = |problem: &str| DownloadError::Gone {
            digest,
            problem: problem.to_owned(),
        };
        let mut request = Request::new(DownloadDocumentRequest {
            digest: digest.to_string(),
        });
        request.set_timeout(self.timeout);
        for (key, value) in self.credentials(seller).await? {
            let value = value
                .parse()
                .map_err(|_| DownloadError::Away(format!("{key} cannot be sent")))?;
            request.metadata_mut().insert(key, value);
        }
        if let Some(here) = TraceContext::current()
            && let Ok(value) = here.to_string().parse()
        {
            request.metadata_mut().insert(TRACEPARENT_KEY, value);
        }
        let failed = |status| failure(digest, &status);
        let client = self.client().await;
        let answer = client
            .map_err(|error| DownloadError::Away(error.to_string()))?
            .download_document(request)
            .await
            .map_err(failed)?;
        let mut chunks = answer.into_inner();
        let mut bytes = Vec::new();
        while let Some(part) = chunks.message().await.map_err(failed)? {
            bytes.extend_from_slice(&part.chunk);
            if bytes.len() > LIMIT {
                return Err(gone("is larger than any document may be"));
            }
        }
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(gone("came with other content than was approved"))
        }
    }
}

fn failure(digest: Digest, status: &Status) -> DownloadError {
    match status.code() {
        Code::NotFound => DownloadError::Gone {
            digest,
            problem: "is not kept by the approval service".to_owned(),
        },
        _ => DownloadError::Away(status.to_string()),
    }
}
