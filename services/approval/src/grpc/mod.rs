//! Proto ↔ domain at the door: parse, call, convert.
//!
//! | module | what |
//! |---|---|
//! | `callback` | what an e-signature provider tells: who it is, then what (A6, P5) |
//! | `parse` | requests → commands, every wrong field at once (P4) |
//! | `policy` | a policy in and out (A1) |
//! | `render` | state → replies |
//! | `transfer` | documents up and down, in chunks (A7) |

mod callback;
mod parse;
mod policy;
mod render;
mod transfer;

use std::pin::Pin;

use countersign_kernel::{Digest, EngagementId};
use countersign_platform::{CallContext, Commands, Failure, Rejection, Violations, async_trait};
use countersign_proto::approval::v1::approval_service_server::ApprovalService;
use countersign_proto::approval::v1::{
    ApprovalPolicy, Case, CloseChecklistItemRequest, DecideStepRequest, DownloadDocumentRequest,
    DownloadDocumentResponse, GetApprovalPolicyRequest, GetCaseRequest, ListCasesRequest,
    ListCasesResponse, ListDocumentsRequest, ListDocumentsResponse, OpenCaseRequest,
    PutApprovalPolicyRequest, ReceiveSignatureCallbackRequest, ReceiveSignatureCallbackResponse,
    RecordSignatureRequest, RemoveDocumentRequest, RemoveDocumentResponse,
    RouteForSignatureRequest, UploadDocumentRequest,
};
use countersign_proto::common::v1::Document;
use futures::Stream;
use prost::Message;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::commands::{self, Caller, Done, unknown_case};
use crate::config::CallbackSecrets;
use crate::documents::objects::Objects;
use crate::domain::{Command, Dossier};
use crate::store::{policies, views};

type Answer<T> = Result<Response<T>, Status>;

/// The gRPC service.
#[derive(Debug)]
pub(crate) struct Approval {
    commands: Commands,
    transfer: transfer::Transfer,
    callback_secrets: CallbackSecrets,
}

impl Approval {
    pub(crate) fn new(
        commands: Commands,
        objects: Objects,
        concurrent_uploads: usize,
        callback_secrets: CallbackSecrets,
    ) -> Self {
        Self {
            commands,
            transfer: transfer::Transfer::new(objects, concurrent_uploads),
            callback_secrets,
        }
    }

    /// Executes a command on a case and answers with the case as it is then.
    async fn on_case(
        &self,
        call: &CallContext,
        rpc: &'static str,
        request: &impl Message,
        (case_id, command): (Uuid, Command),
    ) -> Answer<Case> {
        let caller = Caller::from(call);
        self.commands
            .execute(call, rpc, request, move |uow| {
                let (caller, command) = (caller.clone(), command.clone());
                Box::pin(async move {
                    let done = commands::run_on_case(uow, &caller, case_id, command).await?;
                    rendered(&done)
                })
            })
            .await
    }

    async fn find(&self, call: &CallContext, by: parse::CaseName) -> Result<Dossier, Status> {
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let (found, name) = match by {
            parse::CaseName::Case(id) => (
                views::case(&mut reader, &call.seller, id).await?,
                id.to_string(),
            ),
            parse::CaseName::Engagement(id) => (
                views::engagement(&mut reader, &call.seller, &id).await?,
                id.to_string(),
            ),
        };
        let found = found.filter(|dossier| dossier.case.is_some());
        Ok(found.ok_or_else(|| unknown_case(&name))?)
    }

    async fn has_document(&self, call: &CallContext, digest: Digest) -> Result<bool, Failure> {
        let mut reader = self.commands.database().reading(&call.seller).await?;
        views::has_document(&mut reader, &call.seller, digest).await
    }

    async fn documents_of(
        &self,
        call: &CallContext,
        engagement: &EngagementId,
    ) -> Result<Dossier, Status> {
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = views::engagement(&mut reader, &call.seller, engagement).await?;
        let name = engagement.as_str();
        let unknown = || Rejection::not_found("ENGAGEMENT_UNKNOWN", "engagement", name);
        Ok(found.ok_or_else(unknown)?)
    }
}

fn rendered(done: &Done) -> Result<Case, Failure> {
    let case = render::case(&done.dossier);
    case.ok_or_else(|| Failure::internal("answering", "a command on a case left no case"))
}

#[async_trait]
impl ApprovalService for Approval {
    async fn upload_document(
        &self,
        request: Request<Streaming<UploadDocumentRequest>>,
    ) -> Answer<Document> {
        let call = self.commands.call(&request)?;
        let stored = self.transfer.take_in(&call, request.into_inner()).await?;
        let (caller, upload) = (Caller::from(&call), stored.upload);
        self.commands
            .execute(&call, "UploadDocument", &stored.request, move |uow| {
                let (caller, upload) = (caller.clone(), upload.clone());
                Box::pin(async move {
                    let (document, replaces) = (upload.document, upload.replaces);
                    let engagement = &upload.engagement;
                    let document =
                        commands::add_document(uow, &caller, engagement, document, replaces)
                            .await?;
                    Ok(crate::wire::document(&document))
                })
            })
            .await
    }

    async fn remove_document(
        &self,
        request: Request<RemoveDocumentRequest>,
    ) -> Answer<RemoveDocumentResponse> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (engagement, command) = parse::remove_document(&request)?;
        let caller = Caller::from(&call);
        self.commands
            .execute(&call, "RemoveDocument", &request, move |uow| {
                let (caller, engagement) = (caller.clone(), engagement.clone());
                let command = command.clone();
                Box::pin(async move {
                    commands::run(uow, &caller, &engagement, command).await?;
                    Ok(RemoveDocumentResponse {})
                })
            })
            .await
    }

    type DownloadDocumentStream =
        Pin<Box<dyn Stream<Item = Result<DownloadDocumentResponse, Status>> + Send>>;

    async fn download_document(
        &self,
        request: Request<DownloadDocumentRequest>,
    ) -> Answer<Self::DownloadDocumentStream> {
        let call = self.commands.query(&request)?;
        let digest = parse::digest(&request.get_ref().digest)?;
        if !self.has_document(&call, digest).await? {
            let name = digest.to_string();
            return Err(Rejection::not_found("DOCUMENT_UNKNOWN", "document", &name).into());
        }
        let chunks = self.transfer.give_out(&call.seller, digest).await?;
        Ok(Response::new(Box::pin(chunks)))
    }

    async fn list_documents(
        &self,
        request: Request<ListDocumentsRequest>,
    ) -> Answer<ListDocumentsResponse> {
        let call = self.commands.query(&request)?;
        let mut wrong = Violations::default();
        let engagement = parse::engagement(&mut wrong, &request.get_ref().engagement_id);
        let engagement = wrong.finish(engagement)?;
        let dossier = self.documents_of(&call, &engagement).await?;
        let documents = dossier
            .documents
            .iter()
            .map(crate::wire::document)
            .collect();
        Ok(Response::new(ListDocumentsResponse { documents }))
    }

    async fn open_case(&self, request: Request<OpenCaseRequest>) -> Answer<Case> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let mut wrong = Violations::default();
        let engagement = parse::engagement(&mut wrong, &request.engagement_id);
        let engagement = wrong.finish(engagement)?;
        let caller = Caller::from(&call);
        self.commands
            .execute(&call, "OpenCase", &request, move |uow| {
                let (caller, engagement) = (caller.clone(), engagement.clone());
                Box::pin(
                    async move { rendered(&commands::open_case(uow, &caller, &engagement).await?) },
                )
            })
            .await
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Answer<Case> {
        let call = self.commands.query(&request)?;
        let dossier = self
            .find(&call, parse::case_name(request.get_ref())?)
            .await?;
        let changed = false;
        Ok(Response::new(rendered(&Done { dossier, changed })?))
    }

    async fn list_cases(&self, request: Request<ListCasesRequest>) -> Answer<ListCasesResponse> {
        let call = self.commands.query(&request)?;
        let page = parse::page(request.get_ref())?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        // One more than asked for tells whether another page follows.
        let found =
            views::newest_cases(&mut reader, &call.seller, page.before, page.size + 1).await?;
        Ok(Response::new(render::page(&found, page.size)))
    }

    async fn decide_step(&self, request: Request<DecideStepRequest>) -> Answer<Case> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let command = parse::decide_step(&request)?;
        self.on_case(&call, "DecideStep", &request, command).await
    }

    async fn route_for_signature(
        &self,
        request: Request<RouteForSignatureRequest>,
    ) -> Answer<Case> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let command = parse::route_for_signature(&request)?;
        self.on_case(&call, "RouteForSignature", &request, command)
            .await
    }

    async fn record_signature(&self, request: Request<RecordSignatureRequest>) -> Answer<Case> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let command = parse::record_signature(&request)?;
        self.on_case(&call, "RecordSignature", &request, command)
            .await
    }

    async fn receive_signature_callback(
        &self,
        request: Request<ReceiveSignatureCallbackRequest>,
    ) -> Answer<ReceiveSignatureCallbackResponse> {
        let call = self.commands.query(&request)?;
        let mut request = request.into_inner();
        let now = self.commands.database().clock().now();
        let callback = match callback::read(&self.callback_secrets, &call.seller, &request, now)? {
            callback::Told::Signature(callback) => callback,
            callback::Told::Other => return Ok(Response::new(callback::ignored())),
        };
        let call = callback::as_command(call, &mut request);
        let caller = Caller::from(&call);
        self.commands
            .execute(&call, "ReceiveSignatureCallback", &request, move |uow| {
                let (caller, callback) = (caller.clone(), (*callback).clone());
                Box::pin(async move {
                    let done = commands::callback::record(uow, &caller, callback).await?;
                    Ok(callback::answer(&done, rendered(&done)?))
                })
            })
            .await
    }

    async fn close_checklist_item(
        &self,
        request: Request<CloseChecklistItemRequest>,
    ) -> Answer<Case> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let command = parse::close_checklist_item(&request)?;
        self.on_case(&call, "CloseChecklistItem", &request, command)
            .await
    }

    async fn get_approval_policy(
        &self,
        request: Request<GetApprovalPolicyRequest>,
    ) -> Answer<ApprovalPolicy> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = policies::load(&mut *reader, &call.seller).await?;
        Ok(Response::new(policy::render(&found)))
    }

    async fn put_approval_policy(
        &self,
        request: Request<PutApprovalPolicyRequest>,
    ) -> Answer<ApprovalPolicy> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let new = policy::parse(request.policy.as_ref())?;
        let caller = Caller::from(&call);
        self.commands
            .execute(&call, "PutApprovalPolicy", &request, move |uow| {
                let (caller, new) = (caller.clone(), new.clone());
                Box::pin(async move {
                    commands::put_policy(uow, &caller, &new).await?;
                    Ok(policy::render(&new))
                })
            })
            .await
    }
}
