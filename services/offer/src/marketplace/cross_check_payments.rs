//! Pre-flight's table about payment requests against the sandbox (O4, O17), as [`super::cross_check`] does for
//! offers: each asking goes to the sandbox as it would go to AWS, and what passes is taken, what violates a rule of
//! AWS's is answered with the row's code, and what violates one of ours alone is taken.

use aws_sdk_marketplaceagreement::Client;
use aws_sdk_marketplaceagreement::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_marketplaceagreement::types::{AcceptedTerm, AgreementCancellationRequestReasonCode};
use chrono::{DateTime, Utc};
use countersign_marketplace_sandbox as sandbox;
use serde_json::{Value, json};

use super::CallError;
use super::payments::sending;
use crate::domain::payment::{Ask, PaymentRequest};
use crate::domain::preflight::payment::cases::{CASES, ask, asked};
use crate::domain::preflight::payment::{Asked, RULES, findings};
use crate::domain::sample::{self, at};

const ACCEPTED: &str = "2026-03-02T10:00:00Z";
const BUYER: &str = "123456789012";
/// From the acceptance to the end of the samples' agreement.
const DURATION: &str = "P93D";

/// Violations that AWS does not answer with the row's code: the rule, which of its cases, and why.
const UNTOLD: &[(&str, usize, &str)] = &[
    ("PAYMENT_MILESTONE_VALID", 0, NUMBERED),
    ("PAYMENT_MILESTONE_VALID", 1, SHAPE),
    ("PAYMENT_MILESTONE_VALID", 2, SHAPE),
    ("PAYMENT_MILESTONE_VALID", 3, NUMBERED),
];
const NUMBERED: &str = "with its number behind it the name has as many characters as AWS wants";
const SHAPE: &str = "which characters a name may have is not documented";

/// AWS's side of one asking: an agreement with a cap, of which a part is requested and another approved.
struct Market {
    running: sandbox::Running,
    agreements: Client,
    http: reqwest::Client,
    now: DateTime<Utc>,
    agreement_id: String,
    term_id: String,
}

impl Market {
    async fn of(asked: &Asked<'_>) -> Self {
        let config = sandbox::Config {
            frozen_at: Some(at(ACCEPTED)),
            settings: sandbox::Settings {
                rate_limit: false,
                ..sandbox::Settings::default()
            },
            ..sandbox::Config::default()
        };
        let running = sandbox::Sandbox::start(config).await.unwrap();
        let credentials = Credentials::new(
            sandbox::DEFAULT_ACCESS_KEY_ID,
            sandbox::DEFAULT_SECRET_ACCESS_KEY,
            None,
            None,
            "cross check",
        );
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(running.endpoint_url());
        let mut market = Self {
            agreements: Client::from_conf(config.build()),
            http: reqwest::Client::new(),
            now: at(ACCEPTED),
            running,
            agreement_id: String::new(),
            term_id: String::new(),
        };
        market.agree(asked).await;
        market.draw(asked).await;
        market
    }

    async fn act(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/sandbox/{path}", self.running.endpoint_url());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let answer = answer.error_for_status().unwrap();
        answer.json().await.unwrap()
    }

    async fn agree(&mut self, asked: &Asked<'_>) {
        let offer = json!({
            "name": "With a cap",
            "buyerAccounts": [BUYER],
            "currencyCode": asked.cap.currency().code(),
            "maxTotalChargeAmount": asked.cap.amount_text(),
            "duration": DURATION,
            "availabilityEndDate": "2026-03-31",
            "legalDocumentUrl": "https://files.example/eula.pdf",
        });
        let offer = self.act("portal/variable-offer", offer).await;
        let accept = json!({ "offerId": offer["offerId"], "buyerAccountId": BUYER });
        let accepted = self.act("accept", accept).await;
        self.agreement_id = accepted["agreementId"].as_str().unwrap().to_owned();
        let terms = self.agreements.get_agreement_terms();
        let terms = terms.agreement_id(&self.agreement_id).send().await.unwrap();
        let mut terms = terms.accepted_terms().iter();
        let id = terms.find_map(|term| match term {
            AcceptedTerm::VariablePaymentTerm(term) => term.id().map(str::to_owned),
            _ => None,
        });
        self.term_id = id.unwrap();
    }

    /// What is drawn of the cap before.
    async fn draw(&mut self, asked: &Asked<'_>) {
        self.go_to(sample::payment_request().requested_at).await;
        let drawn = [asked.drawn.requested, asked.drawn.approved];
        for (number, amount) in (1..).zip(drawn) {
            let ask = Ask {
                amount,
                ..ask("1.00")
            };
            let request = self.request(&ask, number);
            let sent = sending(&self.agreements, &request).send().await.unwrap();
            if amount == asked.drawn.approved {
                let approve = json!({ "id": sent.payment_request_id(), "approve": true });
                self.act("payment-request/answer", approve).await;
            }
        }
    }

    async fn go_to(&mut self, at: DateTime<Utc>) {
        let seconds = (at - self.now).num_seconds();
        self.act("clock", json!({ "advanceSeconds": seconds }))
            .await;
        self.now = at;
    }

    /// The buyer agrees to end the agreement.
    async fn end(&self) {
        let asked = self.agreements.send_agreement_cancellation_request();
        let asked = asked
            .agreement_id(&self.agreement_id)
            .reason_code(AgreementCancellationRequestReasonCode::Other);
        let sent = asked.send().await.unwrap();
        let id = sent.agreement_cancellation_request_id().unwrap();
        let approve = json!({ "id": id, "approve": true });
        self.act("cancellation-request/answer", approve).await;
    }

    fn request(&self, ask: &Ask, number: u32) -> PaymentRequest {
        PaymentRequest {
            id: format!("pay-{number}").parse().unwrap(),
            agreement_id: self.agreement_id.parse().unwrap(),
            term_id: self.term_id.clone(),
            number,
            milestone: ask.milestone.clone(),
            description: ask.description.clone(),
            amount: ask.amount,
            ..sample::payment_request()
        }
    }

    /// What the asking is answered with; nothing when it is taken.
    async fn code(&mut self, asked: &Asked<'_>) -> Option<String> {
        if asked.status != "ACTIVE" {
            self.end().await;
        }
        self.go_to(asked.now).await;
        let request = self.request(asked.ask, asked.drawn.count + 1);
        let answer = sending(&self.agreements, &request).send().await;
        match CallError::from(answer.err()?) {
            CallError::Refused(error) => Some(error.code),
            CallError::Later(later) => panic!("{later:?}"),
        }
    }
}

#[tokio::test]
async fn each_asking_is_answered_as_the_table_says() {
    let (mut seen, mut told): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut wrong = Vec::new();
    for (rules, of_ask, change) in CASES {
        let mut ask = ask("72500.00");
        of_ask(&mut ask);
        let mut asked = asked(&ask);
        let mut market = Market::of(&asked).await;
        change(&mut asked);
        let code = market.code(&asked).await;
        let found = findings(&asked);
        let expected = found
            .iter()
            .find(|finding| !finding.aws_error_code.is_empty());
        let untold = |rule: &str| {
            let nth = seen.iter().filter(|known| **known == rule).count();
            let mut rows = UNTOLD.iter();
            rows.any(|(known, number, _)| (*known, *number) == (rule, nth))
        };
        let expected = expected.filter(|finding| !untold(finding.rule));
        if code.as_deref() != expected.map(|finding| finding.aws_error_code) {
            wrong.push(format!(
                "{rules:?}: {expected:?}, but the sandbox: {code:?}"
            ));
        }
        told.extend(expected.map(|finding| finding.rule));
        seen.extend(rules);
    }
    assert_eq!(wrong, [""; 0]);
    // Every rule with a code was confirmed at least once, and no row above is about a case that is not there.
    let coded = RULES.iter().filter(|rule| !rule.aws_error_code.is_empty());
    let unconfirmed: Vec<&str> = coded
        .map(|rule| rule.id)
        .filter(|rule| !told.contains(rule))
        .collect();
    assert_eq!(unconfirmed, [""; 0]);
    for (rule, nth, _) in UNTOLD {
        let cases = seen.iter().filter(|known| *known == rule).count();
        assert!(*nth < cases, "{rule} {nth}");
    }
}
