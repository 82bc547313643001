//! Cloning an offer (O12): the intake where it is missing, and the draft, in one transaction.

use countersign_kernel::{EngagementId, SellerId};
use countersign_platform::{Failure, UnitOfWork};

use super::{engagement, offer};
use crate::domain::cloning::{self, Wanted};
use crate::domain::id::OfferId;
use crate::domain::offer::{Offer, Origin};
use crate::store;
use crate::store::engagement::Lock;

/// Drafts an offer from the terms of `source`, for `engagement_id` or, without one, for the same
/// engagement.
pub(crate) async fn clone(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    source: &OfferId,
    engagement_id: Option<&EngagementId>,
    wanted: &Wanted,
) -> Result<Offer, Failure> {
    let found = store::offer::find(uow.connection(), seller, source).await?;
    let source = found.ok_or_else(|| offer::unknown(source.as_str()))?;
    let terms = cloning::terms(&source, wanted)?;
    let id = engagement_id.unwrap_or_else(|| source.engagement_id());
    let known = store::engagement::lock(uow.connection(), seller, id, Lock::ForUpdate).await?;
    let known = known.ok_or_else(|| engagement::unknown(id))?;
    if let Some(form) = cloning::intake(&source, &known) {
        engagement::complete_intake(uow, seller, id, form).await?;
    }
    let from = source.id.clone();
    let made = (source.basis.kind.clone(), Origin::Cloned { from });
    offer::draft_as(uow, seller, id, terms, made).await
}
