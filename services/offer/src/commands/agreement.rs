//! What AWS shows of agreements (O13). Ours lead to one event, however often they are seen; those of
//! public offers are orders too (O14); those of other offers that are not ours are kept and listed, and
//! somebody sees to their end (O12, O16).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, UnitOfWork};
use serde_json::json;
use tracing::Instrument;

use super::{change_order, clock, offer, order};
use crate::domain::agreement::{Acceptance, Agreement, Line, Standing};
use crate::domain::command::Command;
use crate::domain::id::{AwsOfferId, OfferId};
use crate::domain::offer::Offer;
use crate::domain::order as orders;
use crate::events::outbound;
use crate::store;
use crate::store::agreement::Seen;

/// An acceptance of an offer that AWS shows to everybody: nobody made it for the buyer who accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicOrder {
    pub(crate) acceptance: Acceptance,
    pub(crate) aws_offer_id: AwsOfferId,
    /// AWS's.
    pub(crate) product_id: Option<String>,
}

/// Keeps what a look found, to be read.
pub(crate) async fn note(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    found: &[Line],
) -> Result<(), Failure> {
    let now = uow.now();
    for line in found {
        store::to_read::note(uow.connection(), seller, line, now).await?;
    }
    Ok(())
}

/// Keeps what was read, and records it on our offer if it is of one. A `public` one is an order,
/// whether its charges could be read or not.
pub(crate) async fn record(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    seen: &Seen,
    public: Option<PublicOrder>,
) -> Result<(), Failure> {
    let now = uow.now();
    let first = store::agreement::put(uow.connection(), seller, seen, now).await?;
    if seen.line.standing.is_over() {
        // Whether it can still be read or not.
        clock::end_renewals_of(uow, seller, &seen.line.id, "the agreement is over").await?;
        order::end(uow, seller, &seen.line.id).await?;
    }
    // What is over is no order to see to any more.
    let public = public.filter(|_| !seen.line.standing.is_over());
    let aws_offer_id = seen.line.aws_offer_id.parse::<AwsOfferId>();
    match (&seen.details, aws_offer_id) {
        (Ok(agreement), Ok(aws_offer_id)) => {
            let ours = attach(uow, seller, &aws_offer_id, agreement, &seen.line.standing).await?;
            if let (false, Some(public)) = (ours, public) {
                place_public(uow, seller, public).await?;
            } else if first && !ours {
                tracing::warn!(
                    seller = seller.as_str(),
                    agreement = seen.line.id.as_str(),
                    aws_offer = seen.line.aws_offer_id,
                    "an agreement of an offer that was not made here"
                );
            }
        }
        (Err(problem), Ok(aws_offer_id)) => {
            if let Some(public) = public {
                return place_public(uow, seller, public).await;
            }
            let ours = store::offer::by_aws_id(uow.connection(), seller, &aws_offer_id).await?;
            let ours = match ours {
                Some(id) => store::offer::find(uow.connection(), seller, &id).await?,
                None => None,
            };
            // One that is not ours is read again at every look: once is enough to tell.
            if first || ours.is_some() {
                warn_of_unread(seller, seen, problem, ours.as_ref());
            }
        }
        (Err(problem), Err(_)) if first => warn_of_unread(seller, seen, problem, None),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(_)) => {
            tracing::warn!(
                agreement = seen.line.id.as_str(),
                "an agreement without an offer"
            );
        }
    }
    Ok(())
}

/// Somebody sees to the end of an agreement that is not ours, as to that of one of ours (O12, O16), until it is over.
pub(crate) async fn await_end(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    agreement: &Agreement,
) -> Result<(), Failure> {
    if store::agreement::await_end(uow.connection(), seller, &agreement.id).await? {
        clock::start_renewals(uow, seller, agreement).await?;
    }
    Ok(())
}

async fn place_public(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    public: PublicOrder,
) -> Result<(), Failure> {
    let PublicOrder {
        acceptance,
        aws_offer_id,
        product_id,
    } = public;
    let placed = orders::of_nobody(acceptance, aws_offer_id, product_id);
    let placed =
        placed.ok_or_else(|| Failure::internal("placing an order", "its agreement's id"))?;
    order::place(uow, seller, placed).await
}

fn warn_of_unread(seller: &SellerId, seen: &Seen, problem: &str, ours: Option<&Offer>) {
    let (seller, agreement) = (seller.as_str(), seen.line.id.as_str());
    if let Some(offer) = ours {
        tracing::error!(
            seller,
            engagement = offer.engagement_id().as_str(),
            agreement,
            offer = offer.id.as_str(),
            problem,
            "our agreement cannot be read"
        );
    } else {
        tracing::warn!(
            seller,
            agreement,
            problem,
            "an agreement that cannot be read"
        );
    }
}

/// Records the agreement on our offer, if it is of one, and what its status at AWS ends. Returns
/// whether it is of one.
pub(crate) async fn attach(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    aws_offer_id: &AwsOfferId,
    agreement: &Agreement,
    standing: &Standing,
) -> Result<bool, Failure> {
    let found = store::offer::by_aws_id(uow.connection(), seller, aws_offer_id).await?;
    let Some(offer_id) = found else {
        return Ok(false);
    };
    // Nobody asked for it who knows of the deal: it was found by the clock.
    let step = uow.resume_trace(seller, offer_id.as_str()).await?;
    attach_to(uow, seller, &offer_id, agreement, standing)
        .instrument(step)
        .await?;
    Ok(true)
}

/// Records the agreement on this offer of ours.
async fn attach_to(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer_id: &OfferId,
    agreement: &Agreement,
    standing: &Standing,
) -> Result<(), Failure> {
    let command = Command::RecordAgreement(agreement.clone());
    let offer = offer::apply(uow, seller, offer_id, &command).await?;
    follow(uow, seller, &offer, agreement, standing).await
}

/// What follows from an agreement that was recorded on its offer.
pub(super) async fn follow(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    agreement: &Agreement,
    standing: &Standing,
) -> Result<(), Failure> {
    store::agreement::matched(uow.connection(), seller, &agreement.id, &offer.id).await?;
    warn_of_conflict(uow, seller, offer, agreement).await?;
    let held = offer
        .agreement()
        .is_some_and(|held| held.id == agreement.id);
    let ended_at = standing.ended_at(uow.now());
    if held && let Some(ended_at) = ended_at {
        order::end(uow, seller, &agreement.id).await?;
        end(uow, seller, offer, agreement, (&standing.status, ended_at)).await?;
    } else if !held {
        // AWS invoices it all the same; nobody renews it here.
        clock::end_renewals_of(
            uow,
            seller,
            &agreement.id,
            "its offer has another agreement",
        )
        .await?;
    } else if let Some(placed) = orders::of_offer(offer, agreement) {
        order::place(uow, seller, placed).await?;
    }
    let approved = offer.basis.deal.price();
    if let Some(charged) = agreement.difference_from(approved) {
        tracing::error!(
            seller = seller.as_str(),
            offer = offer.id.as_str(),
            agreement = agreement.id.as_str(),
            %approved,
            charged,
            "the agreement's charges are not the approved price"
        );
    }
    Ok(())
}

/// The agreement is over: nobody has its renewal to see to, its change order goes on, and the others hear of
/// it, once.
async fn end(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    agreement: &Agreement,
    (status, ended_at): (&str, DateTime<Utc>),
) -> Result<(), Failure> {
    let (now, id) = (uow.now(), &agreement.id);
    clock::end_renewals(uow, seller, &offer.id).await?;
    if !store::agreement::end(uow.connection(), seller, id, now).await? {
        return Ok(());
    }
    change_order::agreement_over(uow, seller, offer, ended_at).await?;
    let public = outbound::agreement_ended(offer, agreement, status, (ended_at, now));
    uow.publish(public.about(seller, offer.engagement_id(), offer.id.as_str()))
        .await?;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: Some(offer.engagement_id().clone()),
        aggregate_id: offer.id.to_string(),
        action: "record_agreement_end".to_owned(),
        reason: String::new(),
        before: None,
        after: Some(json!({ "agreement_id": id.as_str(), "status": status })),
    })
    .await
}

/// AWS's word stands, and what does not go together with it is for a person.
async fn warn_of_conflict(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offer: &Offer,
    agreement: &Agreement,
) -> Result<(), Failure> {
    let (name, id) = (offer.id.as_str(), agreement.id.as_str());
    if let Some(held) = offer.agreement().filter(|held| held.id != agreement.id) {
        tracing::error!(
            seller = seller.as_str(),
            offer = name,
            agreement = id,
            recorded = held.id.as_str(),
            "a second agreement of one offer: only the first is recorded, AWS invoices both"
        );
    }
    if let Some(rival) = store::offer::rival(uow.connection(), seller, offer).await? {
        tracing::error!(
            seller = seller.as_str(),
            offer = name,
            agreement = id,
            other = rival.as_str(),
            "an offer was accepted while the engagement has another one: cancel that"
        );
    }
    Ok(())
}
