//! gRPC: parse, call, convert.

mod association;
mod change_orders;
mod clocks;
mod cloning;
mod import;
mod limits;
mod offers;
mod orders;
mod parse;
mod parse_resale;
mod payments;
mod read_back;
mod renewals;
mod reply;

use std::sync::Arc;

use countersign_kernel::{EngagementId, SellerId};
use countersign_platform::{Commands, Failure, Rejection, async_trait};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer_service_server::OfferService;
use tonic::{Request, Response, Status};

use crate::commands;
use crate::config::OfferConfig;
use crate::documents::store::DocumentStore;
use crate::domain::command::Command;
use crate::domain::id::ChangeOrderId;
use crate::domain::offer::Terms;
use crate::domain::resale::Kind;
use crate::marketplace::Marketplace;
use crate::{store, wire};

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

/// What an offer is drafted from, and the change order of the agreement that it replaces.
type Drafting = ((EngagementId, Terms, Kind), Option<ChangeOrderId>);

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

    async fn draft<Req: prost::Message>(
        &self,
        request: Request<Req>,
        rpc: &'static str,
        parse: impl FnOnce(&Req) -> Result<(EngagementId, Terms, Kind), Rejection>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.draft_in_place_of(request, rpc, |request| Ok((parse(request)?, None)))
            .await
    }

    /// Drafts an offer, where a change order is named in the place of its agreement (O15).
    async fn draft_in_place_of<Req: prost::Message>(
        &self,
        request: Request<Req>,
        rpc: &'static str,
        parse: impl FnOnce(&Req) -> Result<Drafting, Rejection>,
    ) -> Result<Response<pb::Offer>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let ((engagement, terms, kind), replaces) = parse(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, rpc, &request, move |uow| {
                let (seller, id) = (seller.clone(), engagement.clone());
                let (terms, kind) = (terms.clone(), kind.clone());
                let replaces = replaces.clone();
                Box::pin(async move {
                    let offer = match replaces {
                        None => commands::offer::draft(uow, &seller, &id, terms, kind).await?,
                        Some(replaces) => {
                            let subject = commands::change_order::Subject {
                                seller,
                                id: replaces,
                            };
                            commands::change_order::draft_replacement(uow, &subject, &id, terms)
                                .await?
                        }
                    };
                    Ok(reply::offer(&offer, uow.now().date_naive()))
                })
            })
            .await
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
        self.draft_in_place_of(request, "offer.v1/DraftOffer", |request| {
            let (engagement, terms) = parse::draft(request)?;
            let given = Some(request.change_order_id.as_str()).filter(|text| !text.is_empty());
            let replaces = given.map(change_orders::id).transpose()?;
            Ok(((engagement, terms, Kind::Direct), replaces))
        })
        .await
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
        self.draft(request, "offer.v1/DraftPartnerOffer", parse_resale::partner)
            .await
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
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (seller, item, confirmed) =
            (call.seller.clone(), request.item.clone(), request.confirmed);
        self.commands
            .execute(
                &call,
                "offer.v1/ConfirmPrerequisite",
                &request,
                move |uow| {
                    let (seller, item) = (seller.clone(), item.clone());
                    Box::pin(async move {
                        let confirm = commands::prerequisite::confirm;
                        let (known, by) = confirm(uow, &seller, &item, confirmed).await?;
                        Ok(reply::checklist_item(known, by.as_ref()))
                    })
                },
            )
            .await
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
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (offer_id, kind, at) = clocks::start(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/StartClock", &request, move |uow| {
                let (seller, id) = (seller.clone(), offer_id.clone());
                Box::pin(async move {
                    let start = commands::clock::start_by_hand;
                    Ok(wire::clock(&start(uow, &seller, &id, kind, at).await?))
                })
            })
            .await
    }

    async fn settle_clock(
        &self,
        request: Request<pb::SettleClockRequest>,
    ) -> Result<Response<pb::Clock>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (seller, given) = (call.seller.clone(), request.clone());
        self.commands
            .execute(&call, "offer.v1/SettleClock", &request, move |uow| {
                let (seller, given) = (seller.clone(), given.clone());
                Box::pin(async move {
                    let (id, reason) = (&given.clock_id, &given.reason);
                    let clock = commands::clock::settle(uow, &seller, id, reason).await?;
                    Ok(wire::clock(&clock))
                })
            })
            .await
    }

    async fn list_clocks(
        &self,
        request: Request<pb::ListClocksRequest>,
    ) -> Result<Response<pb::ListClocksResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (wanted, page) = clocks::wanted(request.get_ref())?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let (after, limit) = (page.after.as_ref(), page.limit());
        let found = store::clock::page(&mut *reader, &call.seller, &wanted, after, limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(clocks::page(&page, found)))
    }

    async fn register_order(
        &self,
        request: Request<pb::RegisterOrderRequest>,
    ) -> Result<Response<pb::Order>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (agreement, registrant) = orders::registration(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/RegisterOrder", &request, move |uow| {
                let (seller, id) = (seller.clone(), agreement.clone());
                let registrant = registrant.clone();
                Box::pin(async move {
                    let register = commands::order::register;
                    let order = register(uow, &seller, &id, &registrant).await?;
                    Ok(wire::order::order(&order))
                })
            })
            .await
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (state, page) = orders::wanted(request.get_ref())?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let (after, limit) = (page.after.as_ref(), page.limit());
        let found = store::order::page(&mut *reader, &call.seller, state, after, limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(orders::page(&page, found)))
    }

    async fn get_calendar(
        &self,
        request: Request<pb::GetCalendarRequest>,
    ) -> Result<Response<pb::Calendar>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::calendar::find(&mut *reader, &call.seller).await;
        let calendar = found.map_err(failed)?.unwrap_or_default();
        Ok(Response::new(clocks::shown(&calendar)))
    }

    async fn put_calendar(
        &self,
        request: Request<pb::PutCalendarRequest>,
    ) -> Result<Response<pb::Calendar>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let calendar = clocks::calendar(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/PutCalendar", &request, move |uow| {
                let (seller, calendar) = (seller.clone(), calendar.clone());
                Box::pin(async move {
                    let kept = commands::clock::put_calendar(uow, &seller, calendar).await?;
                    Ok(clocks::shown(&kept))
                })
            })
            .await
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
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::renewal::milestones(&mut *reader, &call.seller).await;
        let milestones = found.map_err(failed)?.unwrap_or_default();
        Ok(Response::new(renewals::policy(&milestones)))
    }

    async fn put_renewal_policy(
        &self,
        request: Request<pb::PutRenewalPolicyRequest>,
    ) -> Result<Response<pb::RenewalPolicy>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let milestones = renewals::milestones(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/PutRenewalPolicy", &request, move |uow| {
                let (seller, milestones) = (seller.clone(), milestones.clone());
                Box::pin(async move {
                    let put = commands::renewal::put_milestones;
                    let kept = put(uow, &seller, milestones).await?;
                    Ok(renewals::policy(&kept))
                })
            })
            .await
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
