//! What AWS tells by itself wakes the looks that would come anyway (O13): both ways lead to the same
//! look, so to the same event, once.

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use countersign_platform::{Failure, UnitOfWork};

use super::clock;
use super::follow_up::{LOOK_FOR_AGREEMENTS, POLL_CHANGE_SET, Subject};
use crate::domain::id::{AwsOfferId, ChangeSetId};
use crate::domain::offer::Offer;
use crate::store;

/// Looks for agreements now.
pub(crate) async fn agreements_changed(
    uow: &mut UnitOfWork,
    seller: &SellerId,
) -> Result<(), Failure> {
    let woken = uow.wake_task(LOOK_FOR_AGREEMENTS, seller.as_str());
    woken.await.map(drop)
}

/// A buyer accepted, by AWS's word: if it is an offer of ours whose agreement AWS does not show yet, it has a day
/// to (O18).
pub(crate) async fn accepted(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    aws_offer_id: &AwsOfferId,
    accepted_at: DateTime<Utc>,
) -> Result<(), Failure> {
    let found = store::offer::by_aws_id(uow.connection(), seller, aws_offer_id).await?;
    let Some(id) = found else {
        return Ok(());
    };
    let offer = store::offer::lock(uow.connection(), seller, &id).await?;
    match offer.filter(|offer| offer.agreement().is_none()) {
        Some(offer) => clock::await_agreement(uow, seller, &offer, accepted_at).await,
        None => Ok(()),
    }
}

/// Looks at the change set now, if it is one of ours that we wait for.
pub(crate) async fn change_set_ended(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    id: &ChangeSetId,
) -> Result<(), Failure> {
    let offer = store::offer::by_change_set(uow.connection(), seller, id).await?;
    let change = offer.as_ref().and_then(Offer::change_under_way);
    if let (Some(offer), Some(change)) = (offer, change) {
        let subject = Subject {
            seller: seller.clone(),
            offer_id: offer.id,
            change,
        };
        uow.wake_task(POLL_CHANGE_SET, &subject.key()).await?;
    }
    Ok(())
}
