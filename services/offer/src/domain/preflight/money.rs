//! Currency, price and amounts.

use super::{Candidate, Kinds, REFUSED_AT_ONCE, Rule, when};
use countersign_kernel::{Currency, Decimal, Money};

/// Major units of any currency (facts §1.2).
const LARGEST_AMOUNT: i64 = 100_000_000;
/// US dollars, of one agreement that is proposed to named buyers (facts §3).
const LARGEST_AGREEMENT: i64 = 1_000_000_000;
/// US dollars: above, AWS may want another approval of its own (facts §2).
const BIG_DEAL: i64 = 250_000;

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "CURRENCY_SUPPORTED",
        Kinds::ALL,
        "currency",
        "INVALID_CURRENCY_CODE",
        "use USD, EUR, GBP, AUD, JPY or CAD; INR is for sellers in India",
        supported,
    ),
    Rule::error(
        "AUTHORIZATION_CURRENCY",
        Kinds::AUTHORIZATION,
        "currency",
        "INVALID_CURRENCY_CODE",
        "use USD, EUR, GBP, AUD or JPY: AWS takes CAD on offers only",
        resells,
    ),
    Rule::error(
        "CURRENCY_SINGLE",
        Kinds::ALL,
        "schedule",
        "INVALID_CURRENCY_CODE",
        "use one currency in the whole offer",
        single,
    ),
    Rule::error(
        "PRICE_EQUALS_APPROVED",
        Kinds::ALL,
        "schedule",
        "",
        "the charges must add up to the price that was approved",
        equals_approved,
    ),
    Rule::error(
        "FIXED_TERM_PRICE_ZERO",
        Kinds::ALL,
        "fixed_price",
        "INCOMPATIBLE_TERMS",
        "leave the price of the fixed term at 0: the schedule charges",
        fixed_zero,
    ),
    Rule::error(
        "CHARGE_AMOUNTS_IN_RANGE",
        Kinds::ALL,
        "schedule",
        REFUSED_AT_ONCE,
        "each charge is above 0 and at most 100 000 000",
        in_range,
    ),
    Rule::error(
        "AGREEMENT_VALUE_IN_QUOTA",
        Kinds::OFFERS,
        "schedule",
        "ServiceQuotaExceededException",
        "sell it as several agreements: AWS takes one of at most 1 000 000 000 USD",
        in_quota,
    ),
    Rule::error(
        "PRICE_ABOVE_EXTRA_APPROVAL",
        Kinds::ALL,
        "schedule",
        "",
        "expect that AWS asks for another approval above 250 000 USD",
        big_deal,
    )
    .warning(),
];

fn supported(candidate: &Candidate) -> Option<String> {
    let currency = candidate.plan.currency;
    when(
        currency == Currency::Inr && !candidate.limits.rupees,
        || format!("{currency} is not taken from this seller"),
    )
}

fn resells(candidate: &Candidate) -> Option<String> {
    let currency = candidate.plan.currency;
    when(currency == Currency::Cad, || {
        format!("{currency} is not taken in a resale authorization")
    })
}

fn amounts(candidate: &Candidate) -> impl Iterator<Item = Money> {
    let plan = &candidate.plan;
    let charges = plan.schedule.iter().map(|charge| charge.amount);
    charges.chain(plan.upfront).chain(plan.cap)
}

fn single(candidate: &Candidate) -> Option<String> {
    let own = candidate.plan.currency;
    let other = amounts(candidate).find(|amount| amount.currency() != own)?;
    Some(format!("{other} is charged, the offer is in {own}"))
}

fn equals_approved(candidate: &Candidate) -> Option<String> {
    let approved = candidate.approved_price;
    match Money::sum(amounts(candidate), candidate.plan.currency) {
        Ok(total) => when(total != approved, || {
            format!("{total} is charged, {approved} approved")
        }),
        Err(problem) => Some(problem.to_string()),
    }
}

fn fixed_zero(candidate: &Candidate) -> Option<String> {
    let price = candidate.plan.fixed_price;
    when(!price.is_zero(), || {
        format!("the fixed term asks {price} beside the schedule")
    })
}

fn in_range(candidate: &Candidate) -> Option<String> {
    let largest = Decimal::from(LARGEST_AMOUNT);
    let wrong =
        amounts(candidate).find(|amount| !amount.is_positive() || amount.amount() > largest)?;
    Some(format!("{wrong} is charged"))
}

fn dollars_above(candidate: &Candidate, most: i64) -> bool {
    let price = candidate.approved_price;
    price.currency() == Currency::Usd && price.amount() > Decimal::from(most)
}

fn in_quota(candidate: &Candidate) -> Option<String> {
    when(dollars_above(candidate, LARGEST_AGREEMENT), || {
        format!("{} is above 1 000 000 000 USD", candidate.approved_price)
    })
}

fn big_deal(candidate: &Candidate) -> Option<String> {
    when(dollars_above(candidate, BIG_DEAL), || {
        format!("{} is above 250 000 USD", candidate.approved_price)
    })
}
