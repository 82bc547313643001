//! Pre-flight's table against the sandbox (O4). Each violation of a rule goes to the sandbox as it would go
//! to AWS, and what the sandbox answers must be what the table says that AWS answers. What is taken is accepted
//! by its buyer, whom AWS may refuse too. The sandbox's rules are written separately from the same sources: two
//! implementations that check each other.
//!
//! Some violations a release cannot say, since it is written from one price, one currency and one merged document:
//! what they mean to AWS is put into what is sent ([`super::cross_check_said`]).

use std::collections::BTreeSet;
use std::path::Path;

use aws_sdk_marketplacecatalog as catalog;
use catalog::config::{BehaviorVersion, Credentials, Region};
use catalog::error::ProvideErrorMetadata;
use catalog::types::{ChangeStatus, ChangeSummary};
use countersign_kernel::AwsAccountId;
use countersign_marketplace_sandbox as sandbox;
use serde_json::{Value, json};

use super::cross_check_said::{self, SAID, Say};
use super::{ChangeSetRequest, Urls};
use crate::domain::deal::DatedAmount;
use crate::domain::preflight::cases::{ALONE, Base, TOGETHER};
use crate::domain::preflight::{Candidate, findings};
use crate::domain::resale::{Kind, NetTerms, Received};
use crate::domain::sample;

/// The reseller of the samples' authorizations.
const RESELLER: &str = "999988887777";
/// Looks at a change set before a test gives up.
const LOOKS: usize = 200;

/// Violations that AWS does not answer with the row's code: the rule, which of its cases, and why.
const UNTOLD: &[(&str, usize, &str)] = &[
    ("OFFER_EXPIRY_IN_FUTURE", 0, TODAY),
    ("OFFER_EXPIRY_IN_FUTURE", 1, TODAY),
    (
        "AUTHORIZATION_NAME_CHARACTERS",
        1,
        "two spaces: one page's pattern has none, another's any",
    ),
    (
        "BUYER_ACCOUNTS_COUNT",
        1,
        "more than the 26 of the API's shape are refused at once",
    ),
    (
        "CHARGE_AMOUNTS_IN_RANGE",
        0,
        "AWS takes a charge of nothing",
    ),
    ("DIMENSION_EXISTS", 0, "no grant at all is refused at once"),
    (
        "AGREEMENT_DURATION_VALID",
        1,
        "the end of the calendar is not the sandbox's today",
    ),
    (
        "EULA_PRESENT",
        1,
        "AWS releases no authorization without a EULA (facts §1.5)",
    ),
    ("MARKUP_DIGITS", 0, AMOUNTS),
    ("MARKUP_IS_NO_DISCOUNT", 0, AMOUNTS),
    (
        "NET_TERMS_WITHIN_AUTHORIZATION",
        1,
        "AWS gives the offer the authorization's terms",
    ),
    (
        "FIXED_AMOUNTS_NEED_SCHEDULE",
        1,
        "a schedule without charges is refused at once",
    ),
];
const TODAY: &str = "whether today is in the future is not documented";
const AMOUNTS: &str = "the amounts are sent where there are dates";

/// AWS's side of one case: its today is the samples', its product and sellers are what the candidate names.
pub(super) struct Market {
    running: sandbox::Running,
    catalog: catalog::Client,
    http: reqwest::Client,
    pub(super) document: String,
}

impl Market {
    pub(super) async fn of(candidate: &Candidate, bucket: &Path) -> Self {
        let dimension = |key: &String| sandbox::Dimension {
            key: key.clone(),
            name: key.clone(),
        };
        let product = |id: &str, owner: Option<&str>| sandbox::Product {
            id: id.to_owned(),
            owner: owner.map(str::to_owned),
            title: "Landing zone".to_owned(),
            state: sandbox::ProductState::Limited,
            dimensions: candidate.product_dimensions.iter().map(dimension).collect(),
        };
        let owner = match &candidate.plan.kind {
            Kind::Partner(_) => Some(sandbox::DEFAULT_PARTNER_ACCOUNT),
            Kind::Direct | Kind::Authorization(_) => None,
        };
        let mut products = vec![product("prod-landingzone1", owner)];
        if let Kind::Partner(partner) = &candidate.plan.kind {
            products.push(product(partner.authorization.product_id.as_str(), owner));
        }
        let config = sandbox::Config {
            products,
            partner_accounts: [RESELLER, sandbox::DEFAULT_PARTNER_ACCOUNT]
                .map(str::to_owned)
                .into(),
            bucket: Some(bucket.to_owned()),
            frozen_at: Some(sample::at("2026-03-02T10:00:00Z")),
            disbursement_currencies: ["USD", "EUR", "GBP", "AUD", "JPY", "CAD"]
                .map(str::to_owned)
                .into(),
            // Of the one document as of each: what AWS takes by its API is not published (facts §0 row 8).
            document_limit: usize::try_from(candidate.limits.document_bytes).unwrap(),
            settings: sandbox::Settings {
                preparing_ms: 0,
                applying_ms: 0,
                rate_limit: false,
                ..sandbox::Settings::default()
            },
            ..sandbox::Config::default()
        };
        let running = sandbox::Sandbox::start(config).await.unwrap();
        let url = running.endpoint_url();
        let credentials = Credentials::new(
            sandbox::DEFAULT_ACCESS_KEY_ID,
            sandbox::DEFAULT_SECRET_ACCESS_KEY,
            None,
            None,
            "cross check",
        );
        let config = catalog::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(&url);
        Self {
            catalog: catalog::Client::from_conf(config.build()),
            http: reqwest::Client::new(),
            document: format!("{url}/bucket/legal.pdf"),
            running,
        }
    }

    /// What somebody else does, and the answer to it.
    pub(super) async fn act(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/sandbox/{path}", self.running.endpoint_url());
        let answered = self.http.post(url).json(body).send().await.unwrap();
        answered.json().await.unwrap()
    }

    /// What a manufacturer gave, as the reseller typed it.
    async fn authorize(&self, received: &Received, dimension: &str) -> String {
        let charge = |charge: &DatedAmount| json!({ "chargeDate": charge.date, "chargeAmount": charge.amount.amount_text() });
        let schedule: Vec<Value> = received.schedule.iter().map(charge).collect();
        let price = schedule.is_empty().then(|| received.total.amount_text());
        let buyers = received.buyers.iter();
        let buyers: Vec<&str> = buyers.map(AwsAccountId::as_str).collect();
        let body = json!({
            "ownerAccountId": sandbox::DEFAULT_PARTNER_ACCOUNT,
            "productId": received.product_id.as_str(),
            "name": "Authorized",
            "buyerAccounts": buyers,
            "availabilityEndDate": received.until,
            "currencyCode": received.total.currency().code(),
            "duration": received.duration.to_string(),
            "dimensionKey": dimension,
            "schedule": schedule,
            "price": price,
            "paymentDuePeriod": received.net_terms.map(|terms| terms.to_string()),
            "legalDocumentUrl": self.document,
        });
        let answered = self.act("portal/resale-authorization", &body).await;
        let id = answered["resaleAuthorizationId"].as_str();
        id.unwrap_or_else(|| panic!("{answered}")).to_owned()
    }

    /// Every code that the release is answered with, or else its buyer; none when both succeed.
    async fn codes(&self, candidate: &Candidate, says: &[Say]) -> Vec<String> {
        let mut request = self.release(candidate).await;
        for say in says {
            say(&mut request);
        }
        match self.ended(&request).await {
            Ok(made) => self.denied(&made, candidate).await.into_iter().collect(),
            Err(codes) => codes,
        }
    }

    /// The code that the buyer is refused with who accepts what was made.
    async fn denied(&self, made: &str, candidate: &Candidate) -> Option<String> {
        if let Kind::Authorization(_) = candidate.plan.kind {
            return None;
        }
        let buyer = candidate.plan.buyer_accounts.first();
        let body = json!({ "offerId": made, "buyerAccountId": buyer });
        let answered = self.act("accept", &body).await;
        answered["error"].as_str().map(str::to_owned)
    }

    /// What the candidate's release sends.
    pub(super) async fn release(&self, candidate: &Candidate) -> ChangeSetRequest {
        let mut plan = candidate.plan.clone();
        if let Kind::Partner(partner) = &mut plan.kind {
            let dimension = plan.dimension_key.clone().unwrap_or_default();
            let id = self.authorize(&partner.authorization, &dimension).await;
            partner.authorization.id = id.parse().unwrap();
        }
        let offer_id = "offer-1".parse().unwrap();
        let urls = Urls {
            legal: &self.document,
            reseller_contract: Some(&self.document),
        };
        ChangeSetRequest::release(&offer_id, 1, &plan, urls)
    }

    /// Every code that a change set is answered with; none when it succeeds.
    pub(super) async fn answered(&self, request: &ChangeSetRequest) -> Vec<String> {
        self.ended(request).await.err().unwrap_or_default()
    }

    /// What a change set made, or every code that it is answered with.
    async fn ended(&self, request: &ChangeSetRequest) -> Result<String, Vec<String>> {
        let started = self
            .catalog
            .start_change_set()
            .catalog("AWSMarketplace")
            .set_change_set(Some(request.sdk_changes().unwrap()))
            .client_request_token(&request.client_request_token);
        let id = match started.send().await {
            Ok(started) => started.change_set_id.unwrap(),
            Err(refused) => return Err(vec![refused.code().unwrap_or_default().to_owned()]),
        };
        for _ in 0..LOOKS {
            let described = self
                .catalog
                .describe_change_set()
                .catalog("AWSMarketplace")
                .change_set_id(&id);
            let described = described.send().await.unwrap();
            match described.status() {
                Some(ChangeStatus::Succeeded) => {
                    let mut entities = described.change_set().iter().map(ChangeSummary::entity);
                    let made = entities.find_map(|entity| entity?.identifier()).unwrap();
                    let id = made.split('@').next().unwrap_or(made);
                    return Ok(id.to_owned());
                }
                Some(ChangeStatus::Failed) => {
                    let changes = described.change_set().iter();
                    let errors = changes.flat_map(ChangeSummary::error_detail_list);
                    return Err(errors
                        .filter_map(|error| error.error_code().map(str::to_owned))
                        .collect());
                }
                _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
        panic!("change set {id} does not end");
    }
}

async fn answered(candidate: &Candidate, bucket: &Path, says: &[Say]) -> Vec<String> {
    let market = Market::of(candidate, bucket).await;
    market.codes(candidate, says).await
}

/// A folder with the legal document of every release, and with those that AWS does not take.
pub(super) fn bucket() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    cross_check_said::fill(folder.path());
    folder
}

/// What pre-flight has nothing against, the sandbox takes.
#[tokio::test]
async fn what_passes_is_taken() {
    let folder = bucket();
    let once: Base = || {
        let mut candidate = sample::candidate_of(&sample::open_ended_draft());
        if let Kind::Authorization(allowed) = &mut candidate.plan.kind {
            allowed.single_use = true;
        }
        candidate
    };
    let until_a_date: Base = || {
        let mut candidate = sample::candidate_of(&sample::open_ended_draft());
        candidate.plan.available_until = Some(sample::day("2026-03-16"));
        if let Kind::Authorization(allowed) = &mut candidate.plan.kind {
            allowed.net_terms = NetTerms::of_days(45).ok();
        }
        candidate
    };
    let within_net_terms: Base = || {
        let mut candidate = sample::candidate_of(&sample::marked_up_draft("2.5"));
        if let Kind::Partner(partner) = &mut candidate.plan.kind {
            partner.authorization.net_terms = NetTerms::of_days(45).ok();
            partner.net_terms = NetTerms::of_days(30).ok();
        }
        candidate
    };
    let bases: [Base; 8] = [
        once,
        until_a_date,
        within_net_terms,
        sample::candidate,
        || sample::candidate_of(&sample::authorization_draft()),
        || sample::candidate_of(&sample::open_ended_draft()),
        || sample::candidate_of(&sample::marked_up_draft("2.5")),
        || sample::candidate_of(&sample::partner_draft()),
    ];
    for base in bases {
        let candidate = base();
        assert_eq!(findings(&candidate), []);
        assert_eq!(answered(&candidate, folder.path(), &[]).await, [""; 0]);
    }
}

/// A violation of a rule of AWS's is answered with the row's code; of a rule of ours with nothing.
#[tokio::test]
async fn each_violation_is_answered_as_the_table_says() {
    let folder = bucket();
    let alone = ALONE.iter().map(|(_, base, change)| (base, change));
    let together = TOGETHER.iter().map(|(_, base, change)| (base, change));
    let mut seen: Vec<&str> = Vec::new();
    let mut wrong = Vec::new();
    let (mut of_aws, mut confirmed) = (BTreeSet::new(), BTreeSet::new());
    for (base, change) in alone.chain(together) {
        let mut candidate = base();
        change(&mut candidate);
        if candidate.by_portal {
            continue;
        }
        let found = findings(&candidate);
        let nth = |rule: &str| seen.iter().filter(|known| **known == rule).count();
        let says = |rule: &str| {
            let mut said = SAID.iter();
            said.find(|(known, number, _)| (*known, *number) == (rule, nth(rule)))
        };
        let said = found.iter().filter_map(|finding| says(finding.rule));
        let said: Vec<Say> = said.map(|(.., say)| *say).collect();
        let codes = answered(&candidate, folder.path(), &said).await;
        let mut ours_only = true;
        for finding in &found {
            let rule = finding.rule;
            let nth = nth(rule);
            let untold = UNTOLD
                .iter()
                .any(|(known, number, _)| (*known, *number) == (rule, nth));
            let expected = finding.aws_error_code;
            let told = codes.iter().any(|code| code == expected);
            if expected.is_empty() && untold {
                wrong.push(format!("{rule} {nth} is ours: it needs no row in UNTOLD"));
            } else if !expected.is_empty() && told == untold {
                wrong.push(format!(
                    "{rule} {nth}: {expected}, but the sandbox: {codes:?}"
                ));
            }
            ours_only &= expected.is_empty();
            if !expected.is_empty() {
                of_aws.insert(rule);
            }
            if told && !expected.is_empty() {
                confirmed.insert(rule);
            }
        }
        if ours_only && !codes.is_empty() {
            let rules: Vec<_> = found.iter().map(|finding| finding.rule).collect();
            wrong.push(format!("{rules:?} are ours, but the sandbox: {codes:?}"));
        }
        seen.extend(found.iter().map(|finding| finding.rule));
    }
    assert_eq!(wrong, [""; 0]);
    let unconfirmed: Vec<_> = of_aws.difference(&confirmed).copied().collect();
    assert_eq!(unconfirmed, [""; 0]);
}

/// No row of the lists is about a case that is not there.
#[test]
fn what_is_untold_or_said_is_violated_somewhere() {
    let alone = ALONE.iter().map(|(rule, _, _)| *rule);
    let together = TOGETHER
        .iter()
        .flat_map(|(rules, _, _)| rules.iter().copied());
    let violated: Vec<&str> = alone.chain(together).collect();
    let untold = UNTOLD.iter().map(|(rule, nth, _)| (rule, nth));
    for (rule, nth) in untold.chain(SAID.iter().map(|(rule, nth, _)| (rule, nth))) {
        let cases = violated.iter().filter(|known| *known == rule).count();
        assert!(nth < &cases, "{rule} {nth}");
    }
}
