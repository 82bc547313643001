//! Orders (O14): proto ↔ domain.

use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;

use super::parse;
use crate::domain::id::AgreementId;
use crate::domain::order::{Order, Registrant};
use crate::wire;

/// Who bought what.
pub(super) fn registration(
    request: &pb::RegisterOrderRequest,
) -> Result<(AgreementId, Registrant), Rejection> {
    let mut wrong = Violations::default();
    let id = request.agreement_id.parse();
    let id = wrong.check("agreement_id", "AGREEMENT_ID_INVALID", id);
    let id = wrong.finish(id)?;
    let registrant = Registrant::parse(
        &request.company_name,
        &request.contact_name,
        &request.contact_email,
    );
    let registrant = registrant.map_err(|wrong| crate::commands::refusal(&wrong))?;
    Ok((id, registrant))
}

/// Which orders, and which part of the list.
pub(super) fn wanted(
    request: &pb::ListOrdersRequest,
) -> Result<(Option<&'static str>, parse::Page), Rejection> {
    use pb::order::State;
    let state = match request.state() {
        State::Unspecified => None,
        State::Open => Some("open"),
        State::Registered => Some("registered"),
        State::RefundAdvised => Some("refund-advised"),
    };
    Ok((state, parse::page(request.page_size, &request.page_token)?))
}

/// One page of what was `found`.
pub(super) fn page(page: &parse::Page, found: Vec<Order>) -> pb::ListOrdersResponse {
    let (shown, next_page_token) = page.cut(found, |order| {
        parse::cursor(order.placed_at, order.agreement_id.as_str())
    });
    pb::ListOrdersResponse {
        orders: shown.iter().map(wire::order::order).collect(),
        next_page_token,
    }
}
