//! Commands per second through one service over gRPC, against pgbench running the same SQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use countersign_proto::common::v1::{Money, PaymentPlan, Prepaid, payment_plan};
use countersign_proto::estimate::v1::estimate_service_client::EstimateServiceClient;
use countersign_proto::estimate::v1::{
    Billing, CreateEstimateRequest, EstimateContent, SubmitEstimateRequest, WorkPackage,
};
use tonic::Request;
use tonic::transport::Channel;

use super::report::{Figure, Target, median};
use super::same_sql;
use crate::environment::{Bearer, Environment, RehearsalClock, Service};

/// Callers at the same time; pgbench gets as many.
pub(super) const CLIENTS: u32 = 8;
/// The length of a round.
pub(super) const ROUND: Duration = Duration::from_secs(5);
const ROUNDS: u32 = 3;
/// Longer than any bench.
const TOKEN_TIME: Duration = Duration::from_hours(24);

pub(super) async fn measure(environment: &Environment) -> Result<Vec<Figure>> {
    let script = same_sql::script(environment).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        theirs.push(same_sql::pgbench(environment, &script).await?);
        ours.push(through_grpc(environment, round).await?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    Ok(vec![
        Figure::new(
            "pgbench, CreateEstimate's SQL, 8 clients",
            theirs,
            "transactions/s",
        ),
        Figure::new(
            "estimate, CreateEstimate over gRPC, 8 callers",
            ours,
            "commands/s",
        ),
        Figure::new("service / pgbench", 100.0 * ours / theirs, "%").target(Target::AtLeast(70.0)),
    ])
}

async fn through_grpc(environment: &Environment, round: u32) -> Result<f64> {
    let load = Load::connect(environment, &format!("commands-{round}")).await?;
    let next = Arc::new(AtomicU32::new(0));
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (load, next) = (load.clone(), next.clone());
        callers.spawn(async move {
            while start.elapsed() < ROUND {
                load.create(next.fetch_add(1, Ordering::Relaxed)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.context("a caller broke off")??;
    }
    Ok(f64::from(next.load(Ordering::Relaxed)) / start.elapsed().as_secs_f64())
}

/// A caller of the estimate service, as a seller of its own.
#[derive(Debug, Clone)]
pub(super) struct Load {
    client: EstimateServiceClient<Channel>,
    seller: String,
    /// One token for all calls: signing is not what is measured.
    bearer: String,
    valid_until: String,
}

/// A draft estimate.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) estimate_id: String,
    pub(super) number: u32,
}

impl Load {
    pub(super) async fn connect(environment: &Environment, name: &str) -> Result<Self> {
        let endpoint = environment.endpoints().grpc(Service::Estimate)?;
        let channel = endpoint
            .connect()
            .await
            .context("connecting to the estimate service")?;
        let clock = RehearsalClock::new(environment.endpoints().clock_file.clone());
        let valid_until = (clock.now()? + chrono::TimeDelta::days(30))
            .date_naive()
            .to_string();
        let seller = format!("bench-{name}");
        let bearer = Bearer {
            seller: &seller,
            subject: "bench@example.com",
            roles: &["engagement-manager".to_owned()],
        };
        let token = environment
            .endpoints()
            .issuer()?
            .token(&bearer, TOKEN_TIME)?;
        Ok(Self {
            client: EstimateServiceClient::new(channel),
            seller,
            bearer: format!("Bearer {token}"),
            valid_until,
        })
    }

    pub(super) fn seller(&self) -> &str {
        &self.seller
    }

    /// Makes the draft estimate of engagement `number`.
    pub(super) async fn create(&self, number: u32) -> Result<Made> {
        let request = self.request(
            CreateEstimateRequest {
                engagement_id: format!("engagement-{number}"),
                customer_name: "Example Corporation".to_owned(),
                content: Some(self.content()),
            },
            &format!("create-{number}"),
        )?;
        let made = self
            .client
            .clone()
            .create_estimate(request)
            .await
            .context("CreateEstimate")?;
        Ok(Made {
            estimate_id: made.into_inner().estimate_id,
            number,
        })
    }

    /// Hands a draft in: the approval service hears of it.
    pub(super) async fn submit(&self, estimate_id: &str, number: u32) -> Result<()> {
        let request = self.request(
            SubmitEstimateRequest {
                estimate_id: estimate_id.to_owned(),
                expected_version: 1,
            },
            &format!("submit-{number}"),
        )?;
        self.client
            .clone()
            .submit_estimate(request)
            .await
            .map(drop)
            .context("SubmitEstimate")
    }

    fn request<T>(&self, message: T, key: &str) -> Result<Request<T>> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.bearer.parse()?);
        metadata.insert("idempotency-key", key.parse()?);
        Ok(request)
    }

    fn content(&self) -> EstimateContent {
        let package = |name: &str, amount: &str| WorkPackage {
            name: name.to_owned(),
            description: "Work with a fixed price".to_owned(),
            billing: Billing::FixedPrice.into(),
            base_price: Some(Money {
                currency_code: "USD".to_owned(),
                amount: amount.to_owned(),
            }),
            effort: Vec::new(),
        };
        EstimateContent {
            currency_code: "USD".to_owned(),
            packages: vec![
                package("Discovery", "20000.00"),
                package("Build", "50000.00"),
                package("Handover", "30000.00"),
            ],
            payment_plan: Some(PaymentPlan {
                plan: Some(payment_plan::Plan::Prepaid(Prepaid {})),
            }),
            scope_description: "A landing zone, built and handed over".to_owned(),
            scope_duration: "P90D".to_owned(),
            valid_until: self.valid_until.clone(),
            stated_total: None,
            ..EstimateContent::default()
        }
    }
}
