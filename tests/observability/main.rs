//! What is watched (P6): one deal is one trace, from the caller's gRPC through outbox, JetStream,
//! consumer, task, AWS and SMTP; and every figure that a board or an alert names is one that the
//! services show.
//!
//! | file | what |
//! |---|---|
//! | [`collector`] | an OpenTelemetry collector that keeps what it is sent |
//! | [`trace`] | a deal's trace, and what must hold of it |
//! | [`rules`] | boards, alerts and runbook, read and judged |

mod collector;
mod rules;
mod trace;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use countersign_local::console::Console;
use countersign_local::deal::Player;
use countersign_local::environment::{Environment, Service};
use countersign_tests::{deal, invariants_hold, start_traced};

use collector::Collector;
use trace::Trace;

/// Some periods of the services' readings.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// P6: five processes, three protocols and two clocks away from the first call, it is one trace; and
/// all that the boards and alerts are about is to be scraped from the processes that made it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_deal_is_one_trace_and_every_figure_is_shown() -> Result<()> {
    let collector = Collector::start().await?;
    let environment = start_traced(Some(collector.endpoint())).await?;
    let handbook = deal("handbook")?;
    let downloads = tempfile::tempdir()?;
    let endpoints = environment.endpoints().clone();
    let player = Player::new(&handbook, &endpoints, "observed", downloads.path())?;
    let trace_id = player.trace_id().to_owned();
    player.play(&Console::quiet()).await?;
    invariants_hold(&environment).await?;
    every_figure_is_shown(&environment).await?;
    // What a service has not sent yet, it sends when it is told to stop.
    tokio::task::spawn_blocking(move || drop(environment)).await?;
    let spans = collector.stop().await?;
    trace::none_is_an_orphan(&spans, &trace_id)?;
    let trace = Trace::of(&spans, &trace_id);
    trace.names_every_service()?;
    trace.names_every_hop()?;
    trace.keeps_to_the_conventions()
}

/// Gauges are read every few seconds, so what is missing is looked for again.
async fn every_figure_is_shown(environment: &Environment) -> Result<()> {
    let start = Instant::now();
    loop {
        let shown = shown(environment).await?;
        let unknown: Vec<String> = rules::named()?
            .into_iter()
            .filter(|(_, name)| !shown.contains(name))
            .map(|(place, name)| format!("{place} names {name}"))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        ensure!(
            start.elapsed() < READ_WITHIN,
            "nobody shows what {}\nshown: {shown:?}",
            unknown.join("\n")
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The figures that the five services show; none of a tenant.
async fn shown(environment: &Environment) -> Result<BTreeSet<String>> {
    let mut shown = BTreeSet::new();
    for service in Service::ALL {
        let address = environment.endpoints().management_address(service)?;
        let answer = reqwest::get(format!("http://{address}/metrics")).await?;
        let answer = answer.error_for_status().context("scraping")?;
        let text = answer.text().await?;
        let own = format!("service_name=\"{service}\"");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            ensure!(line.contains(&own), "{service} shows {line}");
            for label in ["seller=", "engagement=", "acme"] {
                ensure!(!line.contains(label), "{service} shows a tenant: {line}");
            }
        }
        shown.extend(text.lines().filter_map(rules::shown).map(str::to_owned));
    }
    Ok(shown)
}

/// Every expression parses, every alert fires and stays silent as `alerts_test.yaml` has it.
#[test]
fn prometheus_reads_rules_and_boards() -> Result<()> {
    rules::are_read_by_prometheus()
}

/// Whoever is paged finds what to do.
#[test]
fn every_alert_has_its_place_in_the_runbook() -> Result<()> {
    rules::have_their_place_in_the_runbook()
}

#[test]
fn boards_are_whole() -> Result<()> {
    rules::boards_are_whole()
}
