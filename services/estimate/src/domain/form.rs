//! What an author writes: text, with nothing promised about it. [`super::check`] turns it into
//! content, or names everything that is wrong with it at once.

use super::content::{Content, Effort, Installment, PaymentPlan, WorkPackage};
use countersign_kernel::Money;

/// The content of an estimate as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContentForm {
    /// ISO 4217.
    pub currency_code: String,
    /// The packages.
    pub packages: Vec<PackageForm>,
    /// How the customer pays, when said.
    pub payment_plan: Option<PlanForm>,
    /// What is done.
    pub scope_description: String,
    /// ISO 8601, such as `P90D`.
    pub scope_duration: String,
    /// `YYYY-MM-DD`, UTC.
    pub valid_until: String,
    /// What the author believes that the base prices add up to, when said.
    pub stated_total: Option<MoneyForm>,
    /// ISO 3166 alpha-2, or empty.
    pub buyer_region: String,
    /// Whether the deal renews an agreement.
    pub renewal: bool,
}

/// A package as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageForm {
    /// What the customer calls it.
    pub name: String,
    /// What is in it.
    pub description: String,
    /// Whether it is said to be sold at a fixed price (E1).
    pub fixed_price: bool,
    /// What the seller starts from, when said.
    pub base_price: Option<MoneyForm>,
    /// The work behind it.
    pub effort: Vec<EffortForm>,
}

/// A line of effort as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EffortForm {
    /// Who works.
    pub role: String,
    /// Plain decimal.
    pub hours: String,
    /// What one hour costs, when said.
    pub cost_rate: Option<MoneyForm>,
}

/// A payment plan as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanForm {
    /// One charge on acceptance.
    Prepaid,
    /// Scheduled charges.
    Installments(Vec<InstallmentForm>),
    /// Milestone requests up to a cap, which is the price when it is not said.
    Variable(Option<MoneyForm>),
}

/// A scheduled charge as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstallmentForm {
    /// `YYYY-MM-DD`, UTC.
    pub charge_date: String,
    /// How much, when said.
    pub amount: Option<MoneyForm>,
}

/// An amount as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MoneyForm {
    /// ISO 4217.
    pub currency_code: String,
    /// Plain decimal major units.
    pub amount: String,
}

impl From<Money> for MoneyForm {
    fn from(money: Money) -> Self {
        Self {
            currency_code: money.currency().code().to_owned(),
            amount: money.amount_text(),
        }
    }
}

impl From<&Content> for ContentForm {
    /// The form that checks to this content again, under the same rules: what a clone starts from.
    fn from(content: &Content) -> Self {
        Self {
            currency_code: content.currency.code().to_owned(),
            packages: content.packages.iter().map(PackageForm::from).collect(),
            payment_plan: Some(PlanForm::from(&content.payment_plan)),
            scope_description: content.scope_description.clone(),
            scope_duration: content.scope_duration.to_string(),
            valid_until: content.valid_until.to_string(),
            stated_total: None,
            buyer_region: content.buyer_region.clone().unwrap_or_default(),
            renewal: content.renewal,
        }
    }
}

impl From<&WorkPackage> for PackageForm {
    fn from(package: &WorkPackage) -> Self {
        Self {
            name: package.name.clone(),
            description: package.description.clone(),
            fixed_price: true,
            base_price: Some(package.base_price.into()),
            effort: package.effort.iter().map(EffortForm::from).collect(),
        }
    }
}

impl From<&Effort> for EffortForm {
    fn from(effort: &Effort) -> Self {
        Self {
            role: effort.role.clone(),
            hours: effort.hours.to_string(),
            cost_rate: Some(effort.cost_rate.into()),
        }
    }
}

impl From<&PaymentPlan> for PlanForm {
    fn from(plan: &PaymentPlan) -> Self {
        match plan {
            PaymentPlan::Prepaid => Self::Prepaid,
            PaymentPlan::Installments(charges) => {
                Self::Installments(charges.iter().map(InstallmentForm::from).collect())
            }
            PaymentPlan::Variable => Self::Variable(None),
        }
    }
}

impl From<&Installment> for InstallmentForm {
    fn from(charge: &Installment) -> Self {
        Self {
            charge_date: charge.charge_date.to_string(),
            amount: Some(charge.amount.into()),
        }
    }
}
