//! Documents up and down, in chunks (A7).

use std::sync::Arc;

use bytes::Bytes;
use countersign_kernel::{Digest, EngagementId, SellerId};
use countersign_platform::{CallContext, fault};
use countersign_proto::approval::v1::upload_document_request::Part;
use countersign_proto::approval::v1::{
    DownloadDocumentResponse, UploadDocumentRequest, UploadHeader,
};
use futures::Stream;
use tokio::sync::Semaphore;
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::parse;
use crate::commands::NewDocument;
use crate::documents::inspect::{self, Unfit};
use crate::documents::objects::Objects;
use crate::documents::upload;
use crate::domain::MediaType;

/// The size of a chunk that goes out.
const CHUNK_BYTES: usize = 256 * 1024;

/// Takes documents in and gives them out.
#[derive(Debug)]
pub(super) struct Transfer {
    objects: Objects,
    uploads: Arc<Semaphore>,
}

/// A document whose bytes are stored, to be recorded.
#[derive(Debug)]
pub(super) struct Stored {
    /// What the idempotency key stands for: the header, with the digest of the bytes in it.
    pub(super) request: UploadDocumentRequest,
    pub(super) upload: StoredUpload,
}

/// Where a stored document goes.
#[derive(Debug, Clone)]
pub(super) struct StoredUpload {
    pub(super) engagement: EngagementId,
    pub(super) document: NewDocument,
    pub(super) replaces: Option<Uuid>,
}

impl Transfer {
    pub(super) fn new(objects: Objects, concurrent: usize) -> Self {
        let uploads = Arc::new(Semaphore::new(concurrent.clamp(1, Semaphore::MAX_PERMITS)));
        Self { objects, uploads }
    }

    /// Receives, looks into and stores a document, each before the next.
    pub(super) async fn take_in(
        &self,
        call: &CallContext,
        mut parts: Streaming<UploadDocumentRequest>,
    ) -> Result<Stored, Status> {
        let _permit = self
            .uploads
            .acquire()
            .await
            .map_err(|_| Status::unavailable("stopping"))?;
        let told = upload::header(&mut parts).await?;
        let header = parse::upload_header(&told)?;
        let bytes = upload::content(&mut parts, upload::UPLOAD_TIMEOUT).await?;
        let digest = Digest::of(&bytes);
        if header.digest.is_some_and(|told| told != digest) {
            let what = "the bytes that arrived have another digest";
            return Err(upload::refused("digest", "DOCUMENT_DIGEST_MISMATCH", what).into());
        }
        let media_type = inspected(&header.file_name, bytes.clone()).await?;
        let document = NewDocument {
            kind: header.kind,
            file_name: header.file_name,
            media_type,
            size_bytes: bytes.len() as u64,
            digest,
        };
        self.objects.put(&call.seller, digest, bytes).await?;
        fault::point("approval.document_stored");
        let header_with_digest = UploadHeader {
            digest: digest.to_string(),
            ..told
        };
        let request = UploadDocumentRequest {
            part: Some(Part::Header(header_with_digest)),
        };
        let (engagement, replaces) = (header.engagement, header.replaces);
        Ok(Stored {
            request,
            upload: StoredUpload {
                engagement,
                document,
                replaces,
            },
        })
    }

    /// The bytes of a document, checked before the first one goes out.
    pub(super) async fn give_out(
        &self,
        seller: &SellerId,
        digest: Digest,
    ) -> Result<impl Stream<Item = Result<DownloadDocumentResponse, Status>> + use<>, Status> {
        let mut rest = self.objects.get(seller, digest).await?;
        let chunks = std::iter::from_fn(move || {
            let chunk = rest.split_to(rest.len().min(CHUNK_BYTES));
            (!chunk.is_empty()).then(|| {
                Ok(DownloadDocumentResponse {
                    chunk: chunk.into(),
                })
            })
        });
        Ok(futures::stream::iter(chunks))
    }
}

/// Parsing a PDF takes its time, and one made for it may break the parser: on a thread of its
/// own, where a panic is an unreadable document.
async fn inspected(file_name: &str, bytes: Bytes) -> Result<MediaType, Status> {
    let name = file_name.to_owned();
    let looking = tokio::task::spawn_blocking(move || inspect::inspect(&name, &bytes));
    let unfit = match looking.await {
        Ok(Ok(media_type)) => return Ok(media_type),
        Ok(Err(unfit)) => unfit,
        Err(_) => Unfit::Unreadable,
    };
    Err(upload::refused("chunk", unfit.code(), &unfit.to_string()).into())
}
