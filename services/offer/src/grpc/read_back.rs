//! Reading back what a person did in AWS's portal (O10, O11). AWS is asked first, outside of any transaction.

use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response};

use super::association::not_read;
use super::{Offers, reply};
use crate::commands;
use crate::domain::command::Command;
use crate::domain::portal::{Left, Status};

const READ_BACK: &str = "offer.v1/ReadOfferBack";

impl Offers {
    pub(super) async fn read_back(
        &self,
        request: Request<pb::ReadOfferBackRequest>,
    ) -> Result<Response<pb::Offer>, tonic::Status> {
        self.connected(&request)?;
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        // What was answered is answered again, though AWS may be away by now.
        if let Some(answer) = self.commands.answered(&call, READ_BACK, &request).await? {
            return Ok(answer);
        }
        let offer = self.offer(&call.seller, &request.offer_id).await?;
        let left = match offer.publication() {
            Some(publication) => {
                let aws_offer_id = &publication.aws_offer_id;
                let shown = self.shown(aws_offer_id).await?;
                // What was published is no draft any more: AWS has a word for it that is not known here.
                if shown.status == Status::Draft {
                    return Err(not_read(aws_offer_id, &format!("it is {:?}", shown.state)).into());
                }
                Left::of(&shown)
            }
            // Refused by the decision.
            None => Left::default(),
        };
        let revision = offer.revision;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, READ_BACK, &request, move |uow| {
                let (seller, id) = (seller.clone(), offer.id.clone());
                Box::pin(async move {
                    let apply = commands::offer::apply;
                    let command = Command::ReadBack { revision, left };
                    let offer = apply(uow, &seller, &id, &command).await?;
                    Ok(reply::offer(&offer, uow.now().date_naive()))
                })
            })
            .await
    }
}
