//! Orders (O14): placed with the agreement, registered by a person, or by what their clock's end brings.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};

use super::clock;
use super::offer::principal;
use crate::domain::clock::Clock;
use crate::domain::id::AgreementId;
use crate::domain::order::{self, Order, Registrant, State};
use crate::events::outbound;
use crate::store;

/// Keeps a new order and starts its clock; one that is known stays as it is. A public order is flagged
/// at once.
pub(super) async fn place(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    (order, clock): (Order, Clock),
) -> Result<(), Failure> {
    if !store::order::insert(uow.connection(), seller, &order).await? {
        return Ok(());
    }
    audit(uow, seller, None, &order).await?;
    clock::start(uow, seller, &clock).await?;
    if order.offer_id.is_none() {
        tell(uow, seller, &order, outbound::public_order(&order, &clock)).await?;
    }
    Ok(())
}

/// Who bought, as a person says.
pub(crate) async fn register(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
    registrant: &Registrant,
) -> Result<Order, Failure> {
    let known = store::order::find(uow.connection(), seller, agreement).await?;
    let known = known.ok_or_else(|| unknown(agreement.as_str()))?;
    // The clock first, as when it rings: whoever of the two is later finds what the other did.
    let clock = store::clock::lock(uow.connection(), seller, &known.clock_id).await?;
    let before = store::order::lock_by_clock(uow.connection(), seller, &known.clock_id).await?;
    let before = before.ok_or_else(|| Failure::internal("registering an order", "it is gone"))?;
    uow.concerns(&before.engagement_id);
    let (by, now) = (principal(uow)?, uow.now());
    let Some(after) = order::register(&before, registrant, Some(&by), now)? else {
        return Ok(before);
    };
    write(uow, seller, &before, &after).await?;
    if let Some(clock) = clock {
        clock::finish(uow, seller, &clock, Some("the order is registered")).await?;
    }
    Ok(after)
}

/// There is no such order of this seller.
fn unknown(agreement: &str) -> Rejection {
    Rejection::not_found("ORDER_UNKNOWN", "order", agreement)
}

/// What follows when the clock of an order has rung: it registers itself from its offer's metadata, or
/// its refund is advised.
pub(super) async fn follow_clock(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    clock: &Clock,
) -> Result<(), Failure> {
    if !clock.kind.of_orders() {
        return Ok(());
    }
    let found = store::order::lock_by_clock(uow.connection(), seller, &clock.id).await?;
    let Some(before) = found else {
        // A person started it, before orders were kept.
        return Ok(());
    };
    let after = match &clock.offer_id {
        None => order::advise_refund(&before, uow.now()),
        Some(offer_id) => {
            let offer = store::offer::find(uow.connection(), seller, offer_id).await?;
            let offer =
                offer.ok_or_else(|| Failure::internal("registering an order", "no offer"))?;
            order::register(&before, &Registrant::of(&offer), None, uow.now())?
        }
    };
    match after {
        Some(after) => write(uow, seller, &before, &after).await,
        None => Ok(()),
    }
}

/// Nobody needs to say who bought what is over.
pub(super) async fn end(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<(), Failure> {
    let Some(order) = store::order::find(uow.connection(), seller, agreement).await? else {
        return Ok(());
    };
    clock::end_one(uow, seller, &order.clock_id, Some("the agreement is over")).await
}

/// State first, then audit, then the event.
async fn write(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: &Order,
    after: &Order,
) -> Result<(), Failure> {
    store::order::update(uow.connection(), seller, after, &before.state).await?;
    audit(uow, seller, Some(before), after).await?;
    match outbound::order(after) {
        Some(public) => tell(uow, seller, after, public).await,
        None => Ok(()),
    }
}

async fn tell(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    order: &Order,
    public: outbound::Public,
) -> Result<(), Failure> {
    uow.publish(public.about(seller, &order.engagement_id, order.agreement_id.as_str()))
        .await?;
    Ok(())
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: Option<&Order>,
    after: &Order,
) -> Result<(), Failure> {
    let action = match &after.state {
        State::Open => "place_order",
        State::Registered(_) => "register_order",
        State::RefundAdvised { .. } => "advise_refund",
    };
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(after.engagement_id.clone()),
        aggregate_id: after.agreement_id.to_string(),
        action: action.to_owned(),
        reason: String::new(),
        before: before.map(store::order::audit_view),
        after: Some(store::order::audit_view(after)),
    })
    .await
}
