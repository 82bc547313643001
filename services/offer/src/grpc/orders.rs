//! Orders (O14): proto ↔ domain.

use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;

use super::parse;
use crate::domain::id::AgreementId;
use crate::domain::order::{Order, Registrant};
use crate::store::Position;
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

/// One page; `found` holds one more than `size` when there is a next.
pub(super) fn page(found: &[Order], size: i64) -> pb::ListOrdersResponse {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let shown = &found[..found.len().min(size)];
    let last = shown.last().filter(|_| found.len() > size);
    let token = last.map(|order| {
        parse::token(&Position {
            at: order.placed_at,
            id: order.agreement_id.to_string(),
        })
    });
    pb::ListOrdersResponse {
        orders: shown.iter().map(wire::order::order).collect(),
        next_page_token: token.unwrap_or_default(),
    }
}
