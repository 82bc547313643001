//! What other services tell → commands: the offer service's accepted agreements, and what it lets resellers
//! sell (R1, O2).

use std::fmt::Display;
use std::str::FromStr;

use chrono::DateTime;
use countersign_kernel::{Money, Rate};
use countersign_platform::{
    EventHandler, Failure, Handled, IncomingEvent, UnitOfWork, async_trait,
};
use countersign_proto::common::v1 as common;
use countersign_proto::offer::v1::{
    AgreementAccepted, AgreementEnded, PaymentRequestApproved, ResaleAuthorizationReleased,
    ResaleSplit,
};

use crate::commands;
use crate::domain::authorization::Authorization;
use crate::domain::ids::AgreementId;
use crate::domain::terms::{AcceptedAgreement, Charge};

const ACCEPTED: &str = "countersign.offer.v1.AgreementAccepted";
const ENDED: &str = "countersign.offer.v1.AgreementEnded";
const APPROVED: &str = "countersign.offer.v1.PaymentRequestApproved";
const AUTHORIZED: &str = "countersign.offer.v1.ResaleAuthorizationReleased";

/// The schema of the service that is heard.
pub(crate) const SOURCE: &str = "offer";

/// Hears the offer service: an accepted agreement makes its cash expected, an approved payment request
/// its charge (R1, O17).
#[derive(Debug, Clone, Copy)]
pub struct Offers;

#[async_trait]
impl EventHandler for Offers {
    fn types(&self) -> &'static [&'static str] {
        &[ACCEPTED, APPROVED, ENDED, AUTHORIZED]
    }

    async fn handle(
        &self,
        uow: &mut UnitOfWork,
        event: &IncomingEvent,
    ) -> Result<Handled, Failure> {
        let unusable = |error| Failure::undecodable(event.type_name.clone(), error);
        match event.type_name.as_str() {
            ACCEPTED => {
                let accepted = accepted(&event.decode()?).map_err(unusable)?;
                commands::agreement::accept(uow, &event.seller, accepted).await?;
            }
            APPROVED => {
                let (agreement, charge) = approved(&event.decode()?).map_err(unusable)?;
                commands::agreement::expect(uow, &event.seller, &agreement, charge).await?;
            }
            ENDED => {
                let ended: AgreementEnded = event.decode()?;
                let id = text("agreement_id", &ended.agreement_id).map_err(unusable)?;
                let dropped = ended.dropped.iter().map(|charge| charge.number).collect();
                commands::agreement::end(uow, &event.seller, &id, dropped).await?;
            }
            AUTHORIZED => {
                let released = authorized(&event.decode()?).map_err(unusable)?;
                commands::authorization::release(uow, &event.seller, &released).await?;
            }
            _ => return Ok(Handled::Ignored),
        }
        Ok(Handled::Applied)
    }
}

/// A field of an event that is missing or cannot be what it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
struct Unusable {
    field: &'static str,
    why: String,
}

impl Unusable {
    fn new(field: &'static str, why: impl Display) -> Self {
        Self {
            field,
            why: why.to_string(),
        }
    }
}

fn accepted(message: &AgreementAccepted) -> Result<AcceptedAgreement, Unusable> {
    let offer = message.offer.as_ref().ok_or_else(|| missing("offer"))?;
    let economics = message
        .economics
        .as_ref()
        .ok_or_else(|| missing("economics"))?;
    let resold = offer.resale.as_ref();
    let accepted_at = DateTime::parse_from_rfc3339(&message.accepted_at)
        .map_err(|error| Unusable::new("accepted_at", error))?;
    let fee_rate = rate("economics.listing_fee_rate", &economics.listing_fee_rate)?;
    let expected_fee = money("economics.expected_fee", economics.expected_fee.as_ref())?;
    // A reseller pays no listing fee: its manufacturer does, on the wholesale price (facts §6.1).
    let (fee_rate, expected_fee) = match resold {
        Some(_) => (Rate::ZERO, Money::zero(expected_fee.currency())),
        None => (fee_rate, expected_fee),
    };
    Ok(AcceptedAgreement {
        agreement: text("agreement_id", &message.agreement_id)?,
        engagement: text("offer.engagement_id", &offer.engagement_id)?,
        offer: text("offer.aws_offer_id", &offer.aws_offer_id)?,
        authorization: None,
        accepted_at: accepted_at.to_utc(),
        charges: charges(&message.charges, resold)?,
        cap: message
            .variable_payments
            .as_ref()
            .map(|variable| money("variable_payments.cap", variable.cap.as_ref()))
            .transpose()?,
        base_total: money("economics.base_total", economics.base_total.as_ref())?,
        price_total: money("economics.price_total", economics.price_total.as_ref())?,
        fee_rate,
        expected_fee,
        billing_terms_days: message.billing_terms_days,
    })
}

/// The charges; of a resale each with what the manufacturer is owed of it, on its date.
fn charges(
    charges: &[common::Charge],
    resold: Option<&ResaleSplit>,
) -> Result<Vec<Charge>, Unusable> {
    let payments = resold.map(|split| split.payments.as_slice());
    if payments.is_some_and(|payments| payments.len() != charges.len()) {
        let why = "there is not one payment for each charge";
        return Err(Unusable::new("offer.resale.payments", why));
    }
    let charges = charges.iter().enumerate();
    charges
        .map(|(at, charge)| {
            let charge = self::charge(charge)?;
            let Some(payment) = payments.and_then(|payments| payments.get(at)) else {
                return Ok(charge);
            };
            // Without a schedule the one payment is of the one charge, whenever that is.
            if !payment.charge_date.is_empty() && payment.charge_date != charge.on.to_string() {
                let why = format!("{} is not the day of a charge", payment.charge_date);
                return Err(Unusable::new("offer.resale.payments", why));
            }
            let wholesale = money("offer.resale.to_seller", payment.to_seller.as_ref())?;
            Ok(Charge {
                wholesale,
                ..charge
            })
        })
        .collect()
}

fn authorized(message: &ResaleAuthorizationReleased) -> Result<Authorization, Unusable> {
    let released = message.authorization.as_ref();
    let released = released.ok_or_else(|| missing("authorization"))?;
    let economics = message.economics.as_ref();
    let economics = economics.ok_or_else(|| missing("economics"))?;
    Ok(Authorization {
        id: text("authorization.authorization_id", &released.authorization_id)?,
        engagement: text("authorization.engagement_id", &released.engagement_id)?,
        base_total: money("economics.base_total", economics.base_total.as_ref())?,
        price_total: money("economics.price_total", economics.price_total.as_ref())?,
        fee_rate: rate("economics.listing_fee_rate", &economics.listing_fee_rate)?,
        expected_fee: money("economics.expected_fee", economics.expected_fee.as_ref())?,
        charges: released
            .charges
            .iter()
            .map(charge)
            .collect::<Result<_, _>>()?,
        billing_terms_days: message.billing_terms_days,
    })
}

fn approved(message: &PaymentRequestApproved) -> Result<(AgreementId, Charge), Unusable> {
    let request = message.request.as_ref().ok_or_else(|| missing("request"))?;
    let approved = message.charge.as_ref().ok_or_else(|| missing("charge"))?;
    let agreement = text("request.agreement_id", &request.agreement_id)?;
    Ok((agreement, charge(approved)?))
}

fn charge(charge: &common::Charge) -> Result<Charge, Unusable> {
    let amount = money("charges.amount", charge.amount.as_ref())?;
    Ok(Charge {
        number: charge.number,
        on: text("charges.charge_date", &charge.charge_date)?,
        amount,
        wholesale: Money::zero(amount.currency()),
    })
}

fn missing(field: &'static str) -> Unusable {
    Unusable::new(field, "is missing")
}

fn text<T: FromStr<Err: Display>>(field: &'static str, text: &str) -> Result<T, Unusable> {
    text.parse().map_err(|error| Unusable::new(field, error))
}

fn rate(field: &'static str, text: &str) -> Result<Rate, Unusable> {
    Rate::parse(text).map_err(|error| Unusable::new(field, error))
}

fn money(field: &'static str, money: Option<&common::Money>) -> Result<Money, Unusable> {
    let money = money.ok_or_else(|| missing(field))?;
    let currency = text(field, &money.currency_code)?;
    Money::parse(&money.amount, currency).map_err(|error| Unusable::new(field, error))
}
