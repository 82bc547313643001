//! Change orders: the calls, and proto ↔ domain (O15).

use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::payments::amount;
use super::{Offers, failed, parse};
use crate::domain::change_order::{Asked, ChangeOrder, Command};
use crate::domain::id::{AgreementId, ChangeOrderId};
use crate::{commands, store, wire};

impl Offers {
    pub(super) async fn change_order_started(
        &self,
        request: Request<pb::StartChangeOrderRequest>,
    ) -> Result<Response<pb::ChangeOrder>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let agreement = agreement(&request.agreement_id)?;
        let (seller, reason) = (call.seller.clone(), request.reason.clone());
        self.commands
            .execute(&call, "offer.v1/StartChangeOrder", &request, move |uow| {
                let (seller, id, reason) = (seller.clone(), agreement.clone(), reason.clone());
                Box::pin(async move {
                    let start = commands::change_order::start;
                    Ok(wire::change_order::order(
                        &start(uow, &seller, &id, &reason).await?,
                    ))
                })
            })
            .await
    }

    /// What a person asks of a change order.
    pub(super) async fn change_order_asked<Req: prost::Message>(
        &self,
        request: Request<Req>,
        rpc: &'static str,
        parse: impl FnOnce(&Req) -> Result<(ChangeOrderId, Command), Rejection>,
    ) -> Result<Response<pb::ChangeOrder>, Status> {
        self.connected(&request)?;
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (id, command) = parse(&request)?;
        let seller = call.seller.clone();
        let subject = commands::change_order::Subject { seller, id };
        self.commands
            .execute(&call, rpc, &request, move |uow| {
                let (subject, command) = (subject.clone(), command.clone());
                Box::pin(async move {
                    let apply = commands::change_order::apply;
                    Ok(wire::change_order::order(
                        &apply(uow, &subject, &command).await?,
                    ))
                })
            })
            .await
    }

    pub(super) async fn change_order(
        &self,
        request: Request<pb::GetChangeOrderRequest>,
    ) -> Result<Response<pb::ChangeOrder>, Status> {
        let call = self.commands.query(&request)?;
        let id = id(&request.get_ref().change_order_id)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::change_order::find(&mut *reader, &call.seller, &id).await;
        let missing = || commands::change_order::unknown(id.as_str());
        let found = found.map_err(failed)?.ok_or_else(missing)?;
        Ok(Response::new(wire::change_order::order(&found)))
    }

    pub(super) async fn change_orders(
        &self,
        request: Request<pb::ListChangeOrdersRequest>,
    ) -> Result<Response<pb::ListChangeOrdersResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (seller, request) = (&call.seller, request.into_inner());
        let given = Some(request.agreement_id.as_str()).filter(|text| !text.is_empty());
        let agreement = given.map(agreement).transpose()?;
        let part = parse::page(request.page_size, &request.page_token)?;
        let mut reader = self.commands.database().reading(seller).await?;
        let (agreement, after) = (agreement.as_ref(), part.after.as_ref());
        let limit = part.limit();
        let found = store::change_order::page(&mut *reader, seller, agreement, after, limit).await;
        let (listed, next_page_token) = part.cut(found.map_err(failed)?, |order: &ChangeOrder| {
            parse::cursor(order.started_at, order.id.as_str())
        });
        Ok(Response::new(pb::ListChangeOrdersResponse {
            change_orders: listed.iter().map(wire::change_order::order).collect(),
            next_page_token,
        }))
    }
}

/// The cancellation is asked for.
pub(super) fn cancellation(
    request: &pb::RequestCancellationRequest,
) -> Result<(ChangeOrderId, Command), Rejection> {
    Ok((id(&request.change_order_id)?, Command::RequestCancellation))
}

/// It is given up.
pub(super) fn withdrawal(
    request: &pb::WithdrawChangeOrderRequest,
) -> Result<(ChangeOrderId, Command), Rejection> {
    let reason = request.reason.clone();
    Ok((id(&request.change_order_id)?, Command::Withdraw { reason }))
}

/// Adjustments are asked for.
pub(super) fn adjustments(
    request: &pb::RequestAdjustmentsRequest,
) -> Result<(ChangeOrderId, Command), Rejection> {
    let mut wrong = Violations::default();
    let given = request.change_order_id.parse();
    let id = wrong.check("change_order_id", "CHANGE_ORDER_ID_INVALID", given);
    let lines = request.adjustments.iter().enumerate().map(|(place, line)| {
        let field = |name: &str| format!("adjustments[{place}].{name}");
        let invoice = line.invoice_id.parse();
        let invoice = wrong.check(&field("invoice_id"), "INVOICE_ID_INVALID", invoice);
        let given = wrong.present(&field("amount"), line.amount.as_ref());
        let amount =
            given.and_then(|given| wrong.check(&field("amount"), "AMOUNT_INVALID", amount(given)));
        let (invoice_id, amount) = invoice.zip(amount)?;
        Some(Asked {
            invoice_id,
            amount,
            description: line.description.trim().to_owned(),
        })
    });
    let lines: Vec<Option<Asked>> = lines.collect();
    let lines: Option<Vec<Asked>> = lines.into_iter().collect();
    wrong.finish(id.zip(lines.map(Command::Adjust)))
}

fn agreement(text: &str) -> Result<AgreementId, Rejection> {
    let mut wrong = Violations::default();
    let parsed = wrong.check("agreement_id", "AGREEMENT_ID_INVALID", text.parse());
    wrong.finish(parsed)
}

/// The change order that a request names.
pub(super) fn id(text: &str) -> Result<ChangeOrderId, Rejection> {
    let mut wrong = Violations::default();
    let parsed = wrong.check("change_order_id", "CHANGE_ORDER_ID_INVALID", text.parse());
    wrong.finish(parsed)
}
