//! In what two versions differ, field by field (E8).

use std::collections::BTreeMap;
use std::fmt::Display;

use super::content::{Content, PaymentPlan};
use super::pricing::{Economics, Version};

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Such as `packages[2].base_price`; indices start at 0.
    pub field: String,
    /// Its value in the one version; empty when the field was added.
    pub before: String,
    /// Its value in the other; empty when the field was removed.
    pub after: String,
}

/// Every field in which the versions differ: first what the earlier one has, in its order, then
/// what was added. Number, author and time of a version always differ and are left out.
#[must_use]
pub fn differences(before: &Version, after: &Version) -> Vec<Difference> {
    let (before, after) = (fields(before), fields(after));
    let old: BTreeMap<&str, &str> = lookup(&before);
    let new: BTreeMap<&str, &str> = lookup(&after);
    let kept = before.iter().map(|(field, _)| field.as_str());
    let added = after
        .iter()
        .map(|(field, _)| field.as_str())
        .filter(|it| !old.contains_key(it));
    kept.chain(added)
        .map(|field| Difference {
            field: field.to_owned(),
            before: old.get(field).copied().unwrap_or_default().to_owned(),
            after: new.get(field).copied().unwrap_or_default().to_owned(),
        })
        .filter(|difference| difference.before != difference.after)
        .collect()
}

fn lookup(fields: &[(String, String)]) -> BTreeMap<&str, &str> {
    fields
        .iter()
        .map(|(field, value)| (field.as_str(), value.as_str()))
        .collect()
}

/// A version as a flat list of names and values. Everything that a person could ask about is here.
fn fields(version: &Version) -> Vec<(String, String)> {
    let mut fields = Fields(Vec::new());
    fields.packages(version);
    fields.content(&version.content);
    fields.economics(&version.economics);
    fields.0
}

struct Fields(Vec<(String, String)>);

impl Fields {
    fn add(&mut self, field: impl Into<String>, value: &dyn Display) {
        self.0.push((field.into(), value.to_string()));
    }

    fn packages(&mut self, version: &Version) {
        for (index, (package, price)) in version
            .content
            .packages
            .iter()
            .zip(&version.prices)
            .enumerate()
        {
            let at = format!("packages[{index}]");
            self.add(format!("{at}.name"), &&package.name);
            self.add(format!("{at}.description"), &&package.description);
            self.add(format!("{at}.base_price"), &package.base_price);
            self.add(format!("{at}.price"), &price);
            for (index, effort) in package.effort.iter().enumerate() {
                let at = format!("{at}.effort[{index}]");
                self.add(format!("{at}.role"), &&effort.role);
                self.add(format!("{at}.hours"), &effort.hours.normalize());
                self.add(format!("{at}.cost_rate"), &effort.cost_rate);
            }
        }
    }

    fn content(&mut self, content: &Content) {
        self.add("currency_code", &content.currency);
        self.add("payment_plan", &content.payment_plan.name());
        if let PaymentPlan::Installments(charges) = &content.payment_plan {
            for (index, charge) in charges.iter().enumerate() {
                let at = format!("payment_plan.installments[{index}]");
                self.add(format!("{at}.charge_date"), &charge.charge_date);
                self.add(format!("{at}.amount"), &charge.amount);
            }
        }
        self.add("scope_description", &&content.scope_description);
        self.add("scope_duration", &content.scope_duration);
        self.add("valid_until", &content.valid_until);
        self.add(
            "buyer_region",
            &content.buyer_region.as_deref().unwrap_or_default(),
        );
        self.add("renewal", &content.renewal);
    }

    fn economics(&mut self, economics: &Economics) {
        self.add("economics.base_total", &economics.base_total);
        self.add("economics.price_total", &economics.price_total);
        self.add("economics.uplift", &economics.uplift);
        self.add("economics.listing_fee_rate", &economics.listing_fee_rate);
        self.add("economics.expected_fee", &economics.expected_fee);
        self.add("economics.expected_net", &economics.expected_net);
        self.add("economics.shortfall", &economics.shortfall);
        for (field, amount) in [
            ("economics.effort_cost", economics.effort_cost),
            ("economics.margin", economics.margin),
        ] {
            if let Some(amount) = amount {
                self.add(field, &amount);
            }
        }
    }
}
