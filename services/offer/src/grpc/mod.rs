//! gRPC: parse, call, convert.

mod parse;
mod reply;

use countersign_kernel::SellerId;
use countersign_platform::{Commands, Failure, Rejection, async_trait};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer_service_server::OfferService;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tonic::{Request, Response, Status};

use crate::commands;
use crate::documents::store::DocumentStore;
use crate::domain::command::Command;
use crate::domain::engagement::Engagement;
use crate::domain::offer::Offer;
use crate::domain::preflight::{self, Candidate};
use crate::domain::resale::Kind;
use crate::store;

/// Bytes in one message of a download.
const CHUNK: usize = 64 * 1024;

/// The service as it is served.
#[derive(Debug, Clone)]
pub(crate) struct Offers {
    pub(crate) commands: Commands,
    pub(crate) documents: DocumentStore,
    /// The tenant whose AWS account offers are released to.
    pub(crate) connected: SellerId,
}

/// An answer of the store as an answer of the service.
fn failed(error: store::StoreError) -> Status {
    Failure::from(error).into()
}

impl Offers {
    async fn offer(&self, seller: &SellerId, id: &str) -> Result<Offer, Status> {
        let id = parse::offer_id(id)?;
        let mut reader = self.commands.database().reading(seller).await?;
        let found = store::offer::find(&mut *reader, seller, &id).await;
        let found = found.map_err(failed)?;
        Ok(found.ok_or_else(|| commands::offer::unknown(id.as_str()))?)
    }

    /// Only the tenant whose AWS account this is can ask for what AWS must do.
    fn connected<T>(&self, request: &Request<T>) -> Result<(), Status> {
        if self.commands.call(request)?.seller == self.connected {
            return Ok(());
        }
        let text = "this service is connected to another seller's AWS account";
        Err(Rejection::failed_precondition("SELLER_NOT_CONNECTED", text).into())
    }

    async fn change<Req: prost::Message>(
        &self,
        request: Request<Req>,
        rpc: &'static str,
        parse: impl FnOnce(&Req) -> Result<(String, Command), Rejection>,
    ) -> Result<Response<pb::Offer>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (offer_id, command) = parse(&request)?;
        let offer_id = parse::offer_id(&offer_id)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, rpc, &request, move |uow| {
                let (seller, id, command) = (seller.clone(), offer_id.clone(), command.clone());
                Box::pin(async move {
                    let offer = commands::offer::apply(uow, &seller, &id, &command).await?;
                    Ok(reply::offer(&offer, uow.now().date_naive()))
                })
            })
            .await
    }
}

#[async_trait]
impl OfferService for Offers {
    async fn register_listing(
        &self,
        request: Request<pb::RegisterListingRequest>,
    ) -> Result<Response<pb::Listing>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let listing = parse::listing(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/RegisterListing", &request, move |uow| {
                let (seller, listing) = (seller.clone(), listing.clone());
                Box::pin(async move {
                    let kept = commands::listing::register(uow, &seller, listing).await?;
                    Ok(reply::listing(&kept))
                })
            })
            .await
    }

    async fn list_listings(
        &self,
        request: Request<pb::ListListingsRequest>,
    ) -> Result<Response<pb::ListListingsResponse>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::listing::all(&mut *reader, &call.seller).await;
        let listings = found.map_err(failed)?.iter().map(reply::listing).collect();
        Ok(Response::new(pb::ListListingsResponse { listings }))
    }

    async fn complete_intake(
        &self,
        request: Request<pb::CompleteIntakeRequest>,
    ) -> Result<Response<pb::Engagement>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let id = parse::engagement_id(&request.engagement_id)?;
        let form = parse::form(&request);
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/CompleteIntake", &request, move |uow| {
                let (seller, id, form) = (seller.clone(), id.clone(), form.clone());
                Box::pin(async move {
                    let engagement =
                        commands::engagement::complete_intake(uow, &seller, &id, form).await?;
                    Ok(reply::engagement(&engagement))
                })
            })
            .await
    }

    async fn get_engagement(
        &self,
        request: Request<pb::GetEngagementRequest>,
    ) -> Result<Response<pb::Engagement>, Status> {
        let call = self.commands.query(&request)?;
        let id = parse::engagement_id(&request.get_ref().engagement_id)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::engagement::find(&mut *reader, &call.seller, &id)
            .await
            .map_err(failed)?;
        let engagement = found.ok_or_else(|| commands::engagement::unknown(&id))?;
        Ok(Response::new(reply::engagement(&engagement)))
    }

    async fn draft_offer(
        &self,
        request: Request<pb::DraftOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (engagement, terms) = parse::draft(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/DraftOffer", &request, move |uow| {
                let (seller, id, terms) = (seller.clone(), engagement.clone(), terms.clone());
                Box::pin(async move {
                    let kind = Kind::Direct;
                    let offer = commands::offer::draft(uow, &seller, &id, terms, kind).await?;
                    Ok(reply::offer(&offer, uow.now().date_naive()))
                })
            })
            .await
    }

    async fn revise_offer(
        &self,
        request: Request<pb::ReviseOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.change(request, "offer.v1/ReviseOffer", parse::revise)
            .await
    }

    async fn preflight(
        &self,
        request: Request<pb::PreflightRequest>,
    ) -> Result<Response<pb::PreflightResponse>, Status> {
        let call = self.commands.query(&request)?;
        let offer = self
            .offer(&call.seller, &request.get_ref().offer_id)
            .await?;
        let database = self.commands.database();
        let id = offer.engagement_id();
        let mut reader = database.reading(&call.seller).await?;
        let found = store::engagement::find(&mut *reader, &call.seller, id).await;
        let engagement = found
            .map_err(failed)?
            .unwrap_or_else(|| Engagement::new(id.clone()));
        let candidate = Candidate::of(&offer, &engagement, database.clock().now().date_naive());
        Ok(Response::new(reply::findings(&preflight::findings(
            &candidate,
        ))))
    }

    async fn release_offer(
        &self,
        request: Request<pb::ReleaseOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.connected(&request)?;
        self.change(request, "offer.v1/ReleaseOffer", parse::release)
            .await
    }

    async fn change_expiry(
        &self,
        request: Request<pb::ChangeExpiryRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.connected(&request)?;
        self.change(request, "offer.v1/ChangeExpiry", parse::expiry)
            .await
    }

    async fn cancel_offer(
        &self,
        request: Request<pb::CancelOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.change(request, "offer.v1/CancelOffer", parse::cancel)
            .await
    }

    async fn get_offer(
        &self,
        request: Request<pb::GetOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        use pb::get_offer_request::By;
        let call = self.commands.query(&request)?;
        let database = self.commands.database();
        let offer = match request.into_inner().by {
            Some(By::EngagementId(id)) => {
                let id = parse::engagement_id(&id)?;
                let mut reader = database.reading(&call.seller).await?;
                let newest = store::offer::newest(&mut *reader, &call.seller, &id).await;
                let newest = newest.map_err(failed)?;
                newest.ok_or_else(|| commands::offer::unknown(&format!("of {id}")))?
            }
            by => {
                let id = if let Some(By::OfferId(id)) = by {
                    id
                } else {
                    String::new()
                };
                self.offer(&call.seller, &id).await?
            }
        };
        Ok(Response::new(reply::offer(
            &offer,
            database.clock().now().date_naive(),
        )))
    }

    async fn list_offers(
        &self,
        request: Request<pb::ListOffersRequest>,
    ) -> Result<Response<pb::ListOffersResponse>, Status> {
        let call = self.commands.query(&request)?;
        let page = parse::page(request.get_ref())?;
        let database = self.commands.database();
        let (mut reader, after) = (database.reading(&call.seller).await?, page.after.as_ref());
        // One more than asked for tells whether there is a next page.
        let found = store::offer::page(&mut *reader, &call.seller, after, page.size + 1).await;
        let today = database.clock().now().date_naive();
        Ok(Response::new(reply::page(
            &found.map_err(failed)?,
            page.size,
            today,
        )))
    }

    type DownloadLegalDocumentStream =
        BoxStream<'static, Result<pb::DownloadLegalDocumentResponse, Status>>;

    async fn download_legal_document(
        &self,
        request: Request<pb::DownloadLegalDocumentRequest>,
    ) -> Result<Response<Self::DownloadLegalDocumentStream>, Status> {
        let call = self.commands.query(&request)?;
        let offer = self
            .offer(&call.seller, &request.get_ref().offer_id)
            .await?;
        let digest = offer.document.digest().ok_or_else(|| {
            let text = "the legal document is not assembled";
            Rejection::failed_precondition("LEGAL_DOCUMENT_NOT_READY", text)
        })?;
        let read = self.documents.get(digest).await;
        let bytes = read.map_err(|error| Failure::unavailable("the document store", error))?;
        let chunks: Vec<_> = bytes
            .chunks(CHUNK)
            .map(|chunk| {
                Ok(pb::DownloadLegalDocumentResponse {
                    chunk: chunk.to_vec(),
                })
            })
            .collect();
        Ok(Response::new(stream::iter(chunks).boxed()))
    }
}
