//! E6: exact to the minor unit, both ways.

use proptest::prelude::*;

use super::super::solver::{Given, Solution, solve};
use super::super::uplift::Uplift;
use super::*;

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn texts(solution: Solution) -> [String; 4] {
    let base = solution.base.map_or_else(String::new, Money::amount_text);
    let [price, fee, net] = [solution.price, solution.fee, solution.net].map(Money::amount_text);
    [base, price, fee, net]
}

/// The figures of S0 and of the facts, by hand.
#[test]
fn known_figures() {
    let markup = Uplift::Markup(rate("0.025"));
    let gross_up = Uplift::GrossUp(rate("0.025"));
    for (uplift, given, expected) in [
        (
            markup,
            Given::Base(usd("100000")),
            ["100000.00", "102500.00", "2562.50", "99937.50"],
        ),
        (
            markup,
            Given::Price(usd("102500")),
            ["100000.00", "102500.00", "2562.50", "99937.50"],
        ),
        (
            gross_up,
            Given::TargetNet(usd("10000")),
            ["10000.00", "10256.41", "256.41", "10000.00"],
        ),
        (
            Uplift::None,
            Given::Price(usd("0.01")),
            ["0.01", "0.01", "0.00", "0.01"],
        ),
        // 1.01 × 1.025 is 1.04, 1.02 × 1.025 is 1.05; no cent lies between, so 1.03 has none below.
        (
            markup,
            Given::Price(usd("0.21")),
            ["", "0.21", "0.01", "0.20"],
        ),
    ] {
        let solution = solve(uplift, rate("0.025"), given).unwrap();
        if expected[0].is_empty() {
            let tried = (1..=30).map(|it| Money::from_minor_units(it, Currency::Usd).unwrap());
            let hit = tried
                .into_iter()
                .any(|it| uplift.price_of(it).unwrap() == solution.price);
            assert_eq!(solution.base.is_some(), hit);
            assert_eq!(texts(solution)[1..], expected[1..]);
        } else {
            assert_eq!(texts(solution), expected);
        }
    }
}

fn uplift() -> impl Strategy<Value = Uplift> {
    let rate = (0_u64..9_000).prop_map(|it| rate(&format!("0.{it:04}")));
    prop_oneof![
        rate.clone().prop_map(Uplift::Markup),
        rate.prop_map(Uplift::GrossUp),
        Just(Uplift::None),
    ]
}

proptest! {
    /// The price leaves at least the target, and a unit less would not.
    #[test]
    fn the_smallest_price_that_leaves_the_target(
        target in 1_i64..1_000_000_000_000,
        fee in 0_u64..99_999_999,
        uplift in uplift(),
    ) {
        let fee = rate(&format!("0.{fee:08}"));
        for currency in [Currency::Usd, Currency::Jpy] {
            let amount = |units| Money::from_minor_units(units, currency).unwrap();
            let Ok(solution) = solve(uplift, fee, Given::TargetNet(amount(target))) else {
                continue;
            };
            let net = |units| amount(units).checked_sub(fee.of(amount(units))).unwrap();
            let price = solution.price.minor_units();
            prop_assert_eq!(solution.net, net(price));
            prop_assert!(net(price).minor_units() >= target);
            prop_assert!(net(price - 1).minor_units() < target);
            prop_assert_eq!(solution.fee.minor_units() + solution.net.minor_units(), price);
        }
    }

    /// From base to price and back is the same base; a base is named only if it gives the price.
    #[test]
    fn base_and_price_are_inverse(units in 1_i64..10_000_000_000, uplift in uplift()) {
        let amount = Money::from_minor_units(units, Currency::Usd).unwrap();
        let there = solve(uplift, rate("0.025"), Given::Base(amount)).unwrap();
        let back = solve(uplift, rate("0.025"), Given::Price(there.price)).unwrap();
        prop_assert_eq!(back.base, Some(amount));
        let free = solve(uplift, rate("0.025"), Given::Price(amount)).unwrap();
        if let Some(base) = free.base {
            prop_assert_eq!(uplift.price_of(base).unwrap(), amount);
        }
    }
}
