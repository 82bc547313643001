//! Every service dies once at every named step of the platform, and the books still balance (P2).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_local::environment::{Environment, Service};
use countersign_platform::fault;
use countersign_tests::{deal, invariants_hold, play, start};

const LOOK: Duration = Duration::from_millis(20);

/// Which services pass a step while a deal is played: the others have no work of that kind in it.
fn passing(point: &str) -> Vec<Service> {
    let (work, _) = point.split_once('.').unwrap_or((point, ""));
    match work {
        "task" => vec![Service::Offer, Service::Notification, Service::DisbursementReconciliation],
        _ => Service::ALL.to_vec(),
    }
}

/// One deal per step; in each, every service is armed to abort at that step, dies there once, and is
/// started again, disarmed, as an orchestrator would.
#[tokio::test]
async fn dying_at_any_step_changes_no_balance() -> Result<()> {
    let environment = start().await?;
    let handbook = deal("handbook")?;
    for point in fault::POINTS {
        for service in Service::ALL {
            environment.stop(service);
            let armed = format!("{point}:1");
            environment.start_service(service, &[("COUNTERSIGN_FAULT", armed.as_str())]).await?;
        }
        let mut deaths = BTreeMap::new();
        tokio::select! {
            played = play(&environment, &handbook, point) => played?,
            revived = revive(&environment, &mut deaths) => revived?,
        }
        revive_once(&environment, &mut deaths).await?;
        for service in passing(point) {
            ensure!(
                deaths.get(&service).is_some_and(|deaths| *deaths == 1),
                "{service} should have died once at {point}, but the deaths are {deaths:?}"
            );
        }
        invariants_hold(&environment).await?;
    }
    Ok(())
}

/// Starts again whatever ends, for ever.
async fn revive(environment: &Environment, deaths: &mut BTreeMap<Service, u32>) -> Result<()> {
    loop {
        revive_once(environment, deaths).await?;
        tokio::time::sleep(LOOK).await;
    }
}

async fn revive_once(environment: &Environment, deaths: &mut BTreeMap<Service, u32>) -> Result<()> {
    for service in Service::ALL {
        if environment.wait_for_end(service, Duration::ZERO).await.is_ok() {
            *deaths.entry(service).or_default() += 1;
            environment.start_service(service, &[]).await?;
        }
    }
    Ok(())
}
