//! How a base price is raised to make up for the listing fee (E3).

use std::fmt;

use countersign_kernel::money::MoneyError;
use countersign_kernel::{Money, Rate};

use super::field;
use super::rejection::{Reason, Violations};

/// The seller's way to get from base to price. Separate from the listing fee: S0's mark-up of
/// 2.5 % leaves 0.999375 of the base after a fee of 2.5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uplift {
    /// price = base × (1 + rate).
    Markup(Rate),
    /// price = base / (1 − rate).
    GrossUp(Rate),
    /// price = base.
    None,
}

impl Uplift {
    /// The price of `base`, rounded half-even to the minor unit (E4).
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn price_of(self, base: Money) -> Result<Money, MoneyError> {
        match self {
            Self::Markup(rate) => rate.added_to(base),
            Self::GrossUp(rate) => rate.grossed_up(base),
            Self::None => Ok(base),
        }
    }
}

impl fmt::Display for Uplift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Markup(rate) => write!(f, "markup {rate}"),
            Self::GrossUp(rate) => write!(f, "gross_up {rate}"),
            Self::None => f.write_str("none"),
        }
    }
}

/// An uplift as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpliftForm {
    /// A fraction.
    Markup(String),
    /// A fraction.
    GrossUp(String),
    /// Said to be none.
    None,
}

impl UpliftForm {
    /// The uplift; `None` leaves a note in `wrong`.
    pub fn check(form: Option<&Self>, wrong: &mut Violations, path: &str) -> Option<Uplift> {
        let Some(form) = form else {
            wrong.add(path, Reason::Required, "say markup, gross_up or none");
            return None;
        };
        wrong.within(path, |wrong| match form {
            Self::Markup(text) => field::rate(wrong, "markup", text).map(Uplift::Markup),
            Self::GrossUp(text) => field::rate(wrong, "gross_up", text).map(Uplift::GrossUp),
            Self::None => Some(Uplift::None),
        })
    }
}

#[cfg(test)]
mod tests {
    use countersign_kernel::Currency;

    use super::*;

    #[test]
    fn each_kind_gives_its_price() {
        let rate = Rate::parse("0.025").unwrap();
        let base = Money::parse("10000.00", Currency::Usd).unwrap();
        for (uplift, price) in [
            (Uplift::Markup(rate), "10250.00"),
            (Uplift::GrossUp(rate), "10256.41"),
            (Uplift::None, "10000.00"),
        ] {
            assert_eq!(
                uplift.price_of(base).unwrap().amount_text(),
                price,
                "{uplift}"
            );
        }
    }
}
