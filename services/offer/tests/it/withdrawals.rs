//! A withdrawal that crosses the buyer's answer on its way (O15, O17): it reaches AWS after that, and AWS's
//! word stands.

use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use pb::change_order::State;
use serde_json::json;

use crate::aws_failures as aws;
use crate::change_orders as orders;
use crate::crossings;
use crate::payments;
use crate::world::World;

/// How often the injections are looked at before a test gives up.
const LOOKS: usize = 300;
/// After so many nobody looks before the longest pause is over.
const OVERSLEPT: usize = 100;
/// Of the looks at what a buyer was asked for.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(15);

/// After `waited`, nothing sees the buyer's answer by itself any more: whoever may not look waits for an
/// operator, for seconds of a clock that stands still from then on.
async fn blinded(world: &World, waited: TimeDelta, operations: &[&str]) {
    for operation in operations {
        aws::inject(world, operation, "access-denied", false).await;
    }
    world.advance(waited);
    for look in 1..=LOOKS {
        if world.look("state").await["injections"] == json!([]) {
            // The last of them is refused by now; its task must have noted that it comes back later.
            return waiting(world, operations.len()).await;
        }
        if look % OVERSLEPT == 0 {
            // One that looked while the time jumped comes back by the time from then on.
            world.advance(LONGEST_PAUSE);
        }
        world.pass().await;
    }
    panic!("nobody looks");
}

/// Until as many tasks as that were refused and wait.
async fn waiting(world: &World, count: usize) {
    let refused = "SELECT count(*) FROM task
        WHERE state = 'pending' AND last_error LIKE '%AccessDeniedException%'";
    for _ in 0..LOOKS {
        if usize::try_from(crossings::count(world, refused).await) == Ok(count) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a refused look does not wait");
}

/// The call reaches AWS, which is known by its being used up: AWS hears it twice.
async fn watched(world: &World, withdrawal: &str) {
    aws::inject(world, withdrawal, "twice", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_comes_too_late_changes_no_answer_to_a_cancellation() {
    const WITHDRAWAL: &str = "CancelAgreementCancellationRequest";
    for (approve, state, status, reason) in [
        (true, State::Over, "APPROVED", ""),
        (false, State::Rejected, "REJECTED", "we need it"),
    ] {
        let world = World::new().await;
        let offer = orders::accepted(&world).await;
        let order = orders::pending(&world, &offer).await;
        let looks = ["GetAgreementCancellationRequest", "SearchAgreements"];
        blinded(&world, TimeDelta::days(1), &looks).await;
        orders::answer(&world, &order, approve).await;
        watched(&world, WITHDRAWAL).await;
        let id = &order.change_order_id;
        let asked = orders::withdraw(&world, id).await.unwrap().into_inner();
        assert_eq!(asked.state(), State::Pending, "the answer is not known yet");
        assert_eq!(asked.end_reason, "another way was found");
        let ended = orders::until_state(&world, id, state).await;
        aws::all_were_used(&world, status).await;
        assert_eq!(
            (ended.aws_status.as_str(), ended.end_reason.as_str()),
            (status, reason)
        );
        let request = world.look("state").await[orders::REQUESTS][0].clone();
        assert_eq!(request["status"], status);
        let told = world.events::<pb::CancellationEnded>().await;
        let told: Vec<_> = told
            .iter()
            .map(|event| event.change_order.as_ref().unwrap().state())
            .collect();
        assert_eq!(told, [state]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_comes_too_late_changes_no_answer_to_a_payment_request() {
    const WITHDRAWAL: &str = "CancelAgreementPaymentRequest";
    for (approve, state, status) in [
        (true, payments::State::Approved, "APPROVED"),
        (false, payments::State::Rejected, "REJECTED"),
    ] {
        let world = World::new().await;
        let offer = payments::accepted(&world, "WAIT_FOR_APPROVAL").await;
        let id = payments::asked(&world, &offer, "Design accepted", "1000.00").await;
        let pending = payments::until(&world, &id, payments::State::Pending).await;
        // Nobody's silence decides, so that no clock shows it.
        assert_eq!(
            (
                pending.approves_itself_at.as_str(),
                pending.clock_id.as_str()
            ),
            ("", "")
        );
        let looks = ["GetAgreementPaymentRequest"];
        blinded(&world, TimeDelta::days(30), &looks).await;
        payments::answer(&world, &pending, approve).await;
        watched(&world, WITHDRAWAL).await;
        let asked = payments::cancel(&world, &id).await.unwrap().into_inner();
        assert_eq!(asked.state(), payments::State::Pending);
        assert_eq!(asked.reason, "invoiced twice");
        let ended = payments::until(&world, &id, state).await;
        aws::all_were_used(&world, status).await;
        assert_eq!(ended.aws_status, status);
        let paid = world.events::<pb::PaymentRequestApproved>().await.len();
        let rejected = world.events::<pb::PaymentRequestRejected>().await.len();
        assert_eq!(
            (paid, rejected),
            (usize::from(approve), usize::from(!approve))
        );
    }
}
