//! Products of the seller on AWS Marketplace: the calls.

use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed, parse, reply};
use crate::{commands, store};

impl Offers {
    pub(super) async fn listing_registered(
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

    pub(super) async fn listings(
        &self,
        request: Request<pb::ListListingsRequest>,
    ) -> Result<Response<pb::ListListingsResponse>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::listing::all(&mut *reader, &call.seller).await;
        let listings = found.map_err(failed)?.iter().map(reply::listing).collect();
        Ok(Response::new(pb::ListListingsResponse { listings }))
    }
}
