//! Associating an offer that was made elsewhere (O12): compared anew, and adopted, in one transaction.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, UnitOfWork};

use super::{agreement, engagement, offer};
use crate::domain::association::{self, Asked, Expected, Facts, Seen};
use crate::domain::offer::Offer;
use crate::store;
use crate::store::engagement::Lock;

/// Adopts what AWS has under the id; `url` is where the buyer accepts an offer.
pub(crate) async fn associate(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    asked: &Asked,
    seen: &Seen,
    url: impl FnOnce(&str) -> String,
) -> Result<Offer, Failure> {
    let Asked {
        engagement_id,
        aws_offer_id,
        expected,
        ..
    } = asked;
    uow.concerns(engagement_id);
    // The lock on the engagement lets one at a time look for an open offer, as for a draft.
    let connection = uow.connection();
    let known = store::engagement::lock(connection, seller, engagement_id, Lock::ForUpdate).await?;
    let known = known.ok_or_else(|| engagement::unknown(engagement_id))?;
    let open = store::offer::open(uow.connection(), seller, engagement_id).await?;
    let namesake = store::offer::by_aws_id(uow.connection(), seller, aws_offer_id).await?;
    let accepted =
        store::agreement::of_strange_offer(uow.connection(), seller, aws_offer_id).await?;
    let id = offer::new_id(uow)?;
    let now = uow.now();
    let comparison = association::compare(aws_offer_id, &known, expected, seen, now)?;
    let product = seen.shown.product_id.as_deref();
    let facts = Facts {
        id,
        engagement: &known,
        open_offer: open.as_ref(),
        namesake: namesake.as_ref(),
        agreement: accepted.as_ref().map(|(agreement, _)| agreement),
        url: match expected {
            Expected::Direct | Expected::Partner(_) => url(product.unwrap_or_default()),
            // Nobody accepts an authorization.
            Expected::Authorization(_) => String::new(),
        },
        now,
    };
    let events = association::associate(comparison, asked, facts)?;
    let offer = offer::write(uow, seller, None, &events).await?;
    if let Some((held, standing)) = &accepted {
        agreement::follow(uow, seller, &offer, held, standing).await?;
    }
    Ok(offer)
}
