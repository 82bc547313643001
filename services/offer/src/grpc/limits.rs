//! What a seller's AWS account is taken to allow: the calls, and proto ↔ domain.

use countersign_platform::Rejection;
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed};
use crate::domain::limits::Limits;
use crate::domain::rejection;
use crate::{commands, store};

impl Offers {
    pub(super) async fn limits(
        &self,
        request: Request<pb::GetMarketplaceLimitsRequest>,
    ) -> Result<Response<pb::MarketplaceLimits>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let limits = store::limits::of(&mut *reader, &call.seller).await;
        Ok(Response::new(shown(limits.map_err(failed)?)))
    }

    pub(super) async fn limits_put(
        &self,
        request: Request<pb::PutMarketplaceLimitsRequest>,
    ) -> Result<Response<pb::MarketplaceLimits>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let limits = given(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(
                &call,
                "offer.v1/PutMarketplaceLimits",
                &request,
                move |uow| {
                    let seller = seller.clone();
                    Box::pin(async move {
                        Ok(shown(commands::limits::put(uow, &seller, limits).await?))
                    })
                },
            )
            .await
    }
}

fn given(request: &pb::PutMarketplaceLimitsRequest) -> Result<Limits, Rejection> {
    let given = request.limits.unwrap_or_default();
    let limits = Limits {
        charges: given.charges,
        document_bytes: given.document_bytes,
        publish_minutes: given.publish_minutes,
        agreement_months: given.agreement_months,
        concurrent_agreements: given.concurrent_agreements,
        rupees: given.rupees,
    };
    let checked = limits.checked();
    checked.map_err(|wrong| commands::refusal(&rejection::Rejection::Invalid(wrong)))
}

const fn shown(limits: Limits) -> pb::MarketplaceLimits {
    pb::MarketplaceLimits {
        charges: limits.charges,
        document_bytes: limits.document_bytes,
        publish_minutes: limits.publish_minutes,
        agreement_months: limits.agreement_months,
        concurrent_agreements: limits.concurrent_agreements,
        rupees: limits.rupees,
    }
}
