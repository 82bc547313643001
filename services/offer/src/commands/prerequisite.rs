//! What a person confirms of the seller's AWS account: pre-flight's checklist.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::json;

use super::offer::principal;
use crate::domain::preflight::prerequisite::{self, Confirmation, Prerequisite};
use crate::store;

/// Notes that the account has what the item asks for, or no longer has.
pub(crate) async fn confirm(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    item: &str,
    confirmed: bool,
) -> Result<(&'static Prerequisite, Option<Confirmation>), Failure> {
    let known = prerequisite::find(item)
        .ok_or_else(|| Rejection::not_found("PREREQUISITE_UNKNOWN", "item", item))?;
    let (now, by) = (uow.now(), principal(uow)?);
    let news = if confirmed {
        store::prerequisite::confirm(uow.connection(), seller, item, &by, now).await?
    } else {
        store::prerequisite::withdraw(uow.connection(), seller, item).await?
    };
    if news {
        uow.audit(NewAudit {
            seller: seller.clone(),
            engagement: None,
            aggregate_id: item.to_owned(),
            action: "confirm_prerequisite".to_owned(),
            reason: String::new(),
            before: Some(json!({ "confirmed": !confirmed })),
            after: Some(json!({ "confirmed": confirmed })),
        })
        .await?;
    }
    let all = store::prerequisite::all(uow.connection(), seller).await?;
    Ok((known, all.into_iter().find(|one| one.id == item)))
}
