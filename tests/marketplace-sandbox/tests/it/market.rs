//! One sandbox with its clients, its clock and its folders; and the handbook's change set.

use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_marketplaceagreement as agreement;
use aws_sdk_marketplacecatalog as catalog;
use catalog::config::retry::RetryConfig;
use catalog::config::timeout::TimeoutConfig;
use catalog::config::{BehaviorVersion, Credentials, Region};
use catalog::operation::describe_change_set::DescribeChangeSetOutput;
use catalog::types::{Change, ChangeStatus, Entity};
use chrono::{DateTime, Days, NaiveDate, Utc};
use countersign_marketplace_sandbox::{
    Config, DEFAULT_ACCESS_KEY_ID, DEFAULT_PRODUCT_ID, DEFAULT_SECRET_ACCESS_KEY, Running, Sandbox,
    Settings,
};
use serde_json::{Value, json};

pub(crate) const BUYER: &str = "444455556666";
pub(crate) const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer <</Root 1 0 R>>\n%%EOF\n";

/// A change of a set under construction: its type and details.
pub(crate) type Changes = Vec<(&'static str, Value)>;

pub(crate) struct Market {
    pub(crate) catalog: catalog::Client,
    pub(crate) agreement: agreement::Client,
    pub(crate) url: String,
    pub(crate) feeds: PathBuf,
    pub(crate) bucket: PathBuf,
    clock: PathBuf,
    http: reqwest::Client,
    _running: Running,
    _folder: tempfile::TempDir,
}

impl Market {
    /// A market whose change sets end at once and whose rates are not limited.
    pub(crate) async fn open() -> Self {
        Self::with(|config| {
            config.settings = Settings {
                preparing_ms: 0,
                applying_ms: 0,
                agreement_visible_ms: 0,
                rate_limit: false,
                ..Settings::default()
            };
        })
        .await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (feeds, bucket, clock) = (
            folder.path().join("feeds"),
            folder.path().join("bucket"),
            folder.path().join("clock"),
        );
        std::fs::create_dir_all(&bucket).unwrap();
        std::fs::write(bucket.join("terms.pdf"), PDF).unwrap();
        let mut config = Config {
            feeds: Some(feeds.clone()),
            bucket: Some(bucket.clone()),
            clock_file: Some(clock.clone()),
            ..Config::default()
        };
        change(&mut config);
        let running = Sandbox::start(config).await.unwrap();
        let url = running.endpoint_url();
        Self {
            catalog: catalog_client(&url, DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY),
            agreement: agreement_client(&url, DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            url,
            feeds,
            bucket,
            clock,
            _running: running,
            _folder: folder,
        }
    }

    pub(crate) fn set_clock(&self, offset: Duration) {
        std::fs::write(&self.clock, offset.as_millis().to_string()).unwrap();
    }

    pub(crate) async fn now(&self) -> DateTime<Utc> {
        self.get("/sandbox/state").await["now"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub(crate) async fn today(&self) -> NaiveDate {
        self.now().await.date_naive()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let text = self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn raw(
        &self,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> (u16, String) {
        let response = request(&self.http).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// A `/sandbox` command that must succeed.
    pub(crate) async fn act(&self, path: &str, body: Value) -> Value {
        self.try_act(path, body)
            .await
            .unwrap_or_else(|refused| panic!("{path}: {refused}"))
    }

    pub(crate) async fn try_act(&self, path: &str, body: Value) -> Result<Value, Value> {
        let url = format!("{}/sandbox/{path}", self.url);
        let response = self
            .http
            .post(url)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let good = response.status().is_success();
        let reply: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        if good { Ok(reply) } else { Err(reply) }
    }

    pub(crate) async fn inject(&self, operation: &str, failure: &str, after_apply: bool) {
        self.act(
            "inject",
            json!({ "operation": operation, "failure": failure, "afterApply": after_apply }),
        )
        .await;
    }

    /// The handbook's offer: 102,500.00 USD prepaid, 90 days, in one chained change set.
    pub(crate) async fn handbook(&self) -> Changes {
        handbook(
            self.today().await,
            &format!("{}/bucket/terms.pdf", self.url),
        )
    }

    pub(crate) async fn start(&self, changes: &Changes) -> String {
        let sent = self.request(changes).send().await;
        sent.unwrap_or_else(|error| panic!("{:?}", error.into_service_error()))
            .change_set_id
            .unwrap()
    }

    pub(crate) fn request(
        &self,
        changes: &Changes,
    ) -> catalog::operation::start_change_set::builders::StartChangeSetFluentBuilder {
        let changes = changes
            .iter()
            .map(|(change_type, details)| chained(change_type, details))
            .collect();
        self.catalog
            .start_change_set()
            .catalog("AWSMarketplace")
            .set_change_set(Some(changes))
    }

    /// Polls until the set has ended.
    pub(crate) async fn ended(&self, id: &str) -> DescribeChangeSetOutput {
        for _ in 0..200 {
            let described = self.describe(id).await;
            match described.status() {
                Some(ChangeStatus::Preparing | ChangeStatus::Applying) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                _ => return described,
            }
        }
        panic!("change set {id} does not end")
    }

    pub(crate) async fn describe(&self, id: &str) -> DescribeChangeSetOutput {
        let request = self
            .catalog
            .describe_change_set()
            .catalog("AWSMarketplace")
            .change_set_id(id);
        request.send().await.unwrap()
    }

    /// Runs the changes; they must succeed. The id of the first change's entity, without revision.
    pub(crate) async fn succeed(&self, changes: &Changes) -> String {
        let ended = self.ended(&self.start(changes).await).await;
        assert_eq!(
            ended.status(),
            Some(&ChangeStatus::Succeeded),
            "{:?}",
            ended.change_set()
        );
        let identifier = ended.change_set()[0]
            .entity()
            .unwrap()
            .identifier()
            .unwrap();
        identifier.split('@').next().unwrap().to_owned()
    }

    /// Runs changes to an existing offer and gives every error as "`ChangeType`: CODE".
    pub(crate) async fn errors_of(&self, offer: &str, changes: &[(&str, Value)]) -> Vec<String> {
        let changes = changes
            .iter()
            .map(|(kind, details)| change(kind, details, Some(offer), None))
            .collect();
        let request = self
            .catalog
            .start_change_set()
            .catalog("AWSMarketplace")
            .set_change_set(Some(changes));
        let id = request.send().await.unwrap().change_set_id.unwrap();
        errors(&self.ended(&id).await)
    }

    pub(crate) async fn accept(&self, offer: &str) -> String {
        let body = json!({ "offerId": offer, "buyerAccountId": BUYER });
        self.act("accept", body).await["agreementId"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

pub(crate) fn errors(ended: &DescribeChangeSetOutput) -> Vec<String> {
    let of = |change: &catalog::types::ChangeSummary| {
        let kind = change.change_type().unwrap_or_default().to_owned();
        let codes = change.error_detail_list().iter();
        codes
            .map(move |error| format!("{kind}: {}", error.error_code().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    ended.change_set().iter().flat_map(of).collect()
}

pub(crate) fn handbook(today: NaiveDate, document: &str) -> Changes {
    let day = |days: u64| today.checked_add_days(Days::new(days)).unwrap().to_string();
    vec![
        (
            "CreateOffer",
            json!({ "ProductId": DEFAULT_PRODUCT_ID, "Name": "Handbook deal" }),
        ),
        (
            "UpdateInformation",
            json!({ "Description": "Engagement E-1" }),
        ),
        (
            "UpdateTargeting",
            json!({ "PositiveTargeting": { "BuyerAccounts": [BUYER] } }),
        ),
        (
            "UpdateLegalTerms",
            json!({ "Terms": [{ "Type": "LegalTerm", "Documents": [{ "Type": "CustomEula", "Url": document }] }] }),
        ),
        (
            "UpdatePricingTerms",
            json!({ "PricingModel": "Contract", "Terms": [{ "Type": "FixedUpfrontPricingTerm", "CurrencyCode": "USD",
                "Price": "0", "Duration": "P90D",
                "Grants": [{ "DimensionKey": "implementation", "MaxQuantity": 1 }] }] }),
        ),
        (
            "UpdatePaymentScheduleTerms",
            json!({ "Terms": [{ "Type": "PaymentScheduleTerm", "CurrencyCode": "USD",
                "Schedule": [{ "ChargeDate": day(0), "ChargeAmount": "102500.00" }] }] }),
        ),
        (
            "UpdateAvailability",
            json!({ "AvailabilityEndDate": day(14) }),
        ),
        (
            "UpdateValidityTerms",
            json!({ "Terms": [{ "Type": "ValidityTerm", "AgreementDuration": "P90D" }] }),
        ),
        ("ReleaseOffer", json!({})),
    ]
}

/// A change of a chained set: the first makes the offer, the others refer to it.
fn chained(change_type: &str, details: &Value) -> Change {
    if change_type == "CreateOffer" {
        change(change_type, details, None, Some("NewOffer"))
    } else {
        change(
            change_type,
            details,
            Some("$NewOffer.Entity.Identifier"),
            None,
        )
    }
}

pub(crate) fn change(
    change_type: &str,
    details: &Value,
    entity: Option<&str>,
    name: Option<&str>,
) -> Change {
    typed_change("Offer@1.0", change_type, details, entity, name)
}

pub(crate) fn typed_change(
    entity_type: &str,
    change_type: &str,
    details: &Value,
    entity: Option<&str>,
    name: Option<&str>,
) -> Change {
    let entity = Entity::builder()
        .r#type(entity_type)
        .set_identifier(entity.map(str::to_owned))
        .build()
        .unwrap();
    Change::builder()
        .change_type(change_type)
        .entity(entity)
        .details(details.to_string())
        .set_change_name(name.map(str::to_owned))
        .build()
        .unwrap()
}

pub(crate) fn catalog_client(url: &str, key: &str, secret: &str) -> catalog::Client {
    let config = catalog::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(Duration::from_secs(5))
                .build(),
        )
        .build();
    catalog::Client::from_conf(config)
}

pub(crate) fn agreement_client(url: &str, key: &str, secret: &str) -> agreement::Client {
    let config = agreement::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    agreement::Client::from_conf(config)
}
