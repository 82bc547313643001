//! Cloning: the call, and its request (O12).

use countersign_kernel::EngagementId;
use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, parse, reply};
use crate::commands;
use crate::domain::cloning::Wanted;
use crate::domain::id::OfferId;

impl Offers {
    pub(super) async fn cloned(
        &self,
        request: Request<pb::CloneOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let asked = asked(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/CloneOffer", &request, move |uow| {
                let (seller, asked) = (seller.clone(), asked.clone());
                Box::pin(async move {
                    let (source, engagement, wanted) = asked;
                    let clone = commands::cloning::clone;
                    let made = clone(uow, &seller, &source, engagement.as_ref(), &wanted).await?;
                    Ok(reply::offer(&made, uow.now().date_naive()))
                })
            })
            .await
    }
}

type Asked = (OfferId, Option<EngagementId>, Wanted);

fn asked(request: &pb::CloneOfferRequest) -> Result<Asked, Rejection> {
    let mut wrong = Violations::default();
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let source = request.offer_id.parse();
    let source = wrong.check("offer_id", "OFFER_ID_INVALID", source);
    let engagement = given(&request.engagement_id).and_then(|text| {
        let read = text.parse::<EngagementId>();
        wrong.check("engagement_id", "ENGAGEMENT_ID_INVALID", read)
    });
    let expires_on = given(&request.expires_on);
    let wanted = Wanted {
        name: given(&request.name),
        description: given(&request.description),
        expires_on: expires_on.and_then(|text| parse::day(&mut wrong, "expires_on", &text)),
    };
    wrong.finish(source.map(|source| (source, engagement, wanted)))
}
