//! An estimate as JSON. Amounts and rates are decimal text: no float ever touches money (E4).

use countersign_kernel::{Currency, Money};
use countersign_platform::Failure;
use serde::{Deserialize, Serialize};

use super::inconsistent;
use crate::domain::estimate::{Economics, Estimate, Installment, Package, PaymentPlan, Uplift};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EstimateJson {
    estimate_id: String,
    version: u32,
    engagement: String,
    customer_name: String,
    currency: String,
    packages: Vec<PackageJson>,
    payment_plan: PlanJson,
    scope_description: String,
    scope_duration: String,
    valid_until: String,
    economics: EconomicsJson,
    author: String,
    submitted_by: String,
    /// Absent of what was received before it was told of.
    #[serde(default)]
    renewal: bool,
    /// See [`Self::renewal`].
    #[serde(default)]
    follows_agreement_id: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct PackageJson {
    package_id: String,
    name: String,
    description: String,
    base_price: String,
    price: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PlanJson {
    Prepaid,
    Installments(Vec<InstallmentJson>),
    Variable { cap: String },
}

#[derive(Debug, Serialize, Deserialize)]
struct InstallmentJson {
    charge_date: String,
    amount: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UpliftJson {
    Markup(String),
    GrossUp(String),
    None,
}

#[derive(Debug, Serialize, Deserialize)]
struct EconomicsJson {
    base_total: Option<String>,
    price_total: Option<String>,
    uplift: Option<UpliftJson>,
    listing_fee_rate: String,
    expected_fee: Option<String>,
    expected_net: Option<String>,
    shortfall: Option<String>,
    effort_cost: Option<String>,
    margin: Option<String>,
}

impl From<&Estimate> for EstimateJson {
    fn from(estimate: &Estimate) -> Self {
        Self {
            estimate_id: estimate.estimate_id.clone(),
            version: estimate.version,
            engagement: estimate.engagement.to_string(),
            customer_name: estimate.customer_name.clone(),
            currency: estimate.currency.to_string(),
            packages: estimate.packages.iter().map(PackageJson::from).collect(),
            payment_plan: PlanJson::from(&estimate.payment_plan),
            scope_description: estimate.scope_description.clone(),
            scope_duration: estimate.scope_duration.to_string(),
            valid_until: estimate.valid_until.to_string(),
            economics: EconomicsJson::from(&estimate.economics),
            author: estimate.author.to_string(),
            submitted_by: estimate.submitted_by.to_string(),
            renewal: estimate.renewal,
            follows_agreement_id: estimate.follows_agreement_id.clone(),
        }
    }
}

impl From<&Package> for PackageJson {
    fn from(package: &Package) -> Self {
        Self {
            package_id: package.package_id.clone(),
            name: package.name.clone(),
            description: package.description.clone(),
            base_price: package.base_price.amount_text(),
            price: package.price.amount_text(),
        }
    }
}

impl From<&PaymentPlan> for PlanJson {
    fn from(plan: &PaymentPlan) -> Self {
        let installment = |one: &Installment| InstallmentJson {
            charge_date: one.charge_date.to_string(),
            amount: one.amount.amount_text(),
        };
        match plan {
            PaymentPlan::Prepaid => Self::Prepaid,
            PaymentPlan::Installments(all) => {
                Self::Installments(all.iter().map(installment).collect())
            }
            PaymentPlan::Variable { cap } => Self::Variable {
                cap: cap.amount_text(),
            },
        }
    }
}

impl From<&Economics> for EconomicsJson {
    fn from(economics: &Economics) -> Self {
        let text = |money: Option<Money>| money.map(Money::amount_text);
        Self {
            base_total: text(economics.base_total),
            price_total: text(economics.price_total),
            uplift: economics.uplift.as_ref().map(|uplift| match uplift {
                Uplift::Markup(rate) => UpliftJson::Markup(rate.clone()),
                Uplift::GrossUp(rate) => UpliftJson::GrossUp(rate.clone()),
                Uplift::None => UpliftJson::None,
            }),
            listing_fee_rate: economics.listing_fee_rate.clone(),
            expected_fee: text(economics.expected_fee),
            expected_net: text(economics.expected_net),
            shortfall: text(economics.shortfall),
            effort_cost: text(economics.effort_cost),
            margin: text(economics.margin),
        }
    }
}

impl TryFrom<EstimateJson> for Estimate {
    type Error = Failure;

    fn try_from(json: EstimateJson) -> Result<Self, Failure> {
        let wrong = || inconsistent("engagements.estimate");
        let currency: Currency = json.currency.parse().map_err(|_| wrong())?;
        let amounts = Amounts(currency);
        let package = |package: PackageJson| {
            Ok(Package {
                package_id: package.package_id,
                name: package.name,
                description: package.description,
                base_price: amounts.read(&package.base_price)?,
                price: amounts.read(&package.price)?,
            })
        };
        Ok(Self {
            estimate_id: json.estimate_id,
            version: json.version,
            engagement: json.engagement.parse().map_err(|_| wrong())?,
            customer_name: json.customer_name,
            currency,
            packages: json
                .packages
                .into_iter()
                .map(package)
                .collect::<Result<_, Failure>>()?,
            payment_plan: amounts.plan(json.payment_plan)?,
            scope_description: json.scope_description,
            scope_duration: json.scope_duration.parse().map_err(|_| wrong())?,
            valid_until: json.valid_until.parse().map_err(|_| wrong())?,
            economics: amounts.economics(json.economics)?,
            author: json.author.parse().map_err(|_| wrong())?,
            submitted_by: json.submitted_by.parse().map_err(|_| wrong())?,
            renewal: json.renewal,
            follows_agreement_id: json.follows_agreement_id,
        })
    }
}

/// Reads amounts of the estimate's one currency (E9).
#[derive(Clone, Copy)]
struct Amounts(Currency);

impl Amounts {
    fn read(self, text: &str) -> Result<Money, Failure> {
        Money::parse(text, self.0).map_err(|_| inconsistent("an amount in engagements.estimate"))
    }

    fn maybe(self, text: Option<String>) -> Result<Option<Money>, Failure> {
        text.map(|text| self.read(&text)).transpose()
    }

    fn plan(self, json: PlanJson) -> Result<PaymentPlan, Failure> {
        let installment = |one: InstallmentJson| {
            let date = one.charge_date.parse();
            Ok(Installment {
                charge_date: date.map_err(|_| inconsistent("an installment's date"))?,
                amount: self.read(&one.amount)?,
            })
        };
        Ok(match json {
            PlanJson::Prepaid => PaymentPlan::Prepaid,
            PlanJson::Installments(all) => {
                let all = all
                    .into_iter()
                    .map(installment)
                    .collect::<Result<_, Failure>>()?;
                PaymentPlan::Installments(all)
            }
            PlanJson::Variable { cap } => PaymentPlan::Variable {
                cap: self.read(&cap)?,
            },
        })
    }

    fn economics(self, json: EconomicsJson) -> Result<Economics, Failure> {
        Ok(Economics {
            base_total: self.maybe(json.base_total)?,
            price_total: self.maybe(json.price_total)?,
            uplift: json.uplift.map(|uplift| match uplift {
                UpliftJson::Markup(rate) => Uplift::Markup(rate),
                UpliftJson::GrossUp(rate) => Uplift::GrossUp(rate),
                UpliftJson::None => Uplift::None,
            }),
            listing_fee_rate: json.listing_fee_rate,
            expected_fee: self.maybe(json.expected_fee)?,
            expected_net: self.maybe(json.expected_net)?,
            shortfall: self.maybe(json.shortfall)?,
            effort_cost: self.maybe(json.effort_cost)?,
            margin: self.maybe(json.margin)?,
        })
    }
}
