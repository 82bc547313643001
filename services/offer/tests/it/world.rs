//! The service with everything around it: a database of its own, the sandbox as AWS, documents, and a
//! clock that all follow.

mod selling;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_marketplace_sandbox as sandbox;
use countersign_offer::{Approvals, OfferConfig, compose, service};
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{Clock, NewEvent, Parts, Secret};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer_service_client::OfferServiceClient;
use prost::{Message, Name};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt;

use crate::approval::Approval;

pub(crate) const SELLER: &str = "acme";
pub(crate) const ENGAGEMENT: &str = "006-landing-zone";
/// How often a condition is looked at before a test gives up.
const LOOKS: usize = 300;

pub(crate) struct World {
    pub(crate) bed: TestBed<OfferConfig>,
    pub(crate) approval: Approval,
    pub(crate) client: OfferServiceClient<Channel>,
    pub(crate) files: TempDir,
    http: reqwest::Client,
    sandbox: sandbox::Running,
    served: Option<Running>,
    keys: AtomicU32,
    events: AtomicU32,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut OfferConfig)) -> Self {
        let files = tempfile::tempdir().unwrap();
        let clock_file = files.path().join("clock");
        let bucket = files.path().join("bucket");
        std::fs::create_dir(&bucket).unwrap();
        let sandbox = sandbox::Sandbox::start(sandbox::Config {
            bucket: Some(bucket.clone()),
            clock_file: Some(clock_file),
            ..sandbox::Config::default()
        });
        let sandbox = sandbox.await.unwrap();
        let approval = Approval::default();
        let mut section = OfferConfig {
            seller: SELLER.into(),
            marketplace_endpoint: Some(sandbox.endpoint_url()),
            marketplace_access_key_id: Some(sandbox::DEFAULT_ACCESS_KEY_ID.into()),
            marketplace_secret_access_key: Secret::new(sandbox::DEFAULT_SECRET_ACCESS_KEY),
            document_store_url: bucket.to_str().unwrap().into(),
            document_public_url_base: Some(format!("{}/bucket", sandbox.endpoint_url())),
            approval_url: format!("http://{}", approval.serve().await),
            change_set_poll_min_ms: 150,
            change_set_poll_max_ms: 1_000,
            agreement_poll_ms: 300,
            ..OfferConfig::default()
        };
        change(&mut section);
        let bed = TestBed::new(&service(), section).await;
        let served = bed.serve(&service(), compose).await;
        let world = Self {
            client: OfferServiceClient::new(served.channel()),
            bed,
            approval,
            files,
            http: reqwest::Client::new(),
            sandbox,
            served: Some(served),
            keys: AtomicU32::new(0),
            events: AtomicU32::new(0),
        };
        world.set_sandbox_clock();
        world
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.bed.clock().now()
    }

    /// Moves every clock.
    pub(crate) fn advance(&self, by: TimeDelta) {
        self.bed.clock().advance(by);
        self.set_sandbox_clock();
    }

    fn set_sandbox_clock(&self) {
        let offset = self.now() - Clock::system().now();
        let (file, new) = (
            self.files.path().join("clock"),
            self.files.path().join("clock.new"),
        );
        std::fs::write(&new, offset.num_milliseconds().to_string()).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    /// Stops the service, as if it were killed between two steps, and starts another instance.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        let served = self.bed.serve(&service(), compose).await;
        self.client = OfferServiceClient::new(served.channel());
        self.served = Some(served);
    }

    /// Another tenant's process on the same schema, with an AWS account of its own and no queue.
    pub(crate) async fn serve_another_tenant(&self) -> Running {
        let of_globex = async |parts: Parts<OfferConfig>| {
            let section = Arc::new(OfferConfig {
                seller: "globex".into(),
                marketplace_access_key_id: Some(sandbox::DEFAULT_PARTNER_ACCESS_KEY_ID.into()),
                events_queue_url: None,
                ..OfferConfig::clone(&parts.section)
            });
            compose(Parts { section, ..parts }).await
        };
        self.bed.serve(&service(), of_globex).await
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(served) = self.served.take() {
            served.stop().await;
        }
    }

    /// A command of sales operations, with a key of its own.
    pub(crate) fn command<T>(&self, message: T) -> Request<T> {
        let number = self.keys.fetch_add(1, Ordering::SeqCst);
        Self::command_with(message, &format!("key-{number}"))
    }

    pub(crate) fn command_with<T>(message: T, key: &str) -> Request<T> {
        let mut request = Self::query(message);
        request
            .metadata_mut()
            .insert("idempotency-key", key.parse().unwrap());
        request
    }

    pub(crate) fn query<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("countersign-seller", SELLER.parse().unwrap());
        request
            .metadata_mut()
            .insert("countersign-principal", "ops@acme.example".parse().unwrap());
        request
            .metadata_mut()
            .insert("countersign-roles", "alliances".parse().unwrap());
        request
    }

    /// Hears an event of approval, in a transaction of its own.
    pub(crate) async fn hear<M: Message + Name>(&self, message: &M) -> String {
        let sequence = i64::from(self.events.fetch_add(1, Ordering::SeqCst)) + 1;
        self.hear_of(ENGAGEMENT, sequence, message).await
    }

    /// The same, of another engagement: number `sequence` of its case.
    pub(crate) async fn hear_of<M: Message + Name>(
        &self,
        engagement: &str,
        sequence: i64,
        message: &M,
    ) -> String {
        let event = NewEvent {
            type_name: M::full_name(),
            seller: SELLER.parse().unwrap(),
            engagement: Some(engagement.parse().unwrap()),
            aggregate_id: format!("case-{engagement}"),
            payload: message.encode_to_vec(),
        };
        let event = self.bed.incoming("approval", sequence, event);
        self.bed.deliver(&Approvals, &event).await.unwrap()
    }

    pub(crate) async fn offer(&self, offer_id: &str) -> pb::Offer {
        let by = pb::get_offer_request::By::OfferId(offer_id.into());
        let request = Self::query(pb::GetOfferRequest { by: Some(by) });
        self.client
            .clone()
            .get_offer(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub(crate) async fn until_state(&self, id: &str, state: pb::offer::State) -> pb::Offer {
        self.until(id, |offer| offer.state() == state).await
    }

    /// Lets time go by until the offer is as wanted.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&pb::Offer) -> bool) -> pb::Offer {
        for _ in 0..LOOKS {
            let offer = self.offer(id).await;
            if wanted(&offer) {
                return offer;
            }
            self.pass().await;
        }
        panic!("the offer never got there: {:#?}", self.offer(id).await)
    }

    /// Lets two seconds at a time go by, on every clock, until the offer is as wanted.
    pub(crate) async fn hurry(&self, id: &str, wanted: impl Fn(&pb::Offer) -> bool) -> pb::Offer {
        let step = TimeDelta::seconds(2);
        self.hurry_by(step, async || self.offer(id).await, wanted)
            .await
    }

    /// Lets a step at a time go by, on every clock, until what is looked at is as wanted.
    pub(crate) async fn hurry_by<T: std::fmt::Debug>(
        &self,
        step: TimeDelta,
        look: impl AsyncFn() -> T,
        wanted: impl Fn(&T) -> bool,
    ) -> T {
        for _ in 0..LOOKS * 2 {
            let found = look().await;
            if wanted(&found) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.advance(step);
        }
        panic!("it never got there: {:#?}", look().await)
    }

    /// A tenth of a second, on every clock.
    pub(crate) async fn pass(&self) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.bed.clock().advance(TimeDelta::milliseconds(100));
    }

    /// Where the sandbox is, as AWS.
    pub(crate) fn aws(&self) -> String {
        self.sandbox.endpoint_url()
    }

    /// An act of the buyer, or of AWS, in the sandbox.
    pub(crate) async fn act(&self, path: &str, body: serde_json::Value) -> serde_json::Value {
        let url = format!("{}/sandbox/{path}", self.sandbox.endpoint_url());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// What the sandbox has.
    pub(crate) async fn look(&self, path: &str) -> serde_json::Value {
        let url = format!("{}/sandbox/{path}", self.sandbox.endpoint_url());
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// The events of one type that were published.
    pub(crate) async fn events<M: Message + Name + Default>(&self) -> Vec<M> {
        let published = self.bed.published().await;
        let of_type = published
            .iter()
            .filter(|(type_name, _)| *type_name == M::full_name());
        of_type
            .map(|(_, payload)| M::decode(payload.as_slice()).unwrap())
            .collect()
    }
}

/// What a refusal says: its code, its reason, and the reasons of its violations.
pub(crate) fn refusal<T: std::fmt::Debug>(
    answer: Result<Response<T>, Status>,
) -> (tonic::Code, String, Vec<String>) {
    let status = answer.unwrap_err();
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default();
    let violations = details.bad_request().map_or_else(Vec::new, |bad| {
        bad.field_violations
            .iter()
            .map(|violation| violation.reason.clone())
            .collect()
    });
    (status.code(), reason, violations)
}
