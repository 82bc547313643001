//! Every service dies once at every named step, and the books still balance (P2, O9).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_local::environment::{Environment, Service};
use countersign_platform::fault;
use countersign_tests::{deal, invariants_hold, play, start};

const LOOK: Duration = Duration::from_millis(20);

/// Steps of the services' own, besides the platform's: between what happens outside and its record.
const OWN_POINTS: [(&str, Service); 7] = [
    ("approval.document_stored", Service::Approval),
    ("offer.after_request_kept", Service::Offer),
    ("offer.after_change_set_started", Service::Offer),
    ("offer.after_document_stored", Service::Offer),
    ("notification.after_send", Service::Notification),
    ("feeds.after_rows", Service::DisbursementReconciliation),
    (
        "feeds.before_reconcile",
        Service::DisbursementReconciliation,
    ),
];

/// A step, and the services that pass it while the handbook deal is played: the estimate and approval
/// services have no task that comes due in it.
fn steps() -> Vec<(&'static str, Vec<Service>)> {
    let busy = vec![
        Service::Offer,
        Service::Notification,
        Service::DisbursementReconciliation,
    ];
    let passing = |point: &'static str| match point.split_once('.') {
        Some(("task", _)) => busy.clone(),
        _ => Service::ALL.to_vec(),
    };
    let platform = fault::POINTS
        .into_iter()
        .map(|point| (point, passing(point)));
    platform
        .chain(OWN_POINTS.map(|(point, service)| (point, vec![service])))
        .collect()
}

/// One deal per step; in each, the services that pass it are armed to abort there, die once, and are
/// started again, disarmed, as an orchestrator would.
#[tokio::test]
async fn dying_at_any_step_changes_no_balance() -> Result<()> {
    let environment = start().await?;
    let handbook = deal("handbook")?;
    for (point, services) in steps() {
        let armed = format!("{point}:1");
        for service in &services {
            environment.stop(*service);
            let fault = [("COUNTERSIGN_FAULT", armed.as_str())];
            // It may die of it before it serves, with what an earlier deal left to do: that is its one
            // death, and it is revived below. Its last words name the step; each step is armed once in
            // the life of a log, so an earlier death's words cannot pass for this one's.
            if let Err(error) = environment.start_service(*service, &fault).await {
                ensure!(
                    format!("{error:#}").contains(&last_words(point)),
                    error.context(point)
                );
            }
        }
        let mut deaths = BTreeMap::new();
        tokio::select! {
            played = play(&environment, &handbook, point) => played.context(point)?,
            revived = revive(&environment, &mut deaths) => revived.context(point)?,
        }
        revive_once(&environment, &mut deaths)
            .await
            .context(point)?;
        let expected = services.into_iter().map(|service| (service, 1)).collect();
        ensure!(
            deaths == expected,
            "at {point} should die {expected:?}, but {deaths:?} did"
        );
        invariants_hold(&environment).await.context(point)?;
    }
    Ok(())
}

/// What a service says last at a fault point (`services/platform/src/fault.rs`).
fn last_words(point: &str) -> String {
    format!(r#""point":"{point}""#)
}

/// Starts again whatever ends, for ever.
async fn revive(environment: &Environment, deaths: &mut BTreeMap<Service, u32>) -> Result<()> {
    loop {
        revive_once(environment, deaths).await?;
        tokio::time::sleep(LOOK).await;
    }
}

async fn revive_once(environment: &Environment, deaths: &mut BTreeMap<Service, u32>) -> Result<()> {
    environment
        .revive(|service| *deaths.entry(service).or_default() += 1)
        .await
}
