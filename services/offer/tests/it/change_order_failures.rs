//! AWS failing a change order (O9, O15; facts §3.1): at each call that sends and takes back a cancellation
//! request, reads invoices and adjusts them, and at each look. What was asked for is there once, or says why not.

use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use pb::billing_adjustment::State as Line;
use pb::change_order::State;
use serde_json::Value;

use crate::aws_failures::{self as aws, FAILURES};
use crate::change_orders::{self as orders, ADJUSTMENTS, REQUESTS};
use crate::deals::usd;
use crate::world::World;

const DENIED: &str = "AccessDeniedException";
/// How a request is sent, watched and taken back; what was sent is looked for first.
const REQUEST: [&str; 3] = [
    "ListAgreementCancellationRequests",
    "SendAgreementCancellationRequest",
    "GetAgreementCancellationRequest",
];
const WITHDRAWAL: [&str; 2] = [
    "CancelAgreementCancellationRequest",
    "GetAgreementCancellationRequest",
];
/// How a line is sent and watched, and what is left of its invoice read.
const ADJUSTMENT: [&str; 4] = [
    "ListBillingAdjustmentRequests",
    "BatchCreateBillingAdjustmentRequest",
    "GetBillingAdjustmentRequest",
    "ListAgreementInvoiceLineItems",
];

async fn world() -> World {
    // A call that is never answered is given up after half of this.
    World::with(|config| config.marketplace_timeout_ms = 2_000).await
}

async fn fail(world: &World, calls: &[&str], failure: &str, after_apply: bool) {
    for operation in calls {
        aws::inject(world, operation, failure, after_apply).await;
    }
}

/// Lets time go by, twenty seconds at a time, until the change order is as wanted.
async fn hurry(
    world: &World,
    id: &str,
    wanted: impl Fn(&pb::ChangeOrder) -> bool,
) -> pb::ChangeOrder {
    let look = async || orders::get(world, id).await;
    world.hurry_by(TimeDelta::seconds(20), look, wanted).await
}

async fn injections_used(world: &World) {
    let look = async || world.look("state").await["injections"].clone();
    let used = |left: &Value| left == &Value::Array(Vec::new());
    world.hurry_by(TimeDelta::seconds(20), look, used).await;
}

/// A change order of the offer whose request is sent, in spite of what happens on the way.
async fn sent(world: &World, offer: &pb::Offer) -> pb::ChangeOrder {
    let id = orders::started(world, offer).await;
    orders::request(world, &id).await.unwrap();
    let ended = |order: &pb::ChangeOrder| order.state() != State::Sending;
    hurry(world, &id, ended).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_asked_for_and_taken_back_once_whatever_aws_does() {
    let world = world().await;
    let offer = orders::accepted(&world).await;
    let mut requests_denied = 0;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = format!("{failure}, done all the same: {after_apply}");
        fail(&world, &REQUEST, failure, after_apply).await;
        let mut order = sent(&world, &offer).await;
        if order.state() == State::Failed {
            assert_eq!((failure, after_apply), ("access-denied", false), "{row}");
            assert_eq!(order.errors[0].code, DENIED, "{row}");
            requests_denied += 1;
            order = sent(&world, &offer).await;
        }
        assert_eq!(order.state(), State::Pending, "{row}: {order:#?}");
        let id = order.change_order_id.as_str();
        injections_used(&world).await;

        fail(&world, &WITHDRAWAL, failure, after_apply).await;
        orders::withdraw(&world, id).await.unwrap();
        let answered =
            |order: &pb::ChangeOrder| order.state() != State::Pending || !order.errors.is_empty();
        let mut order = hurry(&world, id, answered).await;
        // Unless the look after it failed too: then it was tried again by itself.
        if order.state() == State::Pending {
            assert_eq!((failure, after_apply), ("access-denied", false), "{row}");
            assert_eq!(order.errors[0].code, DENIED, "{row}");
            orders::withdraw(&world, id).await.unwrap();
            order = hurry(&world, id, |order| order.state() != State::Pending).await;
        }
        assert_eq!(order.state(), State::Withdrawn, "{row}: {order:#?}");
        assert_eq!(order.end_reason, "another way was found", "{row}");
        injections_used(&world).await;
        assert_eq!(orders::at_aws(&world, REQUESTS).await, number + 1, "{row}");
        let requested = world.events::<pb::CancellationRequested>().await;
        assert_eq!(requested.len(), number + 1, "{row}");
    }
    assert_eq!(requests_denied, 1, "one request is refused");
    let requests = world.look("state").await[REQUESTS].clone();
    let mut requests = requests.as_array().unwrap().iter();
    assert!(requests.all(|request| request["status"] == "CANCELLED"));
    let mut states: Vec<State> = Vec::new();
    for told in world.events::<pb::CancellationEnded>().await {
        states.push(told.change_order.unwrap().state());
    }
    let ended = |wanted: State| states.iter().filter(|state| **state == wanted).count();
    assert_eq!(
        (ended(State::Withdrawn), ended(State::Failed), states.len()),
        (FAILURES.len(), 1, FAILURES.len() + 1)
    );
    let agreements = world.look("agreements").await;
    assert_eq!(agreements[0]["status"], "ACTIVE", "the agreement goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_adjusted_once_whatever_aws_does() {
    let world = world().await;
    let offer = orders::accepted(&world).await;
    let order = orders::pending(&world, &offer).await;
    let id = order.change_order_id.as_str();
    // The invoices are read for the first time through every failure that is no answer.
    let answers = |failure: &str| ["twice", "unknown-value"].contains(&failure);
    for (failure, after_apply) in FAILURES.into_iter().filter(|row| !answers(row.0)) {
        fail(&world, &ADJUSTMENT[3..], failure, after_apply).await;
    }
    orders::answer(&world, &order, true).await;
    let order = hurry(&world, id, |order| !order.invoices.is_empty()).await;
    assert_eq!(order.state(), State::Over);
    assert_eq!(order.invoices[0].adjustable, Some(usd("41000.00")));
    let invoice = order.invoices[0].invoice_id.clone();
    injections_used(&world).await;

    let mut lines = Vec::new();
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = format!("{failure}, done all the same: {after_apply}");
        fail(&world, &ADJUSTMENT, failure, after_apply).await;
        let asked = [(invoice.as_str(), "1.00")];
        orders::adjust(&world, id, &asked).await.unwrap();
        lines.push(Line::Completed);
        let ended = |count: usize| {
            move |order: &pb::ChangeOrder| {
                let open = |line: &pb::BillingAdjustment| {
                    matches!(line.state(), Line::Sending | Line::Pending)
                };
                order.adjustments.len() == count && !order.adjustments.iter().any(open)
            }
        };
        let order = hurry(&world, id, ended(lines.len())).await;
        let line = order.adjustments.last().unwrap();
        if line.state() == Line::Failed {
            assert_eq!((failure, after_apply), ("access-denied", false), "{row}");
            assert_eq!(line.error.as_ref().unwrap().code, DENIED, "{row}");
            *lines.last_mut().unwrap() = Line::Failed;
            lines.push(Line::Completed);
            orders::adjust(&world, id, &asked).await.unwrap();
            hurry(&world, id, ended(lines.len())).await;
        }
        let left = Some(usd(&format!("{}.00", 41_000 - 1 - number)));
        let read = |order: &pb::ChangeOrder| order.invoices[0].adjustable == left;
        let order = hurry(&world, id, read).await;
        let states = order.adjustments.iter().map(pb::BillingAdjustment::state);
        assert!(states.eq(lines.iter().copied()), "{row}: {order:#?}");
        injections_used(&world).await;
        let count = orders::at_aws(&world, ADJUSTMENTS).await;
        assert_eq!(count, number + 1, "{row}");
    }
    assert_eq!(lines.len(), FAILURES.len() + 1, "one line is refused");
    let ended = world.events::<pb::CancellationEnded>().await;
    assert_eq!(ended.len(), 1);
}

/// O15: a line that AWS takes and finds wrong later says so, gives nothing back, and can be asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_aws_finds_wrong_later_is_failed() {
    let world = world().await;
    let offer = orders::accepted(&world).await;
    let (order, invoice) = orders::over(&world, &offer).await;
    let id = order.change_order_id.as_str();
    aws::inject(&world, ADJUSTMENT[1], "invalid", false).await;
    for (number, (state, left)) in [(Line::Failed, "41000.00"), (Line::Completed, "40999.00")]
        .into_iter()
        .enumerate()
    {
        let asked = [(invoice.as_str(), "1.00")];
        orders::adjust(&world, id, &asked).await.unwrap();
        let ended = |order: &pb::ChangeOrder| {
            let line = order.adjustments.get(number);
            line.is_some_and(|line| line.state() == state)
                && order.invoices[0].adjustable == Some(usd(left))
        };
        let order = hurry(&world, id, ended).await;
        let line = &order.adjustments[number];
        let code = line.error.as_ref().map(|error| error.code.as_str());
        let failed = state == Line::Failed;
        assert_eq!(code, failed.then_some("VALIDATION_FAILED"));
        // AWS took both.
        assert!(line.aws_adjustment_id.starts_with("ba-"), "{line:?}");
        assert_eq!(orders::at_aws(&world, ADJUSTMENTS).await, number + 1);
    }
}
