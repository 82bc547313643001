//! A status of AWS's that is not known here (O9, O13): of a change set, an agreement, a payment request, a
//! cancellation request and a billing adjustment. It is kept and shown, ends nothing, and the next that is known
//! counts. The sandbox misspells the last letter of a status.

use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use pb::billing_adjustment::State as Line;
use pb::change_order::State as Order;
use pb::marketplace_offer::Ownership;
use pb::offer::State;
use serde_json::json;

use crate::aws_failures as aws;
use crate::change_orders as orders;
use crate::crossings::count;
use crate::elsewhere::agreements;
use crate::payments;
use crate::world::World;

const LOOKS: usize = 300;
/// As many answers as come while the test looks once, and more.
const FEW: u32 = 12;
/// As many as come while the test looks twice, and does something between.
const MANY: u32 = 60;

/// By which the time goes on while nothing is missed.
const STEP: TimeDelta = TimeDelta::seconds(2);

async fn misspell(world: &World, operation: &str, times: u32) {
    let body = json!({ "operation": operation, "failure": "unknown-value", "times": times });
    world.act("inject", body).await;
}

/// Lets time go by until what is looked at is as wanted.
async fn until<T: std::fmt::Debug>(
    world: &World,
    look: impl AsyncFn() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    for _ in 0..LOOKS {
        let found = look().await;
        if wanted(&found) {
            return found;
        }
        world.pass().await;
    }
    panic!("it never got there: {:#?}", look().await)
}

/// The change set under way is said to be in no status that is known here, and then in one that is, over and over.
async fn misspelt_and_known_again(world: &mut World, id: &str, state: State) -> String {
    misspell(world, "DescribeChangeSet", FEW).await;
    let unknown = |offer: &pb::Offer| !offer.aws_status.is_empty();
    let offer = world.until(id, unknown).await;
    assert!(
        ["PREPARINX", "APPLYINX"].contains(&offer.aws_status.as_str()),
        "{offer:#?}"
    );
    assert_eq!((offer.state(), offer.errors.as_slice()), (state, &[][..]));
    let kept = "SELECT count(*) FROM offer WHERE aws_status IS NOT NULL";
    assert_eq!(count(world, kept).await, 1);
    world.restart().await;
    let offer = world.until(id, |offer| offer.aws_status.is_empty()).await;
    assert_eq!(offer.state(), state, "it is under way still");
    offer.change_set_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_sets_unknown_status_is_shown_until_a_known_one_is_seen() {
    let mut world = World::new().await;
    let draft = world.draft().await;
    let id = draft.offer_id.as_str();
    aws::inject(&world, "StartChangeSet", "never-ends", false).await;
    world.release(&draft).await;
    let change_set = misspelt_and_known_again(&mut world, id, State::Releasing).await;
    let end = json!({ "changeSetId": change_set });
    world.act("change-sets/end", end).await;
    let published = world.until_state(id, State::Published).await;
    assert_eq!(published.aws_status, "");

    // The same of a change after the release; and its end is a known word too.
    aws::inject(&world, "StartChangeSet", "never-ends", false).await;
    let cancel = pb::CancelOfferRequest {
        offer_id: id.into(),
        reason: "the buyer wants another scope".into(),
    };
    let mut client = world.client.clone();
    client.cancel_offer(world.command(cancel)).await.unwrap();
    let change_set = misspelt_and_known_again(&mut world, id, State::Published).await;
    misspell(&world, "DescribeChangeSet", MANY).await;
    world.until(id, |offer| !offer.aws_status.is_empty()).await;
    let end = json!({ "changeSetId": change_set });
    world.act("change-sets/end", end).await;
    // An end that is misspelt is none.
    let ended = |offer: &pb::Offer| offer.aws_status == "SUCCEEDEX";
    let offer = world.until(id, ended).await;
    assert_eq!(offer.state(), State::Published);
    let cancelled = |offer: &pb::Offer| offer.state() == State::Cancelled;
    let cancelled = world.hurry(id, cancelled).await;
    assert_eq!(cancelled.aws_status, "");
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
    assert_eq!(world.events::<pb::OfferCancelled>().await.len(), 1);
    assert_eq!(world.events::<pb::OfferReleaseFailed>().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreements_unknown_status_is_shown_and_ends_nothing() {
    let world = World::new().await;
    let draft = world.draft().await;
    for operation in ["SearchAgreements", "DescribeAgreement"] {
        misspell(&world, operation, FEW).await;
    }
    let accepted = world.sold(&draft).await;
    let look = async || agreements(&world, Ownership::Ours).await;
    let [shown] = look().await.try_into().unwrap();
    assert_eq!(
        (shown.status.as_str(), shown.problem.as_str()),
        ("ACTIVX", "")
    );
    assert_eq!(shown.agreement_id, accepted.agreement_id);
    let known = until(&world, look, |found| found[0].status == "ACTIVE").await;
    assert_eq!(known.len(), 1);
    assert_eq!(world.events::<pb::AgreementAccepted>().await.len(), 1);
    assert_eq!(world.events::<pb::AgreementEnded>().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_requests_unknown_status_is_shown_and_waited_for() {
    let world = World::new().await;
    let offer = payments::accepted(&world, "WAIT_FOR_APPROVAL").await;
    for operation in ["SendAgreementPaymentRequest", "GetAgreementPaymentRequest"] {
        misspell(&world, operation, MANY).await;
    }
    let id = payments::asked(&world, &offer, "Design accepted", "1000.00").await;
    let look = async || payments::get(&world, &id).await;
    let status =
        |wanted: &'static str| move |found: &pb::PaymentRequest| found.aws_status == wanted;
    let shown = until(&world, look, status("PENDING_APPROVAX")).await;
    assert_eq!(shown.state(), payments::State::Pending);
    payments::answer(&world, &shown, true).await;
    let shown = until(&world, look, status("APPROVEX")).await;
    assert_eq!(shown.state(), payments::State::Pending, "it may be no end");
    assert_eq!(world.events::<pb::PaymentRequestApproved>().await, []);
    let approved = |found: &pb::PaymentRequest| found.state() == payments::State::Approved;
    let approved = world.hurry_by(STEP, look, approved).await;
    assert_eq!(approved.aws_status, "APPROVED");
    assert_eq!(world.events::<pb::PaymentRequestApproved>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellations_and_an_adjustments_unknown_status_is_shown_and_waited_for() {
    let world = World::new().await;
    let offer = orders::accepted(&world).await;
    let id = orders::started(&world, &offer).await;
    for operation in [
        "SendAgreementCancellationRequest",
        "GetAgreementCancellationRequest",
    ] {
        misspell(&world, operation, MANY).await;
    }
    orders::request(&world, &id).await.unwrap();
    let look = async || orders::get(&world, &id).await;
    let status = |wanted: &'static str| move |found: &pb::ChangeOrder| found.aws_status == wanted;
    let shown = until(&world, look, status("PENDING_APPROVAX")).await;
    assert_eq!(shown.state(), Order::Pending);
    // The buyer says no, in a word that is not known here, and then in one that is.
    orders::answer(&world, &shown, false).await;
    let shown = until(&world, look, status("REJECTEX")).await;
    assert_eq!(shown.state(), Order::Pending);
    let rejected = |found: &pb::ChangeOrder| found.state() == Order::Rejected;
    let rejected = world.hurry_by(STEP, look, rejected).await;
    assert_eq!(rejected.aws_status, "REJECTED");
    assert_eq!(world.events::<pb::CancellationEnded>().await.len(), 1);

    // The adjustment takes AWS a while, so that it is seen before and after.
    let settings = json!({ "adjustmentMs": 2_000 });
    world.act("settings", settings).await;
    let (order, invoice) = orders::over(&world, &offer).await;
    let id = order.change_order_id;
    misspell(&world, "GetBillingAdjustmentRequest", MANY).await;
    orders::adjust(&world, &id, &[(invoice.as_str(), "1.00")])
        .await
        .unwrap();
    let look = async || orders::get(&world, &id).await.adjustments.remove(0);
    let status =
        |wanted: &'static str| move |line: &pb::BillingAdjustment| line.aws_status == wanted;
    for word in ["PENDINX", "COMPLETEX"] {
        let line = until(&world, look, status(word)).await;
        assert_eq!((line.state(), line.error), (Line::Pending, None));
    }
    let completed = |line: &pb::BillingAdjustment| line.state() == Line::Completed;
    let line = world.hurry_by(STEP, look, completed).await;
    assert_eq!(line.aws_status, "");
    assert_eq!(orders::at_aws(&world, orders::ADJUSTMENTS).await, 1);
}
