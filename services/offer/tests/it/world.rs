//! The service with everything around it: a database of its own, the sandbox as AWS, documents, and a
//! clock that all follow.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::Digest;
use countersign_marketplace_sandbox as sandbox;
use countersign_offer::{Approvals, OfferConfig, compose, service};
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{Clock, NewEvent, Secret};
use countersign_proto::approval::v1 as approval_pb;
use countersign_proto::common::v1::ApprovedDeal;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer_service_client::OfferServiceClient;
use prost::{Message, Name};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt;

use crate::approval::Approval;
use crate::deals::{self, File};

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

    /// Stamped and signed: the handbook's deal with these documents.
    pub(crate) async fn signed_with(&self, files: &[File]) -> Digest {
        let digest = Digest::of(b"what was approved");
        let deal = deals::deal(ENGAGEMENT, files, digest);
        self.signed(deal, files).await;
        digest
    }

    /// Stamped and signed: this deal.
    pub(crate) async fn signed(&self, deal: ApprovedDeal, files: &[File]) {
        for file in files {
            self.approval.keep(&file.bytes);
        }
        let deal = Some(deal);
        let stamped = approval_pb::DealStamped { deal: deal.clone() };
        assert_eq!(self.hear(&stamped).await, "applied");
        let signed = approval_pb::SowSigned {
            deal,
            ..approval_pb::SowSigned::default()
        };
        assert_eq!(self.hear(&signed).await, "applied");
    }

    /// All that a draft of this deal needs.
    pub(crate) async fn ready_to_draft(&self, deal: ApprovedDeal) {
        let price = deal.estimate.as_ref().unwrap().economics.as_ref().unwrap();
        let total_price = price.price_total.clone();
        self.signed(deal, &deals::files()).await;
        self.close_checklist().await;
        self.register_listing().await;
        let intake = pb::CompleteIntakeRequest {
            total_price,
            ..Self::intake()
        };
        let mut client = self.client.clone();
        client.complete_intake(self.command(intake)).await.unwrap();
    }

    /// The draft, once its legal document is assembled.
    pub(crate) async fn assembled(&self, offer_id: &str) -> pb::Offer {
        let assembling = pb::legal_document::State::Assembling;
        self.until(offer_id, |offer| {
            offer.legal_document.as_ref().unwrap().state() != assembling
        })
        .await
    }

    /// What pre-flight finds.
    pub(crate) async fn findings(&self, offer_id: &str) -> Vec<String> {
        let offer_id = offer_id.to_owned();
        let request = Self::query(pb::PreflightRequest { offer_id });
        let found = self.client.clone().preflight(request).await.unwrap();
        let findings = found.into_inner().findings.into_iter();
        findings.map(|finding| finding.rule).collect()
    }

    pub(crate) async fn close_checklist(&self) {
        let case_id = format!("case-{ENGAGEMENT}");
        let completed = approval_pb::ChecklistCompleted {
            case_id,
            items: Vec::new(),
        };
        assert_eq!(self.hear(&completed).await, "applied");
    }

    pub(crate) fn intake() -> pb::CompleteIntakeRequest {
        pb::CompleteIntakeRequest {
            engagement_id: ENGAGEMENT.into(),
            billing_terms_days: 30,
            buyer_account_id: "123456789012".into(),
            buyer_account_kind: pb::AccountKind::CommercialPayer.into(),
            contact_name: "Bea Buyer".into(),
            contact_email: "bea.buyer@example.com".into(),
            total_price: Some(deals::usd("102500.00")),
            scope_duration: "P90D".into(),
            product_id: sandbox::DEFAULT_PRODUCT_ID.into(),
        }
    }

    pub(crate) async fn register_listing(&self) {
        self.register_listing_for(pb::ReleaseWay::Unspecified).await;
    }

    /// The listing, whose offers reach AWS this way.
    pub(crate) async fn register_listing_for(&self, way: pb::ReleaseWay) {
        let listing = pb::Listing {
            release_way: way.into(),
            product_id: sandbox::DEFAULT_PRODUCT_ID.into(),
            title: "Handbook Professional Services".into(),
            dimension_keys: vec!["professional_services".into()],
        };
        let request = pb::RegisterListingRequest {
            listing: Some(listing.clone()),
        };
        let kept = self
            .client
            .clone()
            .register_listing(self.command(request))
            .await
            .unwrap();
        assert_eq!(kept.into_inner(), listing);
    }

    pub(crate) fn draft_request() -> pb::DraftOfferRequest {
        pb::DraftOfferRequest {
            engagement_id: ENGAGEMENT.into(),
            name: "Landing zone for Example Corp".into(),
            description: "Opportunity 006".into(),
            expires_on: "2026-03-31".into(),
            change_order_id: String::new(),
        }
    }

    /// A draft of the handbook's deal, its legal document ready.
    pub(crate) async fn draft(&self) -> pb::Offer {
        self.draft_with(&deals::files()).await
    }

    pub(crate) async fn draft_with(&self, files: &[File]) -> pb::Offer {
        self.signed_with(files).await;
        self.close_checklist().await;
        self.register_listing().await;
        let mut client = self.client.clone();
        client
            .complete_intake(self.command(Self::intake()))
            .await
            .unwrap();
        let drafted = client
            .draft_offer(self.command(Self::draft_request()))
            .await
            .unwrap();
        self.assembled(&drafted.into_inner().offer_id).await
    }

    /// The handbook's deal of another engagement, drafted for this buyer; the listing is registered.
    pub(crate) async fn drafted_for(&self, engagement: &str, buyer: &str) -> pb::Offer {
        let deal = deals::deal(
            engagement,
            &deals::files(),
            Digest::of(b"what was approved"),
        );
        self.drafted_from(deal, buyer, Self::draft_request()).await
    }

    /// The same of any deal, asked for in these words, whatever engagement they name.
    pub(crate) async fn drafted_from(
        &self,
        deal: ApprovedDeal,
        buyer: &str,
        words: pb::DraftOfferRequest,
    ) -> pb::Offer {
        for file in deals::files() {
            self.approval.keep(&file.bytes);
        }
        let estimate = deal.estimate.as_ref().unwrap();
        let engagement_id = estimate.engagement_id.clone();
        let total_price = estimate.economics.as_ref().unwrap().price_total.clone();
        let case_id = deal.case_id.clone();
        let deal = Some(deal);
        let stamped = approval_pb::DealStamped { deal: deal.clone() };
        let signed = approval_pb::SowSigned {
            deal,
            ..approval_pb::SowSigned::default()
        };
        let items = Vec::new();
        let completed = approval_pb::ChecklistCompleted { case_id, items };
        self.hear_of(&engagement_id, 1, &stamped).await;
        self.hear_of(&engagement_id, 2, &signed).await;
        self.hear_of(&engagement_id, 3, &completed).await;
        let mut client = self.client.clone();
        let intake = pb::CompleteIntakeRequest {
            engagement_id: engagement_id.clone(),
            buyer_account_id: buyer.into(),
            total_price,
            ..Self::intake()
        };
        client.complete_intake(self.command(intake)).await.unwrap();
        let draft = pb::DraftOfferRequest {
            engagement_id,
            ..words
        };
        let drafted = client.draft_offer(self.command(draft)).await.unwrap();
        self.assembled(&drafted.into_inner().offer_id).await
    }

    pub(crate) fn release_request(offer: &pb::Offer) -> pb::ReleaseOfferRequest {
        pb::ReleaseOfferRequest {
            offer_id: offer.offer_id.clone(),
            approved_digest: offer.approved_digest.clone(),
        }
    }

    pub(crate) async fn release(&self, offer: &pb::Offer) -> pb::Offer {
        let request = self.command(Self::release_request(offer));
        self.client
            .clone()
            .release_offer(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub(crate) async fn published(&self) -> pb::Offer {
        let draft = self.draft().await;
        let releasing = self.release(&draft).await;
        assert_eq!(releasing.state(), pb::offer::State::Releasing);
        self.until_state(&draft.offer_id, pb::offer::State::Published)
            .await
    }

    /// The draft, released, published and accepted by its buyer; the first acceptance of this world.
    pub(crate) async fn sold(&self, draft: &pb::Offer) -> pb::AgreementAccepted {
        self.release(draft).await;
        let published = pb::offer::State::Published;
        let offer = self.until_state(&draft.offer_id, published).await;
        let summary = offer.summary.as_ref().unwrap();
        let (offer_id, buyer) = (&summary.aws_offer_id, &summary.buyer_account_id);
        let body = serde_json::json!({ "offerId": offer_id, "buyerAccountId": buyer });
        self.act("accept", body).await;
        self.until_state(&draft.offer_id, pb::offer::State::Accepted)
            .await;
        self.events().await.remove(0)
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
