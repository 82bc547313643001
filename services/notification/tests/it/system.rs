//! The service in this process, on a database of its own, with a mail server and a webhook receiver.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_notification::{NotificationConfig, compose, service, tellers};
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{Failure, IncomingEvent, NewEvent, Secret, Service};
use countersign_proto::notification::v1 as proto;
use countersign_proto::notification::v1::notification_service_client::NotificationServiceClient;
use prost::{Message, Name};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt;

use crate::hooks::Hooks;
use crate::smtp::Smtp;

pub(crate) const ENGAGEMENT: &str = "006Dn00000A1b2C";
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

pub(crate) struct System {
    pub(crate) bed: TestBed<NotificationConfig>,
    pub(crate) smtp: Smtp,
    pub(crate) hooks: Hooks,
    pub(crate) running: Running,
    sequence: AtomicU64,
}

impl System {
    pub(crate) async fn start() -> Self {
        let (smtp, hooks) = (Smtp::start().await, Hooks::start().await);
        let config = NotificationConfig {
            smtp_url: Secret::new(format!("smtp://{}", smtp.address)),
            smtp_timeout_ms: 5_000,
            mail_from: "Acme Deals <deals@acme.example>".to_owned(),
            webhook_timeout_ms: 5_000,
            webhook_allow_local: true,
        };
        let service: Service = service();
        let bed = TestBed::new(&service, config).await;
        let running = bed.serve(&service, compose).await;
        Self {
            bed,
            smtp,
            hooks,
            running,
            sequence: AtomicU64::new(0),
        }
    }

    pub(crate) fn client(&self) -> NotificationServiceClient<Channel> {
        NotificationServiceClient::new(self.running.channel())
    }

    pub(crate) async fn put(
        &self,
        audience: proto::Audience,
        address: &str,
    ) -> Result<proto::Subscription, Status> {
        let webhook = address.starts_with("http");
        let channel = if webhook {
            proto::Channel::Webhook
        } else {
            proto::Channel::Email
        };
        let request = proto::PutSubscriptionRequest {
            audience: audience.into(),
            channel: channel.into(),
            address: address.to_owned(),
            webhook_secret: if webhook {
                SECRET.to_owned()
            } else {
                String::new()
            },
        };
        Ok(self
            .client()
            .put_subscription(call(request))
            .await?
            .into_inner())
    }

    /// The event as the next of an aggregate of its own.
    pub(crate) fn event<M: Message + Name>(&self, source: &str, message: &M) -> IncomingEvent {
        let number = self.sequence.fetch_add(1, Ordering::SeqCst);
        self.incoming(source, new_event(&format!("aggregate-{number}"), message))
    }

    /// The first event of its aggregate, as it arrives.
    pub(crate) fn incoming(&self, source: &str, event: NewEvent) -> IncomingEvent {
        self.bed.incoming(source, 1, event)
    }

    /// Tells the event as the consumer does. Returns what became of it.
    pub(crate) async fn tell(&self, event: &IncomingEvent) -> String {
        self.try_to_tell(event).await.unwrap()
    }

    pub(crate) async fn try_to_tell(&self, event: &IncomingEvent) -> Result<String, Failure> {
        let tellers = tellers().unwrap();
        let (_, teller) = tellers
            .iter()
            .find(|(source, _)| *source == event.source)
            .unwrap();
        self.bed.deliver(teller, event).await
    }

    pub(crate) async fn deliveries(&self) -> Vec<proto::Delivery> {
        let request = call(proto::ListDeliveriesRequest::default());
        self.client()
            .list_deliveries(request)
            .await
            .unwrap()
            .into_inner()
            .deliveries
    }

    /// The one delivery to `recipient`.
    pub(crate) async fn delivery_to(&self, recipient: &str) -> proto::Delivery {
        let mut deliveries = self.deliveries().await;
        deliveries.retain(|delivery| delivery.recipient == recipient);
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        deliveries.remove(0)
    }

    /// Waits until the one delivery to `recipient` is `state` after `attempts`.
    pub(crate) async fn until(
        &self,
        recipient: &str,
        state: proto::delivery::State,
        attempts: u32,
    ) -> proto::Delivery {
        let mut last = None;
        for _ in 0..200 {
            let delivery = self.delivery_to(recipient).await;
            if delivery.state() == state && delivery.attempts == attempts {
                return delivery;
            }
            last = Some(delivery);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not {state:?} after {attempts} attempts: {last:?}");
    }

    /// The attempts at a delivery: outcome and answer.
    pub(crate) async fn attempts(&self, delivery_id: &str) -> Vec<(String, String)> {
        sqlx::query_as(
            "SELECT outcome, answer FROM attempt WHERE delivery_id = $1::uuid ORDER BY number",
        )
        .bind(delivery_id)
        .fetch_all(self.bed.pool())
        .await
        .unwrap()
    }

    /// The public events so far, of one type.
    pub(crate) async fn published<M: Message + Name + Default>(&self) -> Vec<M> {
        let events = self.bed.published().await.into_iter();
        events
            .filter(|(name, _)| *name == M::full_name())
            .map(|(_, payload)| M::decode(payload.as_slice()).unwrap())
            .collect()
    }
}

/// A request of acme's operator with a key of its own.
pub(crate) fn call<T>(message: T) -> Request<T> {
    let key = NEXT_KEY.fetch_add(1, Ordering::SeqCst);
    call_as("acme", &format!("key-{key}"), message)
}

pub(crate) fn call_as<T>(seller: &str, key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in [
        ("countersign-seller", seller),
        ("countersign-principal", "operator@acme.example"),
        ("countersign-roles", "operator"),
        ("idempotency-key", key),
    ] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// An event of acme's engagement, to be published.
pub(crate) fn new_event<M: Message + Name>(aggregate: &str, message: &M) -> NewEvent {
    NewEvent {
        type_name: M::full_name(),
        seller: "acme".parse().unwrap(),
        engagement: Some(ENGAGEMENT.parse().unwrap()),
        aggregate_id: aggregate.to_owned(),
        payload: message.encode_to_vec(),
    }
}

/// The stable reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}
