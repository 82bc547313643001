//! Payment requests: the calls, and proto ↔ domain (O17).

use countersign_kernel::{Currency, Money};
use countersign_platform::{Page, Rejection, Violations};
use countersign_proto::common::v1 as common;
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed};
use crate::domain::id::{OfferId, PaymentRequestId};
use crate::domain::payment::{Ask, Command, Drawn, PaymentRequest, payments_of};
use crate::{commands, store, wire};

impl Offers {
    pub(super) async fn ask_for_payment(
        &self,
        request: Request<pb::RequestPaymentRequest>,
    ) -> Result<Response<pb::PaymentRequest>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (offer_id, ask) = ask(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/RequestPayment", &request, move |uow| {
                let (seller, id, ask) = (seller.clone(), offer_id.clone(), ask.clone());
                Box::pin(async move {
                    let asked = commands::payment::ask(uow, &seller, &id, ask).await?;
                    Ok(wire::payment::request(&asked))
                })
            })
            .await
    }

    pub(super) async fn withdraw_payment_request(
        &self,
        request: Request<pb::CancelPaymentRequestRequest>,
    ) -> Result<Response<pb::PaymentRequest>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let id = id(&request.payment_request_id)?;
        let seller = call.seller.clone();
        let subject = commands::payment::Subject { seller, id };
        let reason = request.reason.clone();
        let command = Command::Withdraw { reason };
        let rpc = "offer.v1/CancelPaymentRequest";
        self.commands
            .execute(&call, rpc, &request, move |uow| {
                let (subject, command) = (subject.clone(), command.clone());
                Box::pin(async move {
                    let after = commands::payment::apply(uow, &subject, &command).await?;
                    Ok(wire::payment::request(&after))
                })
            })
            .await
    }

    pub(super) async fn payment_request(
        &self,
        request: Request<pb::GetPaymentRequestRequest>,
    ) -> Result<Response<pb::PaymentRequest>, Status> {
        let call = self.commands.query(&request)?;
        let id = id(&request.get_ref().payment_request_id)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::payment::find(&mut *reader, &call.seller, &id).await;
        let missing = || commands::payment::unknown(id.as_str());
        let found = found.map_err(failed)?.ok_or_else(missing)?;
        Ok(Response::new(wire::payment::request(&found)))
    }

    pub(super) async fn payment_requests(
        &self,
        request: Request<pb::ListPaymentRequestsRequest>,
    ) -> Result<Response<pb::ListPaymentRequestsResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (seller, request) = (&call.seller, request.into_inner());
        // Requests are numbered from 1 on.
        let part = Page::parse(request.page_size, &request.page_token, |number| {
            number.parse::<u32>().ok()
        })?;
        let (after, limit) = (part.after.unwrap_or_default(), part.limit());
        let offer = self.offer(seller, &request.offer_id).await?;
        let mut reader = self.commands.database().reading(seller).await?;
        let found = store::payment::page(&mut *reader, seller, &offer.id, after, limit).await;
        let found = found.map_err(failed)?;
        let drawn = match payments_of(&offer) {
            Ok((agreement, variable)) => {
                let (cap, currency) = (variable.cap, variable.cap.currency());
                let drawn = store::payment::drawn(&mut *reader, seller, agreement, currency);
                Some((cap, drawn.await.map_err(failed)?))
            }
            Err(_) => None,
        };
        Ok(Response::new(page(&part, found, drawn)))
    }
}

/// What is asked for, under which offer.
fn ask(request: &pb::RequestPaymentRequest) -> Result<(OfferId, Ask), Rejection> {
    let mut wrong = Violations::default();
    let id = wrong.check("offer_id", "OFFER_ID_INVALID", request.offer_id.parse());
    let given = wrong.present("amount", request.amount.as_ref());
    let amount = given.and_then(|given| {
        let parsed = amount(given);
        wrong.check("amount", "AMOUNT_INVALID", parsed)
    });
    let parsed = id.zip(amount).map(|(id, amount)| {
        let (milestone, description) = (request.milestone.clone(), request.description.clone());
        let ask = Ask {
            milestone,
            description,
            amount,
        };
        (id, ask)
    });
    wrong.finish(parsed)
}

pub(super) fn amount(given: &common::Money) -> Result<Money, String> {
    let currency: Currency = given
        .currency_code
        .parse()
        .map_err(|_| format!("currency {:?} is not known", given.currency_code))?;
    Money::parse(&given.amount, currency).map_err(|wrong| wrong.to_string())
}

fn id(text: &str) -> Result<PaymentRequestId, Rejection> {
    let mut wrong = Violations::default();
    let parsed = wrong.check(
        "payment_request_id",
        "PAYMENT_REQUEST_ID_INVALID",
        text.parse(),
    );
    wrong.finish(parsed)
}

/// One page of what was `found`, with the cap and what is drawn of it, once there is one.
fn page(
    page: &Page<u32>,
    found: Vec<PaymentRequest>,
    drawn: Option<(Money, Drawn)>,
) -> pb::ListPaymentRequestsResponse {
    let (shown, next_page_token) = page.cut(found, |request| request.number.to_string());
    let remaining = drawn.and_then(|(cap, drawn)| drawn.remaining(cap));
    pb::ListPaymentRequestsResponse {
        payment_requests: shown.iter().map(wire::payment::request).collect(),
        next_page_token,
        cap: drawn.map(|(cap, _)| wire::money(cap)),
        requested: drawn.map(|(_, drawn)| wire::money(drawn.requested)),
        approved: drawn.map(|(_, drawn)| wire::money(drawn.approved)),
        remaining: remaining.map(wire::money),
    }
}
