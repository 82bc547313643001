//! Chunks off the wire, refused as soon as they are too many (A7).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use countersign_platform::{Rejection, Violations};
use countersign_proto::approval::v1::upload_document_request::Part;
use countersign_proto::approval::v1::{UploadDocumentRequest, UploadHeader};
use futures::{Stream, StreamExt};
use tokio::time::Instant;
use tonic::Status;

use super::MAX_DOCUMENT_BYTES;

/// The largest chunk.
pub(crate) const MAX_CHUNK_BYTES: usize = 1024 * 1024;
/// How long the next chunk may take: a sender that stalls does not hold memory for ever.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a whole document may take: one that trickles does not keep others waiting for ever.
/// 10 MiB come through in it at 35 kB/s.
pub(crate) const UPLOAD_TIMEOUT: Duration = Duration::from_mins(5);

/// Reads the header, which comes first.
pub(crate) async fn header(
    parts: &mut (impl Stream<Item = Result<UploadDocumentRequest, Status>> + Unpin),
) -> Result<UploadHeader, Status> {
    match next(parts, Instant::now() + CHUNK_TIMEOUT).await? {
        Some(Part::Header(header)) => Ok(header),
        Some(Part::Chunk(_)) | None => {
            Err(refused("header", "HEADER_FIRST", "the header comes first").into())
        }
    }
}

/// Reads the bytes after the header, up to [`MAX_DOCUMENT_BYTES`], in `within`.
pub(crate) async fn content(
    parts: &mut (impl Stream<Item = Result<UploadDocumentRequest, Status>> + Unpin),
    within: Duration,
) -> Result<Bytes, Status> {
    let until = Instant::now() + within;
    let mut bytes = BytesMut::new();
    while let Some(part) = next(parts, until).await? {
        let Part::Chunk(chunk) = part else {
            return Err(refused("header", "HEADER_FIRST", "one header, then only chunks").into());
        };
        if chunk.len() > MAX_CHUNK_BYTES {
            let limit = format!("at most {MAX_CHUNK_BYTES} bytes a chunk");
            return Err(refused("chunk", "CHUNK_TOO_LARGE", &limit).into());
        }
        if bytes.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            let limit = format!("at most {MAX_DOCUMENT_BYTES} bytes a document");
            return Err(refused("chunk", "DOCUMENT_TOO_LARGE", &limit).into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

async fn next(
    parts: &mut (impl Stream<Item = Result<UploadDocumentRequest, Status>> + Unpin),
    until: Instant,
) -> Result<Option<Part>, Status> {
    let too_slow = || Status::deadline_exceeded("the document does not come through");
    // Chunks that are there are not waited for: their number is bounded by time too.
    if Instant::now() >= until {
        return Err(too_slow());
    }
    let until = until.min(Instant::now() + CHUNK_TIMEOUT);
    // Nothing but the network is waited for here, so it may be given up.
    let next = tokio::time::timeout_at(until, parts.next()).await;
    let Some(message) = next.map_err(|_| too_slow())? else {
        return Ok(None);
    };
    match message?.part {
        Some(part) => Ok(Some(part)),
        None => Err(refused("part", "REQUIRED", "a header or a chunk").into()),
    }
}

/// A document that is not taken.
pub(crate) fn refused(field: &str, reason: &'static str, description: &str) -> Rejection {
    let mut wrong = Violations::default();
    wrong.add(field, reason, description);
    wrong.into_rejection()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> UploadDocumentRequest {
        UploadDocumentRequest {
            part: Some(Part::Header(UploadHeader::default())),
        }
    }

    fn chunk(size: usize) -> UploadDocumentRequest {
        UploadDocumentRequest {
            part: Some(Part::Chunk(vec![b'x'; size])),
        }
    }

    async fn received(parts: Vec<UploadDocumentRequest>) -> Result<usize, String> {
        let mut stream = futures::stream::iter(parts.into_iter().map(Ok));
        let both = async {
            header(&mut stream).await?;
            content(&mut stream, UPLOAD_TIMEOUT).await
        };
        let bytes = both.await.map_err(|status: Status| {
            use tonic_types::StatusExt as _;
            let details = status.get_error_details();
            details.bad_request().unwrap().field_violations[0]
                .reason
                .clone()
        })?;
        Ok(bytes.len())
    }

    /// A7: 10 MiB are taken, one byte more is not.
    #[tokio::test]
    async fn the_limit_is_exact() {
        let full: Vec<_> = std::iter::once(head())
            .chain((0..10).map(|_| chunk(MAX_CHUNK_BYTES)))
            .collect();
        assert_eq!(received(full.clone()).await, Ok(MAX_DOCUMENT_BYTES));
        let more = full.into_iter().chain([chunk(1)]).collect();
        assert_eq!(received(more).await, Err("DOCUMENT_TOO_LARGE".to_owned()));
    }

    /// A7: a sender that trickles is given up, whether it stalls or sends nothing very often.
    #[tokio::test]
    async fn a_document_that_does_not_come_through_is_given_up() {
        let within = Duration::from_millis(50);
        let empty = futures::stream::repeat_with(|| Ok(chunk(0)));
        let stalled = futures::stream::iter([Ok(chunk(1))]).chain(futures::stream::pending());
        for mut parts in [empty.boxed(), stalled.boxed()] {
            let given_up = content(&mut parts, within).await.unwrap_err();
            assert_eq!(given_up.code(), tonic::Code::DeadlineExceeded);
        }
    }

    #[tokio::test]
    async fn parts_come_in_order_and_in_size() {
        let rows = [
            (vec![], "HEADER_FIRST"),
            (vec![chunk(1), head()], "HEADER_FIRST"),
            (vec![head(), head()], "HEADER_FIRST"),
            (vec![head(), chunk(MAX_CHUNK_BYTES + 1)], "CHUNK_TOO_LARGE"),
            (
                vec![head(), UploadDocumentRequest { part: None }],
                "REQUIRED",
            ),
        ];
        for (parts, reason) in rows {
            assert_eq!(received(parts).await, Err(reason.to_owned()));
        }
    }
}
