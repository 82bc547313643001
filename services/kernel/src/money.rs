//! Exact money (E4): a decimal amount with no more digits than its currency has.

use std::cmp::Ordering;
use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::Currency;
use crate::excerpt::excerpt;

/// The largest absolute amount that is accepted, in major units: a thousand times what AWS lets an
/// agreement be worth (USD 1 billion), so that no sum of a deal's amounts can overflow.
pub const MAX_MAJOR_UNITS: i64 = 1_000_000_000_000;

/// An amount in one currency, exact to the minor unit. May be negative (fees, mirrors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

/// Why a text or decimal is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Anything but `-?digits(.digits)?`: exponents, signs of plus, separators, NaN, blanks.
    #[error("{0:?} is not a plain decimal number such as 102500.00")]
    NotPlainDecimal(String),
    /// More decimal digits than the currency's minor unit has.
    #[error("{amount} has more than the {digits} decimal digits of {currency}")]
    TooPrecise {
        /// The amount as it was given.
        amount: String,
        /// The currency that it was given in.
        currency: Currency,
        /// How many digits it may have.
        digits: u32,
    },
    /// Beyond [`MAX_MAJOR_UNITS`].
    #[error("{0} is larger than any amount handled here")]
    TooLarge(String),
    /// Two amounts of different currencies met in one sum.
    #[error("{left} and {right} cannot be added")]
    CurrencyMismatch {
        /// Currency of the left operand.
        left: Currency,
        /// Currency of the right operand.
        right: Currency,
    },
}

impl Money {
    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self {
            amount: Decimal::ZERO,
            currency,
        }
    }

    /// Takes `amount` major units, refusing what the currency cannot express exactly.
    ///
    /// # Errors
    /// [`MoneyError::TooPrecise`] and [`MoneyError::TooLarge`].
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let amount = amount.normalize();
        let digits = currency.minor_digits();
        if amount.scale() > digits {
            return Err(MoneyError::TooPrecise {
                amount: amount.to_string(),
                currency,
                digits,
            });
        }
        Self::bounded(amount, currency)
    }

    /// Takes `amount` major units rounded half-even to the minor unit: the one rounding rule (E4).
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn rounded(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let rounded = amount.round_dp_with_strategy(
            currency.minor_digits(),
            RoundingStrategy::MidpointNearestEven,
        );
        Self::bounded(rounded.normalize(), currency)
    }

    /// Parses a plain decimal text such as `102500.00` (E4: no float ever touches money).
    ///
    /// # Errors
    /// Every variant but [`MoneyError::CurrencyMismatch`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let amount = parse_plain(text).ok_or_else(|| MoneyError::NotPlainDecimal(excerpt(text)))?;
        if fraction_digits(text) > currency.minor_digits() as usize {
            let digits = currency.minor_digits();
            return Err(MoneyError::TooPrecise {
                amount: text.to_owned(),
                currency,
                digits,
            });
        }
        Self::new(amount, currency)
    }

    /// `minor_units` of the currency: cents, or yen.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn from_minor_units(minor_units: i64, currency: Currency) -> Result<Self, MoneyError> {
        Self::bounded(
            Decimal::new(minor_units, currency.minor_digits()).normalize(),
            currency,
        )
    }

    /// The amount in major units.
    #[must_use]
    pub const fn amount(self) -> Decimal {
        self.amount
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount in minor units. Fits: amounts are bounded by [`MAX_MAJOR_UNITS`].
    #[must_use]
    pub fn minor_units(self) -> i64 {
        let mut scaled = self.amount;
        scaled.rescale(self.currency.minor_digits());
        i64::try_from(scaled.mantissa()).unwrap_or(i64::MAX)
    }

    /// Whether the amount is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.amount < Decimal::ZERO
    }

    /// Whether the amount is above zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.amount > Decimal::ZERO
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::TooLarge`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Self::bounded(self.amount + other.amount, self.currency)
    }

    /// The difference.
    ///
    /// # Errors
    /// As [`Money::checked_add`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(other.negated())
    }

    /// The amount with the opposite sign.
    #[must_use]
    pub fn negated(self) -> Self {
        // A negative zero would print as "-0.00".
        let amount = if self.amount.is_zero() {
            Decimal::ZERO
        } else {
            -self.amount
        };
        Self {
            amount,
            currency: self.currency,
        }
    }

    /// The amount without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self {
            amount: self.amount.abs(),
            currency: self.currency,
        }
    }

    /// The sum of `parts`, zero in `currency` when there are none.
    ///
    /// # Errors
    /// As [`Money::checked_add`].
    pub fn sum(
        parts: impl IntoIterator<Item = Self>,
        currency: Currency,
    ) -> Result<Self, MoneyError> {
        parts
            .into_iter()
            .try_fold(Self::zero(currency), Self::checked_add)
    }

    /// Compares two amounts of one currency; `None` across currencies.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        (self.currency == other.currency).then(|| self.amount.cmp(&other.amount))
    }

    /// The amount as text with all digits of the currency, without its code: `102500.00`.
    #[must_use]
    pub fn amount_text(self) -> String {
        let mut amount = self.amount;
        amount.rescale(self.currency.minor_digits());
        amount.to_string()
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::CurrencyMismatch {
            left: self.currency,
            right: other.currency,
        })
    }

    fn bounded(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        if amount.abs() > Decimal::from(MAX_MAJOR_UNITS) {
            return Err(MoneyError::TooLarge(amount.to_string()));
        }
        let amount = if amount.is_zero() {
            Decimal::ZERO
        } else {
            amount.normalize()
        };
        Ok(Self { amount, currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount_text(), self.currency)
    }
}

/// Parses `-?digits(.digits)?` and nothing else; `None` also when it does not fit a [`Decimal`].
pub(crate) fn parse_plain(text: &str) -> Option<Decimal> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || text.len() > 40 {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

fn fraction_digits(text: &str) -> usize {
    text.split_once('.')
        .map_or(0, |(_, fraction)| fraction.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Money {
        Money::parse(text, Currency::Usd).unwrap()
    }

    /// E4: what is refused at every door: float-looking, three decimals, separators.
    #[test]
    fn only_plain_decimals_with_the_currency_s_digits_parse() {
        for wrong in [
            "1e5", "1.0E2", "NaN", "inf", "+1", "1,000.00", " 1", "1.", ".5", "", "-", "--1",
        ] {
            assert!(
                matches!(
                    Money::parse(wrong, Currency::Usd),
                    Err(MoneyError::NotPlainDecimal(_))
                ),
                "{wrong}"
            );
        }
        for wrong in ["100.005", "0.000", "1.100"] {
            assert!(
                matches!(
                    Money::parse(wrong, Currency::Usd),
                    Err(MoneyError::TooPrecise { .. })
                ),
                "{wrong}"
            );
        }
        assert!(matches!(
            Money::parse("1.0", Currency::Jpy),
            Err(MoneyError::TooPrecise { .. })
        ));
        assert!(matches!(
            Money::parse("1000000000001", Currency::Usd),
            Err(MoneyError::TooLarge(_))
        ));
    }

    #[test]
    fn prints_all_minor_digits() {
        assert_eq!(usd("102500").to_string(), "102500.00 USD");
        assert_eq!(usd("-0.5").to_string(), "-0.50 USD");
        assert_eq!(
            Money::parse("5", Currency::Jpy).unwrap().to_string(),
            "5 JPY"
        );
        assert_eq!(usd("-0.00").to_string(), "0.00 USD");
        assert_eq!(usd("0").negated().to_string(), "0.00 USD");
    }

    /// E4: half-even.
    #[test]
    fn rounds_half_to_even() {
        let rounded = |text: &str| {
            Money::rounded(Decimal::from_str_exact(text).unwrap(), Currency::Usd)
                .unwrap()
                .amount_text()
        };
        assert_eq!(rounded("0.005"), "0.00");
        assert_eq!(rounded("0.015"), "0.02");
        assert_eq!(rounded("0.025"), "0.02");
        assert_eq!(rounded("-0.015"), "-0.02");
        assert_eq!(rounded("0.0250001"), "0.03");
    }

    #[test]
    fn currencies_do_not_mix() {
        let yen = Money::parse("1", Currency::Jpy).unwrap();
        assert!(matches!(
            usd("1").checked_add(yen),
            Err(MoneyError::CurrencyMismatch { .. })
        ));
        assert_eq!(usd("1").compare(yen), None);
        assert_eq!(usd("1").compare(usd("2")), Some(Ordering::Less));
    }

    #[test]
    fn signs_are_told_apart() {
        for (text, zero, negative, positive) in [
            ("0.00", true, false, false),
            ("-0.01", false, true, false),
            ("0.01", false, false, true),
        ] {
            let money = usd(text);
            assert_eq!(
                (money.is_zero(), money.is_negative(), money.is_positive()),
                (zero, negative, positive),
                "{text}"
            );
        }
    }

    /// E4: the bounds are exact, and nothing wraps or is cut beyond them.
    #[test]
    fn amounts_are_bounded() {
        let most = usd("1000000000000.00");
        assert_eq!(most.minor_units(), 100_000_000_000_000);
        assert!(most.checked_add(usd("0.01")).is_err());
        assert!(most.negated().checked_sub(usd("0.01")).is_err());
        assert_eq!(
            most.checked_sub(usd("0.01")).unwrap(),
            usd("999999999999.99")
        );
        let long = |zeros: usize| format!("{}1.00", "0".repeat(zeros));
        assert_eq!(Money::parse(&long(36), Currency::Usd), Ok(usd("1")));
        assert!(matches!(
            Money::parse(&long(37), Currency::Usd),
            Err(MoneyError::NotPlainDecimal(_))
        ));
    }

    proptest! {
        #[test]
        fn minor_units_text_and_value_agree(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
            for currency in Currency::ALL {
                let money = Money::from_minor_units(minor, currency).unwrap();
                prop_assert_eq!(money.minor_units(), minor);
                prop_assert_eq!(Money::parse(&money.amount_text(), currency).unwrap(), money);
                prop_assert_eq!(money.checked_sub(money).unwrap(), Money::zero(currency));
            }
        }
    }
}
