//! A buyer's acceptance: what the buyer's side checks, and the agreement that comes of it.

use chrono::{DateTime, TimeDelta, Utc};

use super::World;
use super::model::{Agreement, AgreementStatus, Offer, OfferState};

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

impl World {
    /// A buyer accepts an offer. Any account under a targeted payer may accept, so the payer can be
    /// named beside the accepting account; without one the account pays for itself (O1).
    pub(crate) fn accept(
        &mut self,
        now: DateTime<Utc>,
        offer_id: &str,
        buyer: &str,
        payer: Option<&str>,
    ) -> Result<&Agreement, Denied> {
        let payer = payer.unwrap_or(buyer);
        let offer = self.acceptable(now, offer_id, buyer, payer)?.clone();
        let (Some(pricing), Some(schedule), Some(period)) = (
            offer.pricing.clone(),
            offer.schedule.clone(),
            offer.duration(),
        ) else {
            return Err(Denied::new(
                "OFFER_INCOMPLETE",
                "The offer has no price, schedule or duration.",
            ));
        };
        let hidden = i64::try_from(self.settings.agreement_visible_ms).unwrap_or(i64::MAX / 2);
        let agreement = Agreement {
            id: self.ids.agreement(),
            proposer: offer.owner.clone(),
            acceptor: buyer.to_owned(),
            payer: payer.to_owned(),
            offer_id: offer.id.clone(),
            offer_revision: offer.revision,
            offer_name: offer.name.clone().unwrap_or_default(),
            product_id: offer.product_id.clone(),
            status: AgreementStatus::Active,
            accepted_at: now,
            ends_at: period.after(now),
            updated_at: now,
            visible_at: now + TimeDelta::milliseconds(hidden),
            legal: offer.legal.clone().unwrap_or_default(),
            pricing,
            schedule,
            validity: offer.validity.clone(),
            term_ids: [
                self.ids.term(),
                self.ids.term(),
                self.ids.term(),
                self.ids.term(),
            ],
            invoices: Vec::new(),
        };
        self.agreements.push(agreement);
        self.agreements
            .last()
            .ok_or_else(|| Denied::new("OFFER_INCOMPLETE", "The agreement was not kept."))
    }

    fn acceptable(
        &self,
        now: DateTime<Utc>,
        offer_id: &str,
        buyer: &str,
        payer: &str,
    ) -> Result<&Offer, Denied> {
        let offer = self
            .offers
            .iter()
            .find(|offer| offer.id == offer_id)
            .ok_or_else(|| {
                Denied::new("OFFER_NOT_FOUND", format!("There is no offer {offer_id}."))
            })?;
        if offer.state != OfferState::Released {
            return Err(Denied::new(
                "OFFER_NOT_RELEASED",
                format!("{offer_id} is a draft; buyers do not see it."),
            ));
        }
        if offer.is_expired(now.date_naive()) {
            return Err(Denied::new(
                "OFFER_EXPIRED",
                format!("{offer_id} can no longer be accepted."),
            ));
        }
        if !offer
            .buyers()
            .iter()
            .any(|account| account == payer || account == buyer)
        {
            return Err(Denied::new(
                "ACCOUNT_NOT_TARGETED",
                format!("{offer_id} is not offered to {payer}."),
            ));
        }
        let mut own = self
            .agreements
            .iter()
            .filter(|agreement| agreement.payer == payer);
        if own.clone().any(|agreement| agreement.offer_id == offer_id) {
            return Err(Denied::new(
                "ALREADY_ACCEPTED",
                format!("{payer} has accepted {offer_id} already."),
            ));
        }
        // Facts §0 row 5: one active agreement per professional-services product and buyer.
        let other = own.find(|agreement| {
            agreement.product_id == offer.product_id && agreement.status == AgreementStatus::Active
        });
        match other {
            Some(agreement) => Err(Denied::new(
                "ACTIVE_AGREEMENT_EXISTS",
                format!(
                    "{payer} has the active agreement {} for this product.",
                    agreement.id
                ),
            )),
            None => Ok(offer),
        }
    }
}
