//! Change orders against the sandbox (O15): the agreement is cancelled by the buyer's word or silence, or goes
//! on; its invoices are adjusted; another offer takes its place; and what AWS does to it all on the way.

mod answers;

use chrono::TimeDelta;
use countersign_kernel::Digest;
use countersign_proto::offer::v1 as pb;
use pb::billing_adjustment::State as Line;
use pb::change_order::State;
use serde_json::json;
use tonic::{Code, Response, Status};

use crate::deals::{self, usd};
use crate::replacing::replaced;
use crate::world::{ENGAGEMENT, World, refusal};

const LOOKS: usize = 300;
pub(crate) const BUYER: &str = "123456789012";

/// An accepted agreement of three installments, the first of which AWS has invoiced.
pub(crate) async fn accepted(world: &World) -> pb::Offer {
    let day = |days| {
        (world.now() + TimeDelta::days(days))
            .date_naive()
            .to_string()
    };
    let installments = vec![
        deals::installment(&day(0), "41000.00"),
        deals::installment(&day(40), "30750.30"),
        deals::installment(&day(70), "30749.70"),
    ];
    let files = deals::files();
    let deal = deals::deal(ENGAGEMENT, &files, Digest::of(b"what was approved"));
    let deal = deals::in_installments(deal, "102500.00", installments);
    world.ready_to_draft(deal).await;
    let draft = pb::DraftOfferRequest {
        expires_on: day(30),
        ..World::draft_request()
    };
    let drafted = world.client.clone().draft_offer(world.command(draft)).await;
    let draft = world
        .assembled(&drafted.unwrap().into_inner().offer_id)
        .await;
    world.release(&draft).await;
    let published = pb::offer::State::Published;
    let offer = world.until_state(&draft.offer_id, published).await;
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let body = json!({ "offerId": aws_offer_id, "buyerAccountId": BUYER });
    world.act("accept", body).await;
    let accepted = pb::offer::State::Accepted;
    let offer = world.until_state(&offer.offer_id, accepted).await;
    world
        .act("bill", json!({ "agreementId": offer.agreement_id }))
        .await;
    offer
}

pub(crate) async fn start(
    world: &World,
    agreement_id: &str,
) -> Result<Response<pb::ChangeOrder>, Status> {
    let request = world.command(pb::StartChangeOrderRequest {
        agreement_id: agreement_id.into(),
        reason: "the scope grew".into(),
    });
    world.client.clone().start_change_order(request).await
}

pub(crate) async fn started(world: &World, offer: &pb::Offer) -> String {
    let order = start(world, &offer.agreement_id)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(order.state(), State::Started);
    order.change_order_id
}

pub(crate) async fn request(world: &World, id: &str) -> Result<Response<pb::ChangeOrder>, Status> {
    let request = world.command(pb::RequestCancellationRequest {
        change_order_id: id.into(),
    });
    world.client.clone().request_cancellation(request).await
}

pub(crate) async fn withdraw(world: &World, id: &str) -> Result<Response<pb::ChangeOrder>, Status> {
    let request = world.command(pb::WithdrawChangeOrderRequest {
        change_order_id: id.into(),
        reason: "another way was found".into(),
    });
    world.client.clone().withdraw_change_order(request).await
}

pub(crate) async fn adjust(
    world: &World,
    id: &str,
    lines: &[(&str, &str)],
) -> Result<Response<pb::ChangeOrder>, Status> {
    use pb::request_adjustments_request::Line;
    let lines = lines.iter().map(|(invoice, amount)| Line {
        invoice_id: (*invoice).into(),
        amount: Some(usd(amount)),
        description: "not delivered".into(),
    });
    let request = world.command(pb::RequestAdjustmentsRequest {
        change_order_id: id.into(),
        adjustments: lines.collect(),
    });
    world.client.clone().request_adjustments(request).await
}

pub(crate) async fn get(world: &World, id: &str) -> pb::ChangeOrder {
    let request = World::query(pb::GetChangeOrderRequest {
        change_order_id: id.into(),
    });
    let found = world.client.clone().get_change_order(request).await;
    found.unwrap().into_inner()
}

async fn until(
    world: &World,
    id: &str,
    wanted: impl Fn(&pb::ChangeOrder) -> bool,
) -> pb::ChangeOrder {
    for _ in 0..LOOKS {
        let found = get(world, id).await;
        if wanted(&found) {
            return found;
        }
        world.pass().await;
    }
    panic!("it never got there: {:#?}", get(world, id).await)
}

async fn clocks(world: &World) -> Vec<pb::Clock> {
    let request = World::query(pb::ListClocksRequest::default());
    let answer = world.client.clone().list_clocks(request).await;
    answer.unwrap().into_inner().clocks
}

pub(crate) async fn until_state(world: &World, id: &str, state: State) -> pb::ChangeOrder {
    until(world, id, |order| order.state() == state).await
}

pub(crate) async fn pending(world: &World, offer: &pb::Offer) -> pb::ChangeOrder {
    let id = started(world, offer).await;
    request(world, &id).await.unwrap();
    until_state(world, &id, State::Pending).await
}

pub(crate) async fn answer(world: &World, order: &pb::ChangeOrder, approve: bool) {
    let body = json!({ "id": order.aws_cancellation_id, "approve": approve,
        "reason": (!approve).then_some("we need it") });
    world.act("cancellation-request/answer", body).await;
}

/// A change order whose agreement is over, with its one invoice.
pub(crate) async fn over(world: &World, offer: &pb::Offer) -> (pb::ChangeOrder, String) {
    let order = pending(world, offer).await;
    answer(world, &order, true).await;
    let read = |order: &pb::ChangeOrder| !order.invoices.is_empty();
    let order = until(world, &order.change_order_id, read).await;
    assert_eq!(order.state(), State::Over);
    let invoice = order.invoices[0].invoice_id.clone();
    (order, invoice)
}

/// How many of something AWS has, by its own account.
pub(crate) async fn at_aws(world: &World, what: &str) -> usize {
    world.look("state").await[what].as_array().unwrap().len()
}

pub(crate) const REQUESTS: &str = "cancellationRequests";
pub(crate) const ADJUSTMENTS: &str = "billingAdjustments";

/// The whole way: cancelled, adjusted line by line, replaced, and told to the others once.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_is_cancelled_adjusted_and_replaced() {
    let world = World::new().await;
    let offer = accepted(&world).await;
    let id = started(&world, &offer).await;
    let second = start(&world, &offer.agreement_id).await;
    assert_eq!(refusal(second).1, "CHANGE_ORDER_OPEN");
    assert_eq!(
        at_aws(&world, REQUESTS).await,
        0,
        "nothing is asked by a start"
    );
    let early = adjust(&world, &id, &[("inv-1", "1.00")]).await;
    assert_eq!(refusal(early).1, "AGREEMENT_NOT_OVER");
    request(&world, &id).await.unwrap();
    let order = until_state(&world, &id, State::Pending).await;
    assert_eq!(order.aws_status, "PENDING_APPROVAL");
    assert!(order.aws_cancellation_id.starts_with("acr-"));
    assert_eq!(world.events::<pb::CancellationRequested>().await.len(), 1);
    let early = pb::DraftOfferRequest {
        change_order_id: id.clone(),
        ..World::draft_request()
    };
    let early = world.client.clone().draft_offer(world.command(early)).await;
    // The engagement's own offer is accepted: the replacement has an engagement of its own.
    assert_eq!(refusal(early).1, "OFFER_OPEN");
    answer(&world, &order, true).await;
    let read = |order: &pb::ChangeOrder| !order.invoices.is_empty();
    let order = until(&world, &id, read).await;
    assert_eq!(order.state(), State::Over);
    assert_eq!(order.invoices[0].adjustable, Some(usd("41000.00")));
    let invoice = order.invoices[0].invoice_id.clone();
    for _ in 0..LOOKS {
        if !world.events::<pb::AgreementEnded>().await.is_empty() {
            break;
        }
        world.pass().await;
    }
    let ended = world.events::<pb::AgreementEnded>().await;
    let unpaid = ended[0].dropped.clone();
    let dropped: Vec<_> = unpaid
        .iter()
        .map(|charge| (charge.number, charge.amount.clone().unwrap().amount))
        .collect();
    assert_eq!(dropped, [(2, "30750.30".into()), (3, "30749.70".into())]);
    assert_eq!(ended[0].ended_at, order.ended_at);

    let too_much = adjust(&world, &id, &[(&invoice, "41000.01")]).await;
    let (code, _, reasons) = refusal(too_much);
    assert_eq!(
        (code, reasons),
        (
            Code::InvalidArgument,
            vec!["ADJUSTMENT_OVER_MAXIMUM".into()]
        )
    );
    // One line succeeds, and one fails by itself.
    adjust(&world, &id, &[(&invoice, "1000.00"), ("999", "5.00")])
        .await
        .unwrap();
    let open = adjust(&world, &id, &[(&invoice, "1.00")]).await;
    if let Err(refused) = open {
        let (_, _, reasons) = refusal::<pb::ChangeOrder>(Err(refused));
        assert_eq!(reasons, ["ADJUSTMENT_OPEN"]);
    }
    let ended = |order: &pb::ChangeOrder| {
        let open =
            |line: &pb::BillingAdjustment| matches!(line.state(), Line::Sending | Line::Pending);
        !order.adjustments.iter().any(open) && order.invoices[0].adjustable != Some(usd("41000.00"))
    };
    let order = until(&world, &id, ended).await;
    let lines: Vec<_> = order
        .adjustments
        .iter()
        .take(2)
        .map(pb::BillingAdjustment::state)
        .collect();
    assert_eq!(lines, [Line::Completed, Line::Failed]);
    assert!(order.adjustments[0].aws_adjustment_id.starts_with("ba-"));
    let error = order.adjustments[1].error.clone().unwrap();
    assert_eq!(error.code, "RESOURCE_NOT_FOUND_EXCEPTION");
    let told = world.events::<pb::CancellationEnded>().await;
    let states: Vec<_> = told
        .iter()
        .map(|event| event.change_order.as_ref().unwrap().state())
        .collect();
    assert_eq!(states, [State::Over]);
    let ended = request(&world, &id).await.unwrap().into_inner();
    assert_eq!(
        ended.state(),
        State::Over,
        "asked for again, nothing happens"
    );
    let late = withdraw(&world, &id).await;
    assert_eq!(refusal(late).1, "CHANGE_ORDER_ENDED");
    Box::pin(replaced(&world, &id, &unpaid)).await;
}

/// Rejected, or taken back, the agreement goes on, and another change order may start; one that AWS knows
/// nothing of ends at once.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_goes_on_when_the_request_comes_to_nothing() {
    let world = World::new().await;
    let offer = accepted(&world).await;
    let given_up = started(&world, &offer).await;
    let ended = withdraw(&world, &given_up).await.unwrap().into_inner();
    assert_eq!(
        (ended.state(), ended.aws_cancellation_id.as_str()),
        (State::Withdrawn, "")
    );
    assert_eq!(at_aws(&world, REQUESTS).await, 0);

    let order = pending(&world, &offer).await;
    answer(&world, &order, false).await;
    let rejected = until_state(&world, &order.change_order_id, State::Rejected).await;
    assert_eq!(rejected.end_reason, "we need it");
    let again = request(&world, &rejected.change_order_id).await;
    assert_eq!(refusal(again).1, "CHANGE_ORDER_ENDED");

    let order = pending(&world, &offer).await;
    let asked = withdraw(&world, &order.change_order_id)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (asked.state(), asked.end_reason.as_str()),
        (State::Pending, "another way was found")
    );
    let taken = until_state(&world, &order.change_order_id, State::Withdrawn).await;
    assert_eq!(
        (taken.aws_status.as_str(), taken.end_reason.as_str()),
        ("CANCELLED", "another way was found")
    );
    let clocks = clocks(&world).await;
    let silence: Vec<_> = clocks
        .iter()
        .filter(|clock| clock.kind() == pb::ClockKind::CancellationSilence)
        .map(|clock| clock.reason.as_str())
        .collect();
    assert_eq!(silence.len(), 2);
    assert!(
        silence.contains(&"rejected") && silence.contains(&"withdrawn"),
        "{silence:?}"
    );
    let told = world.events::<pb::CancellationEnded>().await;
    let states: Vec<_> = told
        .iter()
        .map(|event| event.change_order.as_ref().unwrap().state())
        .collect();
    assert_eq!(states, [State::Rejected, State::Withdrawn]);
    let agreement = world.look("agreements").await;
    assert_eq!(agreement[0]["status"], "ACTIVE", "{agreement}");
    let listed = World::query(pb::ListChangeOrdersRequest {
        agreement_id: offer.agreement_id.clone(),
        page_size: 2,
        ..pb::ListChangeOrdersRequest::default()
    });
    let page = world
        .client
        .clone()
        .list_change_orders(listed)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.change_orders[0].change_order_id, order.change_order_id);
    assert_eq!(page.change_orders.len(), 2);
    let rest = World::query(pb::ListChangeOrdersRequest {
        page_token: page.next_page_token,
        ..pb::ListChangeOrdersRequest::default()
    });
    let rest = world
        .client
        .clone()
        .list_change_orders(rest)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(rest.change_orders[0].change_order_id, given_up);
}

/// Seven days without a word cancel the agreement at AWS (facts §3.1): on the day before nothing happens.
#[tokio::test(flavor = "multi_thread")]
async fn seven_days_of_silence_cancel_the_agreement() {
    let world = World::new().await;
    let offer = accepted(&world).await;
    let order = pending(&world, &offer).await;
    world.advance(TimeDelta::days(6));
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(
        get(&world, &order.change_order_id).await.state(),
        State::Pending
    );
    world.advance(TimeDelta::days(1));
    let over = until_state(&world, &order.change_order_id, State::Over).await;
    assert!(over.ended_at >= over.cancels_itself_at, "{over:?}");
    // It rings by a task of its own, which may come after the one that sees the end.
    let mut state = pb::clock::State::Running;
    for _ in 0..LOOKS {
        let clocks = clocks(&world).await;
        let clock = clocks.iter().find(|clock| clock.clock_id == order.clock_id);
        state = clock.unwrap().state();
        if state != pb::clock::State::Running {
            break;
        }
        world.pass().await;
    }
    assert_eq!(state, pb::clock::State::Breached);
}

/// An agreement that AWS ends closes the request in the word of a withdrawal: seen before the agreement's own
/// end, it is over all the same, and goes on to what was invoiced.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_ends_by_itself_is_not_taken_for_a_withdrawal() {
    let world = World::new().await;
    let offer = accepted(&world).await;
    let order = pending(&world, &offer).await;
    for (operation, times) in [("SearchAgreements", 10_000), ("DescribeAgreement", 1)] {
        let unseen = json!({ "operation": operation, "failure": "throttle", "times": times });
        world.act("inject", unseen).await;
    }
    let ended = json!({ "agreementId": offer.agreement_id });
    world.act("terminate", ended).await;
    let read = |order: &pb::ChangeOrder| !order.invoices.is_empty();
    let over = until(&world, &order.change_order_id, read).await;
    assert_eq!(
        (over.state(), over.aws_status.as_str()),
        (State::Over, "CANCELLED")
    );
    let found = world.events::<pb::AgreementEnded>().await;
    assert!(
        found.is_empty(),
        "the agreement's own end was seen first: {found:?}"
    );
}

/// An agreement that is over, or is nobody's, has no change order; one that ends otherwise meanwhile is over.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_is_over_is_not_changed() {
    let world = World::new().await;
    let nobodys = start(&world, "agmt-nobodys").await;
    let (code, reason, _) = refusal(nobodys);
    assert_eq!(
        (code, reason.as_str()),
        (Code::NotFound, "AGREEMENT_UNKNOWN")
    );
    let offer = accepted(&world).await;
    let mut client = world.client.clone();
    let mut foreign = world.command(pb::StartChangeOrderRequest {
        agreement_id: offer.agreement_id.clone(),
        reason: "envy".into(),
    });
    let seller = "initech".parse().unwrap();
    foreign.metadata_mut().insert("countersign-seller", seller);
    let foreign = client.start_change_order(foreign).await;
    assert_eq!(refusal(foreign).1, "AGREEMENT_UNKNOWN");
    let unknown = World::query(pb::GetChangeOrderRequest {
        change_order_id: "0196-nobodys".into(),
    });
    let unknown = client.get_change_order(unknown).await;
    assert_eq!(refusal(unknown).1, "CHANGE_ORDER_UNKNOWN");
    let given_up = started(&world, &offer).await;
    withdraw(&world, &given_up).await.unwrap();
    let id = started(&world, &offer).await;
    crate::clocks::end_agreement(&world, &offer.agreement_id).await;
    let over = until_state(&world, &id, State::Over).await;
    assert_eq!(over.aws_cancellation_id, "");
    let next = start(&world, &offer.agreement_id).await;
    assert_eq!(refusal(next).1, "CHANGE_ORDER_OPEN");
}
