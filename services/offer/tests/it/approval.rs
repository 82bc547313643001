//! An approval service that only hands out documents, by digest.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use countersign_kernel::Digest;
use countersign_platform::{Lifecycle, async_trait};
use countersign_proto::approval::v1::approval_service_server::{
    ApprovalService, ApprovalServiceServer,
};
use countersign_proto::approval::v1::{self as pb, DownloadDocumentResponse};
use countersign_proto::common::v1::Document;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// What it has: bytes under the digest that it claims for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Approval {
    documents: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Approval {
    /// Keeps the bytes under their digest.
    pub(crate) fn keep(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.keep_as(digest, bytes);
        digest
    }

    /// Keeps the bytes under any digest.
    pub(crate) fn keep_as(&self, digest: Digest, bytes: &[u8]) {
        self.documents
            .lock()
            .unwrap()
            .insert(digest.to_string(), bytes.to_vec());
    }

    pub(crate) async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = stream::unfold(listener, |listener| async {
            Some((listener.accept().await.map(|(socket, _)| socket), listener))
        });
        let server = Server::builder().add_service(ApprovalServiceServer::new(self.clone()));
        Lifecycle::default().spawn(server.serve_with_incoming(incoming));
        address
    }
}

macro_rules! not_here {
    ($($rpc:ident($request:ty) -> $response:ty;)*) => {
        #[async_trait]
        impl ApprovalService for Approval {
            type DownloadDocumentStream =
                BoxStream<'static, Result<DownloadDocumentResponse, Status>>;

            async fn download_document(
                &self,
                request: Request<pb::DownloadDocumentRequest>,
            ) -> Result<Response<Self::DownloadDocumentStream>, Status> {
                assert_eq!(request.metadata().get("countersign-seller").unwrap(), "acme");
                let documents = self.documents.lock().unwrap();
                let bytes = documents.get(&request.get_ref().digest);
                let bytes = bytes.ok_or_else(|| Status::not_found("no such document"))?;
                let chunks: Vec<_> = bytes
                    .chunks(1000)
                    .map(|chunk| Ok(DownloadDocumentResponse { chunk: chunk.to_vec() }))
                    .collect();
                Ok(Response::new(stream::iter(chunks).boxed()))
            }

            $(async fn $rpc(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::unimplemented("not in this test"))
            })*
        }
    };
}

not_here! {
    upload_document(Streaming<pb::UploadDocumentRequest>) -> Document;
    remove_document(pb::RemoveDocumentRequest) -> pb::RemoveDocumentResponse;
    list_documents(pb::ListDocumentsRequest) -> pb::ListDocumentsResponse;
    open_case(pb::OpenCaseRequest) -> pb::Case;
    get_case(pb::GetCaseRequest) -> pb::Case;
    list_cases(pb::ListCasesRequest) -> pb::ListCasesResponse;
    decide_step(pb::DecideStepRequest) -> pb::Case;
    route_for_signature(pb::RouteForSignatureRequest) -> pb::Case;
    record_signature(pb::RecordSignatureRequest) -> pb::Case;
    close_checklist_item(pb::CloseChecklistItemRequest) -> pb::Case;
    get_approval_policy(pb::GetApprovalPolicyRequest) -> pb::ApprovalPolicy;
    receive_signature_callback(pb::ReceiveSignatureCallbackRequest)
        -> pb::ReceiveSignatureCallbackResponse;
    put_approval_policy(pb::PutApprovalPolicyRequest) -> pb::ApprovalPolicy;
}
