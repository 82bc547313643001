//! What the others hear of a delivery. Aggregate: the delivery.

use chrono::SecondsFormat;
use countersign_kernel::SellerId;
use countersign_platform::NewEvent;
use countersign_proto::notification::v1::{NoticeFailed, NoticeSent};
use prost::{Message, Name};

use crate::domain::delivery::{Delivery, Event, Letter};

/// The public event that `event` becomes, if it concerns anybody else.
pub(crate) fn public(
    seller: &SellerId,
    letter: &Letter,
    delivery: &Delivery,
    event: &Event,
) -> Option<NewEvent> {
    match event {
        Event::Sent { at } => Some(envelope(
            seller,
            letter,
            &NoticeSent {
                delivery_id: letter.id.to_string(),
                engagement_id: letter.engagement.to_string(),
                template: letter.template.clone(),
                channel: letter.channel.name().to_owned(),
                sent_at: at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            },
        )),
        Event::Failed { .. } => Some(envelope(
            seller,
            letter,
            &NoticeFailed {
                delivery_id: letter.id.to_string(),
                engagement_id: letter.engagement.to_string(),
                template: letter.template.clone(),
                channel: letter.channel.name().to_owned(),
                answer: delivery.answer.clone(),
            },
        )),
        Event::Attempted { .. } | Event::Deferred { .. } | Event::Redriven { .. } => None,
    }
}

fn envelope<M: Message + Name>(seller: &SellerId, letter: &Letter, message: &M) -> NewEvent {
    NewEvent {
        type_name: M::full_name(),
        seller: seller.clone(),
        engagement: Some(letter.engagement.clone()),
        aggregate_id: letter.id.to_string(),
        payload: message.encode_to_vec(),
    }
}
