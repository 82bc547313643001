//! AWS's asynchronous rules for a pricing term, of an offer and of a resale authorization alike (facts §1.3).

use super::period::Period;
use super::pricing::{ConfigurableUpfront, FixedUpfront, Pricing};
use crate::config::Product;

/// The pages' limit; the published shapes let more through [`super::pricing_inputs`] at once.
const GRANTS_MAX: usize = 200;

pub(super) type Found = Vec<(&'static str, String)>;

/// Code and message of all that is wrong with it.
pub(super) fn check(pricing: &Pricing, product: Option<&Product>) -> Found {
    let mut found = Vec::new();
    if pricing.pricing_model() != "Contract" {
        let message = "Professional services take PricingModel Contract only.";
        found.push(("INCOMPATIBLE_PRODUCT", message.to_owned()));
    }
    match pricing {
        Pricing::Fixed(term) => fixed(term, &mut found),
        Pricing::Configurable(term) => rate_cards(term, &mut found),
    }
    let lists: Vec<Vec<&str>> = match pricing {
        Pricing::Fixed(term) => {
            let grants = term.grants.iter();
            vec![grants.map(|grant| grant.dimension_key.as_str()).collect()]
        }
        Pricing::Configurable(term) => {
            let cards = term.cards.iter().map(|card| card.rates.iter());
            cards
                .map(|rates| rates.map(|rate| rate.dimension_key.as_str()).collect())
                .collect()
        }
    };
    for keys in lists {
        dimensions(&keys, product, &mut found);
    }
    found
}

fn fixed(term: &FixedUpfront, found: &mut Found) {
    if insane(term.duration.as_deref()) {
        let message = "Duration must be between 1 day and 60 months.";
        found.push(("INVALID_DURATION", message.to_owned()));
    }
    if term.grants.len() > GRANTS_MAX {
        let message = format!("Provide up to {GRANTS_MAX} grants.");
        found.push(("TOO_MANY_GRANTS", message));
    }
    let unlimited = term
        .grants
        .iter()
        .find(|grant| grant.max_quantity.is_none());
    if let Some(grant) = unlimited {
        let message = format!("Dimension '{}' has no MaxQuantity.", grant.dimension_key);
        found.push(("INVALID_GRANTS", message));
    }
}

fn rate_cards(term: &ConfigurableUpfront, found: &mut Found) {
    for (index, card) in term.cards.iter().enumerate() {
        if insane(Some(&card.duration)) {
            let message = "Selector.Value must be between 1 day and 60 months.";
            found.push(("INVALID_SELECTOR_DURATION_VALUE", message.to_owned()));
        }
        let earlier = &term.cards[..index];
        if earlier.iter().any(|other| other.duration == card.duration) {
            let message = format!("Selector {} appears twice.", card.duration);
            found.push(("DUPLICATE_SELECTORS", message));
        }
        // Of professional services a buyer takes one package once.
        if card.several_dimensions || card.any_quantity {
            let message = "Set MultipleDimensionSelection and QuantityConfiguration to Disallowed.";
            found.push(("INCOMPATIBLE_RATE_CARD_CONSTRAINTS", message.to_owned()));
        }
    }
    if term.cards.len() > 1 {
        let message = "Only one rate card is allowed for the product.";
        found.push(("TOO_MANY_RATE_CARDS", message.to_owned()));
    }
}

fn insane(duration: Option<&str>) -> bool {
    duration
        .and_then(Period::parse)
        .is_some_and(|period| !period.is_sane())
}

fn dimensions(keys: &[&str], product: Option<&Product>, found: &mut Found) {
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].contains(key) {
            let message = format!("Dimension '{key}' appears twice.");
            found.push(("DUPLICATE_DIMENSION_KEYS", message));
        }
        let known = |product: &Product| product.dimensions.iter().any(|known| known.key == *key);
        if !product.is_some_and(known) {
            let message = format!("The product has no dimension '{key}'.");
            found.push(("INCOMPATIBLE_PRODUCT", message));
        }
    }
}
