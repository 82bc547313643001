//! Splitting a total into parts that add up to it exactly: largest remainder (E4).

use rust_decimal::Decimal;

use crate::Money;
use crate::money::MoneyError;

/// The most parts that one total is split into: AWS's 60 instalments and 200 dimensions, with room.
pub const MAX_PARTS: usize = 1_000;

/// Why a total cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    /// There is no part to give anything to, or more than [`MAX_PARTS`].
    #[error("a total is split into 1 to {MAX_PARTS} parts")]
    PartCount,
    /// A weight is below zero, or all are zero.
    #[error("weights are at or above zero and not all zero")]
    Weights,
    /// A part left the bounds of money: only next to the largest amount there is.
    #[error("a part is out of bounds")]
    OutOfBounds(#[source] MoneyError),
}

/// Splits `total` in proportion to `weights`, exact to the minor unit: each part is its share
/// rounded towards zero, and the minor units left over go one each to the parts with the largest
/// remainders (the earlier part on a tie). The parts always add up to `total`.
///
/// # Errors
/// [`AllocationError`].
pub fn allocate(total: Money, weights: &[Decimal]) -> Result<Vec<Money>, AllocationError> {
    if weights.is_empty() || weights.len() > MAX_PARTS {
        return Err(AllocationError::PartCount);
    }
    let sum: Decimal = weights.iter().sum();
    if weights.iter().any(|weight| *weight < Decimal::ZERO) || sum.is_zero() {
        return Err(AllocationError::Weights);
    }
    let units = Decimal::from(total.minor_units());
    let shares: Vec<Decimal> = weights
        .iter()
        .map(|weight| units * (*weight / sum))
        .collect();
    let mut parts: Vec<Decimal> = shares.iter().map(Decimal::trunc).collect();

    // Counted, not assumed: a share may be inexact in its 28th digit, and a total below zero has
    // units left over below zero. A weight of zero never receives one.
    let mut left_over = units - parts.iter().sum::<Decimal>();
    let unit = if left_over < Decimal::ZERO {
        Decimal::NEGATIVE_ONE
    } else {
        Decimal::ONE
    };
    for index in by_largest_remainder(&shares, weights).into_iter().cycle() {
        if left_over.is_zero() {
            break;
        }
        parts[index] += unit;
        left_over -= unit;
    }
    parts
        .into_iter()
        .map(|units| Money::from_minor_units(whole(units), total.currency()))
        .collect::<Result<_, _>>()
        .map_err(AllocationError::OutOfBounds)
}

/// The places of the parts that may receive a left-over unit, in the order in which they do.
fn by_largest_remainder(shares: &[Decimal], weights: &[Decimal]) -> Vec<usize> {
    let remainder = |index: usize| shares[index].fract().abs();
    let mut order: Vec<usize> = (0..shares.len())
        .filter(|index| !weights[*index].is_zero())
        .collect();
    order.sort_by(|a, b| remainder(*b).cmp(&remainder(*a)).then(a.cmp(b)));
    order
}

/// A whole number of minor units as an integer: it fits, since money is bounded.
fn whole(units: Decimal) -> i64 {
    i64::try_from(units.trunc().mantissa()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Currency;

    fn split(total: &str, weights: &[i64]) -> Vec<String> {
        let weights: Vec<Decimal> = weights
            .iter()
            .map(|weight| Decimal::from(*weight))
            .collect();
        allocate(Money::parse(total, Currency::Usd).unwrap(), &weights)
            .unwrap()
            .into_iter()
            .map(Money::amount_text)
            .collect()
    }

    /// E4, in small numbers: the penny goes to the largest remainder, the earlier one on a tie.
    #[test]
    fn the_left_over_unit_goes_to_the_largest_remainder() {
        assert_eq!(split("100.00", &[1, 1, 1]), ["33.34", "33.33", "33.33"]);
        assert_eq!(split("0.01", &[1, 2]), ["0.00", "0.01"]);
        assert_eq!(split("-0.05", &[1, 1]), ["-0.03", "-0.02"]);
        assert_eq!(split("1.00", &[0, 3, 0]), ["0.00", "1.00", "0.00"]);
        assert_eq!(
            split("102500.00", &[50_000, 30_000, 20_000]),
            ["51250.00", "30750.00", "20500.00"]
        );
    }

    #[test]
    fn refuses_no_parts_and_no_weight() {
        let total = Money::parse("1", Currency::Usd).unwrap();
        assert_eq!(allocate(total, &[]), Err(AllocationError::PartCount));
        let parts = allocate(total, &[Decimal::ONE; MAX_PARTS]).unwrap();
        assert_eq!(Money::sum(parts, Currency::Usd), Ok(total));
        assert_eq!(
            allocate(total, &[Decimal::ONE; MAX_PARTS + 1]),
            Err(AllocationError::PartCount)
        );
        assert_eq!(
            allocate(total, &[Decimal::ZERO]),
            Err(AllocationError::Weights)
        );
        assert_eq!(
            allocate(total, &[Decimal::ONE, Decimal::NEGATIVE_ONE]),
            Err(AllocationError::Weights)
        );
    }

    proptest! {
        /// E4: every breakdown adds up exactly, and no part is more than a unit off its share.
        #[test]
        fn parts_add_up_exactly(
            minor in -10_000_000_000_i64..10_000_000_000,
            weights in prop::collection::vec(0_u32..1_000_000, 1..60),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let weights: Vec<Decimal> = weights.into_iter().map(Decimal::from).collect();
            let sum: Decimal = weights.iter().sum();
            for currency in [Currency::Usd, Currency::Jpy] {
                let total = Money::from_minor_units(minor, currency).unwrap();
                let parts = allocate(total, &weights).unwrap();
                prop_assert_eq!(Money::sum(parts.iter().copied(), currency).unwrap(), total);
                for (part, weight) in parts.iter().zip(&weights) {
                    let exact = Decimal::from(minor) * *weight / sum;
                    prop_assert!((Decimal::from(part.minor_units()) - exact).abs() <= Decimal::ONE);
                }
            }
        }
    }
}
