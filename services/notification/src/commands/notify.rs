//! An event → deliveries queued, each with the task that sends it (N1, N2, N3, N6).

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, NewTask, UnitOfWork};
use serde_json::json;
use uuid::Uuid;

use crate::domain::cause::Cause;
use crate::domain::notices::Reader;
use crate::domain::plan::{Plan, Planned, Writer, plan};
use crate::domain::subscription::Channel;
use crate::store::{deliveries, subscriptions};

/// The task that sends a delivery; its payload names seller and delivery.
pub(crate) const DELIVER: &str = "deliver";

/// Queues what `cause` tells everybody. Returns how many deliveries are new: none when the event
/// was told before (N6).
pub(crate) async fn notify(
    uow: &mut UnitOfWork,
    writer: &dyn Writer,
    cause: &Cause,
) -> Result<usize, Failure> {
    let known = subscriptions::list(uow.connection(), &cause.seller).await?;
    let plan = plan(cause, &known);
    warn_of_unheard(cause, &plan);
    if plan
        .deliveries
        .iter()
        .any(|one| one.channel == Channel::Webhook)
    {
        deliveries::lock_webhook_log(uow.connection(), &cause.seller).await?;
    }
    let mut queued = 0;
    for planned in &plan.deliveries {
        queued += usize::from(queue(uow, writer, cause, planned).await?);
    }
    Ok(queued)
}

async fn queue(
    uow: &mut UnitOfWork,
    writer: &dyn Writer,
    cause: &Cause,
    planned: &Planned,
) -> Result<bool, Failure> {
    let content = writer
        .write(planned, cause)
        .map_err(|error| Failure::internal("writing a notice", error))?;
    let (id, now) = (uow.new_id(), uow.now());
    if !deliveries::queue(uow.connection(), id, cause, planned, &content, now).await? {
        return Ok(false);
    }
    uow.audit(NewAudit {
        seller: cause.seller.clone(),
        engagement: Some(cause.engagement.clone()),
        aggregate_id: id.to_string(),
        action: "queue".to_owned(),
        reason: cause.kind.webhook_type().to_owned(),
        before: None,
        after: Some(json!({
            "state": "queued",
            "template": planned.template,
            "channel": planned.channel.name(),
            "recipient": planned.recipient,
        })),
    })
    .await?;
    uow.schedule_once(task(&cause.seller, id, now)).await
}

/// The task that sends the delivery `id`, due at `due_at`.
pub(super) fn task(seller: &SellerId, id: Uuid, due_at: chrono::DateTime<chrono::Utc>) -> NewTask {
    NewTask {
        kind: DELIVER,
        key: format!("{seller}/{id}"),
        payload: json!({ "seller": seller.as_str(), "delivery_id": id }),
        due_at,
    }
}

/// Nobody is told, and that is worth knowing; the deal goes on.
fn warn_of_unheard(cause: &Cause, plan: &Plan) {
    for reader in &plan.unheard {
        let reader = match reader {
            Reader::Buyer => "buyer",
            Reader::Audience(audience) => audience.name(),
        };
        tracing::warn!(
            seller = %cause.seller,
            engagement = %cause.engagement,
            event = cause.kind.webhook_type(),
            reader,
            "nobody is subscribed: the notice goes unheard"
        );
    }
}
