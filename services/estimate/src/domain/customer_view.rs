//! What the customer may see: final rates only (E5). This type has no field for base, uplift, fee,
//! effort or margin, so that none can be shown by mistake.

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{IsoDuration, Money};

use super::content::PaymentPlan;
use super::pricing::Version;

/// The customer's copy of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerView<'a> {
    /// The packages at their final rates; they add up to `total`.
    pub lines: Vec<CustomerLine<'a>>,
    /// What the customer pays in all.
    pub total: Money,
    /// How.
    pub payment_plan: &'a PaymentPlan,
    /// What is done.
    pub scope_description: &'a str,
    /// For how long.
    pub scope_duration: IsoDuration,
    /// Until when, UTC, the customer can count on it.
    pub valid_until: NaiveDate,
}

/// A package at its final rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerLine<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What is in it.
    pub description: &'a str,
    /// What it costs.
    pub price: Money,
}

impl<'a> From<&'a Version> for CustomerView<'a> {
    fn from(version: &'a Version) -> Self {
        let content = &version.content;
        let lines = content
            .packages
            .iter()
            .zip(&version.prices)
            .map(|(package, price)| CustomerLine {
                name: &package.name,
                description: &package.description,
                price: *price,
            });
        Self {
            lines: lines.collect(),
            total: version.economics.price_total,
            payment_plan: &content.payment_plan,
            scope_description: &content.scope_description,
            scope_duration: content.scope_duration,
            valid_until: content.valid_until,
        }
    }
}
