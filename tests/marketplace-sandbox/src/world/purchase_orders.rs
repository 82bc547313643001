//! The buyer's purchase orders, charge by charge: with the acceptance, or by `UpdatePurchaseOrders` (facts
//! §3, §7).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::change_sets::optional_text;
use super::entitlements::charges_by_id;
use super::input::required;
use super::model::Agreement;
use super::parties::active;
use super::{Refusal, World};
use crate::wire::{Wire, map};

/// The most that one request may bring.
const ORDERS_MAX: usize = 86;
/// For so long before a charge falls due its order is settled.
const SETTLED: TimeDelta = TimeDelta::hours(3);

/// What a buyer says of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) reference: String,
    revision: i64,
}

impl Order {
    /// The first word of a charge, which does not revise it.
    pub(super) fn new(reference: &str) -> Self {
        Self {
            reference: reference.to_owned(),
            revision: FIRST,
        }
    }
}

/// A charge's revision before any order revised it.
const FIRST: i64 = 1;

/// How often a charge was revised.
pub(super) fn revision(agreement: &Agreement, charge: &str) -> i64 {
    let order = agreement.orders.get(charge);
    order.map_or(FIRST, |order| order.revision)
}

/// One entry of a request.
struct Asked<'a> {
    charge: &'a str,
    reference: &'a str,
    entry: &'a Value,
}

impl World {
    /// `UpdatePurchaseOrders`: every entry or none.
    pub(crate) fn update_purchase_orders(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let asked = asked(input)?;
        if asked.is_empty() {
            let message = "purchaseOrders is required.";
            return Err(Refusal::reasoned("MISSING_PURCHASE_ORDERS", message));
        }
        let mut orders = Vec::with_capacity(asked.len());
        for one in asked {
            let id = required(one.entry, "agreementId", "MISSING_AGREEMENT_ID")?;
            let agreement = self.accepted(now, caller, &json!({ "agreementId": id }))?;
            active(agreement)?;
            let known = revised(agreement, &one)?.ok_or_else(|| {
                Refusal::reasoned("MISSING_CHARGE_REVISION", "chargeRevision is required.")
            })?;
            let due = due(agreement, one.charge)?;
            if due - SETTLED <= now {
                let message = "The charge falls due in less than three hours, or has.";
                return Err(Refusal::conflict("Charge", one.charge, message));
            }
            let order = Order {
                reference: one.reference.to_owned(),
                revision: known + 1,
            };
            orders.push((id.to_owned(), one.charge.to_owned(), order));
        }
        for (id, charge, order) in orders {
            for agreement in self.agreements.iter_mut().filter(|known| known.id == id) {
                agreement.orders.insert(charge.clone(), order.clone());
            }
        }
        Ok(map([]))
    }
}

/// Orders by charge.
pub(crate) type Orders = BTreeMap<String, Order>;

/// The orders that a request brings for an agreement that is still to come: they are the first word of its
/// charges.
pub(super) fn brought(quoted: &Agreement, input: &Value) -> Result<Orders, Refusal> {
    let brought = asked(input)?.into_iter().map(|one| {
        due(quoted, one.charge)?;
        revised(quoted, &one)?;
        Ok((one.charge.to_owned(), Order::new(one.reference)))
    });
    brought.collect()
}

/// `purchaseOrders`; none where there are none.
fn asked(input: &Value) -> Result<Vec<Asked<'_>>, Refusal> {
    let wrong = |message: &str| Refusal::reasoned("INVALID_PURCHASE_ORDERS", message);
    let sent = match input.get("purchaseOrders") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(sent)) if (1..=ORDERS_MAX).contains(&sent.len()) => sent,
        Some(_) => return Err(wrong("purchaseOrders must have 1 to 86 entries.")),
    };
    let mut seen = BTreeSet::new();
    let read = sent.iter().map(|entry| {
        let charge = required(entry, "chargeId", "MISSING_CHARGE_ID")?;
        if !seen.insert(charge) {
            let message = format!("{charge} is named twice.");
            return Err(Refusal::reasoned("DUPLICATE_CHARGES", message));
        }
        let reference = reference(entry)?.ok_or_else(|| {
            let message = "purchaseOrderReference is required.";
            Refusal::reasoned("MISSING_PURCHASE_ORDER_REFERENCE", message)
        })?;
        Ok(Asked {
            charge,
            reference,
            entry,
        })
    });
    read.collect()
}

/// `purchaseOrderReference`, when it is there.
pub(super) fn reference(entry: &Value) -> Result<Option<&str>, Refusal> {
    match optional_text(entry, "purchaseOrderReference")? {
        Some("") => Err(Refusal::reasoned(
            "INVALID_PURCHASE_ORDER_REFERENCE",
            "purchaseOrderReference must not be empty.",
        )),
        reference => Ok(reference),
    }
}

/// When the charge falls due that an entry names; the agreement must have it.
fn due(agreement: &Agreement, charge: &str) -> Result<DateTime<Utc>, Refusal> {
    let mut charges = charges_by_id(agreement);
    charges
        .find(|(id, ..)| id == charge)
        .map(|(.., at)| at)
        .ok_or_else(|| {
            let message = format!("There is no charge {charge}.");
            Refusal::reasoned("INVALID_CHARGE_ID", message)
        })
}

/// The revision that an entry gives, when it gives one; it must be the charge's.
fn revised(agreement: &Agreement, asked: &Asked<'_>) -> Result<Option<i64>, Refusal> {
    let sent = match asked.entry.get("chargeRevision") {
        None | Some(Value::Null) => return Ok(None),
        Some(sent) => sent.as_i64().filter(|revision| *revision >= FIRST),
    };
    let sent = sent.ok_or_else(|| {
        let message = "chargeRevision must be a whole number from 1.";
        Refusal::reasoned("INVALID_CHARGE_REVISION", message)
    })?;
    let known = revision(agreement, asked.charge);
    if sent == known {
        Ok(Some(known))
    } else {
        let message = format!("The charge has revision {known}.");
        Err(Refusal::conflict("Charge", asked.charge, message))
    }
}
