//! One running service with a database of its own, and people who call it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use countersign_approval::config::ApprovalConfig;
use countersign_approval::events::inbound::EstimateEvents;
use countersign_approval::{compose, service};
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{
    Failure, IDEMPOTENCY_KEY, NewEvent, PRINCIPAL_KEY, ROLES_KEY, SELLER_KEY, Settings,
};
use countersign_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use countersign_proto::approval::v1::decide_step_request::Decision;
use countersign_proto::approval::v1::upload_document_request::Part;
use countersign_proto::approval::v1::{
    Case, CloseChecklistItemRequest, DecideStepRequest, GetCaseRequest, OpenCaseRequest,
    RecordSignatureRequest, RouteForSignatureRequest, SigningParty, UploadDocumentRequest,
    UploadHeader, get_case_request,
};
use countersign_proto::common::v1::{
    Document, DocumentKind, Economics, EstimateSnapshot, Money, PaymentPlan, Prepaid,
    PricedPackage, payment_plan,
};
use countersign_proto::estimate::v1::EstimateSubmitted;
use prost::Name;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::pdf::pdf;

pub(crate) const ENGAGEMENT: &str = "006-handbook";
pub(crate) const EM: &str = "em@acme.example";
/// With what the sellers' e-signature providers sign.
pub(crate) const ACME_SECRET: &str = "whsec_YWNtZSBhY21lIGFjbWUgYWNtZSBhY21l";
pub(crate) const INITECH_SECRET: &str = "whsec_aW5pdGVjaCBpbml0ZWNoIGluaXRlY2gh";
pub(crate) const LEAD: &str = "lead@acme.example";
pub(crate) const REVENUE: &str = "revenue@acme.example";
pub(crate) const LEGAL: &str = "legal@acme.example";

/// Who may decide the steps of the default policy.
pub(crate) const APPROVERS: [(&str, &str); 3] =
    [(LEAD, "leadership"), (REVENUE, "revenue"), (LEGAL, "legal")];

pub(crate) struct World {
    pub(crate) bed: TestBed<ApprovalConfig>,
    running: Running,
    folder: tempfile::TempDir,
    keys: AtomicU64,
    events: AtomicI64,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let section = ApprovalConfig {
            documents_url: format!("file://{}", folder.path().display()),
            signature_secrets: countersign_platform::Secret::new(format!(
                "acme={ACME_SECRET} initech={INITECH_SECRET}"
            )),
            ..ApprovalConfig::default()
        };
        let service = service();
        let bed = TestBed::with_settings(&service, section, |settings| {
            // Events are handed in by hand here.
            settings.nats_url = countersign_platform::Secret::default();
            change(settings);
        })
        .await;
        let running = bed.serve(&service, compose).await;
        let (keys, events) = (AtomicU64::new(0), AtomicI64::new(0));
        Self {
            bed,
            running,
            folder,
            keys,
            events,
        }
    }

    /// Estimate and documents are there.
    pub(crate) async fn prepared() -> Self {
        let world = Self::new().await;
        world.submit(estimate(1)).await.unwrap();
        world
            .upload(DocumentKind::Sow, "sow.pdf", pdf("sow"))
            .await
            .unwrap();
        world
            .upload(DocumentKind::Eula, "eula.txt", b"Terms of use.".to_vec())
            .await
            .unwrap();
        world
    }

    /// With an open case.
    pub(crate) async fn in_review() -> (Self, Case) {
        let world = Self::prepared().await;
        let case = world.open().await.unwrap();
        (world, case)
    }

    /// With every step approved.
    pub(crate) async fn stamped() -> (Self, Case) {
        let (world, mut case) = Self::in_review().await;
        for (who, step) in APPROVERS {
            case = world.approve(who, step, &case).await.unwrap();
        }
        (world, case)
    }

    pub(crate) fn client(&self) -> ApprovalServiceClient<Channel> {
        ApprovalServiceClient::new(self.running.channel())
    }

    /// Every object in the store.
    pub(crate) fn objects(&self) -> usize {
        fn files(folder: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(folder).unwrap();
            entries
                .map(|entry| entry.unwrap().path())
                .fold(0, |count, path| {
                    count + if path.is_dir() { files(&path) } else { 1 }
                })
        }
        files(self.folder.path())
    }

    /// A call with a key of its own; the caller's role is the first part of its address.
    pub(crate) fn call<T>(&self, who: &str, message: T) -> Request<T> {
        let key = self.keys.fetch_add(1, Ordering::SeqCst);
        keyed(who, &format!("key-{key}"), message)
    }

    /// Hands the next event of the estimate in.
    pub(crate) async fn hear<M: Name>(&self, message: &M) -> Result<String, Failure> {
        let sequence = self.events.fetch_add(1, Ordering::SeqCst) + 1;
        self.hear_as(sequence, &M::full_name(), message.encode_to_vec())
            .await
    }

    pub(crate) async fn hear_as(
        &self,
        sequence: i64,
        type_name: &str,
        payload: Vec<u8>,
    ) -> Result<String, Failure> {
        let event = NewEvent {
            type_name: type_name.to_owned(),
            seller: "acme".parse().unwrap(),
            engagement: Some(ENGAGEMENT.parse().unwrap()),
            aggregate_id: "est-1".to_owned(),
            payload,
        };
        let event = self.bed.incoming("estimate", sequence, event);
        self.bed.deliver(&EstimateEvents, &event).await
    }

    pub(crate) async fn submit(&self, estimate: EstimateSnapshot) -> Result<String, Failure> {
        let submitted_by = "ops@acme.example".to_owned();
        self.hear(&EstimateSubmitted {
            estimate: Some(estimate),
            submitted_by,
        })
        .await
    }

    pub(crate) async fn upload(
        &self,
        kind: DocumentKind,
        file_name: &str,
        bytes: Vec<u8>,
    ) -> Result<Document, Status> {
        let header = header(kind, file_name);
        let request = self.call(EM, upload_of(header, &bytes));
        let answer = self
            .client()
            .upload_document(request.map(futures::stream::iter))
            .await;
        answer.map(tonic::Response::into_inner)
    }

    pub(crate) async fn open(&self) -> Result<Case, Status> {
        let request = OpenCaseRequest {
            engagement_id: ENGAGEMENT.to_owned(),
        };
        let answer = self.client().open_case(self.call(EM, request)).await?;
        Ok(self.kept(answer.into_inner()).await)
    }

    pub(crate) async fn case(&self) -> Result<Case, Status> {
        let by = Some(get_case_request::By::EngagementId(ENGAGEMENT.to_owned()));
        let request = self.call(EM, GetCaseRequest { by });
        Ok(self.client().get_case(request).await?.into_inner())
    }

    /// What a command answered is what is stored, in every phase: the store's round trip.
    pub(crate) async fn kept(&self, answered: Case) -> Case {
        assert_eq!(self.case().await.unwrap(), answered);
        let by = Some(get_case_request::By::CaseId(answered.case_id.clone()));
        let request = self.call(EM, GetCaseRequest { by });
        assert_eq!(
            self.client().get_case(request).await.unwrap().into_inner(),
            answered
        );
        answered
    }

    pub(crate) async fn decide(
        &self,
        who: &str,
        step: &str,
        decision: Decision,
        read: &Case,
    ) -> Result<Case, Status> {
        let request = DecideStepRequest {
            case_id: read.case_id.clone(),
            step: step.to_owned(),
            decision: decision.into(),
            comment: "because".to_owned(),
            subject_digest: read.subject_digest.clone(),
        };
        let answer = self.client().decide_step(self.call(who, request)).await?;
        Ok(self.kept(answer.into_inner()).await)
    }

    pub(crate) async fn approve(&self, who: &str, step: &str, read: &Case) -> Result<Case, Status> {
        self.decide(who, step, Decision::Approve, read).await
    }

    pub(crate) async fn route(&self, case: &Case) -> Result<Case, Status> {
        let request = RouteForSignatureRequest {
            case_id: case.case_id.clone(),
            internal_signatory: "coo@acme.example".to_owned(),
            customer_signatory: "cio@initech.example".to_owned(),
        };
        let answer = self
            .client()
            .route_for_signature(self.call(EM, request))
            .await?;
        Ok(self.kept(answer.into_inner()).await)
    }

    pub(crate) async fn sign(
        &self,
        case: &Case,
        party: SigningParty,
        signed_document_id: &str,
    ) -> Result<Case, Status> {
        let request = RecordSignatureRequest {
            case_id: case.case_id.clone(),
            party: party.into(),
            signatory: "the signatory".to_owned(),
            signed_at: "2026-03-02T08:59:59.25Z".to_owned(),
            routed_sow_digest: case.routed_sow_digest.clone(),
            signed_document_id: signed_document_id.to_owned(),
        };
        let answer = self
            .client()
            .record_signature(self.call(EM, request))
            .await?;
        Ok(self.kept(answer.into_inner()).await)
    }

    pub(crate) async fn close(
        &self,
        case: &Case,
        item: &str,
        waived: Option<&str>,
    ) -> Result<Case, Status> {
        let request = CloseChecklistItemRequest {
            case_id: case.case_id.clone(),
            item: item.to_owned(),
            waive: waived.is_some(),
            reason: waived.unwrap_or_default().to_owned(),
        };
        let answer = self
            .client()
            .close_checklist_item(self.call(EM, request))
            .await?;
        Ok(self.kept(answer.into_inner()).await)
    }

    /// The short names of what was published so far.
    pub(crate) async fn told(&self) -> Vec<String> {
        let published = self.bed.published().await;
        published
            .iter()
            .map(|(name, _)| name.rsplit('.').next().unwrap().to_owned())
            .collect()
    }

    /// The last event, which must be of this type.
    pub(crate) async fn last<M: Name + Default>(&self) -> M {
        let published = self.bed.published().await;
        let (name, payload) = published.last().unwrap();
        assert_eq!(*name, M::full_name());
        M::decode(payload.as_slice()).unwrap()
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

/// A call of `who` at acme under this idempotency key.
pub(crate) fn keyed<T>(who: &str, key: &str, message: T) -> Request<T> {
    called("acme", who, key, message)
}

pub(crate) fn called<T>(seller: &str, who: &str, key: &str, message: T) -> Request<T> {
    let role = match who.split('@').next().unwrap() {
        "em" | "ops" => "engagement-manager",
        "lead" => "leadership",
        role => role,
    };
    let mut request = Request::new(message);
    for (name, value) in [
        (SELLER_KEY, seller),
        (PRINCIPAL_KEY, who),
        (ROLES_KEY, role),
        (IDEMPOTENCY_KEY, key),
    ] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}

pub(crate) fn header(kind: DocumentKind, file_name: &str) -> UploadHeader {
    UploadHeader {
        engagement_id: ENGAGEMENT.to_owned(),
        kind: kind.into(),
        file_name: file_name.to_owned(),
        ..UploadHeader::default()
    }
}

/// A header and its bytes, in chunks that do not divide them evenly.
pub(crate) fn upload_of(header: UploadHeader, bytes: &[u8]) -> Vec<UploadDocumentRequest> {
    let part = |part| UploadDocumentRequest { part: Some(part) };
    let chunks = bytes
        .chunks(1_000_000)
        .map(|chunk| part(Part::Chunk(chunk.to_vec())));
    std::iter::once(part(Part::Header(header)))
        .chain(chunks)
        .collect()
}

pub(crate) fn usd(amount: &str) -> Money {
    Money {
        currency_code: "USD".to_owned(),
        amount: amount.to_owned(),
    }
}

/// The handbook's estimate.
pub(crate) fn estimate(version: u32) -> EstimateSnapshot {
    let package = |id: &str, base: &str, price: &str| PricedPackage {
        package_id: id.to_owned(),
        name: format!("package {id}"),
        description: "as agreed".to_owned(),
        base_price: Some(usd(base)),
        price: Some(usd(price)),
    };
    EstimateSnapshot {
        estimate_id: "est-1".to_owned(),
        version,
        engagement_id: ENGAGEMENT.to_owned(),
        customer_name: "Initech".to_owned(),
        currency_code: "USD".to_owned(),
        packages: vec![
            package("1", "40000.00", "41000.00"),
            package("2", "35000.00", "35875.00"),
            package("3", "25000.00", "25625.00"),
        ],
        payment_plan: Some(PaymentPlan {
            plan: Some(payment_plan::Plan::Prepaid(Prepaid {})),
        }),
        scope_description: "Move the ledger.".to_owned(),
        scope_duration: "P90D".to_owned(),
        valid_until: "2026-04-30".to_owned(),
        economics: Some(Economics {
            base_total: Some(usd("100000.00")),
            price_total: Some(usd("102500.00")),
            listing_fee_rate: "0.025".to_owned(),
            expected_fee: Some(usd("2562.50")),
            expected_net: Some(usd("99937.50")),
            shortfall: Some(usd("62.50")),
            ..Economics::default()
        }),
        author: EM.to_owned(),
        ..EstimateSnapshot::default()
    }
}

/// The reasons in an answer: of the refusal, or of each of its fields.
pub(crate) fn reasons(status: &Status) -> (Code, Vec<String>) {
    let details = status.get_error_details();
    let fields = details.bad_request().map(|bad| &bad.field_violations);
    let reasons = match fields {
        Some(fields) if !fields.is_empty() => {
            fields.iter().map(|field| field.reason.clone()).collect()
        }
        _ => details
            .error_info()
            .map(|info| info.reason.clone())
            .into_iter()
            .collect(),
    };
    (status.code(), reasons)
}

/// Asserts that a call was refused with this code and this one reason.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str) {
    let found = reasons(&answer.unwrap_err());
    assert_eq!(found, (code, vec![reason.to_owned()]));
}
