//! AWS's answers to a change order: lost, forgotten, refused, and read late (O9).

use std::time::Duration;

use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use pb::billing_adjustment::State as Line;
use pb::change_order::State;
use serde_json::{Value, json};

use super::{
    ADJUSTMENTS, LOOKS, REQUESTS, accepted, adjust, answer, at_aws, over, pending, request,
    started, until, until_state,
};
use crate::world::World;

async fn inject(world: &World, body: Value) {
    world.act("inject", body).await;
}

/// O9: AWS takes the request, or the lines, and the answer is lost, busy or broken: they are sent once.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_repeats_nothing() {
    let mut world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    let offer = accepted(&world).await;
    let send = "SendAgreementCancellationRequest";
    for (number, failure, after_apply) in [
        (1, "fault", true),
        (2, "timeout", false),
        (3, "nonsense", false),
    ] {
        inject(
            &world,
            json!({ "operation": send, "failure": failure, "times": 3, "afterApply": after_apply }),
        )
        .await;
        let list = "ListAgreementCancellationRequests";
        inject(
            &world,
            json!({ "operation": list, "failure": "throttle", "times": 2 }),
        )
        .await;
        let id = started(&world, &offer).await;
        request(&world, &id).await.unwrap();
        world.restart().await;
        let pending = until_state(&world, &id, State::Pending).await;
        assert_eq!(at_aws(&world, REQUESTS).await, number, "{failure}");
        answer(&world, &pending, number == 3).await;
        let ended = if number == 3 {
            State::Over
        } else {
            State::Rejected
        };
        until_state(&world, &id, ended).await;
        if number < 3 {
            continue;
        }
        let read = |order: &pb::ChangeOrder| !order.invoices.is_empty();
        let invoice = until(&world, &id, read).await.invoices[0]
            .invoice_id
            .clone();
        let create = "BatchCreateBillingAdjustmentRequest";
        for (line, failure, after_apply) in [(1, "fault", true), (2, "timeout", false)] {
            inject(&world, json!({ "operation": create, "failure": failure, "times": 3, "afterApply": after_apply })).await;
            adjust(&world, &id, &[(&invoice, &format!("{line}.00"))])
                .await
                .unwrap();
            world.restart().await;
            let completed = |order: &pb::ChangeOrder| {
                order.adjustments.len() == line
                    && order
                        .adjustments
                        .iter()
                        .all(|line| line.state() == Line::Completed)
            };
            until(&world, &id, completed).await;
            assert_eq!(at_aws(&world, ADJUSTMENTS).await, line, "{failure}");
        }
    }
    assert_eq!(world.events::<pb::CancellationRequested>().await.len(), 3);
}

/// AWS forgets the token of an adjustment after eight hours: what was sent before is found by looking.
#[tokio::test(flavor = "multi_thread")]
async fn an_adjustment_is_found_again_when_aws_forgot_its_token() {
    let mut world = World::new().await;
    let offer = accepted(&world).await;
    let (order, invoice) = over(&world, &offer).await;
    let create = "BatchCreateBillingAdjustmentRequest";
    inject(
        &world,
        json!({ "operation": create, "failure": "fault", "times": 3, "afterApply": true }),
    )
    .await;
    adjust(&world, &order.change_order_id, &[(&invoice, "250.00")])
        .await
        .unwrap();
    while at_aws(&world, ADJUSTMENTS).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.stop().await;
    world.advance(TimeDelta::hours(9));
    world.restart().await;
    let completed = |order: &pb::ChangeOrder| order.adjustments[0].state() == Line::Completed;
    until(&world, &order.change_order_id, completed).await;
    assert_eq!(at_aws(&world, ADJUSTMENTS).await, 1);
}

/// What AWS refuses, or finds wrong later, says so, and the agreement goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_is_failed() {
    let world = World::new().await;
    let offer = accepted(&world).await;
    let send = "SendAgreementCancellationRequest";
    for (failure, code) in [
        ("access-denied", "AccessDeniedException"),
        ("invalid", "VALIDATION_FAILED"),
    ] {
        inject(&world, json!({ "operation": send, "failure": failure })).await;
        let id = started(&world, &offer).await;
        request(&world, &id).await.unwrap();
        let failed = until_state(&world, &id, State::Failed).await;
        assert_eq!(failed.errors[0].code, code);
    }
    let (order, invoice) = over(&world, &offer).await;
    let create = "BatchCreateBillingAdjustmentRequest";
    inject(
        &world,
        json!({ "operation": create, "failure": "access-denied" }),
    )
    .await;
    adjust(&world, &order.change_order_id, &[(&invoice, "1.00")])
        .await
        .unwrap();
    let failed = |order: &pb::ChangeOrder| order.adjustments[0].state() == Line::Failed;
    let order = until(&world, &order.change_order_id, failed).await;
    assert_eq!(
        order.adjustments[0].error.as_ref().unwrap().code,
        "AccessDeniedException"
    );
    assert_eq!(at_aws(&world, ADJUSTMENTS).await, 0);
}

/// AWS's last word of a request is read also when its agreement was seen to be over before it.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_word_of_a_request_is_read_after_the_agreement_s_end() {
    let world = World::new().await;
    let offer = accepted(&world).await;
    let order = pending(&world, &offer).await;
    // Whoever may not look waits for an operator, far longer than the next look for agreements.
    let refused =
        json!({ "operation": "GetAgreementCancellationRequest", "failure": "access-denied" });
    inject(&world, refused).await;
    for _ in 0..LOOKS {
        if world.look("state").await["injections"] == json!([]) {
            break;
        }
        world.pass().await;
    }
    answer(&world, &order, true).await;
    let over = until_state(&world, &order.change_order_id, State::Over).await;
    assert_eq!(over.aws_status, "PENDING_APPROVAL");
    let read = |order: &pb::ChangeOrder| order.aws_status != "PENDING_APPROVAL";
    let read = until(&world, &order.change_order_id, read).await;
    assert_eq!(
        (read.state(), read.aws_status.as_str()),
        (State::Over, "APPROVED")
    );
    assert_eq!(read.ended_at, over.ended_at);
    assert_eq!(world.events::<pb::CancellationEnded>().await.len(), 1);
}
