//! What the estimate of a renewal starts from (E11): the approved version behind the agreement that it
//! follows, as a renewal, with its schedule moved on by the duration of the scope. Under today's rules the
//! price may be another: its charges are then split anew, in proportion to what they were (E4).

use countersign_kernel::allocation::allocate;
use countersign_kernel::{Decimal, IsoDuration, Money};

use super::content::{Content, Installment, PaymentPlan};
use super::form::{ContentForm, InstallmentForm, PlanForm};
use super::uplift::Uplift;

/// The form of a renewal of `content` that is valid until this day, priced with today's `uplift`.
#[must_use]
pub fn renewed(content: &Content, uplift: Uplift, valid_until: &str) -> ContentForm {
    ContentForm {
        payment_plan: Some(match &content.payment_plan {
            PaymentPlan::Installments(charges) => {
                let amounts = split_anew(content, charges, uplift);
                let pairs = charges.iter().zip(amounts);
                let moved =
                    pairs.map(|(charge, amount)| moved(charge, amount, content.scope_duration));
                PlanForm::Installments(moved.collect())
            }
            plan @ (PaymentPlan::Prepaid | PaymentPlan::Variable) => PlanForm::from(plan),
        }),
        valid_until: valid_until.to_owned(),
        renewal: true,
        ..ContentForm::from(content)
    }
}

/// A day that does not lie within the calendar stays where it was, and is refused as past.
fn moved(charge: &Installment, amount: Money, by: IsoDuration) -> InstallmentForm {
    let charge_date = by.after(charge.charge_date).unwrap_or(charge.charge_date);
    InstallmentForm::from(&Installment {
        charge_date,
        amount,
    })
}

/// What the charges are under `uplift`: exactly the price in all. Amounts beyond what is handled stay as
/// they were, and are refused with the price.
fn split_anew(content: &Content, charges: &[Installment], uplift: Uplift) -> Vec<Money> {
    let before = charges.iter().map(|charge| charge.amount);
    let base = content.packages.iter().map(|package| package.base_price);
    let base = Money::sum(base, content.currency).ok();
    let price = base.and_then(|base| uplift.price_of(base).ok());
    let weights: Vec<Decimal> = before.clone().map(Money::amount).collect();
    let anew = price.and_then(|price| allocate(price, &weights).ok());
    anew.unwrap_or_else(|| before.collect())
}
