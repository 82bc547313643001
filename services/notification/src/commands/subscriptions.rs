//! Put, remove, disable an address of an audience (N4).

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, Rejection, UnitOfWork};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::subscription::{self, Address, Audience, Command, Event, Subscription};
use crate::store::subscriptions;

/// Names an address of an audience, or gives a known one another secret. Returns it as it stands.
pub(crate) async fn put(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    audience: Audience,
    address: Address,
) -> Result<Subscription, Failure> {
    let wanted = Subscription {
        id: uow.new_id(),
        audience,
        address,
        disabled_at: None,
    };
    let place = wanted.address.place().to_owned();
    let command = Command::Put {
        subscription: wanted.clone(),
    };
    let state = execute(uow, seller, &wanted, command, "").await?;
    let put = state
        .0
        .into_iter()
        .find(|known| known.address.place() == place);
    put.ok_or_else(|| Failure::internal("putting a subscription", "it is not there"))
}

/// Takes an address away.
pub(crate) async fn remove(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    id: Uuid,
) -> Result<(), Failure> {
    let known = subscriptions::get(uow.connection(), seller, id).await?;
    let known = known.ok_or_else(|| unknown(&id.to_string()))?;
    execute(uow, seller, &known, Command::Remove { id }, "")
        .await
        .map(drop)
}

/// Sends nothing more to an address that said that it is gone; one removed meanwhile is no matter.
pub(super) async fn disable(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    id: Uuid,
    answer: &str,
) -> Result<(), Failure> {
    let Some(known) = subscriptions::get(uow.connection(), seller, id).await? else {
        return Ok(());
    };
    let command = Command::Disable { id, at: uow.now() };
    match execute(uow, seller, &known, command, answer).await {
        Err(Failure::Rejected(_)) => Ok(()),
        other => other.map(drop),
    }
}

/// The refusal of an id that names no subscription of the seller.
pub(crate) fn unknown(id: &str) -> Rejection {
    Rejection::not_found("SUBSCRIPTION_UNKNOWN", "subscription", id)
}

/// Decides among the subscribers of the audience and channel of `about`, and writes what follows.
async fn execute(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    about: &Subscription,
    command: Command,
    reason: &str,
) -> Result<subscription::Subscribers, Failure> {
    let channel = about.address.channel();
    let mut state = subscriptions::lock(uow.connection(), seller, about.audience, channel).await?;
    let events = subscription::decide(&state, command).map_err(|rejection| match rejection {
        subscription::Rejection::TooManyAddresses => {
            Rejection::failed_precondition("TOO_MANY_ADDRESSES", rejection.to_string())
                .with("limit", subscription::MAX_ADDRESSES)
        }
        subscription::Rejection::Unknown => unknown(&about.id.to_string()),
    })?;
    for event in &events {
        let written = subscriptions::apply(uow.connection(), seller, event).await?;
        Failure::unless_one_row("the subscription", written)?;
        audit(uow, seller, &state, event, reason).await?;
        state = subscription::evolve(state, event);
    }
    Ok(state)
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    before: &subscription::Subscribers,
    event: &Event,
    reason: &str,
) -> Result<(), Failure> {
    let (action, changed, after) = match event {
        Event::Added(added) => ("add", added, Some(added)),
        Event::Renewed(renewed) => ("renew", renewed, Some(renewed)),
        Event::Disabled(disabled) => ("disable", disabled, Some(disabled)),
        Event::Removed(removed) => ("remove", removed, None),
    };
    let known = before.0.iter().find(|known| known.id == changed.id);
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: None,
        aggregate_id: changed.id.to_string(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        before: known.map(snapshot),
        after: after.map(snapshot),
    })
    .await
}

/// A subscription for the audit trail: of its secret not even a digest.
fn snapshot(subscription: &Subscription) -> Value {
    json!({
        "audience": subscription.audience.name(),
        "channel": subscription.address.channel().name(),
        "address": subscription.address.place(),
        "disabled_at": subscription.disabled_at,
    })
}
