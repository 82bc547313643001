//! Every service dies once at every named step, and the books still balance (P2, O9).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_local::environment::{Environment, Service};
use countersign_platform::fault;
use countersign_tests::{deal, invariants_hold, play, start};

const LOOK: Duration = Duration::from_millis(20);

/// The deal that passes most steps.
const HANDBOOK: &str = "handbook";

/// Steps of the services' own, besides the platform's: between what happens outside and its record. Each with
/// the shortest deal that passes it.
const OWN_POINTS: [(&str, &str, Service); 11] = [
    (HANDBOOK, "approval.document_stored", Service::Approval),
    (HANDBOOK, "offer.after_request_kept", Service::Offer),
    (HANDBOOK, "offer.after_change_set_started", Service::Offer),
    (HANDBOOK, "offer.after_document_stored", Service::Offer),
    (HANDBOOK, "notification.after_send", Service::Notification),
    (
        HANDBOOK,
        "feeds.after_rows",
        Service::DisbursementReconciliation,
    ),
    (
        HANDBOOK,
        "feeds.before_reconcile",
        Service::DisbursementReconciliation,
    ),
    (
        "milestones",
        "offer.after_payment_request_sent",
        Service::Offer,
    ),
    (
        "milestones",
        "offer.after_payment_withdrawal_sent",
        Service::Offer,
    ),
    (
        "change-order",
        "offer.after_cancellation_sent",
        Service::Offer,
    ),
    (
        "change-order",
        "offer.after_adjustments_sent",
        Service::Offer,
    ),
];

/// A deal, a step, and the services that pass it while the deal is played.
type Step = (&'static str, &'static str, Vec<Service>);

/// The estimate and approval services have no task that comes due in the handbook's deal.
fn platform_steps() -> impl Iterator<Item = Step> {
    let busy = vec![
        Service::Offer,
        Service::Notification,
        Service::DisbursementReconciliation,
    ];
    fault::POINTS.into_iter().map(move |point| {
        let passing = match point.split_once('.') {
            Some(("task", _)) => busy.clone(),
            _ => Service::ALL.to_vec(),
        };
        (HANDBOOK, point, passing)
    })
}

#[tokio::test]
async fn dying_at_any_step_of_the_platform_changes_no_balance() -> Result<()> {
    die_at(platform_steps()).await
}

#[tokio::test]
async fn dying_at_any_step_of_a_service_changes_no_balance() -> Result<()> {
    die_at(OWN_POINTS.map(|(deal, point, service)| (deal, point, vec![service]))).await
}

/// One deal per step; in each, the services that pass it are armed to abort there, die once, and are
/// started again, disarmed, as an orchestrator would.
async fn die_at(steps: impl IntoIterator<Item = Step>) -> Result<()> {
    let environment = start().await?;
    for (name, point, services) in steps {
        let deal = deal(name)?;
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
            played = play(&environment, &deal, point) => played.context(point)?,
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
