//! What a seller's AWS account is taken to allow.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, UnitOfWork};

use crate::domain::limits::Limits;
use crate::store;

/// Replaces the seller's limits: what was released, and clocks that run, keep theirs.
pub(crate) async fn put(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    limits: Limits,
) -> Result<Limits, Failure> {
    let now = uow.now();
    let before = store::limits::of(uow.connection(), seller).await?;
    if before == limits {
        return Ok(limits);
    }
    store::limits::put(uow.connection(), seller, &limits, now).await?;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: None,
        aggregate_id: "marketplace_limits".to_owned(),
        action: "put_marketplace_limits".to_owned(),
        reason: String::new(),
        before: Some(store::limits::audit_view(&before)),
        after: Some(store::limits::audit_view(&limits)),
    })
    .await?;
    Ok(limits)
}
