//! Ten thousand offers that AWS works on (O9): how fast they are looked after, by AWS's own limit, and whether
//! anything else waits for it (O13).
//!
//! One offer is released; the others are its rows, copied, so that each look asks AWS for the same
//! change set. AWS itself works on 20 offers of an account at a time (facts §1.1): so many are the worst case
//! and no likely one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::report::{Figure, Target};
use super::superuser;
use crate::console::Console;
use crate::deal::{Deal, Player};
use crate::environment::{Environment, Service, workspace};

const OFFERS: i32 = 10_000;
/// AWS's limit of `DescribeChangeSet` (facts §1.1).
const AWS_LOOKS_PER_SECOND: f64 = 10.0;
const WATCH: Duration = Duration::from_secs(30);
/// How long an acceptance may take to be found before the measurement is given up.
const FOUND_WITHIN: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_millis(50);
/// Longer than the measurement.
const HELD_MS: u64 = 3_600_000;

pub(super) async fn measure(environment: &Environment) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::of(environment);
    let mut connection = superuser(environment).await?;
    let alone = found_after(&sandbox, &mut connection).await?;

    let usual = sandbox.settings().await?;
    let mut held = usual.clone();
    held["preparingMs"] = json!(HELD_MS);
    sandbox.set(&held).await?;
    release_one(environment).await?;
    copy(&mut connection).await?;

    let before = Counters::read(environment).await?;
    let begun = Instant::now();
    let beside = found_after(&sandbox, &mut connection).await?;
    tokio::time::sleep(WATCH.saturating_sub(begun.elapsed())).await;
    let seconds = begun.elapsed().as_secs_f64();
    let after = Counters::read(environment).await?;
    forget(&mut connection).await?;
    sandbox.set(&usual).await?;

    let rate = (after.looks - before.looks) / seconds;
    let what = format!("{OFFERS} change sets in flight");
    Ok(vec![
        Figure::new(format!("{what}, looks at AWS"), rate, "calls/s")
            .target(Target::AtMost(AWS_LOOKS_PER_SECOND)),
        Figure::new(
            format!("{what}, put off by AWS"),
            after.throttled - before.throttled,
            "calls",
        )
        .target(Target::AtMost(0.0)),
        Figure::new(
            format!("{what}, one round of looks"),
            f64::from(OFFERS) / rate,
            "s",
        ),
        Figure::new(format!("{what}, oldest look due for"), after.lag, "s"),
        Figure::new(format!("{what}, an acceptance found after"), beside, "s"),
        Figure::new("nothing in flight, an acceptance found after", alone, "s"),
    ])
}

/// The sandbox's control.
struct Sandbox {
    base: String,
    http: reqwest::Client,
}

impl Sandbox {
    fn of(environment: &Environment) -> Self {
        Self {
            base: format!("http://{}/sandbox", environment.endpoints().sandbox),
            http: reqwest::Client::new(),
        }
    }

    async fn settings(&self) -> Result<Value> {
        let answer = self.http.get(format!("{}/settings", self.base)).send();
        let answer = answer.await.context("asking the sandbox")?;
        answer.json().await.context("reading the sandbox's answer")
    }

    async fn set(&self, settings: &Value) -> Result<()> {
        self.act("settings", settings).await.map(drop)
    }

    async fn act(&self, act: &str, body: &Value) -> Result<Value> {
        let call = self.http.post(format!("{}/{act}", self.base)).json(body);
        let answer = call.send().await.context("asking the sandbox")?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .context("reading the sandbox's answer")?;
        ensure!(status.is_success(), "the sandbox refused {act}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{act} answers {text:?}"))
    }
}

async fn release_one(environment: &Environment) -> Result<()> {
    let deal = Deal::read(&workspace().join("deploy/local/src/bench/in-flight.yaml"))?;
    let downloads = tempfile::tempdir().context("making a folder for downloads")?;
    let player = Player::new(&deal, environment.endpoints(), "bench", downloads.path())?;
    player.play(&Console::quiet()).await?;
    Ok(())
}

/// Copies what AWS works on, and the look that is due at each.
async fn copy(connection: &mut PgConnection) -> Result<()> {
    let offers = "INSERT INTO offer.offer
        SELECT copy.* FROM offer.offer o, generate_series(1, $1) AS number,
            jsonb_populate_record(o, jsonb_build_object(
                'offer_id', gen_random_uuid(),
                'engagement_id', o.engagement_id || '-copy-' || number)) AS copy
        WHERE o.state = 'releasing'";
    let looks =
        "INSERT INTO offer.task (kind, key, payload, state, due_at, traceparent, created_at,
            updated_at, seller, engagement)
        SELECT t.kind, o.seller || '/' || o.offer_id || '/' || (t.payload ->> 'change'),
            t.payload || jsonb_build_object('offer_id', o.offer_id), 'pending', t.due_at,
            t.traceparent, t.created_at, t.updated_at, o.seller, o.engagement_id
        FROM offer.task t, offer.offer o
        WHERE t.kind = 'offer.poll-change-set' AND t.state IN ('pending', 'running')
            AND o.engagement_id LIKE '%-copy-%'";
    for copied in [sqlx::query(offers).bind(OFFERS), sqlx::query(looks)] {
        let copied = copied.execute(&mut *connection).await;
        let rows = copied.context("copying an offer")?.rows_affected();
        ensure!(
            rows == u64::from(OFFERS.unsigned_abs()),
            "copied {rows} rows"
        );
    }
    Ok(())
}

async fn forget(connection: &mut PgConnection) -> Result<()> {
    let statement = "DELETE FROM offer.task WHERE engagement LIKE '%-copy-%';
        DELETE FROM offer.offer WHERE engagement_id LIKE '%-copy-%'";
    let gone = sqlx::raw_sql(statement).execute(connection).await;
    gone.context("removing the copies").map(drop)
}

/// Seconds from a buyer's acceptance of a public offer until its agreement is in the offer service's records.
async fn found_after(sandbox: &Sandbox, connection: &mut PgConnection) -> Result<f64> {
    let order = json!({ "currencyCode": "USD", "price": "5000.00", "duration": "P90D",
        "dimensionKey": "implementation" });
    let bought = sandbox.act("public-order", &order).await?;
    let id = bought["agreementId"]
        .as_str()
        .context("an agreement without id")?;
    let begun = Instant::now();
    while begun.elapsed() < FOUND_WITHIN {
        let known = "SELECT EXISTS (SELECT FROM offer.agreement WHERE agreement_id = $1)";
        let known = sqlx::query_scalar(known)
            .bind(id)
            .fetch_one(&mut *connection);
        if known.await.context("looking for the agreement")? {
            return Ok(begun.elapsed().as_secs_f64());
        }
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("{id} was not found within {} s", FOUND_WITHIN.as_secs())
}

/// What the offer service shows Prometheus.
struct Counters {
    looks: f64,
    throttled: f64,
    lag: f64,
}

impl Counters {
    async fn read(environment: &Environment) -> Result<Self> {
        let address = environment.endpoints().management_address(Service::Offer)?;
        let answer = reqwest::get(format!("http://{address}/metrics")).await;
        let text = answer.context("reading metrics")?.text().await?;
        let sum = |name: &str, label: &str| -> f64 {
            let lines = text
                .lines()
                .filter(|line| line.starts_with(name) && line.contains(label));
            lines
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        Ok(Self {
            looks: sum(
                "countersign_aws_calls_total",
                "operation=\"DescribeChangeSet\"",
            ),
            throttled: sum("countersign_aws_throttled_total", ""),
            lag: sum("countersign_tasks_oldest_age_seconds", ""),
        })
    }
}
