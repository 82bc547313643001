//! Fractions: mark-ups, gross-ups, listing fees (E3).

use std::fmt;

use rust_decimal::Decimal;

use crate::Money;
use crate::excerpt::excerpt;
use crate::money::{MoneyError, parse_plain};

/// The most decimal digits a rate may have: AWS takes nine in a mark-up percentage, eleven as a fraction.
pub const MAX_RATE_DIGITS: u32 = 11;

/// A fraction at or above zero and below one: 0.025 is 2.5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate(Decimal);

/// Why a text or decimal is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Anything but plain decimal digits.
    #[error("{0:?} is not a plain decimal fraction such as 0.025")]
    NotPlainDecimal(String),
    /// Below zero, or one and above.
    #[error("{0} is not at least 0 and less than 1")]
    OutOfRange(Decimal),
    /// More than [`MAX_RATE_DIGITS`] decimal digits.
    #[error("{0} has more than {MAX_RATE_DIGITS} decimal digits")]
    TooPrecise(Decimal),
}

impl Rate {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Takes a fraction.
    ///
    /// # Errors
    /// [`RateError::OutOfRange`], [`RateError::TooPrecise`].
    pub fn new(fraction: Decimal) -> Result<Self, RateError> {
        let fraction = fraction.normalize();
        if fraction < Decimal::ZERO || fraction >= Decimal::ONE {
            return Err(RateError::OutOfRange(fraction));
        }
        if fraction.scale() > MAX_RATE_DIGITS {
            return Err(RateError::TooPrecise(fraction));
        }
        Ok(Self(fraction))
    }

    /// Parses a plain decimal fraction such as `0.025`.
    ///
    /// # Errors
    /// Every variant of [`RateError`].
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let fraction =
            parse_plain(text).ok_or_else(|| RateError::NotPlainDecimal(excerpt(text)))?;
        Self::new(fraction)
    }

    /// The fraction.
    #[must_use]
    pub const fn fraction(self) -> Decimal {
        self.0
    }

    /// This part of `money`, rounded half-even to the minor unit (E4).
    #[must_use]
    pub fn of(self, money: Money) -> Money {
        // A rate is below one, so the part is no larger than `money`, which is in bounds.
        Money::rounded(money.amount() * self.0, money.currency()).unwrap_or(money)
    }

    /// `money` raised by this rate: `money × (1 + rate)`, rounded half-even (E3, `markup`).
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn added_to(self, money: Money) -> Result<Money, MoneyError> {
        Money::rounded(money.amount() * (Decimal::ONE + self.0), money.currency())
    }

    /// The price from which taking this rate leaves `money`: `money / (1 − rate)`, rounded
    /// half-even (E3, `gross_up`).
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn grossed_up(self, money: Money) -> Result<Money, MoneyError> {
        Money::rounded(money.amount() / (Decimal::ONE - self.0), money.currency())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Currency;

    fn usd(text: &str) -> Money {
        Money::parse(text, Currency::Usd).unwrap()
    }

    /// S0's figures, and the trap that a 2.5 % mark-up does not recover a 2.5 % fee (facts §0.2).
    #[test]
    fn markup_fee_and_gross_up() {
        let rate = Rate::parse("0.025").unwrap();
        let price = rate.added_to(usd("100000.00")).unwrap();
        assert_eq!(price, usd("102500.00"));
        assert_eq!(rate.of(price), usd("2562.50"));
        assert_eq!(rate.to_string(), "0.025");
        assert_eq!(rate.added_to(usd("10000")).unwrap(), usd("10250"));
        assert_eq!(rate.grossed_up(usd("10000")).unwrap(), usd("10256.41"));
        assert_eq!(
            Rate::parse("0.005")
                .unwrap()
                .grossed_up(usd("10000"))
                .unwrap(),
            usd("10050.25")
        );
    }

    #[test]
    fn refuses_what_is_no_fraction() {
        for wrong in ["2.5", "1", "-0.1"] {
            assert!(
                matches!(Rate::parse(wrong), Err(RateError::OutOfRange(_))),
                "{wrong}"
            );
        }
        for wrong in ["2.5%", "1e-2", ""] {
            assert!(
                matches!(Rate::parse(wrong), Err(RateError::NotPlainDecimal(_))),
                "{wrong}"
            );
        }
        assert!(matches!(
            Rate::parse("0.0000000000001"),
            Err(RateError::TooPrecise(_))
        ));
    }
}
