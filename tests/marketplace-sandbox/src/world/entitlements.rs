//! What an agreement entitles its buyer to, and what it charges them: `GetAgreementEntitlements` and
//! `ListAgreementCharges` (facts §3).

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::change_sets::optional_text;
use super::ids::charge_id;
use super::input::{page, usual_scope};
use super::model::{Agreement, AgreementStatus, Charge};
use super::purchase_orders::revision;
use super::search::resource;
use super::{Refusal, World};
use crate::wire::{Wire, map};

impl World {
    /// `GetAgreementEntitlements`, by either party: the one product, as long as the agreement is active.
    pub(crate) fn entitlements(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let agreement = self.agreement_of(now, caller, input)?;
        let (status, reason) = match agreement.status {
            AgreementStatus::Active => ("PROVISIONED", "AGREEMENT_ACTIVE"),
            AgreementStatus::Cancelled
            | AgreementStatus::Expired
            | AgreementStatus::Renewed
            | AgreementStatus::Terminated => ("DEPROVISIONED", "AGREEMENT_INACTIVE"),
        };
        let entitlement = map([
            ("resource", Some(resource(agreement))),
            ("status", Some(Wire::text(status))),
            ("statusReasonCode", Some(Wire::text(reason))),
        ]);
        page(input, "agreementEntitlements", vec![entitlement])
    }

    /// `ListAgreementCharges`, for the acceptor: what was charged and will be, agreement by agreement. Nobody
    /// else finds anything.
    pub(crate) fn agreement_charges(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        usual_scope(input)?;
        let id = optional_text(input, "agreementId")?;
        let own = self.agreements.iter().filter(|agreement| {
            agreement.acceptor == caller
                && agreement.visible_at <= now
                && id.is_none_or(|id| agreement.id == id)
        });
        page(input, "items", own.flat_map(charges).collect())
    }
}

/// The charges that an agreement makes, with their ids and when they fall due.
pub(super) fn charges_by_id(
    agreement: &Agreement,
) -> impl Iterator<Item = (String, &Charge, DateTime<Utc>)> {
    // After the schedule come approved payment requests, which have ids of their own.
    let scheduled = agreement.schedule.charges.len();
    let charges = agreement.dues().enumerate();
    let made = charges.filter(|(_, (_, at))| !agreement.is_over_at(*at));
    made.map(move |(index, (charge, at))| {
        let approved = index.checked_sub(scheduled);
        let approved = approved.and_then(|index| agreement.approved.get(index));
        let id = approved.map_or_else(
            || charge_id(&agreement.id, index),
            |approved| approved.charge_id.clone(),
        );
        (id, charge, at)
    })
}

fn charges(agreement: &Agreement) -> Vec<Wire> {
    let shown = charges_by_id(agreement).map(|(id, charge, at)| {
        let order = agreement.orders.get(&id);
        map([
            ("revision", Some(Wire::Int(revision(agreement, &id)))),
            (
                "purchaseOrderReference",
                order.map(|order| Wire::text(&order.reference)),
            ),
            ("id", Some(Wire::Text(id))),
            ("agreementId", Some(Wire::text(&agreement.id))),
            ("agreementType", Some(Wire::text("PurchaseAgreement"))),
            (
                "currencyCode",
                Some(Wire::text(&agreement.schedule.currency)),
            ),
            ("amount", Some(Wire::text(charge.amount.to_string()))),
            ("time", Some(Wire::Time(at))),
        ])
    });
    shown.collect()
}
