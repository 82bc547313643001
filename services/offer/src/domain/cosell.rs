//! Co-sell (ACE) of renewals (O16): a renewal qualifies as a validated opportunity if it grows, and its work
//! is not done (S2, "ACE Hygiene"). One that is listed has not begun: what it renews is not over.

use std::cmp::Ordering;

use countersign_kernel::{EngagementId, Money};

/// What renews an agreement, as it is approved now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Successor {
    pub(crate) engagement_id: EngagementId,
    /// The whole price, or the cap.
    pub(crate) value: Money,
}

/// Whether a renewal qualifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoSell {
    /// No estimate that renews it is approved.
    NotPriced,
    Qualifies,
    NoGrowth,
    /// Nobody can tell from the prices.
    OtherCurrency,
}

/// Of an agreement worth `ending`, if that is known, and by how much its renewal is worth more.
pub(crate) fn of(ending: Option<Money>, successor: Option<&Successor>) -> (CoSell, Option<Money>) {
    let Some(successor) = successor else {
        return (CoSell::NotPriced, None);
    };
    let Some(ending) = ending else {
        return (CoSell::OtherCurrency, None);
    };
    let growth = successor.value.checked_sub(ending).ok();
    let qualifies = match successor.value.compare(ending) {
        Some(Ordering::Greater) => CoSell::Qualifies,
        Some(Ordering::Equal | Ordering::Less) => CoSell::NoGrowth,
        None => CoSell::OtherCurrency,
    };
    (qualifies, growth)
}

#[cfg(test)]
mod tests {
    use countersign_kernel::Currency;

    use super::*;
    use crate::domain::sample::{self, usd};

    #[test]
    fn of_what_is_worth_nobody_knows_how_much_nobody_can_tell() {
        let successor = Successor {
            engagement_id: "007-renewal".parse().unwrap(),
            value: usd("1.00"),
        };
        assert_eq!(of(None, Some(&successor)), (CoSell::OtherCurrency, None));
        assert_eq!(of(None, None), (CoSell::NotPriced, None));
    }

    #[test]
    fn a_renewal_qualifies_by_growth_alone() {
        let eur = Money::parse("200000.00", Currency::Eur).unwrap();
        for (value, expected, growth) in [
            (None, CoSell::NotPriced, None),
            (Some(usd("102500.01")), CoSell::Qualifies, Some(usd("0.01"))),
            (Some(usd("102500.00")), CoSell::NoGrowth, Some(usd("0.00"))),
            (
                Some(usd("100000.00")),
                CoSell::NoGrowth,
                Some(usd("-2500.00")),
            ),
            (Some(eur), CoSell::OtherCurrency, None),
        ] {
            let successor = value.map(|value| Successor {
                engagement_id: sample::engagement_id(),
                value,
            });
            let found = of(Some(usd("102500.00")), successor.as_ref());
            assert_eq!(found, (expected, growth), "{value:?}");
        }
    }
}
