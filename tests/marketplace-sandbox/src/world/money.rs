//! Exact money: decimals, a currency's digits, half-even rounding (E4).
//!
//! Written here a second time on purpose: a simulator that shared the arithmetic of what it tests
//! would agree with its mistakes.

use rust_decimal::{Decimal, RoundingStrategy};

/// Currencies that an offer may name, with their minor digits (facts §0 row 11); INR is for sellers in
/// India, of whom there is none here.
const CURRENCIES: [(&str, u32); 6] = [
    ("USD", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("AUD", 2),
    ("JPY", 0),
    ("CAD", 2),
];

/// Minor digits of a currency that the marketplace takes; none for any other code.
pub(crate) fn digits(currency: &str) -> Option<u32> {
    CURRENCIES
        .iter()
        .find(|(code, _)| *code == currency)
        .map(|(_, digits)| *digits)
}

/// `amount` to the currency's minor unit, half to even.
pub(crate) fn round(amount: Decimal, currency: &str) -> Decimal {
    let digits = digits(currency).unwrap_or(2);
    let mut rounded = amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointNearestEven);
    rounded.rescale(digits);
    rounded
}

/// `amount × rate`, rounded: a listing fee or a tax.
pub(crate) fn share(amount: Decimal, rate: Decimal, currency: &str) -> Decimal {
    round(amount * rate, currency)
}

/// What of `whole` belongs to `part` of `total`, rounded; `part == total` gives exactly `whole`.
pub(crate) fn proportion(whole: Decimal, part: Decimal, total: Decimal, currency: &str) -> Decimal {
    if part == total || total.is_zero() {
        whole
    } else {
        round(whole * part / total, currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn the_handbook_deal() {
        let price = decimal("102500.00");
        let fee = share(price, decimal("0.025"), "USD");
        assert_eq!(fee.to_string(), "2562.50");
        assert_eq!((price - fee).to_string(), "99937.50");
    }

    #[test]
    fn half_goes_to_even_in_the_currency_s_digits() {
        for (amount, currency, expected) in [
            ("0.125", "USD", "0.12"),
            ("0.135", "USD", "0.14"),
            ("-0.125", "USD", "-0.12"),
            ("2.5", "JPY", "2"),
            ("3.5", "JPY", "4"),
            ("7", "EUR", "7.00"),
        ] {
            assert_eq!(
                round(decimal(amount), currency).to_string(),
                expected,
                "{amount} {currency}"
            );
        }
    }

    #[test]
    fn proportions_of_a_fee_end_at_the_fee() {
        let (fee, total) = (decimal("2562.50"), decimal("102500.00"));
        let first = proportion(fee, decimal("33333.33"), total, "USD");
        assert_eq!(first.to_string(), "833.33");
        assert_eq!(proportion(fee, total, total, "USD"), fee);
    }

    #[test]
    fn only_the_marketplace_s_currencies_have_digits() {
        assert_eq!(digits("JPY"), Some(0));
        assert_eq!(digits("JPN"), None);
        assert_eq!(digits("CHF"), None);
    }
}
