//! What a replacement's estimate starts from (E11, O15).

use countersign_kernel::Decimal;
use countersign_kernel::chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::domain::content::Installment;
use crate::domain::form::InstallmentForm;
use crate::domain::replacement::replaced;
use crate::domain::uplift::Uplift;

fn dropped(charges: &[(&str, &str)]) -> Vec<Installment> {
    let charges = charges.iter().map(|(day, amount)| Installment {
        charge_date: day.parse().unwrap(),
        amount: usd(amount),
    });
    charges.collect()
}

fn form(charges: &[(&str, &str)], today: &str) -> ContentForm {
    let content = drafted(handbook()).latest.content;
    let uplift = Uplift::Markup(Rate::parse("0.025").unwrap());
    let today = today.parse().unwrap();
    replaced(&content, &dropped(charges), uplift, today, "2027-12-31").unwrap()
}

fn plan(form: &ContentForm) -> Vec<(String, String)> {
    let Some(PlanForm::Installments(charges)) = &form.payment_plan else {
        panic!("installments")
    };
    let shown = |charge: &InstallmentForm| {
        let amount = charge.amount.clone().unwrap().amount;
        (charge.charge_date.clone(), amount)
    };
    charges.iter().map(shown).collect()
}

fn bases(form: &ContentForm) -> Vec<String> {
    let bases = form
        .packages
        .iter()
        .map(|package| package.base_price.clone());
    bases.map(|base| base.unwrap().amount).collect()
}

#[test]
fn packages_are_scaled_to_what_is_outstanding() {
    let whole = ContentForm::from(&drafted(handbook()).latest.content);
    let charges = [("2027-02-10", "30750.30"), ("2027-03-10", "30749.70")];
    let form = form(&charges, "2027-01-20");
    let all: Decimal = bases(&form)
        .iter()
        .map(|base| base.parse::<Decimal>().unwrap())
        .sum();
    assert_eq!(all, Decimal::from(60_000));
    assert_eq!(form.packages.len(), whole.packages.len());
    assert_eq!(
        plan(&form),
        charges.map(|(day, amount)| (day.to_owned(), amount.to_owned()))
    );
    assert!(!form.renewal);
    assert_eq!(form.valid_until, "2027-12-31");
}

/// AWS takes no charge of the past, and one on a day.
#[test]
fn charges_whose_day_has_come_are_one_of_today() {
    let charges = [
        ("2027-01-10", "10000.00"),
        ("2027-02-10", "20000.00"),
        ("2027-03-10", "500.00"),
    ];
    let found = plan(&form(&charges, "2027-02-10"));
    let expected = [("2027-02-10", "30000.00"), ("2027-03-10", "500.00")];
    assert_eq!(
        found,
        expected.map(|(day, amount)| (day.to_owned(), amount.to_owned()))
    );
}

#[test]
fn without_outstanding_charges_everything_is_as_it_was() {
    let form = form(&[], "2027-01-20");
    let whole = ContentForm::from(&drafted(handbook()).latest.content);
    assert_eq!(
        form,
        ContentForm {
            valid_until: "2027-12-31".to_owned(),
            ..whole
        }
    );
}

proptest! {
    /// E4: whatever is outstanding, the charges add up to the price of the packages, and at most the last is
    /// another, by a minor unit under a mark-up of 2.5 %.
    #[test]
    fn charges_add_up_to_the_price(units in prop::collection::vec(1_i64..100_000_000, 1..12)) {
        let uplift = Uplift::Markup(Rate::parse("0.025").unwrap());
        let content = drafted(handbook()).latest.content;
        let first: NaiveDate = "2027-02-01".parse().unwrap();
        let dropped: Vec<Installment> = (0..).zip(&units).map(|(day, units)| Installment {
            charge_date: first + countersign_kernel::chrono::Days::new(day),
            amount: Money::from_minor_units(*units, Currency::Usd).unwrap(),
        }).collect();
        let form = replaced(&content, &dropped, uplift, first, "2027-12-31").unwrap();
        let sum = |amounts: Vec<String>| amounts.iter().map(|text| text.parse::<Decimal>().unwrap()).sum::<Decimal>();
        let base = Money::new(sum(bases(&form)), Currency::Usd).unwrap();
        let charged = sum(plan(&form).into_iter().map(|(_, amount)| amount).collect());
        prop_assert_eq!(uplift.price_of(base).unwrap().amount(), charged);
        let outstanding = Decimal::new(units.iter().sum(), 2);
        prop_assert!(charged - outstanding <= Decimal::new(1, 2) && charged >= outstanding);
    }
}
