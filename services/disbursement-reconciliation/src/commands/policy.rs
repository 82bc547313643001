//! The seller's policy: for agreements accepted from now on.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, UnitOfWork};
use serde_json::{Value, json};

use crate::domain::policy::{Policy, Schedule};
use crate::store;

/// What the audit trail calls it.
const AGGREGATE: &str = "cash-policy";

/// Puts the policy.
pub(crate) async fn put(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    policy: Policy,
) -> Result<(), Failure> {
    let now = uow.now();
    store::due::take_turn(uow.connection(), seller).await?;
    let before = store::policy::load(uow.connection(), seller).await?;
    store::policy::put(uow.connection(), seller, policy, now).await?;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: None,
        aggregate_id: AGGREGATE.to_owned(),
        action: "put".to_owned(),
        reason: String::new(),
        before: Some(summary(before)),
        after: Some(summary(policy)),
    })
    .await
}

fn summary(policy: Policy) -> Value {
    let monthly_day = match policy.cash.schedule() {
        Schedule::Daily => None,
        Schedule::Monthly(day) => Some(day),
    };
    json!({
        "monthly_day": monthly_day,
        "penny_tolerance_minor_units": policy.cash.penny_tolerance(),
        "resale_fee_rate": policy.resale_fee.fraction().to_string(),
    })
}
