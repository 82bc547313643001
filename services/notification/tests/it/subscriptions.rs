//! Who hears: N4, and the bad input at this door (P4).

use countersign_proto::notification::v1 as proto;
use proto::Audience::{Alliances, DealDesk, Finance};
use tonic::Code;
use tonic_types::StatusExt;

use crate::system::{SECRET, System, call, call_as, reason};

async fn listed(system: &System) -> Vec<proto::Subscription> {
    let request = call(proto::ListSubscriptionsRequest {});
    system
        .client()
        .list_subscriptions(request)
        .await
        .unwrap()
        .into_inner()
        .subscriptions
}

/// N4: unique addresses; the secret is in no reply and not in the audit trail.
#[tokio::test]
async fn addresses_are_put_listed_and_removed() {
    let system = System::start().await;
    let desk = system.put(DealDesk, "Desk@Acme.example").await.unwrap();
    assert_eq!(desk.address, "Desk@acme.example");
    let again = system.put(DealDesk, "Desk@acme.example").await.unwrap();
    assert_eq!(again, desk, "the same address is the same subscription");
    let hook = system
        .put(Finance, "http://127.0.0.1:9/hook")
        .await
        .unwrap();
    let all = listed(&system).await;
    assert_eq!(all, [desk.clone(), hook.clone()]);
    let trail: Vec<String> = sqlx::query_scalar("SELECT audit::text FROM audit")
        .fetch_all(system.bed.pool())
        .await
        .unwrap();
    assert_eq!(trail.len(), 2);
    for text in trail.iter().chain([&format!("{all:?}")]) {
        assert!(!text.contains(&SECRET[6..]), "{text}");
    }

    let remove = proto::RemoveSubscriptionRequest {
        subscription_id: desk.subscription_id,
    };
    system
        .client()
        .remove_subscription(call(remove.clone()))
        .await
        .unwrap();
    assert_eq!(listed(&system).await, [hook]);
    let gone = system
        .client()
        .remove_subscription(call(remove))
        .await
        .unwrap_err();
    assert_eq!(
        (gone.code(), reason(&gone).as_str()),
        (Code::NotFound, "SUBSCRIPTION_UNKNOWN")
    );
    system.running.stop().await;
}

/// N4: ten and no more, also when twelve come at once; each audience counts for itself.
#[tokio::test]
async fn the_eleventh_address_is_refused_even_in_a_race() {
    let system = System::start().await;
    let addresses: Vec<String> = (0..12)
        .map(|number| format!("a{number}@acme.example"))
        .collect();
    let puts = addresses
        .iter()
        .map(|address| system.put(Alliances, address));
    let mut refused = Vec::new();
    for put in futures::future::join_all(puts).await {
        refused.extend(put.err());
    }
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0].code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused[0]), "TOO_MANY_ADDRESSES");
    assert_eq!(listed(&system).await.len(), 10);
    system.put(DealDesk, "other@acme.example").await.unwrap();
    system.running.stop().await;
}

/// P4: every wrong field at once; nothing is written.
#[tokio::test]
async fn wrong_fields_are_all_named() {
    let system = System::start().await;
    let request = proto::PutSubscriptionRequest {
        audience: 0,
        channel: proto::Channel::Webhook.into(),
        address: "ftp://acme.example".into(),
        webhook_secret: "hunter2".into(),
    };
    let status = system
        .client()
        .put_subscription(call(request))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    let reasons: Vec<&str> = violations
        .iter()
        .map(|wrong| wrong.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        ["REQUIRED", "WEBHOOK_URL_INVALID", "WEBHOOK_SECRET_INVALID"]
    );
    assert!(!format!("{status:?}").contains("hunter2"));
    assert_eq!(listed(&system).await, []);
    let unknown = proto::RemoveSubscriptionRequest {
        subscription_id: "no id".into(),
    };
    let status = system
        .client()
        .remove_subscription(call(unknown))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    system.running.stop().await;
}

/// P4: a key is one command; another seller sees and removes nothing.
#[tokio::test]
async fn keys_and_sellers_are_kept_apart() {
    let system = System::start().await;
    let request = |address: &str| proto::PutSubscriptionRequest {
        audience: DealDesk.into(),
        channel: proto::Channel::Email.into(),
        address: address.into(),
        webhook_secret: String::new(),
    };
    let mut client = system.client();
    let mut put = async |seller: &str, address: &str| {
        client
            .put_subscription(call_as(seller, "one key", request(address)))
            .await
    };
    let first = put("acme", "a@acme.example").await.unwrap().into_inner();
    assert_eq!(
        put("acme", "a@acme.example").await.unwrap().into_inner(),
        first
    );
    let reused = put("acme", "b@acme.example").await.unwrap_err();
    assert_eq!(reason(&reused), "IDEMPOTENCY_KEY_REUSED");
    let other = put("globex", "a@acme.example").await.unwrap().into_inner();
    assert_ne!(other.subscription_id, first.subscription_id);

    let remove = proto::RemoveSubscriptionRequest {
        subscription_id: first.subscription_id,
    };
    let foreign = system
        .client()
        .remove_subscription(call_as("globex", "k", remove))
        .await;
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);
    assert_eq!(listed(&system).await.len(), 1);
    system.running.stop().await;
}
