//! What offer tells of orders (O14).

use countersign_proto::offer::v1 as offer;

use super::told::{Malformed, Told, given};
use crate::domain::cause::CauseKind;

pub(super) fn public_order(event: &offer::PublicOrderFlagged) -> Result<Told, Malformed> {
    about_order(CauseKind::PublicOrderFlagged, event.order.as_ref())
        .map(|told| told.internal("identify_by", &event.identify_by))
}

pub(super) fn registered(event: &offer::OrderRegistered) -> Result<Told, Malformed> {
    let order = given("order", event.order.as_ref())?;
    let known = given("order.registration", order.registration.as_ref())?;
    let by = if known.registered_by.is_empty() {
        "the offer's metadata: the buyer did not register in an hour"
    } else {
        &known.registered_by
    };
    Ok(
        about_order(CauseKind::OrderRegistered, event.order.as_ref())?
            .internal("company_name", &known.company_name)
            .internal("contact_name", &known.contact_name)
            .internal("contact_email", &known.contact_email)
            .internal("registered_at", &known.registered_at)
            .internal("registered_by", by),
    )
}

pub(super) fn refund_advised(event: &offer::OrderRefundAdvised) -> Result<Told, Malformed> {
    about_order(CauseKind::OrderRefundAdvised, event.order.as_ref())
}

fn about_order(kind: CauseKind, order: Option<&offer::Order>) -> Result<Told, Malformed> {
    let order = given("order", order)?;
    Told::new(kind)
        .engagement(&order.engagement_id)
        .internal("agreement_id", &order.agreement_id)
        .internal("aws_offer_id", &order.aws_offer_id)
        .internal("product_id", &order.product_id)
        .internal("buyer_account_id", &order.buyer_account_id)
        .internal("placed_at", &order.placed_at)
        .money("total", order.total.as_ref())
}
