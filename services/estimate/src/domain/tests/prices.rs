//! E3, E4, E5: figures, and that breakdowns add up.

use proptest::prelude::*;

use super::super::uplift::Uplift;
use super::*;

fn texts(prices: &[Money]) -> Vec<String> {
    prices.iter().map(|price| price.amount_text()).collect()
}

/// S0's deal, to the cent.
#[test]
fn the_handbook_s_figures() {
    let version = drafted(handbook()).latest;
    assert_eq!(texts(&version.prices), ["51250.00", "30750.00", "20500.00"]);
    let economics = version.economics;
    assert_eq!(economics.base_total, usd("100000.00"));
    assert_eq!(economics.price_total, usd("102500.00"));
    assert_eq!(economics.uplift.to_string(), "markup 0.025");
    assert_eq!(economics.listing_fee_rate.to_string(), "0.025");
    assert_eq!(economics.expected_fee, usd("2562.50"));
    assert_eq!(economics.expected_net, usd("99937.50"));
    assert_eq!(economics.shortfall, usd("62.50"));
    assert_eq!((economics.effort_cost, economics.margin), (None, None));
}

/// E1, E5: effort justifies a package; a margin needs the effort of all of them.
#[test]
fn effort_gives_cost_and_margin() {
    let mut form = handbook();
    form.packages[0].effort = vec![effort("37.5", "80.33"), effort("1", "0.00")];
    let partly = drafted(form.clone()).latest.economics;
    // 37.5 × 80.33 = 3012.375, half-even.
    assert_eq!(
        (partly.effort_cost, partly.margin),
        (Some(usd("3012.38")), None)
    );
    form.packages[1].effort = vec![effort("100", "100.00")];
    form.packages[2].effort = vec![effort("100", "70.00")];
    let wholly = drafted(form).latest.economics;
    assert_eq!(wholly.effort_cost, Some(usd("20012.38")));
    assert_eq!(wholly.margin, Some(usd("79925.12")));
}

/// E3: no fee is assumed that the table does not hold.
#[test]
fn without_a_fee_in_force_there_is_no_price() {
    let rules = PricingRules {
        fees: Vec::new(),
        ..rules()
    };
    let actor = principal("em@acme.example");
    let facts = Facts {
        now: at(NOW),
        actor: &actor,
        rules: &rules,
    };
    let refused = decide(&State::Absent, &draft_command(handbook()), facts).unwrap_err();
    assert_eq!(refused.reason(), "LISTING_FEE_UNKNOWN");
}

fn uplift() -> impl Strategy<Value = Uplift> {
    let rate = (0_u32..900).prop_map(|it| Rate::parse(&format!("0.{it:03}")).unwrap());
    prop_oneof![
        rate.clone().prop_map(Uplift::Markup),
        rate.prop_map(Uplift::GrossUp),
        Just(Uplift::None),
    ]
}

proptest! {
    /// E4: lines add up to the price, the price less the fee is the net, the net and the shortfall
    /// are the base; no line is below its base.
    #[test]
    fn every_breakdown_adds_up(
        bases in prop::collection::vec(1_i64..100_000_000, 1..=24),
        uplift in uplift(),
        fee_rate in 0_u32..500,
    ) {
        let mut form = handbook();
        form.stated_total = None;
        form.packages = bases
            .iter()
            .map(|units| {
                package("p", &Money::from_minor_units(*units, Currency::Usd).unwrap().amount_text())
            })
            .collect();
        let mut rules = rules();
        rules.policy.uplift = uplift;
        rules.fees = vec![fee(&format!("0.{fee_rate:03}"))];
        let actor = principal("em@acme.example");
        let facts = Facts { now: at(NOW), actor: &actor, rules: &rules };
        let Ok(events) = decide(&State::Absent, &draft_command(form), facts) else {
            // Beyond what AWS takes: refused, which other tests hold.
            return Ok(());
        };
        let state = events.into_iter().fold(State::Absent, evolve);
        let version = &state.head().unwrap().latest;
        let economics = &version.economics;
        let sum = |parts: &[Money]| Money::sum(parts.iter().copied(), Currency::Usd).unwrap();
        prop_assert_eq!(sum(&version.prices), economics.price_total);
        prop_assert_eq!(
            sum(&[economics.expected_fee, economics.expected_net]),
            economics.price_total
        );
        prop_assert_eq!(
            sum(&[economics.expected_net, economics.shortfall]),
            economics.base_total
        );
        prop_assert_eq!(uplift.price_of(economics.base_total).unwrap(), economics.price_total);
        for (package, price) in version.content.packages.iter().zip(&version.prices) {
            prop_assert!(price.amount() >= package.base_price.amount());
        }
    }
}
