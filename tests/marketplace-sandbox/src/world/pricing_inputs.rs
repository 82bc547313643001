//! `UpdatePricingTerms` as it is sent, for offers and for resale authorizations (facts §1.2, §1.5).
//!
//! Errors are the messages of AWS's `ValidationException`.

use serde::Deserialize;
use serde_json::Value;

use super::fields::{amount, count, duration, length, term_type};
use super::pricing::{ConfigurableUpfront, FixedUpfront, Grant, Pricing, Rate, RateCard};
use super::term_inputs::{Terms, from};

const RATE_CARDS_MAX: usize = 5;
const RATES_MAX: usize = 800;

/// What differs between the terms of an offer and those of an authorization.
pub(super) struct Words {
    pub(super) fixed: &'static str,
    pub(super) configurable: &'static str,
    dimension_key_max: usize,
    /// At once; [`super::pricing_rules`] may allow fewer.
    grants_max: usize,
    rate_places: u32,
    /// Whether the one sum may be anything but zero.
    fixed_charges: bool,
}

pub(super) const OFFER: Words = Words {
    fixed: "FixedUpfrontPricingTerm",
    configurable: "ConfigurableUpfrontPricingTerm",
    dimension_key_max: 100,
    grants_max: 800,
    rate_places: 3,
    fixed_charges: true,
};

pub(super) const AUTHORIZATION: Words = Words {
    fixed: "ResaleFixedUpfrontPricingTerm",
    configurable: "ResaleConfigurableUpfrontPricingTerm",
    dimension_key_max: 60,
    grants_max: 200,
    rate_places: 6,
    fixed_charges: false,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct PricingInput {
    pricing_model: String,
    terms: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct FixedInput {
    r#type: String,
    currency_code: String,
    price: String,
    duration: Option<String>,
    grants: Vec<GrantInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct GrantInput {
    dimension_key: String,
    max_quantity: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ConfigurableInput {
    #[serde(rename = "Type")]
    _type: String,
    currency_code: String,
    rate_cards: Vec<RateCardInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RateCardInput {
    selector: SelectorInput,
    rate_card: Vec<RateInput>,
    constraints: Option<ConstraintsInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct SelectorInput {
    r#type: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RateInput {
    dimension_key: String,
    price: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ConstraintsInput {
    multiple_dimension_selection: Option<Constraint>,
    quantity_configuration: Option<Constraint>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Constraint {
    Allowed,
    Disallowed,
}

/// One pricing term, or none.
pub(super) fn pricing(input: PricingInput, words: &Words) -> Result<Option<Pricing>, String> {
    let model = input.pricing_model;
    if !["Contract", "Usage", "Byol", "Free"].contains(&model.as_str()) {
        return Err(format!("PricingModel: '{model}' is unknown."));
    }
    let Some(term) = (Terms { terms: input.terms }).at_most_one()? else {
        return Ok(None);
    };
    if term["Type"] == words.configurable {
        return configurable(from(&term)?, model, words)
            .map(Pricing::Configurable)
            .map(Some);
    }
    fixed(from(&term)?, model, words)
        .map(Pricing::Fixed)
        .map(Some)
}

fn fixed(term: FixedInput, pricing_model: String, words: &Words) -> Result<FixedUpfront, String> {
    term_type(&term.r#type, words.fixed)?;
    count("Grants", term.grants.len(), 1, words.grants_max)?;
    let mut grants = Vec::with_capacity(term.grants.len());
    for grant in term.grants {
        dimension_key(&grant.dimension_key, words)?;
        if grant.max_quantity == Some(0) {
            return Err("MaxQuantity must be at least 1.".to_owned());
        }
        grants.push(Grant {
            dimension_key: grant.dimension_key,
            max_quantity: grant.max_quantity,
        });
    }
    let price = amount("Price", &term.price, 3)?;
    if !words.fixed_charges && !price.is_zero() {
        return Err(format!("Price of {} must be 0.0.", words.fixed));
    }
    Ok(FixedUpfront {
        pricing_model,
        currency: term.currency_code,
        price,
        duration: term
            .duration
            .map(|text| duration("Duration", text))
            .transpose()?,
        grants,
    })
}

fn configurable(
    term: ConfigurableInput,
    pricing_model: String,
    words: &Words,
) -> Result<ConfigurableUpfront, String> {
    count("RateCards", term.rate_cards.len(), 1, RATE_CARDS_MAX)?;
    let cards = term
        .rate_cards
        .into_iter()
        .map(|card| rate_card(card, words));
    Ok(ConfigurableUpfront {
        pricing_model,
        currency: term.currency_code,
        cards: cards.collect::<Result<_, _>>()?,
    })
}

fn rate_card(card: RateCardInput, words: &Words) -> Result<RateCard, String> {
    if card.selector.r#type != "Duration" {
        return Err("Selector.Type must be Duration.".to_owned());
    }
    count("RateCard", card.rate_card.len(), 1, RATES_MAX)?;
    let mut rates = Vec::with_capacity(card.rate_card.len());
    for rate in card.rate_card {
        dimension_key(&rate.dimension_key, words)?;
        rates.push(Rate {
            price: amount("Price", &rate.price, words.rate_places)?,
            dimension_key: rate.dimension_key,
        });
    }
    // What is not said is allowed.
    let allowed = |said: Option<Constraint>| said != Some(Constraint::Disallowed);
    let said = card.constraints.as_ref();
    Ok(RateCard {
        duration: duration("Selector.Value", card.selector.value)?,
        rates,
        several_dimensions: allowed(said.and_then(|said| said.multiple_dimension_selection)),
        any_quantity: allowed(said.and_then(|said| said.quantity_configuration)),
    })
}

fn dimension_key(key: &str, words: &Words) -> Result<(), String> {
    length("DimensionKey", key, 1, words.dimension_key_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(term: &Value, words: &Words) -> Result<Option<Pricing>, String> {
        let input = json!({ "PricingModel": "Contract", "Terms": [term] });
        pricing(from(&input)?, words)
    }

    fn card(words: &Words) -> Value {
        json!({
            "Type": words.configurable, "CurrencyCode": "USD",
            "RateCards": [{
                "Selector": { "Type": "Duration", "Value": "P90D" },
                "RateCard": [{ "DimensionKey": "implementation", "Price": "100000.00" }],
                "Constraints": {
                    "MultipleDimensionSelection": "Disallowed", "QuantityConfiguration": "Disallowed",
                },
            }],
        })
    }

    #[test]
    fn a_rate_card_is_priced_by_dimension() {
        for words in [&OFFER, &AUTHORIZATION] {
            let term = parsed(&card(words), words).unwrap().unwrap();
            assert_eq!(term.duration(), Some("P90D"));
            let price = |key| term.price_of(key).map(|price| price.to_string());
            assert_eq!(price(Some("implementation")).as_deref(), Some("100000.00"));
            assert_eq!((price(Some("other")), price(None)), (None, None));
        }
    }

    /// The words of one are not those of the other, and constraints that are not said are `Allowed`.
    #[test]
    fn what_is_refused_at_once() {
        assert!(parsed(&card(&OFFER), &AUTHORIZATION).is_err());
        let with = |pointer: &str, value: Value| {
            let mut term = card(&AUTHORIZATION);
            *term.pointer_mut(pointer).unwrap() = value;
            parsed(&term, &AUTHORIZATION)
        };
        for (pointer, value) in [
            ("/RateCards", json!([])),
            ("/RateCards/0/Selector/Type", json!("Quantity")),
            ("/RateCards/0/Selector/Value", json!("90 days")),
            ("/RateCards/0/RateCard", json!([])),
            (
                "/RateCards/0/RateCard/0/DimensionKey",
                json!("k".repeat(61)),
            ),
            ("/RateCards/0/RateCard/0/Price", json!("-1")),
            ("/RateCards/0/RateCard/0/Price", json!("0.0000001")),
            (
                "/RateCards/0/Constraints/QuantityConfiguration",
                json!("Maybe"),
            ),
        ] {
            assert!(with(pointer, value.clone()).is_err(), "{pointer} {value}");
        }
        let Pricing::Configurable(term) = with("/RateCards/0/Constraints", Value::Null)
            .unwrap()
            .unwrap()
        else {
            panic!("a rate card")
        };
        assert!(term.cards[0].several_dimensions && term.cards[0].any_quantity);
        let fixed = |price: &str| {
            let grants = json!([{ "DimensionKey": "a", "MaxQuantity": 1 }]);
            parsed(
                &json!({ "Type": AUTHORIZATION.fixed, "CurrencyCode": "USD", "Price": price,
                    "Duration": "P90D", "Grants": grants }),
                &AUTHORIZATION,
            )
        };
        assert!(fixed("0.0").is_ok() && fixed("1.00").is_err());
    }
}
