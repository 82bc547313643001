//! A buyer's acceptance: what the buyer's side checks, and the agreement that comes of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use super::contacts::Contact;
use super::model::{
    Agreement, AgreementStatus, Charge, Offer, OfferState, Schedule, VariableAgreed,
};
use super::money;
use super::pricing::Pricing;
use super::renewing::reminders;
use super::{World, agreement_value};

/// A rehearsal's command that cannot be done, with a stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Denied {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// Why an offer is not accepted; the same whether a rehearsal asks or the buyer's own SDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unacceptable {
    pub(crate) why: Why,
    pub(crate) message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    OfferNotFound,
    OfferNotReleased,
    OfferExpired,
    AccountNotTargeted,
    NoSuchDimension,
    OfferIncomplete,
    /// AWS's limit for what an agreement may be worth.
    ValueTooLarge,
    /// The agreement that this payer made of the same offer.
    AlreadyAccepted(String),
    /// Their agreement about the same product.
    ActiveAgreementExists(String),
}

impl Unacceptable {
    pub(super) fn new(why: Why, message: impl Into<String>) -> Self {
        Self {
            why,
            message: message.into(),
        }
    }
}

impl From<Unacceptable> for Denied {
    fn from(refused: Unacceptable) -> Self {
        let code = match refused.why {
            Why::OfferNotFound => "OFFER_NOT_FOUND",
            Why::OfferNotReleased => "OFFER_NOT_RELEASED",
            Why::OfferExpired => "OFFER_EXPIRED",
            Why::AccountNotTargeted => "ACCOUNT_NOT_TARGETED",
            Why::NoSuchDimension => "NO_SUCH_DIMENSION",
            Why::OfferIncomplete => "OFFER_INCOMPLETE",
            Why::ValueTooLarge => "ServiceQuotaExceededException",
            Why::AlreadyAccepted(_) => "ALREADY_ACCEPTED",
            Why::ActiveAgreementExists(_) => "ACTIVE_AGREEMENT_EXISTS",
        };
        Self::new(code, refused.message)
    }
}

/// Who accepts and how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Acceptance<'a> {
    pub(crate) buyer: &'a str,
    /// Any account under a targeted payer may accept, so the payer can be named beside the accepting
    /// account; without one the account pays for itself (O1).
    pub(crate) payer: Option<&'a str>,
    /// For variable payments: requests are approved when 10 days pass in silence.
    pub(crate) auto_approve: bool,
    /// The dimension that is taken of a rate card; need not be said where there is one only.
    pub(crate) dimension_key: Option<&'a str>,
    /// The agreement is not to renew by itself.
    pub(crate) declines_renewal: bool,
    /// Whom the buyer names for the seller to talk to.
    pub(crate) contact: Option<&'a Contact>,
    /// The quote that is accepted: the agreement has the ids that were told with it.
    pub(crate) quoted: Option<&'a Agreement>,
}

impl World {
    /// A buyer accepts an offer.
    pub(crate) fn accept(
        &mut self,
        now: DateTime<Utc>,
        offer_id: &str,
        how: Acceptance<'_>,
    ) -> Result<&Agreement, Unacceptable> {
        let agreement = self.quote(now, offer_id, how)?;
        self.agreement_created(now, &agreement, "NEW");
        self.agreements.push(agreement);
        self.agreements
            .last()
            .ok_or_else(|| Unacceptable::new(Why::OfferIncomplete, "The agreement was not kept."))
    }

    /// The agreement that an acceptance now would make.
    pub(super) fn quote(
        &mut self,
        now: DateTime<Utc>,
        offer_id: &str,
        how: Acceptance<'_>,
    ) -> Result<Agreement, Unacceptable> {
        let payer = how.payer.unwrap_or(how.buyer);
        let offer = self.acceptable(now, offer_id, how.buyer, payer)?.clone();
        let agreement = self.agree(now, &offer, payer, &how)?;
        let (value, currency) = (agreement.value(), &agreement.schedule.currency);
        agreement_value::check(value, currency, offer.targeting.is_some())?;
        Ok(agreement)
    }

    fn agree(
        &mut self,
        now: DateTime<Utc>,
        offer: &Offer,
        payer: &str,
        how: &Acceptance<'_>,
    ) -> Result<Agreement, Unacceptable> {
        let chosen = chosen_of(offer, how.dimension_key)?;
        let schedule = charges_of(offer, chosen.as_deref(), now);
        let (Some(schedule), Some(period)) = (schedule, offer.duration()) else {
            return Err(Unacceptable::new(
                Why::OfferIncomplete,
                "The offer has no price or duration.",
            ));
        };
        let (id, terms) = match how.quoted {
            Some(quoted) => (quoted.id.clone(), quoted.terms.clone()),
            None => (self.ids.agreement(), self.named_terms(offer)),
        };
        let hidden = i64::try_from(self.settings.agreement_visible_ms).unwrap_or(i64::MAX / 2);
        let manufacturer = self
            .product_owner(&offer.product_id)
            .unwrap_or(&offer.owner);
        Ok(Agreement {
            initial: id.clone(),
            manufacturer: manufacturer.to_owned(),
            terms,
            id,
            proposer: offer.owner.clone(),
            authorization_id: offer
                .resale
                .as_ref()
                .map(|resale| resale.authorization_id.clone()),
            acceptor: how.buyer.to_owned(),
            payer: payer.to_owned(),
            offer_id: offer.id.clone(),
            offer_revision: offer.revision,
            offer_name: offer.name.clone().unwrap_or_default(),
            product_id: offer.product_id.clone(),
            status: AgreementStatus::Active,
            accepted_at: now,
            ends_at: period.after(now),
            reminders: reminders(now, period.after(now)),
            ended_at: None,
            updated_at: now,
            visible_at: now + TimeDelta::milliseconds(hidden),
            legal: offer.legal.clone().unwrap_or_default(),
            pricing: offer.pricing.clone(),
            wholesale: wholesale_of(offer, chosen.as_deref(), &schedule),
            chosen,
            schedule,
            variable: offer.variable.clone().map(|term| VariableAgreed {
                term,
                auto_approve: how.auto_approve,
            }),
            approved: Vec::new(),
            validity: offer.validity.clone(),
            net_payment: offer.net_payment.clone(),
            renewal: offer.renewal.clone(),
            renewal_declined: how.declines_renewal,
            renews: offer.pre_existing_agreement.is_some(),
            preceding: None,
            contact: how.contact.cloned(),
            orders: BTreeMap::new(),
            invoices: Vec::new(),
            credits: Vec::new(),
        })
    }

    fn named_terms(&mut self, offer: &Offer) -> Vec<(&'static str, String)> {
        let kinds = terms_of(offer).into_iter();
        kinds.map(|kind| (kind, self.ids.term())).collect()
    }

    fn acceptable(
        &self,
        now: DateTime<Utc>,
        offer_id: &str,
        buyer: &str,
        payer: &str,
    ) -> Result<&Offer, Unacceptable> {
        let offer = self
            .offers
            .iter()
            .find(|offer| offer.id == offer_id)
            .ok_or_else(|| {
                let message = format!("There is no offer {offer_id}.");
                Unacceptable::new(Why::OfferNotFound, message)
            })?;
        if offer.state != OfferState::Released {
            return Err(Unacceptable::new(
                Why::OfferNotReleased,
                format!("{offer_id} is a draft; buyers do not see it."),
            ));
        }
        if offer.is_expired(now.date_naive()) {
            return Err(Unacceptable::new(
                Why::OfferExpired,
                format!("{offer_id} can no longer be accepted."),
            ));
        }
        // Without targeting it is public.
        let targeted = offer
            .buyers()
            .iter()
            .any(|account| account == payer || account == buyer);
        if offer.targeting.is_some() && !targeted {
            return Err(Unacceptable::new(
                Why::AccountNotTargeted,
                format!("{offer_id} is not offered to {payer}."),
            ));
        }
        let mut own = self
            .agreements
            .iter()
            .filter(|agreement| agreement.payer == payer);
        let same = own.clone().find(|agreement| agreement.offer_id == offer_id);
        if let Some(agreement) = same {
            return Err(Unacceptable::new(
                Why::AlreadyAccepted(agreement.id.clone()),
                format!("{payer} has accepted {offer_id} already."),
            ));
        }
        // Facts §0 row 5: one active agreement per professional-services product and buyer.
        let other = own.find(|agreement| {
            agreement.product_id == offer.product_id && agreement.status == AgreementStatus::Active
        });
        match other {
            Some(agreement) => Err(Unacceptable::new(
                Why::ActiveAgreementExists(agreement.id.clone()),
                format!(
                    "{payer} has the active agreement {} for this product.",
                    agreement.id
                ),
            )),
            None => Ok(offer),
        }
    }
}

/// What an agreement of the offer is charged: its schedule, its one price on acceptance, or nothing yet.
fn charges_of(offer: &Offer, chosen: Option<&str>, now: DateTime<Utc>) -> Option<Schedule> {
    if let Some(term) = &offer.variable {
        return Some(Schedule {
            currency: term.currency.clone(),
            charges: Vec::new(),
        });
    }
    if let Some(schedule) = &offer.schedule {
        return Some(schedule.clone());
    }
    let pricing = offer.pricing.as_ref()?;
    Some(at_once(now, pricing.currency(), pricing.price_of(chosen)?))
}

/// The dimension of the offer's rate card that the buyer takes; none where there is no rate card.
fn chosen_of(offer: &Offer, named: Option<&str>) -> Result<Option<String>, Unacceptable> {
    let Some(Pricing::Configurable(term)) = &offer.pricing else {
        return Ok(None);
    };
    let chosen = named.or_else(|| term.only_dimension()).map(str::to_owned);
    let priced = offer
        .pricing
        .as_ref()
        .and_then(|it| it.price_of(chosen.as_deref()));
    if chosen.is_none() || priced.is_none() {
        let message = format!("Choose one dimension of the rate card of {}.", offer.id);
        return Err(Unacceptable::new(Why::NoSuchDimension, message));
    }
    Ok(chosen)
}

fn wholesale_of(offer: &Offer, chosen: Option<&str>, charges: &Schedule) -> Option<Schedule> {
    let resale = offer.resale.as_ref()?;
    let Some(schedule) = &resale.schedule else {
        let date = charges.charges.first()?.date;
        let price = resale.pricing.as_ref()?.price_of(chosen)?;
        return Some(Schedule {
            currency: charges.currency.clone(),
            charges: vec![Charge {
                date,
                amount: money::round(price, &charges.currency),
            }],
        });
    };
    // In the order of the offer's own rows, whose dates are the same.
    let owed = |date| schedule.charges.iter().find(|charge| charge.date == date);
    Some(Schedule {
        currency: schedule.currency.clone(),
        charges: charges
            .charges
            .iter()
            .filter_map(|charge| owed(charge.date).cloned())
            .collect(),
    })
}

fn at_once(now: DateTime<Utc>, currency: &str, amount: Decimal) -> Schedule {
    Schedule {
        currency: currency.to_owned(),
        charges: vec![Charge {
            date: now.date_naive(),
            amount: money::round(amount, currency),
        }],
    }
}

/// The types of the terms that the buyer accepts.
pub(super) fn terms_of(offer: &Offer) -> Vec<&'static str> {
    let present = |is: bool, kind: &'static str| is.then_some(kind);
    [
        present(offer.legal.is_some(), "LegalTerm"),
        offer.pricing.as_ref().map(Pricing::term_type),
        present(offer.validity.is_some(), "ValidityTerm"),
        present(offer.schedule.is_some(), "PaymentScheduleTerm"),
        present(offer.variable.is_some(), "VariablePaymentTerm"),
        present(offer.renewal.is_some(), "RenewalTerm"),
        present(offer.net_payment.is_some(), "NetPaymentTerm"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
