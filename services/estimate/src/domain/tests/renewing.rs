//! What a renewal's estimate starts from (E11).

use super::*;
use crate::domain::content::{Content, Installment, PaymentPlan};
use crate::domain::form::InstallmentForm;
use crate::domain::renewal::renewed;
use crate::domain::uplift::Uplift;

fn content(plan: PaymentPlan, duration: &str) -> Content {
    let mut content = drafted(handbook()).latest.content;
    content.payment_plan = plan;
    content.scope_duration = duration.parse().unwrap();
    content
}

fn markup(rate: &str) -> Uplift {
    Uplift::Markup(Rate::parse(rate).unwrap())
}

/// E4: whatever today's price is, the charges add up to it exactly, in the proportions that they had.
#[test]
fn charges_are_split_anew_over_another_price() {
    let charge = |day: &str, amount: &str| Installment {
        charge_date: day.parse().unwrap(),
        amount: usd(amount),
    };
    let charges = vec![
        charge("2027-01-10", "34166.67"),
        charge("2027-02-10", "34166.67"),
        charge("2027-03-10", "34166.66"),
    ];
    let content = content(PaymentPlan::Installments(charges), "P90D");
    for (uplift, expected) in [
        (markup("0.025"), ["34166.67", "34166.67", "34166.66"]),
        (markup("0.03"), ["34333.34", "34333.34", "34333.32"]),
        (Uplift::None, ["33333.34", "33333.33", "33333.33"]),
    ] {
        let Some(PlanForm::Installments(anew)) =
            renewed(&content, uplift, "2027-12-31").payment_plan
        else {
            panic!("installments")
        };
        let amounts: Vec<_> = anew.into_iter().map(|one| one.amount).collect();
        assert_eq!(
            amounts,
            expected.map(|amount| Some(dollars(amount))),
            "{uplift}"
        );
    }
}

/// Another year, to the day, and what cannot be moved stays: it is refused as past.
#[test]
fn installments_move_on_by_the_duration() {
    for (duration, from, to) in [
        ("P90D", "2027-01-10", "2027-04-10"),
        ("P1Y", "2027-01-10", "2028-01-10"),
        ("P1M", "2027-01-31", "2027-02-28"),
        ("P1Y", "2028-02-29", "2029-02-28"),
    ] {
        let charge = Installment {
            charge_date: from.parse().unwrap(),
            amount: usd("102500.00"),
        };
        let content = content(PaymentPlan::Installments(vec![charge]), duration);
        let plan = renewed(&content, markup("0.025"), "2027-12-31").payment_plan;
        let expected = InstallmentForm {
            charge_date: to.to_owned(),
            amount: Some(dollars("102500.00")),
        };
        let expected = PlanForm::Installments(vec![expected]);
        assert_eq!(plan, Some(expected), "{duration} from {from}");
    }
}

#[test]
fn the_rest_is_what_was_approved_as_a_renewal() {
    for plan in [PaymentPlan::Prepaid, PaymentPlan::Variable] {
        let content = content(plan, "P90D");
        let form = renewed(&content, markup("0.025"), "2027-12-31");
        assert!(form.renewal);
        assert_eq!(form.valid_until, "2027-12-31");
        let before = ContentForm::from(&content);
        let same = ContentForm {
            renewal: false,
            valid_until: before.valid_until.clone(),
            ..form
        };
        assert_eq!(same, before);
    }
}
