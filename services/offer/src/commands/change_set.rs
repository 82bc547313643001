//! The request of a change set, kept before AWS is sent it (O9).

use chrono::TimeDelta;
use countersign_platform::{Failure, UnitOfWork};

use super::follow_up::Subject;
use crate::domain::engagement::Engagement;
use crate::domain::offer::{AwsError, Offer};
use crate::domain::preflight;
use crate::store;
use crate::store::engagement::Lock;

/// Keeps the request, unless the approval behind the release fell since it was asked for: returns why
/// it must not be sent then (A5, O3). A void that comes after this transaction comes after the release.
/// One that was made longer ago than `sendable_for` gives way to the new one.
pub(crate) async fn keep(
    uow: &mut UnitOfWork,
    subject: &Subject,
    offer: &Offer,
    (request, sendable_for): (&str, TimeDelta),
) -> Result<Vec<AwsError>, Failure> {
    let Subject {
        seller,
        offer_id,
        change,
    } = subject;
    let (now, id) = (uow.now(), offer.engagement_id());
    let known = store::engagement::lock(uow.connection(), seller, id, Lock::ForShare).await?;
    let engagement = known.unwrap_or_else(|| Engagement::new(id.clone()));
    let fallen = preflight::approval_findings(offer, &engagement);
    if fallen.is_empty() {
        let keep = store::change_set::keep;
        let since = now - sendable_for;
        keep(
            uow.connection(),
            seller,
            offer_id,
            *change,
            request,
            now,
            since,
        )
        .await?;
    }
    Ok(preflight::as_errors(&fallen, "not sent to AWS"))
}
