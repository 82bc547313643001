//! The two documents inside a version's row: packages and payment plan, as JSON. Amounts are
//! decimal text; the currency is the version's.

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::{Inconsistent, inconsistent, parsed};
use crate::domain::content::{Effort, Installment, PaymentPlan, WorkPackage};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PackageDocument {
    name: String,
    description: String,
    base_price: String,
    price: String,
    effort: Vec<EffortDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EffortDocument {
    role: String,
    hours: String,
    cost_rate: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "plan", rename_all = "snake_case")]
pub(super) enum PlanDocument {
    Prepaid,
    Installments {
        installments: Vec<InstallmentDocument>,
    },
    Variable,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct InstallmentDocument {
    charge_date: NaiveDate,
    amount: String,
}

fn amount(what: &'static str, text: &str, currency: Currency) -> Result<Money, Inconsistent> {
    Money::parse(text, currency).map_err(|_| inconsistent(what, &text))
}

impl PackageDocument {
    pub(super) fn new(package: &WorkPackage, price: Money) -> Self {
        let effort = package.effort.iter().map(|line| EffortDocument {
            role: line.role.clone(),
            hours: line.hours.to_string(),
            cost_rate: line.cost_rate.amount_text(),
        });
        Self {
            name: package.name.clone(),
            description: package.description.clone(),
            base_price: package.base_price.amount_text(),
            price: price.amount_text(),
            effort: effort.collect(),
        }
    }

    /// The package and what the customer pays for it.
    pub(super) fn read(self, currency: Currency) -> Result<(WorkPackage, Money), Inconsistent> {
        let effort = self.effort.into_iter().map(|line| {
            Ok(Effort {
                hours: parsed("packages.effort.hours", &line.hours)?,
                cost_rate: amount("packages.effort.cost_rate", &line.cost_rate, currency)?,
                role: line.role,
            })
        });
        let package = WorkPackage {
            base_price: amount("packages.base_price", &self.base_price, currency)?,
            effort: effort.collect::<Result<_, _>>()?,
            name: self.name,
            description: self.description,
        };
        Ok((package, amount("packages.price", &self.price, currency)?))
    }
}

impl From<&PaymentPlan> for PlanDocument {
    fn from(plan: &PaymentPlan) -> Self {
        match plan {
            PaymentPlan::Prepaid => Self::Prepaid,
            PaymentPlan::Variable => Self::Variable,
            PaymentPlan::Installments(charges) => Self::Installments {
                installments: charges
                    .iter()
                    .map(|charge| InstallmentDocument {
                        charge_date: charge.charge_date,
                        amount: charge.amount.amount_text(),
                    })
                    .collect(),
            },
        }
    }
}

impl PlanDocument {
    pub(super) fn read(self, currency: Currency) -> Result<PaymentPlan, Inconsistent> {
        Ok(match self {
            Self::Prepaid => PaymentPlan::Prepaid,
            Self::Variable => PaymentPlan::Variable,
            Self::Installments { installments } => PaymentPlan::Installments(
                installments
                    .into_iter()
                    .map(|charge| {
                        Ok(Installment {
                            charge_date: charge.charge_date,
                            amount: amount("payment_plan.amount", &charge.amount, currency)?,
                        })
                    })
                    .collect::<Result<_, Inconsistent>>()?,
            ),
        })
    }
}
