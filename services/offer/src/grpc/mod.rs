//! gRPC: parse, call, convert.

mod asking;
mod association;
mod calendar;
mod change_orders;
mod clocks;
mod cloning;
mod engagements;
mod import;
mod limits;
mod listings;
mod offers;
mod orders;
mod parse;
mod parse_resale;
mod payments;
mod prerequisites;
mod read_back;
mod renewals;
mod reply;

use std::sync::Arc;

use countersign_kernel::SellerId;
use countersign_platform::{Commands, Failure, Rejection, async_trait};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer_service_server::OfferService;
use tonic::{Request, Response, Status};

use crate::config::OfferConfig;
use crate::documents::store::DocumentStore;
use crate::marketplace::Marketplace;
use crate::store;

/// The service as it is served.
#[derive(Debug, Clone)]
pub(crate) struct Offers {
    pub(crate) commands: Commands,
    pub(crate) documents: DocumentStore,
    /// The tenant whose AWS account offers are released to.
    pub(crate) connected: SellerId,
    pub(crate) marketplace: Marketplace,
    pub(crate) config: Arc<OfferConfig>,
}

/// An answer of the store as an answer of the service.
fn failed(error: store::StoreError) -> Status {
    Failure::from(error).into()
}

impl Offers {
    /// Only the tenant whose AWS account this is can ask for what AWS must do.
    fn connected<T>(&self, request: &Request<T>) -> Result<(), Status> {
        self.has_account(&self.commands.call(request)?.seller)
    }

    fn has_account(&self, seller: &SellerId) -> Result<(), Status> {
        if *seller == self.connected {
            return Ok(());
        }
        let text = "this service is connected to another seller's AWS account";
        Err(Rejection::failed_precondition("SELLER_NOT_CONNECTED", text).into())
    }
}

#[async_trait]
impl OfferService for Offers {
    async fn register_listing(
        &self,
        request: Request<pb::RegisterListingRequest>,
    ) -> Result<Response<pb::Listing>, Status> {
        self.listing_registered(request).await
    }

    async fn list_listings(
        &self,
        request: Request<pb::ListListingsRequest>,
    ) -> Result<Response<pb::ListListingsResponse>, Status> {
        self.listings(request).await
    }

    async fn complete_intake(
        &self,
        request: Request<pb::CompleteIntakeRequest>,
    ) -> Result<Response<pb::Engagement>, Status> {
        self.intake_completed(request).await
    }

    async fn get_engagement(
        &self,
        request: Request<pb::GetEngagementRequest>,
    ) -> Result<Response<pb::Engagement>, Status> {
        self.engagement(request).await
    }

    async fn draft_offer(
        &self,
        request: Request<pb::DraftOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.drafted(request).await
    }

    async fn draft_resale_authorization(
        &self,
        request: Request<pb::DraftResaleAuthorizationRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        let rpc = "offer.v1/DraftResaleAuthorization";
        self.draft(request, rpc, parse_resale::authorization).await
    }

    async fn draft_partner_offer(
        &self,
        request: Request<pb::DraftPartnerOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.drafted_by_partner(request).await
    }

    async fn clone_offer(
        &self,
        request: Request<pb::CloneOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.cloned(request).await
    }

    async fn compare_offer(
        &self,
        request: Request<pb::CompareOfferRequest>,
    ) -> Result<Response<pb::OfferComparison>, Status> {
        self.compared(request).await
    }

    async fn associate_offer(
        &self,
        request: Request<pb::AssociateOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.associated(request).await
    }

    async fn start_import(
        &self,
        request: Request<pb::StartImportRequest>,
    ) -> Result<Response<pb::Import>, Status> {
        self.import_started(request).await
    }

    async fn get_import(
        &self,
        request: Request<pb::GetImportRequest>,
    ) -> Result<Response<pb::Import>, Status> {
        self.import(request).await
    }

    async fn list_marketplace_offers(
        &self,
        request: Request<pb::ListMarketplaceOffersRequest>,
    ) -> Result<Response<pb::ListMarketplaceOffersResponse>, Status> {
        self.marketplace_offers(request).await
    }

    async fn list_marketplace_agreements(
        &self,
        request: Request<pb::ListMarketplaceAgreementsRequest>,
    ) -> Result<Response<pb::ListMarketplaceAgreementsResponse>, Status> {
        self.marketplace_agreements(request).await
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
        self.preflighted(request).await
    }

    async fn release_offer(
        &self,
        request: Request<pb::ReleaseOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.connected(&request)?;
        let seller_kind = self.config.seller_kind;
        self.change(request, "offer.v1/ReleaseOffer", move |request| {
            parse::release(request, seller_kind)
        })
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
        self.found(request).await
    }

    async fn list_offers(
        &self,
        request: Request<pb::ListOffersRequest>,
    ) -> Result<Response<pb::ListOffersResponse>, Status> {
        self.listed(request).await
    }

    type DownloadLegalDocumentStream = offers::Document;

    async fn download_legal_document(
        &self,
        request: Request<pb::DownloadLegalDocumentRequest>,
    ) -> Result<Response<Self::DownloadLegalDocumentStream>, Status> {
        self.legal_document(request).await
    }

    async fn confirm_prerequisite(
        &self,
        request: Request<pb::ConfirmPrerequisiteRequest>,
    ) -> Result<Response<pb::ChecklistItem>, Status> {
        self.prerequisite_confirmed(request).await
    }

    async fn get_portal_sheet(
        &self,
        request: Request<pb::GetPortalSheetRequest>,
    ) -> Result<Response<pb::PortalSheet>, Status> {
        self.portal_sheet(request).await
    }

    async fn record_portal_offer(
        &self,
        request: Request<pb::RecordPortalOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.connected(&request)?;
        self.change(request, "offer.v1/RecordPortalOffer", parse::portal_offer)
            .await
    }

    async fn read_offer_back(
        &self,
        request: Request<pb::ReadOfferBackRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.read_back(request).await
    }

    async fn start_clock(
        &self,
        request: Request<pb::StartClockRequest>,
    ) -> Result<Response<pb::Clock>, Status> {
        self.clock_started(request).await
    }

    async fn settle_clock(
        &self,
        request: Request<pb::SettleClockRequest>,
    ) -> Result<Response<pb::Clock>, Status> {
        self.clock_settled(request).await
    }

    async fn list_clocks(
        &self,
        request: Request<pb::ListClocksRequest>,
    ) -> Result<Response<pb::ListClocksResponse>, Status> {
        self.clocks(request).await
    }

    async fn register_order(
        &self,
        request: Request<pb::RegisterOrderRequest>,
    ) -> Result<Response<pb::Order>, Status> {
        self.order_registered(request).await
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        self.orders(request).await
    }

    async fn get_calendar(
        &self,
        request: Request<pb::GetCalendarRequest>,
    ) -> Result<Response<pb::Calendar>, Status> {
        self.calendar(request).await
    }

    async fn put_calendar(
        &self,
        request: Request<pb::PutCalendarRequest>,
    ) -> Result<Response<pb::Calendar>, Status> {
        self.calendar_put(request).await
    }

    async fn get_marketplace_limits(
        &self,
        request: Request<pb::GetMarketplaceLimitsRequest>,
    ) -> Result<Response<pb::MarketplaceLimits>, Status> {
        self.limits(request).await
    }

    async fn put_marketplace_limits(
        &self,
        request: Request<pb::PutMarketplaceLimitsRequest>,
    ) -> Result<Response<pb::MarketplaceLimits>, Status> {
        self.limits_put(request).await
    }

    async fn get_renewal_policy(
        &self,
        request: Request<pb::GetRenewalPolicyRequest>,
    ) -> Result<Response<pb::RenewalPolicy>, Status> {
        self.renewal_policy(request).await
    }

    async fn put_renewal_policy(
        &self,
        request: Request<pb::PutRenewalPolicyRequest>,
    ) -> Result<Response<pb::RenewalPolicy>, Status> {
        self.renewal_policy_put(request).await
    }

    async fn start_change_order(
        &self,
        request: Request<pb::StartChangeOrderRequest>,
    ) -> Result<Response<pb::ChangeOrder>, Status> {
        self.change_order_started(request).await
    }

    async fn request_cancellation(
        &self,
        request: Request<pb::RequestCancellationRequest>,
    ) -> Result<Response<pb::ChangeOrder>, Status> {
        let rpc = "offer.v1/RequestCancellation";
        self.change_order_asked(request, rpc, change_orders::cancellation)
            .await
    }

    async fn withdraw_change_order(
        &self,
        request: Request<pb::WithdrawChangeOrderRequest>,
    ) -> Result<Response<pb::ChangeOrder>, Status> {
        let rpc = "offer.v1/WithdrawChangeOrder";
        self.change_order_asked(request, rpc, change_orders::withdrawal)
            .await
    }

    async fn request_adjustments(
        &self,
        request: Request<pb::RequestAdjustmentsRequest>,
    ) -> Result<Response<pb::ChangeOrder>, Status> {
        let rpc = "offer.v1/RequestAdjustments";
        self.change_order_asked(request, rpc, change_orders::adjustments)
            .await
    }

    async fn get_change_order(
        &self,
        request: Request<pb::GetChangeOrderRequest>,
    ) -> Result<Response<pb::ChangeOrder>, Status> {
        self.change_order(request).await
    }

    async fn list_change_orders(
        &self,
        request: Request<pb::ListChangeOrdersRequest>,
    ) -> Result<Response<pb::ListChangeOrdersResponse>, Status> {
        self.change_orders(request).await
    }

    async fn request_payment(
        &self,
        request: Request<pb::RequestPaymentRequest>,
    ) -> Result<Response<pb::PaymentRequest>, Status> {
        self.connected(&request)?;
        self.ask_for_payment(request).await
    }

    async fn cancel_payment_request(
        &self,
        request: Request<pb::CancelPaymentRequestRequest>,
    ) -> Result<Response<pb::PaymentRequest>, Status> {
        self.connected(&request)?;
        self.withdraw_payment_request(request).await
    }

    async fn get_payment_request(
        &self,
        request: Request<pb::GetPaymentRequestRequest>,
    ) -> Result<Response<pb::PaymentRequest>, Status> {
        self.payment_request(request).await
    }

    async fn list_payment_requests(
        &self,
        request: Request<pb::ListPaymentRequestsRequest>,
    ) -> Result<Response<pb::ListPaymentRequestsResponse>, Status> {
        self.payment_requests(request).await
    }

    async fn list_renewals(
        &self,
        request: Request<pb::ListRenewalsRequest>,
    ) -> Result<Response<pb::ListRenewalsResponse>, Status> {
        self.renewals(request).await
    }

    async fn assign_renewal(
        &self,
        request: Request<pb::AssignRenewalRequest>,
    ) -> Result<Response<pb::Renewal>, Status> {
        self.assigned(request).await
    }
}
