//! How a contract is priced: at one sum, or by a rate card of which the buyer takes one dimension (facts
//! §1.2, §1.5).

use rust_decimal::Decimal;

/// Places that a marked-up price may have.
const PRICE_PLACES: u32 = 6;

/// The pricing term of an offer or of a resale authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pricing {
    /// `FixedUpfrontPricingTerm`.
    Fixed(FixedUpfront),
    /// `ConfigurableUpfrontPricingTerm`.
    Configurable(ConfigurableUpfront),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FixedUpfront {
    pub(crate) pricing_model: String,
    pub(crate) currency: String,
    pub(crate) price: Decimal,
    pub(crate) duration: Option<String>,
    pub(crate) grants: Vec<Grant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) dimension_key: String,
    pub(crate) max_quantity: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigurableUpfront {
    pub(crate) pricing_model: String,
    pub(crate) currency: String,
    /// At least one. The rules let no offer out with more.
    pub(crate) cards: Vec<RateCard>,
}

/// The prices of a contract of one duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateCard {
    pub(crate) duration: String,
    pub(crate) rates: Vec<Rate>,
    /// `MultipleDimensionSelection` and `QuantityConfiguration`: whether they are `Allowed`.
    pub(crate) several_dimensions: bool,
    pub(crate) any_quantity: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) dimension_key: String,
    pub(crate) price: Decimal,
}

impl Pricing {
    pub(crate) fn pricing_model(&self) -> &str {
        match self {
            Self::Fixed(term) => &term.pricing_model,
            Self::Configurable(term) => &term.pricing_model,
        }
    }

    pub(crate) fn currency(&self) -> &str {
        match self {
            Self::Fixed(term) => &term.currency,
            Self::Configurable(term) => &term.currency,
        }
    }

    pub(crate) fn duration(&self) -> Option<&str> {
        match self {
            Self::Fixed(term) => term.duration.as_deref(),
            Self::Configurable(term) => term.cards.first().map(|card| card.duration.as_str()),
        }
    }

    /// The price of the one sum; none of a rate card.
    pub(crate) fn fixed_price(&self) -> Option<Decimal> {
        match self {
            Self::Fixed(term) => Some(term.price),
            Self::Configurable(_) => None,
        }
    }

    /// What the buyer pays who takes that dimension of a rate card; the one sum, whatever is named.
    pub(crate) fn price_of(&self, dimension_key: Option<&str>) -> Option<Decimal> {
        match self {
            Self::Fixed(term) => Some(term.price),
            Self::Configurable(term) => {
                let mut rates = term.cards.first()?.rates.iter();
                let rate = rates.find(|rate| Some(rate.dimension_key.as_str()) == dimension_key);
                rate.map(|rate| rate.price)
            }
        }
    }

    /// The same at a price that is `factor` times as high (facts §1.4).
    pub(crate) fn times(&self, factor: Decimal) -> Self {
        let raised = |price: Decimal| (price * factor).round_dp(PRICE_PLACES);
        let mut pricing = self.clone();
        match &mut pricing {
            Self::Fixed(term) => term.price = raised(term.price),
            Self::Configurable(term) => {
                for rate in term.cards.iter_mut().flat_map(|card| &mut card.rates) {
                    rate.price = raised(rate.price);
                }
            }
        }
        pricing
    }

    /// The type of the term in an offer and in an agreement.
    pub(crate) fn term_type(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "FixedUpfrontPricingTerm",
            Self::Configurable(_) => "ConfigurableUpfrontPricingTerm",
        }
    }
}

impl ConfigurableUpfront {
    /// The one dimension of a card that has no more.
    pub(crate) fn only_dimension(&self) -> Option<&str> {
        match self.cards.first()?.rates.as_slice() {
            [only] => Some(&only.dimension_key),
            _ => None,
        }
    }
}

/// The word of a constraint.
pub(crate) fn constraint(allowed: bool) -> &'static str {
    if allowed { "Allowed" } else { "Disallowed" }
}
