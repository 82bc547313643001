//! Renewals and replacements (O15, O16, E11): the agreements that offer tells of, and the estimates that follow
//! them.

use countersign_kernel::{Digest, EngagementId, SellerId};
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::json;

use super::refusal::refused;
use crate::domain::State;
use crate::domain::estimate::Head;
use crate::domain::form::ContentForm;
use crate::domain::renewal::renewed;
use crate::domain::replacement::{End, replaced};
use crate::store::{agreements, pricing, views};

/// The agreement that an estimate follows, and what differs in it.
#[derive(Debug, Clone)]
pub(crate) struct FollowForm {
    /// As AWS names it.
    pub(crate) agreement_id: String,
    /// The engagement that the estimate is for.
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
    form: &FollowForm,
) -> Result<State, Failure> {
    super::concerns(uow, &form.engagement_id);
    let head = behind(uow, seller, &form.agreement_id).await?;
    let policy = pricing::policy(&mut *uow.connection(), seller).await?;
    let content = renewed(&head.latest.content, policy.uplift, &form.valid_until);
    follow(uow, seller, form, &head, content).await
}

/// The agreement is over, and these charges are no longer invoiced. Returns whether that is news.
pub(crate) async fn end(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    engagement: Option<&EngagementId>,
    agreement_id: &str,
    end: &End,
) -> Result<bool, Failure> {
    if !agreements::end(uow.connection(), seller, agreement_id, end).await? {
        return Ok(false);
    }
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: engagement.cloned(),
        aggregate_id: agreement_id.to_owned(),
        action: "record_agreement_end".to_owned(),
        reason: String::new(),
        before: None,
        after: Some(json!({ "ended_at": end.at, "dropped": end.dropped.len() })),
    })
    .await?;
    Ok(true)
}

/// Starts the estimate of what replaces an agreement that is over, under the seller's rules of today.
pub(crate) async fn replace(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    form: &FollowForm,
) -> Result<State, Failure> {
    super::concerns(uow, &form.engagement_id);
    let id = &form.agreement_id;
    let head = behind(uow, seller, id).await?;
    let end = agreements::ended(&mut *uow.connection(), seller, id).await?;
    let end = end.ok_or_else(|| {
        let text = "the agreement goes on: request its cancellation with a change order first";
        Rejection::failed_precondition("AGREEMENT_NOT_OVER", text)
    })?;
    let policy = pricing::policy(&mut *uow.connection(), seller).await?;
    let (content, today) = (&head.latest.content, uow.now().date_naive());
    let content = replaced(
        content,
        &end.dropped,
        policy.uplift,
        today,
        &form.valid_until,
    );
    let content = content.map_err(|wrong| refused(wrong.into()))?;
    follow(uow, seller, form, &head, content).await
}

/// What was approved behind the agreement.
async fn behind(uow: &mut UnitOfWork, seller: &SellerId, id: &str) -> Result<Head, Failure> {
    let digest = agreements::approved(&mut *uow.connection(), seller, id).await?;
    let state = match digest {
        Some(digest) => views::approved_under(&mut *uow.connection(), seller, digest).await?,
        None => State::Absent,
    };
    let head = state.head().cloned();
    Ok(head.ok_or_else(|| Rejection::not_found("AGREEMENT_UNKNOWN", "agreement", id))?)
}

async fn follow(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    form: &FollowForm,
    head: &Head,
    content: ContentForm,
) -> Result<State, Failure> {
    let customer_name = match form.customer_name.as_str() {
        "" => &head.customer_name,
        other => other,
    };
    let start = super::Start {
        engagement_id: &form.engagement_id,
        customer_name,
        content,
        follows: Some(form.agreement_id.clone()),
    };
    super::start(uow, seller, start).await
}
