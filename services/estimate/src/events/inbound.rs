//! What approval and offer say, as commands on the estimate that it is about. A command that the domain
//! refuses (a late answer, another version) is recorded as such and not tried again.

use countersign_kernel::{Currency, Digest, Money, Principal};
use countersign_platform::{
    EventHandler, Failure, Handled, IncomingEvent, UnitOfWork, async_trait,
};
use countersign_proto::approval::v1 as approval;
use countersign_proto::offer::v1::{AgreementAccepted, AgreementEnded};
use prost::{Message, Name};
use uuid::Uuid;

use crate::commands;
use crate::domain::Command;
use crate::domain::content::Installment;
use crate::domain::estimate::{ChangeRequest, Withdrawal};
use crate::domain::replacement::End;

/// Hears approval: a stamp approves, a request for changes sends the author back, a rejection ends
/// the estimate (E8).
#[derive(Debug, Clone, Copy)]
pub struct Approvals;

/// The full names of what is heard here.
const STAMPED: &str = "countersign.approval.v1.DealStamped";
const CHANGES_REQUESTED: &str = "countersign.approval.v1.ChangesRequested";
const REJECTED: &str = "countersign.approval.v1.CaseRejected";

#[async_trait]
impl EventHandler for Approvals {
    fn types(&self) -> &'static [&'static str] {
        &[STAMPED, CHANGES_REQUESTED, REJECTED]
    }

    async fn handle(
        &self,
        uow: &mut UnitOfWork,
        event: &IncomingEvent,
    ) -> Result<Handled, Failure> {
        let (estimate_id, command) = match event.type_name.as_str() {
            STAMPED => stamped(event)?,
            CHANGES_REQUESTED => changes_requested(event)?,
            REJECTED => rejected(event)?,
            _ => return Ok(Handled::Ignored),
        };
        let changed = commands::change(uow, &event.seller, estimate_id, &command).await?;
        Ok(if changed.applied {
            Handled::Applied
        } else {
            Handled::Ignored
        })
    }
}

/// Hears offer: an agreement is what a renewal starts from, and a replacement once it is over (E11, O15).
#[derive(Debug, Clone, Copy)]
pub struct Offers;

const ACCEPTED: &str = "countersign.offer.v1.AgreementAccepted";
const ENDED: &str = "countersign.offer.v1.AgreementEnded";

#[async_trait]
impl EventHandler for Offers {
    fn types(&self) -> &'static [&'static str] {
        &[ACCEPTED, ENDED]
    }

    async fn handle(
        &self,
        uow: &mut UnitOfWork,
        event: &IncomingEvent,
    ) -> Result<Handled, Failure> {
        let (seller, engagement) = (&event.seller, event.engagement.as_ref());
        let news = match event.type_name.as_str() {
            ACCEPTED => {
                let message: AgreementAccepted = event.decode()?;
                let digest: Digest =
                    read::<AgreementAccepted, _>("approved_digest", &message.approved_digest)?;
                let id = &message.agreement_id;
                commands::renewal::record(uow, seller, engagement, id, digest).await?
            }
            ENDED => {
                let message: AgreementEnded = event.decode()?;
                let (id, end) = (&message.agreement_id, ended(&message)?);
                commands::renewal::end(uow, seller, engagement, id, &end).await?
            }
            _ => return Ok(Handled::Ignored),
        };
        Ok(if news {
            Handled::Applied
        } else {
            Handled::Ignored
        })
    }
}

fn stamped(event: &IncomingEvent) -> Result<(Uuid, Command), Failure> {
    let message: approval::DealStamped = event.decode()?;
    let deal = message.deal.unwrap_or_default();
    let estimate = deal.estimate.unwrap_or_default();
    let digest: Digest = read::<approval::DealStamped, _>("digest", &deal.digest)?;
    let estimate_id = read::<approval::DealStamped, _>("estimate_id", &estimate.estimate_id)?;
    Ok((
        estimate_id,
        Command::Approve {
            version: estimate.version,
            digest,
        },
    ))
}

fn changes_requested(event: &IncomingEvent) -> Result<(Uuid, Command), Failure> {
    let message: approval::ChangesRequested = event.decode()?;
    let requested_by: Principal =
        read::<approval::ChangesRequested, _>("requested_by", &message.requested_by)?;
    let estimate_id = read::<approval::ChangesRequested, _>("estimate_id", &message.estimate_id)?;
    let request = ChangeRequest {
        step: message.step,
        requested_by,
        comment: message.comment,
    };
    Ok((
        estimate_id,
        Command::RequestChanges {
            version: message.estimate_version,
            request,
        },
    ))
}

fn rejected(event: &IncomingEvent) -> Result<(Uuid, Command), Failure> {
    let message: approval::CaseRejected = event.decode()?;
    let by: Principal = read::<approval::CaseRejected, _>("rejected_by", &message.rejected_by)?;
    let estimate_id = read::<approval::CaseRejected, _>("estimate_id", &message.estimate_id)?;
    let reason = format!("rejected at {}: {}", message.step, message.comment);
    let command = Command::Refuse {
        version: message.estimate_version,
        refusal: Withdrawal { by, reason },
    };
    Ok((estimate_id, command))
}

/// An offer service before it told when says at least when it saw the end.
fn ended(message: &AgreementEnded) -> Result<End, Failure> {
    let at = Some(message.ended_at.as_str()).filter(|at| !at.is_empty());
    let at = at.unwrap_or(&message.seen_at);
    let dropped = message.dropped.iter().map(|charge| {
        let amount = charge.amount.clone().unwrap_or_default();
        let currency: Currency = read::<AgreementEnded, _>("dropped", &amount.currency_code)?;
        let amount = Money::parse(&amount.amount, currency)
            .map_err(|wrong| Failure::undecodable("dropped of AgreementEnded", wrong))?;
        Ok(Installment {
            charge_date: read::<AgreementEnded, _>("dropped", &charge.charge_date)?,
            amount,
        })
    });
    Ok(End {
        at: read::<AgreementEnded, _>("ended_at", at)?,
        dropped: dropped.collect::<Result<_, Failure>>()?,
    })
}

/// A field of an event that cannot be read makes the event one that nobody will ever understand.
fn read<M: Message + Name, T>(field: &str, text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse()
        .map_err(|error: T::Err| Failure::undecodable(format!("{field} of {}", M::NAME), error))
}
