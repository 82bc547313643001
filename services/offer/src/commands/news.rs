//! What AWS tells by itself wakes the looks that would come anyway (O13): both ways lead to the same
//! look, so to the same event, once.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, UnitOfWork};

use super::follow_up::{LOOK_FOR_AGREEMENTS, POLL_CHANGE_SET, Subject};
use crate::domain::id::ChangeSetId;
use crate::domain::offer::Offer;
use crate::store;

/// Looks for agreements now.
pub(crate) async fn agreements_changed(uow: &mut UnitOfWork) -> Result<(), Failure> {
    uow.wake_task(LOOK_FOR_AGREEMENTS, LOOK_FOR_AGREEMENTS)
        .await
        .map(drop)
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
