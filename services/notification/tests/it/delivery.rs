//! Attempts, back-off, failure, redrive (N6).

use chrono::TimeDelta;
use countersign_platform::audit::{self, Verdict};
use countersign_proto::notification::v1 as proto;
use countersign_proto::notification::v1::NoticeFailed;
use proto::delivery::State;
use tonic::Code;

use crate::samples;
use crate::smtp::Fate;
use crate::system::{ENGAGEMENT, System, call, call_as, reason};

const BUYER: &str = "bea@buyer.example";

async fn told(fates: &[Fate]) -> System {
    let system = System::start().await;
    system.smtp.then(fates);
    let event = system.event("offer", &samples::published());
    assert_eq!(system.tell(&event).await, "applied");
    system
}

/// 4xx, a stranger's 535 and a cut connection are tried again; every answer is kept.
#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let system = told(&[Fate::Later, Fate::NotYou]).await;
    system.until(BUYER, State::Queued, 1).await;
    system.bed.clock().advance(TimeDelta::seconds(6));
    system.until(BUYER, State::Queued, 2).await;
    system.bed.clock().advance(TimeDelta::seconds(31));
    let delivery = system.until(BUYER, State::Sent, 3).await;
    let attempts = system.attempts(&delivery.delivery_id).await;
    let outcomes: Vec<&str> = attempts
        .iter()
        .map(|(outcome, _)| outcome.as_str())
        .collect();
    assert_eq!(outcomes, ["deferred", "deferred", "accepted"]);
    assert!(attempts[0].1.contains("try again later"), "{attempts:?}");
    assert!(
        attempts[1].1.contains("authentication failed"),
        "{attempts:?}"
    );
    system.running.stop().await;
}

/// A mail that the server took without our hearing of it goes out twice, with one Message-ID.
#[tokio::test]
async fn an_unheard_acceptance_can_be_recognised() {
    let system = told(&[Fate::TakenWithoutAnswer]).await;
    system.until(BUYER, State::Queued, 1).await;
    system.bed.clock().advance(TimeDelta::seconds(6));
    system.until(BUYER, State::Sent, 2).await;
    let mails = system.smtp.taken_for(BUYER);
    assert_eq!(mails.len(), 2);
    assert!(mails[0].message_id().is_some());
    assert_eq!(mails[0].message_id(), mails[1].message_id());
    system.running.stop().await;
}

/// 5xx is for good: failed at once and said so; redriven it goes out.
#[tokio::test]
async fn a_refusal_fails_at_once_and_can_be_redriven() {
    let system = told(&[Fate::Never]).await;
    let failed = system.until(BUYER, State::Failed, 1).await;
    assert!(failed.answer.contains("no such mailbox"), "{failed:?}");
    assert_eq!(failed.sent_at, "");
    let expected = NoticeFailed {
        delivery_id: failed.delivery_id.clone(),
        engagement_id: ENGAGEMENT.into(),
        template: "buyer-offer".into(),
        channel: "email".into(),
        answer: failed.answer,
    };
    assert_eq!(system.published::<NoticeFailed>().await, [expected]);

    let request = proto::RedriveDeliveryRequest {
        delivery_id: failed.delivery_id.clone(),
    };
    let mut client = system.client();
    let foreign = client
        .redrive_delivery(call_as("globex", "k", request.clone()))
        .await;
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);
    let redriven = client
        .redrive_delivery(call(request.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((redriven.state(), redriven.attempts), (State::Queued, 1));
    system.until(BUYER, State::Sent, 2).await;
    let again = client.redrive_delivery(call(request)).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
    assert_eq!(reason(&again), "DELIVERY_NOT_FAILED");

    let chain = audit::verify(
        &system.bed.parts().database,
        &"acme".parse().unwrap(),
        &failed.delivery_id,
    )
    .await
    .unwrap();
    assert_eq!(chain, Verdict::Intact(4), "queue, fail, redrive, send");
    system.running.stop().await;
}

/// A round has eight attempts.
#[tokio::test]
async fn a_round_ends() {
    let system = told(&[Fate::Later; 8]).await;
    for attempts in 1..8 {
        system.until(BUYER, State::Queued, attempts).await;
        system.bed.clock().advance(TimeDelta::hours(7));
    }
    system.until(BUYER, State::Failed, 8).await;
    assert_eq!(system.smtp.taken_for(BUYER).len(), 0);
    assert_eq!(system.published::<NoticeFailed>().await.len(), 1);
    system.running.stop().await;
}

/// N6: a delivery whose task ran too often, recording nothing, fails like any other: nobody is sent
/// the same mail for ever, and it can be redriven.
#[tokio::test]
async fn a_task_that_ran_too_often_fails_its_delivery() {
    let system = told(&[Fate::Later]).await;
    let delivery = system.until(BUYER, State::Queued, 1).await;
    sqlx::query("UPDATE task SET attempts = 24 WHERE kind = 'deliver'")
        .execute(&mut system.bed.superuser().await)
        .await
        .unwrap();
    system.bed.clock().advance(TimeDelta::seconds(6));
    let failed = system.until(BUYER, State::Failed, 2).await;
    assert!(failed.answer.contains("never recorded"), "{failed:?}");
    assert_eq!(system.smtp.taken_for(BUYER).len(), 0);
    let request = proto::RedriveDeliveryRequest {
        delivery_id: delivery.delivery_id,
    };
    let redriven = system.client().redrive_delivery(call(request)).await;
    redriven.unwrap();
    system.until(BUYER, State::Sent, 3).await;
    system.running.stop().await;
}

#[tokio::test]
async fn an_unknown_delivery_is_not_found() {
    let system = System::start().await;
    for delivery_id in ["x", "00000000-0000-0000-0000-000000000001"] {
        let request = proto::GetDeliveryRequest {
            delivery_id: delivery_id.into(),
        };
        let status = system
            .client()
            .get_delivery(call(request))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{delivery_id}");
        assert_eq!(reason(&status), "DELIVERY_UNKNOWN");
    }
    system.running.stop().await;
}
