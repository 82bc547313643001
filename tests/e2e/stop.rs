//! Services are asked to stop while deals go on, as a rolling restart does (P2, P4).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_local::environment::{Environment, Service};
use countersign_tests::{deal, invariants_hold, play, start};
use serde_json::Value;

/// P2, P4: each ends by itself within what Kubernetes grants it, and what it was doing is done: the deals
/// go on to their ends, no event is lost or doubled.
#[tokio::test]
async fn every_service_stops_within_its_grace_while_deals_go_on() -> Result<()> {
    let environment = start().await?;
    let grace = grace()?;
    let (handbook, rejected) = (deal("handbook")?, deal("rejected")?);
    let (played, beside, rolled) = tokio::join!(
        play(&environment, &handbook, "rolled"),
        play(&environment, &rejected, "rolled"),
        roll(&environment, grace),
    );
    rolled?;
    played.context("handbook")?;
    beside.context("rejected")?;
    invariants_hold(&environment).await
}

/// Twice each, one after the other.
async fn roll(environment: &Environment, grace: Duration) -> Result<()> {
    for service in Service::ALL.into_iter().chain(Service::ALL) {
        environment.stop_within(service, grace).await?;
        environment.start_service(service, &[]).await?;
    }
    Ok(())
}

/// What a pod has from the signal on: its grace without the pause before the signal.
fn grace() -> Result<Duration> {
    let file = "../deploy/kubernetes/base/service/server.yaml";
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))?;
    let deployment: Value = serde_saphyr::from_str(&text).context(file)?;
    let pod = &deployment["spec"]["template"]["spec"];
    let whole = pod["terminationGracePeriodSeconds"].as_u64();
    let pause = &pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
    let rest = whole
        .zip(pause.as_u64())
        .map(|(whole, pause)| whole - pause);
    let rest = rest.context("no grace, or no pause")?;
    ensure!(rest > 0, "no time to stop");
    Ok(Duration::from_secs(rest))
}
