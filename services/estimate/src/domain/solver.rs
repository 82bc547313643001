//! From the net that should be kept to the price, and back; exact to the minor unit (E6).
//!
//! Both directions are searches over minor units rather than formulas turned round: fee and uplift
//! are rounded half-even, so the inverse of the formula is off by a unit where it matters most.

use countersign_kernel::money::{MAX_MAJOR_UNITS, MoneyError};
use countersign_kernel::{Currency, Money, Rate};

use super::field;
use super::form::MoneyForm;
use super::rejection::{Reason, Rejection, Violations};
use super::uplift::{Uplift, UpliftForm};

/// What is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// What should be left after the fee: the smallest price that leaves at least this.
    TargetNet(Money),
    /// What the customer pays.
    Price(Money),
    /// What the seller starts from.
    Base(Money),
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solution {
    /// The base that the uplift turns into the price; `None` when none gives it exactly.
    pub base: Option<Money>,
    /// What the customer pays.
    pub price: Money,
    /// The listing fee on it, rounded half-even.
    pub fee: Money,
    /// Price less fee.
    pub net: Money,
}

/// Solves for everything that `given` leaves open. The given amount is at or above zero.
///
/// # Errors
/// [`MoneyError::TooLarge`] when the price is beyond what is handled.
pub fn solve(uplift: Uplift, fee_rate: Rate, given: Given) -> Result<Solution, MoneyError> {
    let (base, price) = match given {
        Given::Base(base) => (Some(base), uplift.price_of(base)?),
        Given::Price(price) => (base_of(uplift, price), price),
        Given::TargetNet(target) => {
            let price = price_leaving(target, fee_rate)?;
            (base_of(uplift, price), price)
        }
    };
    let fee = fee_rate.of(price);
    Ok(Solution {
        base,
        price,
        fee,
        net: price.checked_sub(fee)?,
    })
}

/// A fee below the whole price never takes more than a unit of each unit added, so the net does
/// not fall as the price rises, and the smallest price can be searched by halving.
fn price_leaving(target: Money, fee_rate: Rate) -> Result<Money, MoneyError> {
    let leaves_enough = |price: Money| {
        price
            .checked_sub(fee_rate.of(price))
            .is_ok_and(|net| net.amount() >= target.amount())
    };
    smallest(target.currency(), leaves_enough)
        .ok_or_else(|| MoneyError::TooLarge(format!("the price that leaves {target}")))
}

fn base_of(uplift: Uplift, price: Money) -> Option<Money> {
    base_reaching(uplift, price).filter(|base| uplift.price_of(*base) == Ok(price))
}

/// The smallest base whose price is at least `price`; `None` when none is.
#[must_use]
pub fn base_reaching(uplift: Uplift, price: Money) -> Option<Money> {
    // A base whose price is beyond what is handled is above the one that is looked for.
    let reaches = |base: Money| {
        uplift
            .price_of(base)
            .map_or(true, |raised| raised.amount() >= price.amount())
    };
    smallest(price.currency(), reaches)
}

/// The smallest amount from zero on that has a property which every larger one has too.
fn smallest(currency: Currency, holds: impl Fn(Money) -> bool) -> Option<Money> {
    let mut above = MAX_MAJOR_UNITS * 10_i64.pow(currency.minor_digits());
    let mut below = -1;
    let amount = |units| Money::from_minor_units(units, currency).ok();
    if !amount(above).is_some_and(&holds) {
        return None;
    }
    // Invariant: it holds at `above` and not at `below`. At most 47 halvings.
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if amount(middle).is_some_and(&holds) {
            above = middle;
        } else {
            below = middle;
        }
    }
    amount(above)
}

/// A question as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SolveForm {
    /// The uplift, when said.
    pub uplift: Option<UpliftForm>,
    /// The listing fee as a fraction.
    pub listing_fee_rate: String,
    /// What is known, when said.
    pub given: Option<GivenForm>,
}

/// What is known, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenForm {
    /// As in [`Given::TargetNet`].
    TargetNet(MoneyForm),
    /// As in [`Given::Price`].
    Price(MoneyForm),
    /// As in [`Given::Base`].
    Base(MoneyForm),
}

impl SolveForm {
    /// The answer.
    ///
    /// # Errors
    /// [`Rejection::Invalid`], also when the price is beyond what is handled.
    pub fn solve(&self) -> Result<Solution, Rejection> {
        let mut wrong = Violations::default();
        let uplift = UpliftForm::check(self.uplift.as_ref(), &mut wrong, "uplift");
        let fee_rate = field::rate(&mut wrong, "listing_fee_rate", &self.listing_fee_rate);
        let given = self.given(&mut wrong);
        let solution = uplift
            .zip(fee_rate)
            .zip(given)
            .and_then(|((uplift, fee_rate), given)| {
                wrong.take(
                    "given",
                    Reason::AmountTooLarge,
                    solve(uplift, fee_rate, given),
                )
            });
        wrong.finish(solution)
    }

    fn given(&self, wrong: &mut Violations) -> Option<Given> {
        let mut amount =
            |field, form: &MoneyForm| field::price_above_zero(wrong, field, Some(form), None);
        match &self.given {
            Some(GivenForm::TargetNet(net)) => amount("target_net", net).map(Given::TargetNet),
            Some(GivenForm::Price(price)) => amount("price", price).map(Given::Price),
            Some(GivenForm::Base(base)) => amount("base", base).map(Given::Base),
            None => {
                wrong.add("given", Reason::Required, "say target_net, price or base");
                None
            }
        }
    }
}
