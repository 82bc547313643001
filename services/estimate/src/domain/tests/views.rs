//! E5, E8: what the customer sees, what differs, what a clone starts from.

use super::super::customer_view::CustomerView;
use super::super::difference::{Difference, differences};
use super::*;

/// E5: the final rates and nothing from which base, uplift or fee could be read.
#[test]
fn the_customer_sees_final_rates_only() {
    let mut form = handbook();
    form.packages[0].effort = vec![effort("37.5", "80.33")];
    let version = drafted(form).latest;
    let view = CustomerView::from(&version);
    let prices: Vec<String> = view
        .lines
        .iter()
        .map(|line| line.price.amount_text())
        .collect();
    assert_eq!(prices, ["51250.00", "30750.00", "20500.00"]);
    assert_eq!(view.total, usd("102500.00"));
    let shown = format!("{view:?}");
    for hidden in [
        "50000", "100000", "2562", "99937", "62.5", "0.025", "37.5", "80.33",
    ] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

fn difference(field: &str, before: &str, after: &str) -> Difference {
    let [field, before, after] = [field, before, after].map(str::to_owned);
    Difference {
        field,
        before,
        after,
    }
}

/// E8: changed, removed and added fields, each named once.
#[test]
fn versions_differ_field_by_field() {
    let before = drafted(handbook()).latest;
    assert_eq!(differences(&before, &before), []);
    let mut form = handbook();
    form.packages[1].base_price = Some(dollars("40000.00"));
    form.packages.truncate(2);
    form.packages[0].effort = vec![effort("8", "100.00")];
    form.scope_duration = "P120D".to_owned();
    form.stated_total = None;
    let after = drafted(form).latest;
    assert_eq!(
        differences(&before, &after),
        [
            difference("packages[1].base_price", "30000.00 USD", "40000.00 USD"),
            difference("packages[1].price", "30750.00 USD", "41000.00 USD"),
            difference("packages[2].name", "Training", ""),
            difference("packages[2].base_price", "20000.00 USD", ""),
            difference("packages[2].price", "20500.00 USD", ""),
            difference("scope_duration", "P90D", "P120D"),
            difference("economics.base_total", "100000.00 USD", "90000.00 USD"),
            difference("economics.price_total", "102500.00 USD", "92250.00 USD"),
            difference("economics.expected_fee", "2562.50 USD", "2306.25 USD"),
            difference("economics.expected_net", "99937.50 USD", "89943.75 USD"),
            difference("economics.shortfall", "62.50 USD", "56.25 USD"),
            difference("packages[0].effort[0].role", "", "Engineer"),
            difference("packages[0].effort[0].hours", "", "8"),
            difference("packages[0].effort[0].cost_rate", "", "100.00 USD"),
            difference("economics.effort_cost", "", "800.00 USD"),
        ]
    );
}

/// E8: a clone starts from a form that gives the same version again.
#[test]
fn content_and_form_are_inverse() {
    let mut form = handbook();
    form.packages[0].effort = vec![effort("37.5", "80.33")];
    let version = drafted(form).latest;
    let again = drafted(ContentForm::from(&version.content)).latest;
    assert_eq!(version, again);
}
