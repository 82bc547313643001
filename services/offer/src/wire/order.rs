//! Orders (O14): domain → protobuf.

use countersign_proto::offer::v1 as pb;

use super::{money, optional, time};
use crate::domain::order::{Order, State};

/// An order as it goes out.
pub(crate) fn order(order: &Order) -> pb::Order {
    let mut out = pb::Order {
        agreement_id: order.agreement_id.to_string(),
        engagement_id: order.engagement_id.to_string(),
        offer_id: optional(order.offer_id.as_ref()),
        aws_offer_id: order.aws_offer_id.to_string(),
        product_id: order.product_id.clone().unwrap_or_default(),
        buyer_account_id: order.buyer_account.to_string(),
        total: order.total.map(money),
        placed_at: time(order.placed_at),
        ..pb::Order::default()
    };
    match &order.state {
        State::Open => out.set_state(pb::order::State::Open),
        State::Registered(known) => {
            out.set_state(pb::order::State::Registered);
            out.registration = Some(pb::Registration {
                company_name: known.registrant.company_name.clone(),
                contact_name: known.registrant.contact_name.clone(),
                contact_email: known.registrant.contact_email.clone(),
                registered_at: time(known.at),
                registered_by: optional(known.by.as_ref()),
            });
        }
        State::RefundAdvised { at } => {
            out.set_state(pb::order::State::RefundAdvised);
            out.refund_advised_at = time(*at);
        }
    }
    out
}
