//! From the domain's events to the ones that others hear. Drafts stay private.

use countersign_proto::estimate::v1 as proto;
use prost::{Message, Name};

use crate::domain::Event;
use crate::domain::estimate::Head;
use crate::wire;

/// A public event, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicEvent {
    /// The full protobuf name.
    pub(crate) type_name: String,
    /// The message.
    pub(crate) payload: Vec<u8>,
}

/// What others hear of `event`; `head` is the estimate after it. The aggregate is the estimate.
pub(crate) fn message(event: &Event, head: &Head) -> Option<PublicEvent> {
    let (estimate_id, version) = (head.estimate_id.to_string(), head.latest.number);
    Some(match event {
        Event::Submitted { by } => public(&proto::EstimateSubmitted {
            estimate: Some(wire::snapshot(head, &head.latest)),
            submitted_by: by.to_string(),
        }),
        Event::Withdrawn(withdrawal) => public(&proto::EstimateWithdrawn {
            estimate_id,
            version,
            withdrawn_by: withdrawal.by.to_string(),
            reason: withdrawal.reason.clone(),
        }),
        Event::Expired => public(&proto::EstimateExpired {
            estimate_id,
            version,
            valid_until: head.latest.content.valid_until.to_string(),
        }),
        Event::Approved { digest } => public(&proto::EstimateApproved {
            estimate_id,
            version,
            digest: digest.to_string(),
        }),
        Event::Drafted(_) | Event::Revised(_) | Event::ChangesRequested(_) => return None,
    })
}

fn public<M: Message + Name>(message: &M) -> PublicEvent {
    PublicEvent {
        type_name: M::full_name(),
        payload: message.encode_to_vec(),
    }
}
