//! Listings.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, UnitOfWork};
use serde_json::{Value, json};

use crate::domain::listing::{Listing, ReleaseWay};
use crate::store;

/// Keeps a listing as it is given now; offers that were drafted keep the listing that they had.
pub(crate) async fn register(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    listing: Listing,
) -> Result<Listing, Failure> {
    let now = uow.now();
    let product_id = listing.product_id.as_str().to_owned();
    let before = store::listing::find(uow.connection(), seller, &product_id).await?;
    if before.as_ref() == Some(&listing) {
        return Ok(listing);
    }
    store::listing::put(uow.connection(), seller, &listing, now).await?;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: None,
        aggregate_id: product_id,
        action: "register_listing".to_owned(),
        reason: String::new(),
        before: before.as_ref().map(view),
        after: Some(view(&listing)),
    })
    .await?;
    Ok(listing)
}

fn view(listing: &Listing) -> Value {
    let by_portal = listing.release_way == ReleaseWay::Portal;
    json!({
        "title": listing.title,
        "dimension_keys": listing.dimension_keys,
        "by_portal": by_portal,
    })
}
