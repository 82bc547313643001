//! Commands on the seller's pricing rules (E2, E3). They touch no estimate: a version keeps the
//! rules under which it was written.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, Rejection as Refusal, UnitOfWork};
use serde_json::{Value, json};

use super::refusal::refused;
use crate::domain::fee::{ListingFee, ListingFeeForm};
use crate::domain::policy::{PolicyForm, PricingPolicy};
use crate::store::pricing::{self, Added, MAX_OWN_FEES};

/// Replaces the seller's policy.
pub(crate) async fn put_policy(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    form: &PolicyForm,
) -> Result<PricingPolicy, Failure> {
    let policy = form.check().map_err(refused)?;
    let now = uow.now();
    let before = pricing::policy(uow.connection(), seller).await?;
    pricing::put_policy(uow.connection(), seller, &policy, now).await?;
    let (before, after) = (policy_value(&before), policy_value(&policy));
    audit(uow, seller, "pricing-policy", "put", Some(before), after).await?;
    Ok(policy)
}

/// Adds a listing fee of the seller's own.
pub(crate) async fn add_listing_fee(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    form: &ListingFeeForm,
) -> Result<ListingFee, Failure> {
    let fee = form.check().map_err(refused)?;
    let now = uow.now();
    match pricing::add_fee(uow.connection(), seller, &fee, now).await? {
        Added::New => {}
        Added::AlreadyThere => {
            let name = format!("for {} from {} on", fee.product_type, fee.effective_from);
            return Err(Refusal::already_exists("LISTING_FEE_EXISTS", "listing fee", &name).into());
        }
        Added::TooMany => {
            let most = format!("at most {MAX_OWN_FEES} listing fees of one's own");
            return Err(Refusal::failed_precondition("TOO_MANY_LISTING_FEES", most)
                .with("limit", MAX_OWN_FEES)
                .into());
        }
    }
    audit(uow, seller, "listing-fees", "add", None, fee_value(&fee)).await?;
    Ok(fee)
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    aggregate_id: &str,
    action: &str,
    before: Option<Value>,
    after: Value,
) -> Result<(), Failure> {
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: None,
        aggregate_id: aggregate_id.to_owned(),
        action: action.to_owned(),
        reason: String::new(),
        before,
        after: Some(after),
    })
    .await
}

fn policy_value(policy: &PricingPolicy) -> Value {
    json!({
        "uplift": policy.uplift.to_string(),
        "allow_prepaid": policy.allow_prepaid,
        "allow_installments": policy.allow_installments,
        "allow_variable": policy.allow_variable,
    })
}

fn fee_value(fee: &ListingFee) -> Value {
    json!({
        "product_type": fee.product_type,
        "offer_kind": fee.offer_kind.code(),
        "region": fee.region,
        "minimum_contract_value": fee.minimum_contract_value.map(|minimum| minimum.to_string()),
        "renewal": fee.renewal,
        "rate": fee.rate.to_string(),
        "effective_from": fee.effective_from.to_string(),
    })
}
