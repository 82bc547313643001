//! What a person confirms of the seller's AWS account, pre-flight's checklist (facts §1.3, §2): the calls.

use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, reply};
use crate::commands;

impl Offers {
    pub(super) async fn prerequisite_confirmed(
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
}
