//! Renewals (O16, E11): the agreements that offer tells of, and the estimates that follow them.

use countersign_kernel::{Digest, EngagementId, SellerId};
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::json;

use crate::domain::State;
use crate::domain::renewal::renewed;
use crate::store::{agreements, pricing, views};

/// The agreement that a renewal follows, and what differs in it.
#[derive(Debug, Clone)]
pub(crate) struct RenewalForm {
    /// As AWS names it.
    pub(crate) agreement_id: String,
    /// The engagement that the renewal is for.
    pub(crate) engagement_id: String,
    /// Its customer; empty for the same one.
    pub(crate) customer_name: String,
    /// Its own last day of validity.
    pub(crate) valid_until: String,
}

/// The buyer accepted what was approved under `digest`. Returns whether that is news.
pub(crate) async fn record(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    engagement: Option<&EngagementId>,
    agreement_id: &str,
    digest: Digest,
) -> Result<bool, Failure> {
    let now = uow.now();
    if !agreements::keep(uow.connection(), seller, agreement_id, digest, now).await? {
        return Ok(false);
    }
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: engagement.cloned(),
        aggregate_id: agreement_id.to_owned(),
        action: "record_agreement".to_owned(),
        reason: String::new(),
        before: None,
        after: Some(json!({ "approved_digest": digest.to_string() })),
    })
    .await?;
    Ok(true)
}

/// Starts the estimate of a renewal from what was approved behind the agreement, under the seller's
/// rules of today.
pub(crate) async fn start(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    form: &RenewalForm,
) -> Result<State, Failure> {
    let id = &form.agreement_id;
    let digest = agreements::approved(&mut *uow.connection(), seller, id).await?;
    let state = match digest {
        Some(digest) => views::approved_under(&mut *uow.connection(), seller, digest).await?,
        None => State::Absent,
    };
    let head = state
        .head()
        .ok_or_else(|| Rejection::not_found("AGREEMENT_UNKNOWN", "agreement", id))?;
    let policy = pricing::policy(&mut *uow.connection(), seller).await?;
    let content = renewed(&head.latest.content, policy.uplift, &form.valid_until);
    let customer_name = match form.customer_name.as_str() {
        "" => &head.customer_name,
        other => other,
    };
    let start = super::Start {
        engagement_id: &form.engagement_id,
        customer_name,
        content,
        follows: Some(id.clone()),
    };
    super::start(uow, seller, start).await
}
