//! A7, O6: documents up and down.

use countersign_kernel::Digest;
use countersign_proto::approval::v1::{
    DownloadDocumentRequest, ListDocumentsRequest, UploadHeader,
};
use countersign_proto::common::v1::{Document, DocumentKind};
use futures::StreamExt;
use tonic::{Code, Request, Status};

use crate::pdf::{encrypted, pdf};
use crate::world::{EM, ENGAGEMENT, World, called, header, keyed, reasons, refused, upload_of};

const INVALID: Code = Code::InvalidArgument;
const LIMIT: usize = 10 * 1024 * 1024;

async fn download(
    world: &World,
    request: Request<DownloadDocumentRequest>,
) -> Result<Vec<u8>, Status> {
    let mut stream = world
        .client()
        .download_document(request)
        .await?
        .into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = stream.message().await? {
        bytes.extend_from_slice(&part.chunk);
    }
    Ok(bytes)
}

async fn send(world: &World, header: UploadHeader, bytes: Vec<u8>) -> Result<Document, Status> {
    let request = world
        .call(EM, upload_of(header, &bytes))
        .map(futures::stream::iter);
    world
        .client()
        .upload_document(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn listed(world: &World) -> Vec<Document> {
    let request = ListDocumentsRequest {
        engagement_id: ENGAGEMENT.to_owned(),
    };
    let answer = world.client().list_documents(world.call(EM, request)).await;
    answer.unwrap().into_inner().documents
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_up_comes_down() {
    let world = World::new().await;
    // Of the largest size there may be, and not one chunk.
    let text = vec![b'x'; LIMIT];
    let stored = world
        .upload(DocumentKind::Sow, "sow.txt", text.clone())
        .await
        .unwrap();
    assert_eq!(stored.media_type, "text/plain");
    assert_eq!(stored.size_bytes, i64::try_from(LIMIT).unwrap());
    assert_eq!(stored.digest, Digest::of(&text).to_string());
    let request = || DownloadDocumentRequest {
        digest: stored.digest.clone(),
    };
    assert!(download(&world, world.call(EM, request())).await.unwrap() == text);

    let foreign = called("other", EM, "", request());
    refused(
        download(&world, foreign).await,
        Code::NotFound,
        "DOCUMENT_UNKNOWN",
    );
    let unknown = DownloadDocumentRequest {
        digest: Digest::of(b"?").to_string(),
    };
    refused(
        download(&world, world.call(EM, unknown)).await,
        Code::NotFound,
        "DOCUMENT_UNKNOWN",
    );
    let path = DownloadDocumentRequest {
        digest: "../../etc/passwd".to_owned(),
    };
    refused(
        download(&world, world.call(EM, path)).await,
        INVALID,
        "DIGEST_INVALID",
    );

    let annex = world
        .upload(DocumentKind::Annex, "copy.pdf", pdf("annex"))
        .await
        .unwrap();
    assert_eq!(annex.media_type, "application/pdf");
    assert_eq!(listed(&world).await, [stored, annex]);
    world.stop().await;
}

/// A case per row: what it is named, what it holds, why it is refused. Nothing of it is stored.
#[tokio::test(flavor = "multi_thread")]
async fn unfit_documents_leave_nothing_behind() {
    let world = World::new().await;
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    let rows = [
        ("sow.pdf", b"no PDF".to_vec(), "DOCUMENT_NOT_PDF"),
        ("sow.txt", png, "DOCUMENT_TYPE_UNSUPPORTED"),
        ("sow.txt", b"a\0b".to_vec(), "DOCUMENT_TYPE_UNSUPPORTED"),
        ("sow.txt", b"\xff\xfe".to_vec(), "DOCUMENT_TYPE_UNSUPPORTED"),
        ("sow.pdf", encrypted(), "DOCUMENT_ENCRYPTED"),
        (
            "sow.pdf",
            b"%PDF-1.7\n%%EOF".to_vec(),
            "DOCUMENT_UNREADABLE",
        ),
        ("sow.txt", Vec::new(), "DOCUMENT_EMPTY"),
        ("sow.txt", vec![b'x'; LIMIT + 1], "DOCUMENT_TOO_LARGE"),
        ("a/sow.txt", b"text".to_vec(), "INVALID"),
    ];
    for (name, bytes, reason) in rows {
        refused(
            world.upload(DocumentKind::Sow, name, bytes).await,
            INVALID,
            reason,
        );
    }
    let told = Digest::of(b"other").to_string();
    let wrong = UploadHeader {
        digest: told,
        ..header(DocumentKind::Sow, "sow.txt")
    };
    refused(
        send(&world, wrong, b"text".to_vec()).await,
        INVALID,
        "DOCUMENT_DIGEST_MISMATCH",
    );
    assert_eq!(world.objects(), 0);
    let nothing = ListDocumentsRequest {
        engagement_id: ENGAGEMENT.to_owned(),
    };
    let answer = world.client().list_documents(world.call(EM, nothing)).await;
    refused(answer, Code::NotFound, "ENGAGEMENT_UNKNOWN");
    world.stop().await;
}

/// O6: one SOW; SOW and annexes five; also when all come at once.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_documents_than_the_portal_takes() {
    let world = World::new().await;
    let world = &world;
    let uploads = (0..6).map(|number| async move {
        let text = format!("annex {number}").into_bytes();
        world.upload(DocumentKind::Annex, "annex.txt", text).await
    });
    let (stored, not): (Vec<_>, Vec<_>) = futures::future::join_all(uploads)
        .await
        .into_iter()
        .partition(Result::is_ok);
    assert_eq!(stored.len(), 5);
    for answer in not {
        refused(answer, Code::FailedPrecondition, "TOO_MANY_DOCUMENTS");
    }
    assert_eq!(listed(world).await.len(), 5);
}

/// A second SOW is refused; one that takes the first one's place is not, and keeps its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_sow_is_replaced_not_doubled() {
    let world = World::prepared().await;
    let before = listed(&world).await;
    let second = world.upload(DocumentKind::Sow, "new.pdf", pdf("new")).await;
    refused(second, Code::FailedPrecondition, "SOW_ALREADY_PRESENT");
    let replacing = UploadHeader {
        replaces_document_id: before[0].document_id.clone(),
        ..header(DocumentKind::Sow, "new.pdf")
    };
    let new = send(&world, replacing, pdf("new")).await.unwrap();
    assert_eq!(listed(&world).await, [new, before[1].clone()]);
    // The old one can still be read: approvals were given on it.
    let old = DownloadDocumentRequest {
        digest: before[0].digest.clone(),
    };
    assert_eq!(
        download(&world, world.call(EM, old)).await.unwrap(),
        pdf("sow")
    );
    world.stop().await;
}

/// P2: the same bytes are the same object; the same key is the same document.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_idempotent() {
    let world = World::new().await;
    let annex = || header(DocumentKind::Annex, "annex.txt");
    let send_keyed = |bytes: &[u8]| {
        let request = keyed(EM, "one", upload_of(annex(), bytes));
        let mut client = world.client();
        async move {
            client
                .upload_document(request.map(futures::stream::iter))
                .await
        }
    };
    let first = send_keyed(b"text").await.unwrap().into_inner();
    let again = send_keyed(b"text").await.unwrap().into_inner();
    assert_eq!(first, again);
    let other = send_keyed(b"other").await.unwrap_err();
    assert_eq!(reasons(&other).1, ["IDEMPOTENCY_KEY_REUSED"]);
    assert_eq!(listed(&world).await.len(), 1);

    let before = world.objects();
    let twin = send(&world, annex(), b"text".to_vec()).await.unwrap();
    assert_eq!(twin.digest, first.digest);
    assert_ne!(twin.document_id, first.document_id);
    assert_eq!(world.objects(), before);
    world.stop().await;
}

/// P4: an upload that never ends is ended by its deadline, keeps nothing, and frees its place.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_never_ends_is_ended() {
    let world = World::with(|settings| settings.upload_timeout_ms = 3_000).await;
    let parts = upload_of(header(DocumentKind::Sow, "sow.txt"), b"the beginning");
    let endless = futures::stream::iter(parts).chain(futures::stream::pending());
    let request = world.call(EM, endless);
    let answer = world.client().upload_document(request).await;
    refused(answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert_eq!(world.objects(), 0);
    world
        .upload(DocumentKind::Sow, "sow.txt", b"all of it".to_vec())
        .await
        .unwrap();
}

/// P5: the offer service reads documents by its name, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn the_offer_service_reads_documents_only() {
    let world = World::new().await;
    let text = b"all of it".to_vec();
    let stored = world
        .upload(DocumentKind::Sow, "sow.txt", text.clone())
        .await;
    let digest = stored.unwrap().digest;
    for (who, may) in [("service:offer", true), ("service:other", false)] {
        let ask = DownloadDocumentRequest {
            digest: digest.clone(),
        };
        let got = download(&world, keyed(who, "k", ask)).await;
        if may {
            assert_eq!(got.unwrap(), text);
        } else {
            refused(got, Code::PermissionDenied, "METHOD_FORBIDDEN");
        }
    }
    let list = ListDocumentsRequest {
        engagement_id: ENGAGEMENT.to_owned(),
    };
    let listed = world
        .client()
        .list_documents(keyed("service:offer", "k", list))
        .await;
    refused(listed, Code::PermissionDenied, "METHOD_FORBIDDEN");
}
