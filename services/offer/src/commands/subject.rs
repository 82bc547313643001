//! What a task is about that sends a request of ours to AWS, and watches it: whose, and which.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewTask, TaskRun};
use serde_json::{Value, json};

use crate::domain::id::{ChangeOrderId, PaymentRequestId};

/// The id of something that tasks are about.
pub(crate) trait TaskId: FromStr + Display {
    /// What a task's payload calls it.
    const FIELD: &'static str;
}

impl TaskId for ChangeOrderId {
    const FIELD: &'static str = "change_order_id";
}

impl TaskId for PaymentRequestId {
    const FIELD: &'static str = "payment_request_id";
}

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject<Id> {
    pub(crate) seller: SellerId,
    pub(crate) id: Id,
}

impl<Id: TaskId> Subject<Id> {
    /// What the run is about.
    pub(crate) fn of(run: &TaskRun) -> Result<Self, Failure> {
        Ok(Self {
            seller: field(run, "seller")?,
            id: field(run, Id::FIELD)?,
        })
    }

    pub(super) fn task(&self, kind: &'static str, due_at: DateTime<Utc>) -> NewTask {
        let (seller, id) = (self.seller.to_string(), self.id.to_string());
        NewTask {
            kind,
            key: format!("{seller}/{id}"),
            payload: json!({ "seller": seller, (Id::FIELD): id }),
            due_at,
        }
    }
}

fn field<T: FromStr>(run: &TaskRun, name: &'static str) -> Result<T, Failure> {
    let text = run.payload.get(name).and_then(Value::as_str);
    let read = text.and_then(|text| text.parse().ok());
    read.ok_or_else(|| Failure::undecodable(format!("the task {}", run.key), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tasks that an earlier release scheduled are read by this one, and the other way round.
    #[test]
    fn a_payload_names_its_id_as_it_always_did() {
        let seller: SellerId = "acme".parse().unwrap();
        let due_at = DateTime::UNIX_EPOCH;
        let id: ChangeOrderId = "order-1".parse().unwrap();
        let seller_of = seller.clone();
        let task = Subject {
            seller: seller_of,
            id,
        }
        .task("kind", due_at);
        let expected = json!({ "seller": "acme", "change_order_id": "order-1" });
        assert_eq!(
            (task.key.as_str(), task.payload),
            ("acme/order-1", expected)
        );
        let id: PaymentRequestId = "request-1".parse().unwrap();
        let task = Subject { seller, id }.task("kind", due_at);
        let expected = json!({ "seller": "acme", "payment_request_id": "request-1" });
        assert_eq!(
            (task.key.as_str(), task.payload),
            ("acme/request-1", expected)
        );
    }
}
