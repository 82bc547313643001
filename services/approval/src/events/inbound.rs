//! What estimate tells → commands (E8).

use countersign_kernel::EngagementId;
use countersign_platform::{
    EventHandler, Failure, Handled, IncomingEvent, Rejection, UnitOfWork, async_trait,
};
use countersign_proto::estimate::v1::{EstimateExpired, EstimateSubmitted, EstimateWithdrawn};

use crate::commands::{self, Caller};
use crate::domain::Command;
use crate::domain::command::Loss;
use crate::wire;

const SUBMITTED: &str = "countersign.estimate.v1.EstimateSubmitted";
const WITHDRAWN: &str = "countersign.estimate.v1.EstimateWithdrawn";
const EXPIRED: &str = "countersign.estimate.v1.EstimateExpired";

/// Hears the estimate service.
#[derive(Debug, Clone, Copy)]
pub struct EstimateEvents;

#[async_trait]
impl EventHandler for EstimateEvents {
    fn types(&self) -> &'static [&'static str] {
        &[SUBMITTED, WITHDRAWN, EXPIRED]
    }

    async fn handle(
        &self,
        uow: &mut UnitOfWork,
        event: &IncomingEvent,
    ) -> Result<Handled, Failure> {
        let (engagement, command) = command(event)?;
        let principal = uow.cause().principal().parse();
        let principal = principal.map_err(|error| Failure::internal("naming a service", error))?;
        let caller = Caller::service(event.seller.clone(), principal);
        match commands::run(uow, &caller, &engagement, command).await {
            Ok(done) if done.changed => Ok(Handled::Applied),
            Ok(_) => Ok(Handled::Ignored),
            Err(Failure::Rejected(rejection)) => Ok(refused(event, rejection)),
            Err(failure) => Err(failure),
        }
    }
}

/// The event as a command, on which engagement.
fn command(event: &IncomingEvent) -> Result<(EngagementId, Command), Failure> {
    match event.type_name.as_str() {
        SUBMITTED => submitted(event),
        WITHDRAWN => {
            let EstimateWithdrawn {
                estimate_id,
                version,
                ..
            } = event.decode()?;
            lost(event, estimate_id, version, Loss::Withdrawn)
        }
        EXPIRED => {
            let EstimateExpired {
                estimate_id,
                version,
                ..
            } = event.decode()?;
            lost(event, estimate_id, version, Loss::Expired)
        }
        other => Err(Failure::internal(
            "handling an event",
            format!("{other} is not handled"),
        )),
    }
}

fn submitted(event: &IncomingEvent) -> Result<(EngagementId, Command), Failure> {
    let EstimateSubmitted {
        estimate,
        submitted_by,
    } = event.decode()?;
    let unusable = |error: wire::UnusableEstimate| Failure::undecodable(SUBMITTED, error);
    let estimate = estimate.ok_or_else(|| unusable(wire::UnusableEstimate::Field("estimate")))?;
    let estimate = wire::estimate(&estimate, &submitted_by).map_err(unusable)?;
    Ok((
        estimate.engagement.clone(),
        Command::ReceiveEstimate(Box::new(estimate)),
    ))
}

fn lost(
    event: &IncomingEvent,
    estimate_id: String,
    version: u32,
    cause: Loss,
) -> Result<(EngagementId, Command), Failure> {
    let engagement = event.engagement.clone();
    let engagement = engagement
        .ok_or_else(|| Failure::undecodable(&event.type_name, "the engagement is missing"))?;
    Ok((
        engagement,
        Command::LoseEstimate {
            estimate_id,
            version,
            cause,
        },
    ))
}

/// A rule refused before anything was written: recorded as a fact, not tried again.
fn refused(event: &IncomingEvent, rejection: Rejection) -> Handled {
    tracing::warn!(
        event = %event.id,
        seller = %event.seller,
        reason = rejection.reason(),
        "an estimate's event is refused here"
    );
    Handled::Rejected(rejection)
}
