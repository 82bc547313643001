//! Signed webhooks and their replay (N5, N6).

use chrono::TimeDelta;
use countersign_proto::notification::v1 as proto;
use proto::Audience::Finance;
use proto::delivery::State;
use sqlx::Connection;
use standardwebhooks::Webhook;
use tonic::Code;

use crate::samples;
use crate::smtp::Fate;
use crate::system::{SECRET, System, call, reason};

async fn tell(system: &System, amount: &str) {
    let event = system.event("disbursement_reconciliation", &samples::disbursed(amount));
    assert_eq!(system.tell(&event).await, "applied");
}

/// N5: id, timestamp and signature of Standard Webhooks; a redirect is not followed, 5xx is tried
/// again with the same id.
#[tokio::test]
async fn webhooks_are_signed_and_tried_again() {
    let system = System::start().await;
    let url = system.hooks.url();
    system.hooks.then(&[500, 302]);
    system.put(Finance, &url).await.unwrap();
    tell(&system, "99937.50").await;
    system.until(&url, State::Queued, 1).await;
    system.bed.clock().advance(TimeDelta::seconds(6));
    system.until(&url, State::Queued, 2).await;
    system.bed.clock().advance(TimeDelta::seconds(31));
    let delivery = system.until(&url, State::Sent, 3).await;
    let hooks = system.hooks.taken();
    assert_eq!(hooks.len(), 3, "a redirect was followed");
    for hook in &hooks {
        let header = |name: &str| hook.headers[name].to_str().unwrap();
        assert_eq!(header("webhook-id"), delivery.delivery_id);
        let timestamp = header("webhook-timestamp").parse().unwrap();
        let expected = Webhook::new(SECRET).unwrap().sign(
            &delivery.delivery_id,
            timestamp,
            hook.body.as_bytes(),
        );
        assert_eq!(header("webhook-signature"), expected.unwrap());
        let body: serde_json::Value = serde_json::from_str(&hook.body).unwrap();
        assert_eq!(body["type"], "disbursement.cash_disbursed");
        assert_eq!(body["data"]["amount"], "99937.50 USD");
        assert_eq!(body["data"]["event_id"], delivery.cause_event_id);
    }
    let answers = system.attempts(&delivery.delivery_id).await;
    assert_eq!(answers[0].1, "500 Internal Server Error said");
    system.running.stop().await;
}

/// 410: failed, and the receiver is left alone until it is put again.
#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone() {
    let system = System::start().await;
    let url = system.hooks.url();
    system.hooks.then(&[410]);
    system.put(Finance, &url).await.unwrap();
    tell(&system, "1.00").await;
    system.until(&url, State::Failed, 1).await;
    let event = system.event("disbursement_reconciliation", &samples::disbursed("2.00"));
    assert_eq!(system.tell(&event).await, "ignored");
    let request = call(proto::ListSubscriptionsRequest {});
    let listed = system
        .client()
        .list_subscriptions(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.subscriptions[0].disabled_at, "2026-03-02T09:00:00Z");
    assert_eq!(system.put(Finance, &url).await.unwrap().disabled_at, "");
    tell(&system, "3.00").await;
    assert_eq!(system.deliveries().await.len(), 2);
    system.running.stop().await;
}

/// N4: who was taken off the list hears nothing more, on either channel.
#[tokio::test]
async fn what_is_queued_for_a_removed_subscription_fails() {
    let system = System::start().await;
    let url = system.hooks.url();
    let mail = "cash@acme.example".to_owned();
    system.hooks.then(&[500]);
    system.smtp.then(&[Fate::Later]);
    let mut known = Vec::new();
    for place in [&url, &mail] {
        known.push(system.put(Finance, place).await.unwrap());
    }
    tell(&system, "1.00").await;
    for place in [&url, &mail] {
        system.until(place, State::Queued, 1).await;
    }
    for subscription in known {
        let request = proto::RemoveSubscriptionRequest {
            subscription_id: subscription.subscription_id,
        };
        let removed = system.client().remove_subscription(call(request)).await;
        removed.unwrap();
    }
    system.bed.clock().advance(TimeDelta::seconds(6));
    for place in [&url, &mail] {
        let failed = system.until(place, State::Failed, 2).await;
        assert_eq!(failed.answer, "the subscription was removed");
    }
    assert_eq!(system.smtp.taken_for(&mail).len(), 0);
    system.running.stop().await;
}

/// N6: everything once, in order, by cursor, whether it arrived or not.
#[tokio::test]
async fn a_webhook_s_messages_are_replayed_by_cursor() {
    let system = System::start().await;
    let url = system.hooks.url();
    system.hooks.then(&[410]);
    let put = system.put(Finance, &url).await.unwrap();
    let mail = system.put(Finance, "fin@acme.example").await.unwrap();
    for amount in ["1.00", "2.00", "3.00"] {
        // Put again after the 410.
        system.put(Finance, &url).await.unwrap();
        tell(&system, amount).await;
    }
    let mut request = proto::ReplayWebhookRequest {
        subscription_id: put.subscription_id,
        cursor: String::new(),
        page_size: 2,
    };
    let mut client = system.client();
    let mut amounts = Vec::new();
    for expected in [2, 1, 0] {
        let page = client
            .replay_webhook(call(request.clone()))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(page.messages.len(), expected);
        for message in page.messages {
            let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
            amounts.push(body["data"]["amount"].as_str().unwrap().to_owned());
        }
        request.cursor = page.next_cursor;
    }
    assert_eq!(amounts, ["1.00 USD", "2.00 USD", "3.00 USD"]);

    request.subscription_id = mail.subscription_id;
    let status = client
        .replay_webhook(call(request.clone()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(reason(&status), "SUBSCRIPTION_NOT_A_WEBHOOK");
    request.subscription_id = "nobody".into();
    let status = client.replay_webhook(call(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    system.running.stop().await;
}

/// A transaction that took a lower position and commits later is waited for: no cursor passes it.
#[tokio::test]
async fn replay_waits_for_what_is_being_queued() {
    const QUEUE: &str = "INSERT INTO delivery (seller, delivery_id, engagement, cause_event_id,
            template, channel, recipient, subject, body, state, tried, attempts, answer, queued_at,
            version)
        VALUES ('acme', gen_random_uuid(), 'OPP-1', gen_random_uuid(), 't', 'webhook', $1, '', $2,
            'queued', 0, 0, '', now(), 1)";
    const LOCK: &str =
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('webhook-log/acme', 0))";
    let system = System::start().await;
    let url = system.hooks.url();
    let subscription_id = system.put(Finance, &url).await.unwrap().subscription_id;
    let (mut early, mut late) = (system.bed.superuser().await, system.bed.superuser().await);
    let mut first = early.begin().await.unwrap();
    sqlx::query(LOCK).execute(&mut *first).await.unwrap();
    sqlx::query(QUEUE)
        .bind(&url)
        .bind("first")
        .execute(&mut *first)
        .await
        .unwrap();
    let mut second = late.begin().await.unwrap();
    sqlx::query(LOCK).execute(&mut *second).await.unwrap();
    sqlx::query(QUEUE)
        .bind(&url)
        .bind("second")
        .execute(&mut *second)
        .await
        .unwrap();
    second.commit().await.unwrap();

    let mut client = system.client();
    let request = proto::ReplayWebhookRequest {
        subscription_id,
        ..Default::default()
    };
    let replay = client.replay_webhook(call(request));
    let finish = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        first.commit().await.unwrap();
    };
    let (page, ()) = tokio::join!(replay, finish);
    let bodies: Vec<String> = page
        .unwrap()
        .into_inner()
        .messages
        .into_iter()
        .map(|message| message.body)
        .collect();
    assert_eq!(bodies, ["first", "second"]);
    system.running.stop().await;
}
