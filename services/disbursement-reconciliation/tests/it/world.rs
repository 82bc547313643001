//! One running service with a database and a feeds folder of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use countersign_disbursement_reconciliation::{
    DisbursementReconciliationConfig, FeedLocation, Offers, compose, service,
};
use countersign_platform::testing::{Running, TestBed};
use countersign_platform::{
    Failure, IDEMPOTENCY_KEY, NewEvent, PRINCIPAL_KEY, ROLES_KEY, SELLER_KEY,
};
use countersign_proto::common::v1::{Charge, Economics, Money};
use countersign_proto::disbursement_reconciliation::v1 as proto;
use countersign_proto::offer::v1::{AgreementAccepted, OfferSummary};
use prost::{Message, Name};
use proto::disbursement_reconciliation_service_client::DisbursementReconciliationServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

pub(crate) const ENGAGEMENT: &str = "006-handbook";
pub(crate) const FINANCE: &str = "finance@acme.example";
pub(crate) const BILLING: &str = "billingeventfeed_v1/year=2027/month=01/data.csv";

pub(crate) struct World {
    pub(crate) bed: TestBed<DisbursementReconciliationConfig>,
    running: Running,
    folder: tempfile::TempDir,
    keys: AtomicU64,
    events: AtomicI64,
}

impl World {
    /// Paid out daily, so that the money is expected the day after it is due.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let section = DisbursementReconciliationConfig {
            feeds: [("acme", ""), ("globex", "/globex")]
                .map(|(seller, below)| FeedLocation {
                    seller: seller.to_owned(),
                    url: format!("file://{}{below}", folder.path().display()),
                    options: std::collections::BTreeMap::default(),
                })
                .into(),
            poll_interval_seconds: 3_600,
        };
        let service = service();
        let bed = TestBed::with_settings(&service, section, |settings| {
            // Events are handed in by hand here.
            settings.nats_url = countersign_platform::Secret::default();
        })
        .await;
        let running = bed.serve(&service, compose).await;
        let (keys, events) = (AtomicU64::new(0), AtomicI64::new(0));
        let world = Self {
            bed,
            running,
            folder,
            keys,
            events,
        };
        world.first_turn_is_over().await;
        world
    }

    /// The turn by the clock runs once at start, then an hour later by a clock that stands still.
    async fn first_turn_is_over(&self) {
        loop {
            let over: Option<bool> = sqlx::query_scalar(
                "SELECT state = 'pending' AND due_at > $1 FROM task WHERE kind = 'feeds.ingest'",
            )
            .bind(self.bed.clock().now())
            .fetch_optional(self.bed.pool())
            .await
            .unwrap();
            if over == Some(true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn client(&self) -> DisbursementReconciliationServiceClient<Channel> {
        DisbursementReconciliationServiceClient::new(self.running.channel())
    }

    /// A call with a key of its own.
    pub(crate) fn call<T>(&self, message: T) -> Request<T> {
        let key = self.keys.fetch_add(1, Ordering::SeqCst);
        keyed("acme", &format!("key-{key}"), message)
    }

    pub(crate) async fn hear(&self, message: &AgreementAccepted) -> Result<String, Failure> {
        let sequence = self.events.fetch_add(1, Ordering::SeqCst) + 1;
        self.hear_as(
            sequence,
            &AgreementAccepted::full_name(),
            message.encode_to_vec(),
        )
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
            aggregate_id: "off-1".to_owned(),
            payload,
        };
        self.bed
            .deliver(&Offers, &self.bed.incoming("offer", sequence, event))
            .await
    }

    /// AWS writes a file: beside its place, then renamed there.
    pub(crate) fn deliver(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let target: PathBuf = self.folder.path().join(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let part = target.with_extension("csv.part");
        std::fs::write(&part, bytes).unwrap();
        std::fs::rename(&part, &target).unwrap();
    }

    pub(crate) async fn ingest(&self) -> Vec<proto::FeedReport> {
        let request = self.call(proto::IngestFeedsRequest {});
        self.client()
            .ingest_feeds(request)
            .await
            .unwrap()
            .into_inner()
            .reports
    }

    /// Delivers a billing file and reads it: the one report.
    pub(crate) async fn read(&self, bytes: impl AsRef<[u8]>) -> proto::FeedReport {
        self.deliver(BILLING, bytes);
        let mut reports = self.ingest().await;
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0)
    }

    pub(crate) async fn cash(&self) -> proto::EngagementCash {
        self.cash_of(ENGAGEMENT).await
    }

    pub(crate) async fn cash_of(&self, engagement: &str) -> proto::EngagementCash {
        let engagement_id = engagement.to_owned();
        let request = self.call(proto::GetEngagementCashRequest {
            engagement_id,
            agreement_id: String::new(),
        });
        self.client()
            .get_engagement_cash(request)
            .await
            .unwrap()
            .into_inner()
    }

    /// Account → balance; the whole must be balanced, and the seller's accounts the engagement's.
    pub(crate) async fn balances(&self) -> Vec<(String, String)> {
        let mut both = Vec::new();
        for engagement_id in [String::new(), ENGAGEMENT.to_owned()] {
            let request = self.call(proto::GetTrialBalanceRequest { engagement_id });
            let balance = self
                .client()
                .get_trial_balance(request)
                .await
                .unwrap()
                .into_inner();
            assert!(balance.balanced, "{balance:?}");
            both.push(balance.accounts);
        }
        assert_eq!(both[0], both[1]);
        let accounts = both.remove(0).into_iter();
        accounts
            .map(|account| (account.account, account.balance.unwrap().amount))
            .collect()
    }

    pub(crate) async fn ledger(&self) -> Vec<proto::LedgerTransaction> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let engagement_id = ENGAGEMENT.to_owned();
            let request = self.call(proto::ListLedgerEntriesRequest {
                engagement_id,
                page_size: 2,
                page_token,
            });
            let page = self
                .client()
                .list_ledger_entries(request)
                .await
                .unwrap()
                .into_inner();
            all.extend(page.transactions);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    pub(crate) async fn unmatched(&self) -> Vec<String> {
        let request = self.call(proto::ListUnmatchedEventsRequest::default());
        let page = self
            .client()
            .list_unmatched_events(request)
            .await
            .unwrap()
            .into_inner();
        page.events
            .into_iter()
            .map(|event| event.billing_event_id)
            .collect()
    }

    pub(crate) async fn resolve(&self, case_id: &str) -> Result<proto::Discrepancy, Status> {
        let (case_id, reason) = (case_id.to_owned(), "AWS rounds".to_owned());
        let request = self.call(proto::ResolveDiscrepancyRequest { case_id, reason });
        self.client()
            .resolve_discrepancy(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// The names of the events published so far, without their package.
    pub(crate) async fn published(&self) -> Vec<String> {
        let events = self.bed.published().await.into_iter();
        let name = |name: String| name.rsplit('.').next().unwrap_or_default().to_owned();
        events.map(|(type_name, _)| name(type_name)).collect()
    }
}

pub(crate) fn keyed<T>(seller: &str, key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in [
        (SELLER_KEY, seller),
        (PRINCIPAL_KEY, FINANCE),
        (ROLES_KEY, "finance"),
        (IDEMPOTENCY_KEY, key),
    ] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// The code and the stable reason of a refusal.
pub(crate) fn reason(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default();
    (status.code(), reason)
}

/// Field and reason of every wrong field.
pub(crate) fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.clone());
    let pair = |violation: tonic_types::FieldViolation| (violation.field, violation.reason);
    violations
        .unwrap_or_default()
        .into_iter()
        .map(pair)
        .collect()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a message inside a message is always optional"
)]
pub(crate) fn usd(amount: &str) -> Option<Money> {
    Some(Money {
        currency_code: "USD".to_owned(),
        amount: amount.to_owned(),
    })
}

/// S0's deal as the offer service tells of it.
pub(crate) fn accepted() -> AgreementAccepted {
    AgreementAccepted {
        offer: Some(OfferSummary {
            offer_id: "off-1".to_owned(),
            engagement_id: ENGAGEMENT.to_owned(),
            aws_offer_id: "offer-1".to_owned(),
            total_price: usd("102500.00"),
            ..OfferSummary::default()
        }),
        agreement_id: "agmt-1".to_owned(),
        accepted_at: "2027-01-05T05:00:00Z".to_owned(),
        charges: vec![Charge {
            number: 1,
            charge_date: "2027-01-05".to_owned(),
            amount: usd("102500.00"),
        }],
        economics: Some(Economics {
            base_total: usd("100000.00"),
            price_total: usd("102500.00"),
            listing_fee_rate: "0.025".to_owned(),
            expected_fee: usd("2562.50"),
            expected_net: usd("99937.50"),
            ..Economics::default()
        }),
        billing_terms_days: 30,
        ..AgreementAccepted::default()
    }
}
