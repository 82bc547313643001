//! What approval tells: the stamp, its end, the signatures, the checklist. Each becomes a command on
//! the engagement that it is about.

use countersign_kernel::EngagementId;
use countersign_platform::{
    EventHandler, Failure, Handled, IncomingEvent, UnitOfWork, async_trait,
};
use countersign_proto::approval::v1 as approval;

use crate::commands;
use crate::domain::deal::ApprovedDeal;
use crate::domain::engagement::Command;
use crate::wire;

/// Hears the approval service (A4 to A6, A8).
#[derive(Debug, Clone, Copy)]
pub struct Approvals;

#[async_trait]
impl EventHandler for Approvals {
    fn types(&self) -> &'static [&'static str] {
        &[
            "countersign.approval.v1.DealStamped",
            "countersign.approval.v1.StampVoided",
            "countersign.approval.v1.SowSigned",
            "countersign.approval.v1.ChecklistCompleted",
        ]
    }

    async fn handle(
        &self,
        uow: &mut UnitOfWork,
        event: &IncomingEvent,
    ) -> Result<Handled, Failure> {
        let Some((engagement, command)) = command(event)? else {
            return Ok(Handled::Ignored);
        };
        let applied = commands::engagement::record(uow, &event.seller, &engagement, &command);
        Ok(if applied.await? {
            Handled::Applied
        } else {
            Handled::Ignored
        })
    }
}

fn command(event: &IncomingEvent) -> Result<Option<(EngagementId, Command)>, Failure> {
    let command = match event.type_name.rsplit('.').next() {
        Some("DealStamped") => {
            Command::RecordStamp(deal(event.decode::<approval::DealStamped>()?.deal)?)
        }
        Some("SowSigned") => {
            Command::RecordSignature(deal(event.decode::<approval::SowSigned>()?.deal)?)
        }
        Some("StampVoided") => {
            let voided: approval::StampVoided = event.decode()?;
            let digest = voided
                .digest
                .parse()
                .map_err(|wrong| Failure::undecodable("digest", wrong))?;
            Command::RecordVoid {
                digest,
                reason: voided.reason,
            }
        }
        Some("ChecklistCompleted") => {
            let completed: approval::ChecklistCompleted = event.decode()?;
            let case_id = completed.case_id.parse();
            let case_id = case_id.map_err(|wrong| Failure::undecodable("case id", wrong))?;
            Command::RecordChecklist { case_id }
        }
        _ => return Ok(None),
    };
    Ok(Some((engagement(event, &command)?, command)))
}

fn deal(
    deal: Option<countersign_proto::common::v1::ApprovedDeal>,
) -> Result<ApprovedDeal, Failure> {
    let deal = deal.unwrap_or_default();
    wire::deal_from(&deal).map_err(|wrong| Failure::undecodable("the approved deal", wrong))
}

/// The deal names its engagement; the other events are of a case, and the envelope names it.
fn engagement(event: &IncomingEvent, command: &Command) -> Result<EngagementId, Failure> {
    match command {
        Command::RecordStamp(deal) | Command::RecordSignature(deal) => {
            Ok(deal.estimate.engagement_id.clone())
        }
        Command::RecordVoid { .. }
        | Command::RecordChecklist { .. }
        | Command::CompleteIntake { .. } => event.engagement.clone().ok_or_else(|| {
            Failure::undecodable(event.type_name.clone(), "the envelope names no engagement")
        }),
    }
}
