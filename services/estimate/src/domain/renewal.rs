//! What the estimate of a renewal starts from (E11): the approved version behind the agreement that it
//! follows, as a renewal, with its schedule moved on by the duration of the scope. Under today's rules the
//! price may be another, which checks as any estimate of the author's does.

use countersign_kernel::IsoDuration;

use super::content::{Content, Installment, PaymentPlan};
use super::form::{ContentForm, InstallmentForm, PlanForm};

/// The form of a renewal of `content` that is valid until this day.
#[must_use]
pub fn renewed(content: &Content, valid_until: &str) -> ContentForm {
    ContentForm {
        payment_plan: Some(match &content.payment_plan {
            PaymentPlan::Installments(charges) => {
                let moved = charges
                    .iter()
                    .map(|charge| moved(charge, content.scope_duration));
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
fn moved(charge: &Installment, by: IsoDuration) -> InstallmentForm {
    let charge_date = by.after(charge.charge_date).unwrap_or(charge.charge_date);
    InstallmentForm::from(&Installment {
        charge_date,
        ..*charge
    })
}
