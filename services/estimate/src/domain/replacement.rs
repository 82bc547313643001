//! What the estimate of a replacement starts from (E11, O15): the approved version behind the agreement that
//! ended, and the installments that AWS no longer invoices. The packages are scaled to what these add up to;
//! what is done for it, and the effort, are the author's to change.

use countersign_kernel::allocation::allocate;
use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::money::MoneyError;
use countersign_kernel::{Decimal, Money};

use super::content::{Content, Installment};
use super::form::{ContentForm, InstallmentForm, PackageForm, PlanForm};
use super::pricing::PricingError;
use super::solver::base_reaching;
use super::uplift::Uplift;

/// How an agreement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// What AWS no longer invoices, in the order of the days.
    pub dropped: Vec<Installment>,
}

/// The form of a replacement of `content` that is valid until this day, under the seller's `uplift` of
/// `today` (UTC). `dropped` are the installments that AWS no longer invoices, in the order of their days;
/// without any, everything is as it was approved. Those whose day has come are one charge of today. Where no
/// base has just their sum as its price, the last one bears the minor unit that is too much.
///
/// # Errors
/// Amounts that cannot be handled.
pub fn replaced(
    content: &Content,
    dropped: &[Installment],
    uplift: Uplift,
    today: NaiveDate,
    valid_until: &str,
) -> Result<ContentForm, PricingError> {
    let form = ContentForm {
        valid_until: valid_until.to_owned(),
        renewal: false,
        ..ContentForm::from(content)
    };
    let mut charges = due(dropped, today)?;
    let Some(last) = charges.last().map(|charge| charge.amount) else {
        return Ok(form);
    };
    let amounts = charges.iter().map(|charge| charge.amount);
    let outstanding = Money::sum(amounts, content.currency)?;
    let base = base_reaching(uplift, outstanding)
        .ok_or_else(|| MoneyError::TooLarge(format!("the base of {outstanding}")))?;
    let over = uplift.price_of(base)?.checked_sub(outstanding)?;
    if let Some(charge) = charges.last_mut() {
        charge.amount = last.checked_add(over)?;
    }
    Ok(ContentForm {
        packages: scaled(content, base)?,
        payment_plan: Some(PlanForm::Installments(
            charges.iter().map(InstallmentForm::from).collect(),
        )),
        ..form
    })
}

fn due(dropped: &[Installment], today: NaiveDate) -> Result<Vec<Installment>, MoneyError> {
    let mut charges: Vec<Installment> = Vec::new();
    for charge in dropped {
        let charge_date = charge.charge_date.max(today);
        match charges.last_mut() {
            Some(last) if last.charge_date == charge_date => {
                last.amount = last.amount.checked_add(charge.amount)?;
            }
            _ => charges.push(Installment {
                charge_date,
                ..*charge
            }),
        }
    }
    Ok(charges)
}

/// The packages with this base in all, each with its part of it; one whose part is nothing is left out.
fn scaled(content: &Content, base: Money) -> Result<Vec<PackageForm>, PricingError> {
    let packages = &content.packages;
    let weights: Vec<Decimal> = packages
        .iter()
        .map(|package| package.base_price.amount())
        .collect();
    let parts = allocate(base, &weights)?;
    let scaled = packages
        .iter()
        .zip(parts)
        .map(|(package, part)| PackageForm {
            base_price: Some(part.into()),
            ..PackageForm::from(package)
        });
    let zero = Some(Money::zero(base.currency()).into());
    Ok(scaled
        .filter(|package| package.base_price != zero)
        .collect())
}
