//! The timer of a version's validity (E7, E8): due when its last day is over in UTC.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewTask, UnitOfWork};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::Command;
use crate::domain::estimate::Head;

/// The kind of these tasks.
pub(crate) const KIND: &str = "estimate.expire";

/// The version whose validity a timer watches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Timer {
    seller: String,
    estimate_id: Uuid,
    version: u32,
}

impl Timer {
    /// Reads what [`task`] wrote.
    pub(crate) fn read(payload: Value) -> Result<Self, Failure> {
        serde_json::from_value(payload)
            .map_err(|error| Failure::undecodable("the timer of an estimate", error))
    }
}

/// The timer of an estimate's newest version.
pub(super) fn task(seller: &SellerId, head: &Head) -> NewTask {
    let (estimate_id, version) = (head.estimate_id, head.latest.number);
    let timer = Timer {
        seller: seller.to_string(),
        estimate_id,
        version,
    };
    NewTask {
        kind: KIND,
        key: format!("{seller}/{estimate_id}/{version}"),
        payload: json!(timer),
        due_at: head.latest.content.expires_at(),
    }
}

/// Expires the estimate if the timer's version is still the newest and still open: the domain
/// decides. Returns whether it did.
pub(crate) async fn expire(uow: &mut UnitOfWork, timer: &Timer) -> Result<bool, Failure> {
    let seller: SellerId = timer
        .seller
        .parse()
        .map_err(|error| Failure::undecodable("the timer of an estimate", error))?;
    let command = Command::Expire {
        version: timer.version,
    };
    let changed = super::change(uow, &seller, timer.estimate_id, &command).await?;
    Ok(changed.applied)
}
