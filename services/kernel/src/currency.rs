//! The currencies in which AWS Marketplace sells (E9), with their minor digits.

use std::fmt;
use std::str::FromStr;

use crate::excerpt::excerpt;

/// An ISO 4217 currency in which an offer can be made (E9). INR only for sellers in India.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Currency {
    /// US dollar.
    Usd,
    /// Euro.
    Eur,
    /// Pound sterling.
    Gbp,
    /// Australian dollar.
    Aud,
    /// Japanese yen: no minor digits.
    Jpy,
    /// Canadian dollar.
    Cad,
    /// Indian rupee.
    Inr,
}

impl Currency {
    /// Every currency there is here, in the order of E9.
    pub const ALL: [Self; 7] = [
        Self::Usd,
        Self::Eur,
        Self::Gbp,
        Self::Aud,
        Self::Jpy,
        Self::Cad,
        Self::Inr,
    ];

    /// The ISO 4217 alphabetic code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
            Self::Aud => "AUD",
            Self::Jpy => "JPY",
            Self::Cad => "CAD",
            Self::Inr => "INR",
        }
    }

    /// How many decimal digits the minor unit has: 2, or 0 for yen (ISO 4217).
    #[must_use]
    pub const fn minor_digits(self) -> u32 {
        match self {
            Self::Jpy => 0,
            Self::Usd | Self::Eur | Self::Gbp | Self::Aud | Self::Cad | Self::Inr => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The text is no code of [`Currency::ALL`]; codes are upper case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of USD, EUR, GBP, AUD, JPY, CAD, INR")]
pub struct UnknownCurrency(pub String);

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Self::ALL
            .into_iter()
            .find(|currency| currency.code() == code)
            .ok_or_else(|| UnknownCurrency(excerpt(code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E9: the seven codes parse back; AWS's own documentation typo and lower case do not.
    #[test]
    fn codes_round_trip_and_nothing_else_parses() {
        for currency in Currency::ALL {
            assert_eq!(currency.code().parse(), Ok(currency));
        }
        for wrong in ["JPN", "usd", "", "XXX", "US D"] {
            assert_eq!(
                wrong.parse::<Currency>(),
                Err(UnknownCurrency(wrong.to_owned()))
            );
        }
    }
}
