//! From a form to what is true of every estimate, or to everything that is wrong with the form at
//! once (E1, E2, E4, E7, E9).

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{Currency, Decimal, IsoDuration, Money};

use super::content::{
    Content, Effort, Installment, MAX_EFFORT_LINES, MAX_HOURS, MAX_INSTALLMENTS, MAX_PACKAGES,
    MAX_TEXT, PaymentPlan, WorkPackage,
};
use super::field::{
    PRICE_CAP, currency, date, money, name, plain_decimal, price_above_zero, region, required_text,
    text, within_cap,
};
use super::form::{ContentForm, EffortForm, InstallmentForm, MoneyForm, PackageForm, PlanForm};
use super::policy::PricingRules;
use super::rejection::{Reason, Violations};

/// Reads the content of an estimate as of `today` (UTC). `None` leaves a note in `wrong`.
pub fn content(
    wrong: &mut Violations,
    form: &ContentForm,
    rules: &PricingRules,
    today: NaiveDate,
) -> Option<Content> {
    let currency = currency(wrong, "currency_code", &form.currency_code);
    let packages = packages(wrong, &form.packages, currency);
    let base_total = packages
        .as_deref()
        .zip(currency)
        .and_then(|(packages, currency)| {
            Money::sum(packages.iter().map(|package| package.base_price), currency).ok()
        });
    stated_total(wrong, form.stated_total.as_ref(), base_total, currency);
    let price = base_total.and_then(|base| price(wrong, base, rules));
    let due = Due {
        currency,
        price,
        today,
    };
    let payment_plan = payment_plan(wrong, form.payment_plan.as_ref(), rules, due);
    let scope_description = required_text(
        wrong,
        "scope_description",
        &form.scope_description,
        MAX_TEXT,
    );
    let scope_duration = wrong.take(
        "scope_duration",
        Reason::DurationInvalid,
        form.scope_duration.parse::<IsoDuration>(),
    );
    let valid_until = valid_until(wrong, &form.valid_until, today);
    let buyer_region = region(wrong, "buyer_region", &form.buyer_region);
    Some(Content {
        currency: currency?,
        packages: packages?,
        payment_plan: payment_plan?,
        scope_description: scope_description?,
        scope_duration: scope_duration?,
        valid_until: valid_until?,
        buyer_region: buyer_region?,
        renewal: form.renewal,
    })
}

fn packages(
    wrong: &mut Violations,
    forms: &[PackageForm],
    currency: Option<Currency>,
) -> Option<Vec<WorkPackage>> {
    if forms.is_empty() {
        wrong.add("packages", Reason::Required, "at least one package");
        return None;
    }
    if forms.len() > MAX_PACKAGES {
        let most = format!("{} packages; AWS lists at most {MAX_PACKAGES}", forms.len());
        wrong.add("packages", Reason::TooManyPackages, most);
        return None;
    }
    each(wrong, "packages", forms, |wrong, form| {
        package(wrong, form, currency)
    })
}

fn package(
    wrong: &mut Violations,
    form: &PackageForm,
    currency: Option<Currency>,
) -> Option<WorkPackage> {
    let name = name(wrong, "name", &form.name);
    let description = text(wrong, "description", &form.description, MAX_TEXT);
    wrong.ensure(
        form.fixed_price,
        "billing",
        Reason::NotFixedFee,
        "AWS Marketplace sells fixed prices only: give the package one",
    );
    let base_price = price_above_zero(wrong, "base_price", form.base_price.as_ref(), currency);
    wrong.ensure(
        form.effort.len() <= MAX_EFFORT_LINES,
        "effort",
        Reason::TooManyEffortLines,
        &format!("at most {MAX_EFFORT_LINES} lines of effort"),
    );
    let effort = each(wrong, "effort", &form.effort, |wrong, form| {
        effort(wrong, form, currency)
    });
    Some(WorkPackage {
        name: name?,
        description: description?,
        base_price: base_price?,
        effort: effort?,
    })
}

fn effort(wrong: &mut Violations, form: &EffortForm, currency: Option<Currency>) -> Option<Effort> {
    let role = name(wrong, "role", &form.role);
    let hours = plain_decimal(&form.hours)
        .filter(|hours| *hours > Decimal::ZERO && *hours <= Decimal::from(MAX_HOURS));
    wrong.ensure(
        hours.is_some(),
        "hours",
        Reason::HoursInvalid,
        "hours are a plain decimal above zero, such as 37.5",
    );
    let cost_rate = money(wrong, "cost_rate", form.cost_rate.as_ref(), currency);
    let negative = cost_rate.is_some_and(Money::is_negative);
    wrong.ensure(
        !negative,
        "cost_rate.amount",
        Reason::CostNegative,
        "at or above zero",
    );
    Some(Effort {
        role: role?,
        hours: hours?,
        cost_rate: cost_rate?,
    })
}

fn stated_total(
    wrong: &mut Violations,
    form: Option<&MoneyForm>,
    base_total: Option<Money>,
    currency: Option<Currency>,
) {
    let Some(form) = form else { return };
    let stated = money(wrong, "stated_total", Some(form), currency);
    if let (Some(stated), Some(total)) = (stated, base_total)
        && stated != total
    {
        let sums = format!("the packages add up to {total}, not to {stated}");
        wrong.add("stated_total", Reason::LinesDoNotAddUp, sums);
    }
}

/// What the customer will pay: needed to check a payment plan against it.
fn price(wrong: &mut Violations, base_total: Money, rules: &PricingRules) -> Option<Money> {
    let price = rules
        .policy
        .uplift
        .price_of(base_total)
        .ok()
        .filter(|price| within_cap(*price));
    wrong.ensure(
        price.is_some(),
        "packages",
        Reason::AmountTooLarge,
        PRICE_CAP,
    );
    price
}

/// What a payment plan is checked against, as far as it is known.
#[derive(Clone, Copy)]
struct Due {
    currency: Option<Currency>,
    price: Option<Money>,
    today: NaiveDate,
}

fn payment_plan(
    wrong: &mut Violations,
    plan: Option<&PlanForm>,
    rules: &PricingRules,
    due: Due,
) -> Option<PaymentPlan> {
    let Some(plan) = plan else {
        wrong.add(
            "payment_plan",
            Reason::PaymentPlanRequired,
            "say how the customer pays",
        );
        return None;
    };
    wrong.ensure(
        rules.policy.allows(plan),
        "payment_plan",
        Reason::PaymentPlanNotAllowed,
        "the seller's policy does not allow this payment plan",
    );
    wrong.within("payment_plan", |wrong| match plan {
        PlanForm::Prepaid => Some(PaymentPlan::Prepaid),
        PlanForm::Installments(charges) => installments(wrong, charges, due),
        PlanForm::Variable(cap) => {
            check_cap(wrong, cap.as_ref(), due);
            Some(PaymentPlan::Variable)
        }
    })
}

fn installments(
    wrong: &mut Violations,
    forms: &[InstallmentForm],
    due: Due,
) -> Option<PaymentPlan> {
    let field = "installments";
    if forms.is_empty() {
        wrong.add(field, Reason::Required, "at least one instalment");
        return None;
    }
    if forms.len() > MAX_INSTALLMENTS {
        let most = format!(
            "{} instalments; AWS takes at most {MAX_INSTALLMENTS} by any of its sources",
            forms.len()
        );
        wrong.add(field, Reason::TooManyInstallments, most);
        return None;
    }
    let charges = each(wrong, field, forms, |wrong, form| {
        let charge_date = date(wrong, "charge_date", &form.charge_date);
        let past = charge_date.is_some_and(|date| date < due.today);
        wrong.ensure(
            !past,
            "charge_date",
            Reason::ChargeDatePast,
            "today or later, UTC",
        );
        let amount = price_above_zero(wrong, "amount", form.amount.as_ref(), due.currency);
        Some(Installment {
            charge_date: charge_date?,
            amount: amount?,
        })
    })?;
    let ascending = charges
        .windows(2)
        .all(|pair| pair[0].charge_date < pair[1].charge_date);
    wrong.ensure(
        ascending,
        field,
        Reason::ChargeDatesNotAscending,
        "each date after the last",
    );
    let price = due.price?;
    let sum = Money::sum(charges.iter().map(|charge| charge.amount), price.currency());
    if sum != Ok(price) {
        let sum = sum.map_or_else(|error| error.to_string(), |sum| sum.to_string());
        let sums = format!("the price is {price}, the instalments are {sum}");
        wrong.add(field, Reason::InstallmentsDoNotAddUp, sums);
    }
    Some(PaymentPlan::Installments(charges))
}

/// A cap that is said must be the price; one that is not said is.
fn check_cap(wrong: &mut Violations, cap: Option<&MoneyForm>, due: Due) {
    let Some(form) = cap else { return };
    let cap = money(wrong, "variable.cap", Some(form), due.currency);
    if let (Some(cap), Some(price)) = (cap, due.price)
        && cap != price
    {
        let differ = format!("the price is {price}, and the cap is the price");
        wrong.add("variable.cap", Reason::CapNotThePrice, differ);
    }
}

fn valid_until(wrong: &mut Violations, text: &str, today: NaiveDate) -> Option<NaiveDate> {
    let valid_until = date(wrong, "valid_until", text)?;
    if valid_until < today {
        let over = format!("{valid_until} is over: it is {today} in UTC");
        wrong.add("valid_until", Reason::ValidUntilPast, over);
    }
    Some(valid_until)
}

/// Reads every element of a list under its index; `None` when any is wrong.
fn each<F, T>(
    wrong: &mut Violations,
    field: &str,
    forms: &[F],
    read: impl Fn(&mut Violations, &F) -> Option<T>,
) -> Option<Vec<T>> {
    // All are read before any is missed, so that every wrong one is named.
    let read: Vec<Option<T>> = forms
        .iter()
        .enumerate()
        .map(|(index, form)| wrong.within(&format!("{field}[{index}]"), |wrong| read(wrong, form)))
        .collect();
    read.into_iter().collect()
}
