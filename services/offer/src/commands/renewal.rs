//! Who sees to the renewal of an agreement (O16).

use countersign_kernel::{Principal, SellerId};
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::json;

use crate::domain::id::AgreementId;
use crate::domain::renewal::Renewal;
use crate::store;
use crate::store::renewal::Wanted;

/// Names who sees to it. Naming the same again changes nothing.
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
    let found = store::renewal::page(&mut *uow.connection(), seller, &wanted, None, 1).await?;
    let Some(before) = found.into_iter().next() else {
        return Err(unknown(agreement.as_str()).into());
    };
    if before.owner == owner {
        return Ok(before);
    }
    let now = uow.now();
    store::renewal::assign(uow.connection(), seller, agreement, &owner, now).await?;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(before.engagement_id.clone()),
        aggregate_id: agreement.to_string(),
        action: "assign_renewal".to_owned(),
        reason: String::new(),
        before: Some(json!({ "owner": before.owner.as_str() })),
        after: Some(json!({ "owner": owner.as_str() })),
    })
    .await?;
    Ok(Renewal { owner, ..before })
}

/// There is no such agreement of this seller that ends and is not over.
pub(crate) fn unknown(agreement: &str) -> Rejection {
    Rejection::not_found("RENEWAL_UNKNOWN", "renewal of agreement", agreement)
}
