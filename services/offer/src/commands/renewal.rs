//! Who sees to the renewal of an agreement (O16).

use countersign_kernel::{Principal, SellerId};
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::json;

use super::clock;
use crate::domain::id::AgreementId;
use crate::domain::milestones::Milestones;
use crate::domain::renewal::Renewal;
use crate::store;
use crate::store::ending::Wanted;

/// Names who sees to it, and to its milestones from now on. Naming the same again changes nothing.
pub(crate) async fn assign(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
    owner: Principal,
) -> Result<Renewal, Failure> {
    let wanted = Wanted {
        agreement_id: Some(agreement.clone()),
        ..Wanted::default()
    };
    let now = uow.now();
    // Before its clocks, as whoever starts them does.
    store::agreement::lock(uow.connection(), seller, agreement).await?;
    let found = store::ending::page(uow.connection(), seller, &wanted, None, 1, now).await?;
    let Some(before) = found.into_iter().next() else {
        return Err(unknown(agreement.as_str()).into());
    };
    if before.owner.as_ref() == Some(&owner) {
        return Ok(before);
    }
    let view = |owner: &Principal| json!({ "owner": owner.as_str() });
    store::renewal::assign(uow.connection(), seller, agreement, &owner, now).await?;
    clock::name(uow, seller, &before, &owner).await?;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(before.engagement_id.clone()),
        aggregate_id: agreement.to_string(),
        action: "assign_renewal".to_owned(),
        reason: String::new(),
        before: before.owner.as_ref().map(view),
        after: Some(view(&owner)),
    })
    .await?;
    Ok(Renewal {
        owner: Some(owner),
        ..before
    })
}

/// Replaces the seller's milestones: clocks that run keep their time.
pub(crate) async fn put_milestones(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    milestones: Milestones,
) -> Result<Milestones, Failure> {
    let now = uow.now();
    let before = store::renewal::milestones(&mut *uow.connection(), seller).await?;
    if before.as_ref() == Some(&milestones) {
        return Ok(milestones);
    }
    store::renewal::put_milestones(uow.connection(), seller, &milestones, now).await?;
    let view = |milestones: &Milestones| json!({ "milestone_days": milestones.days() });
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: None,
        aggregate_id: "renewal_policy".to_owned(),
        action: "put_renewal_policy".to_owned(),
        reason: String::new(),
        before: before.as_ref().map(view),
        after: Some(view(&milestones)),
    })
    .await?;
    Ok(milestones)
}

/// There is no such agreement of this seller that ends and is not over.
pub(crate) fn unknown(agreement: &str) -> Rejection {
    Rejection::not_found("RENEWAL_UNKNOWN", "renewal of agreement", agreement)
}
