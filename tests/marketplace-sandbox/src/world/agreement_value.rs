//! The Agreement service's quotas of one agreement's value (facts §3). They are published in US dollars;
//! what is agreed in another currency is not looked at.

use rust_decimal::Decimal;

use super::agreements::{Unacceptable, Why};

/// Of what is proposed to named buyers.
const TARGETED_MAX: i64 = 1_000_000_000;
/// Of what is proposed to anybody.
const GENERAL_MAX: i64 = 1_000_000;

/// Refuses what lies above the quota.
pub(super) fn check(value: Decimal, currency: &str, targeted: bool) -> Result<(), Unacceptable> {
    let most = if targeted { TARGETED_MAX } else { GENERAL_MAX };
    if currency == "USD" && value > Decimal::from(most) {
        return Err(Unacceptable::new(
            Why::ValueTooLarge,
            format!("An agreement of {value} USD is above the quota of {most} USD."),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_kept_to_the_cent() {
        let taken = |value: &str, currency, targeted| {
            check(value.parse().unwrap(), currency, targeted).is_ok()
        };
        assert!(taken("1000000000.00", "USD", true));
        assert!(!taken("1000000000.01", "USD", true));
        assert!(taken("1000000.00", "USD", false));
        assert!(!taken("1000000.01", "USD", false));
        assert!(taken("1000000000.01", "EUR", true));
    }
}
