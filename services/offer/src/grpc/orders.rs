//! Orders (O14): the calls, and proto ↔ domain.

use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed, parse};
use crate::domain::id::AgreementId;
use crate::domain::order::{Order, Registrant};
use crate::{commands, store, wire};

impl Offers {
    pub(super) async fn order_registered(
        &self,
        request: Request<pb::RegisterOrderRequest>,
    ) -> Result<Response<pb::Order>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (agreement, registrant) = registration(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/RegisterOrder", &request, move |uow| {
                let (seller, id) = (seller.clone(), agreement.clone());
                let registrant = registrant.clone();
                Box::pin(async move {
                    let register = commands::order::register;
                    let order = register(uow, &seller, &id, &registrant).await?;
                    Ok(wire::order::order(&order))
                })
            })
            .await
    }

    pub(super) async fn orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (state, part) = wanted(request.get_ref())?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let (after, limit) = (part.after.as_ref(), part.limit());
        let found = store::order::page(&mut *reader, &call.seller, state, after, limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(page(&part, found)))
    }
}

/// Who bought what.
fn registration(
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
    let registrant = registrant.map_err(|wrong| commands::refusal(&wrong))?;
    Ok((id, registrant))
}

/// Which orders, and which part of the list.
fn wanted(
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
fn page(page: &parse::Page, found: Vec<Order>) -> pb::ListOrdersResponse {
    let (shown, next_page_token) = page.cut(found, |order| {
        parse::cursor(order.placed_at, order.agreement_id.as_str())
    });
    pb::ListOrdersResponse {
        orders: shown.iter().map(wire::order::order).collect(),
        next_page_token,
    }
}
