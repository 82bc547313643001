//! What is known of a deal, and its intake (O1): the calls.

use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed, parse, reply};
use crate::{commands, store};

impl Offers {
    pub(super) async fn intake_completed(
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

    pub(super) async fn engagement(
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
}
