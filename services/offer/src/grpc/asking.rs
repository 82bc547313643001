//! What is asked of offers: drafts and commands.

use countersign_kernel::EngagementId;
use countersign_platform::Rejection;
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, change_orders, parse, parse_resale, reply};
use crate::commands;
use crate::domain::command::Command;
use crate::domain::id::ChangeOrderId;
use crate::domain::offer::Terms;
use crate::domain::resale::Kind;

/// What an offer is drafted from, and the change order of the agreement that it replaces.
type Drafting = ((EngagementId, Terms, Kind), Option<ChangeOrderId>);

/// The change order that is named, if one is.
fn replaced(change_order_id: &str) -> Result<Option<ChangeOrderId>, Rejection> {
    let given = Some(change_order_id).filter(|text| !text.is_empty());
    given.map(change_orders::id).transpose()
}

impl Offers {
    pub(super) async fn drafted(
        &self,
        request: Request<pb::DraftOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.draft_in_place_of(request, "offer.v1/DraftOffer", |request| {
            let (engagement, terms) = parse::draft(request)?;
            let replaces = replaced(&request.change_order_id)?;
            Ok(((engagement, terms, Kind::Direct), replaces))
        })
        .await
    }

    pub(super) async fn drafted_by_partner(
        &self,
        request: Request<pb::DraftPartnerOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.draft_in_place_of(request, "offer.v1/DraftPartnerOffer", |request| {
            let drafting = parse_resale::partner(request)?;
            Ok((drafting, replaced(&request.change_order_id)?))
        })
        .await
    }

    pub(super) async fn draft<Req: prost::Message>(
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
                            let draft = commands::change_order::draft_replacement;
                            draft(uow, &subject, &id, terms, kind).await?
                        }
                    };
                    Ok(reply::offer(&offer, uow.now().date_naive()))
                })
            })
            .await
    }

    pub(super) async fn change<Req: prost::Message>(
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
