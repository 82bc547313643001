//! What is read of offers: the calls.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, Rejection};
use countersign_proto::offer::v1 as pb;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tonic::{Request, Response, Status};

use super::{Offers, failed, parse, reply};
use crate::domain::engagement::Engagement;
use crate::domain::offer::Offer;
use crate::domain::preflight::{self, Candidate};
use crate::{commands, store};

/// Bytes in one message of a download.
const CHUNK: usize = 64 * 1024;

/// A legal document, a part after the other.
pub(super) type Document = BoxStream<'static, Result<pb::DownloadLegalDocumentResponse, Status>>;

impl Offers {
    pub(super) async fn offer(&self, seller: &SellerId, id: &str) -> Result<Offer, Status> {
        let id = parse::offer_id(id)?;
        let mut reader = self.commands.database().reading(seller).await?;
        let found = store::offer::find(&mut *reader, seller, &id).await;
        let found = found.map_err(failed)?;
        Ok(found.ok_or_else(|| commands::offer::unknown(id.as_str()))?)
    }

    pub(super) async fn preflighted(
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
        let confirmed = store::prerequisite::all(&mut *reader, &call.seller).await;
        let confirmed = confirmed.map_err(failed)?;
        let now = database.clock().now();
        let held = store::renewal::held(&mut *reader, &call.seller, &offer, now).await;
        let unpaid = store::change_order::unpaid(&mut reader, &call.seller, &offer).await;
        let limits = store::limits::of(&mut *reader, &call.seller).await;
        let candidate = Candidate {
            held: held.map_err(failed)?,
            unpaid: unpaid.map_err(failed)?,
            seller: self.config.kind_of(&call.seller),
            limits: limits.map_err(failed)?,
            ..Candidate::of(&offer, &engagement, now.date_naive())
        };
        let findings = preflight::findings(&candidate);
        Ok(Response::new(reply::preflight(&findings, &confirmed)))
    }

    pub(super) async fn found(
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

    pub(super) async fn listed(
        &self,
        request: Request<pb::ListOffersRequest>,
    ) -> Result<Response<pb::ListOffersResponse>, Status> {
        let call = self.commands.query(&request)?;
        let request = request.into_inner();
        let page = parse::page(request.page_size, &request.page_token)?;
        let database = self.commands.database();
        let (mut reader, after) = (database.reading(&call.seller).await?, page.after.as_ref());
        let found = store::offer::page(&mut *reader, &call.seller, after, page.limit()).await;
        let today = database.clock().now().date_naive();
        let found = found.map_err(failed)?;
        Ok(Response::new(reply::page(&page, found, today)))
    }

    pub(super) async fn legal_document(
        &self,
        request: Request<pb::DownloadLegalDocumentRequest>,
    ) -> Result<Response<Document>, Status> {
        let call = self.commands.query(&request)?;
        let offer = self
            .offer(&call.seller, &request.get_ref().offer_id)
            .await?;
        let digest = if request.get_ref().reseller_contract {
            offer.document.reseller_contract()
        } else {
            offer.document.digest()
        };
        let digest = digest.ok_or_else(|| {
            let text = "the legal document is not assembled, or the offer has no such one";
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

    pub(super) async fn portal_sheet(
        &self,
        request: Request<pb::GetPortalSheetRequest>,
    ) -> Result<Response<pb::PortalSheet>, Status> {
        let call = self.commands.query(&request)?;
        let offer = self
            .offer(&call.seller, &request.get_ref().offer_id)
            .await?;
        let today = self.commands.database().clock().now().date_naive();
        Ok(Response::new(reply::portal_sheet(&offer, today)))
    }
}
