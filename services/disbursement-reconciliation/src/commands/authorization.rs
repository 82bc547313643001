//! The manufacturer's side of a resale: authorizations, and the sales that the feeds tell of (O2, R1).

use chrono::NaiveDate;
use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::json;
use tracing::Instrument;

use super::agreement;
use crate::domain::authorization::{Authorization, Sale};
use crate::domain::ids::AgreementId;
use crate::store;

/// The seller's authorization was released: its sales bring this much. Told again, it is the same.
pub(crate) async fn release(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    authorization: &Authorization,
) -> Result<(), Failure> {
    store::due::take_turn(uow.connection(), seller).await?;
    uow.concerns(&authorization.engagement);
    if !store::authorization::insert(uow.connection(), seller, authorization).await? {
        let known = store::authorization::find(uow.connection(), seller, &authorization.id).await?;
        if known.as_ref() != Some(authorization) {
            return Err(Rejection::failed_precondition(
                "AUTHORIZATION_OTHERWISE",
                "the authorization was released before, on other terms",
            )
            .into());
        }
        return Ok(());
    }
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(authorization.engagement.clone()),
        aggregate_id: authorization.id.to_string(),
        action: "release_authorization".to_owned(),
        reason: String::new(),
        before: None,
        after: Some(json!({
            "wholesale_price": authorization.price_total.to_string(),
            "charges": authorization.charges.len(),
        })),
    })
    .await
}

/// A buyer accepted a reseller's offer: expects the wholesale price of it, and takes in the rows that came
/// before.
pub(crate) async fn sell(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    sale: Sale,
) -> Result<(), Failure> {
    let found = store::authorization::find(uow.connection(), seller, &sale.authorization).await?;
    let Some(authorization) = found else {
        return Err(Failure::internal(
            "a sale",
            "its authorization is not known",
        ));
    };
    uow.concerns(&authorization.engagement);
    // Feeds come by the clock; what they tell goes on with the deal of the authorization.
    let step = uow.resume_trace(seller, authorization.id.as_str()).await?;
    let policy = agreement::policy_in_turn(uow, seller).await?;
    let sold = authorization.sold(sale, policy.resale_fee);
    let sold = sold.map_err(|wrong| Failure::internal("a sale", wrong))?;
    agreement::expect_all(uow, seller, sold, policy.cash)
        .instrument(step)
        .await
}

/// The feeds tell that a reseller's agreement was over on this day: of its charges those are dropped whose
/// day had not come (O15).
pub(crate) async fn end(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
    ended_on: NaiveDate,
) -> Result<(), Failure> {
    let dropped =
        store::authorization::not_due(uow.connection(), seller, agreement, ended_on).await?;
    agreement::end(uow, seller, agreement, dropped).await
}
