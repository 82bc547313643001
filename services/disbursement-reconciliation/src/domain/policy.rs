//! How AWS pays this seller out, and which difference counts as a penny (R1, R3).

use countersign_kernel::chrono::{Datelike, Days, Months, NaiveDate};
use countersign_kernel::rate::RateError;
use countersign_kernel::{Decimal, Money, Rate};

/// The last day of the month on which AWS lets a seller be paid monthly.
pub(crate) const LAST_MONTHLY_DAY: u32 = 28;

/// The most minor units that may be called a penny: beyond that a difference is a short payment.
pub(crate) const MAX_PENNY_TOLERANCE: u32 = 100;

/// When AWS disburses what it has collected (facts §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// The day after.
    Daily,
    /// On this day, 1 to [`LAST_MONTHLY_DAY`], of the following month.
    Monthly(u32),
}

/// When a seller expects to be paid, and what it lets pass. It is frozen into an agreement's terms when the
/// agreement is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CashPolicy {
    schedule: Schedule,
    /// In minor units.
    penny_tolerance: u32,
}

/// What AWS adds to the listing fee's rate of what a channel partner sells, for the manufacturer to pay (E3,
/// facts §6.1): a fraction. It goes into the fee that is expected of a sale when the sale is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResaleFee(Decimal);

impl ResaleFee {
    /// Half a point, "regardless of offer type". AWS's pages leave open whether it goes on top of the rate
    /// of professional services: a seller whose invoices show otherwise says so in its policy.
    pub(crate) const AWS: Self = Self(Decimal::from_parts(5, 0, 0, false, 3));
    /// A tenth: more is not believed.
    const MAX: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

    /// Takes a fraction from zero to a tenth.
    pub(crate) fn new(fraction: Decimal) -> Result<Self, PolicyError> {
        if (Decimal::ZERO..=Self::MAX).contains(&fraction) {
            Ok(Self(fraction.normalize()))
        } else {
            Err(PolicyError::ResaleFee)
        }
    }

    pub(crate) const fn fraction(self) -> Decimal {
        self.0
    }

    /// The listing fee's rate of what a partner sells, where the seller itself pays `listing`.
    pub(crate) fn on_top_of(self, listing: Rate) -> Result<Rate, RateError> {
        Rate::new(listing.fraction() + self.0)
    }
}

/// All of one seller's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) cash: CashPolicy,
    pub(crate) resale_fee: ResaleFee,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            cash: CashPolicy::default(),
            resale_fee: ResaleFee::AWS,
        }
    }
}

/// What a policy may not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("the monthly disbursement falls on a day from 1 to {LAST_MONTHLY_DAY}")]
    MonthlyDay,
    #[error("the tolerance is at most {MAX_PENNY_TOLERANCE} minor units")]
    Tolerance,
    #[error("what is added for a resale is a plain fraction from 0 to 0.1, such as 0.005")]
    ResaleFee,
}

impl Default for CashPolicy {
    /// AWS's own default: monthly, between the 7th and the 10th; the 10th is the safe expectation.
    fn default() -> Self {
        Self {
            schedule: Schedule::Monthly(10),
            penny_tolerance: 1,
        }
    }
}

impl CashPolicy {
    /// Refuses days that not every month has, and tolerances that would hide a short payment.
    pub(crate) fn new(schedule: Schedule, penny_tolerance: u32) -> Result<Self, Vec<PolicyError>> {
        let mut wrong = Vec::new();
        if let Schedule::Monthly(day) = schedule
            && !(1..=LAST_MONTHLY_DAY).contains(&day)
        {
            wrong.push(PolicyError::MonthlyDay);
        }
        if penny_tolerance > MAX_PENNY_TOLERANCE {
            wrong.push(PolicyError::Tolerance);
        }
        if wrong.is_empty() {
            Ok(Self {
                schedule,
                penny_tolerance,
            })
        } else {
            Err(wrong)
        }
    }

    pub(crate) const fn schedule(self) -> Schedule {
        self.schedule
    }

    /// In minor units of whatever currency the difference has.
    pub(crate) const fn penny_tolerance(self) -> u32 {
        self.penny_tolerance
    }

    /// Whether a difference, of either sign, is no more than a penny.
    pub(crate) fn is_penny(self, difference: Money) -> bool {
        difference.abs().minor_units() <= i64::from(self.penny_tolerance)
    }

    /// When the money of a charge should arrive whose buyer pays on `due` (R1); the due date itself
    /// at the calendar's end.
    pub(crate) fn disbursement_after(self, due: NaiveDate) -> NaiveDate {
        let expected = match self.schedule {
            Schedule::Daily => due.checked_add_days(Days::new(1)),
            Schedule::Monthly(day) => due
                .with_day(1)
                .and_then(|first| first.checked_add_months(Months::new(1)))
                .and_then(|next| next.with_day(day)),
        };
        expected.unwrap_or(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// R1: the day after, or the policy's day in the following month, over the year's end too.
    #[test]
    fn expected_disbursement_dates() {
        for (schedule, due, expected) in [
            (Schedule::Daily, "2027-02-04", "2027-02-05"),
            (Schedule::Daily, "2027-12-31", "2028-01-01"),
            (Schedule::Monthly(10), "2027-02-04", "2027-03-10"),
            (Schedule::Monthly(28), "2027-01-31", "2027-02-28"),
            (Schedule::Monthly(7), "2027-12-01", "2028-01-07"),
        ] {
            let policy = CashPolicy::new(schedule, 1).unwrap();
            assert_eq!(
                policy.disbursement_after(date(due)),
                date(expected),
                "{schedule:?} {due}"
            );
        }
    }

    /// Facts §6.1: 2.5 % and half a point, unless the policy says otherwise.
    #[test]
    fn a_resale_s_fee_is_on_top_of_the_listing_fee() {
        let listing = Rate::parse("0.025").unwrap();
        for (added, expected) in [
            (Some("0.005"), Some("0.03")),
            (Some("0"), Some("0.025")),
            (Some("0.1"), Some("0.125")),
            (Some("0.11"), None),
            (Some("-0.005"), None),
            (None, Some("0.03")),
        ] {
            let fee = added.map_or(Ok(ResaleFee::AWS), |added| {
                ResaleFee::new(added.parse().unwrap())
            });
            let rate = fee.ok().map(|fee| fee.on_top_of(listing).unwrap());
            let expected = expected.map(|rate| Rate::parse(rate).unwrap());
            assert_eq!(rate, expected, "{added:?}");
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        assert_eq!(
            CashPolicy::new(Schedule::Monthly(29), 101),
            Err(vec![PolicyError::MonthlyDay, PolicyError::Tolerance])
        );
        assert_eq!(
            CashPolicy::new(Schedule::Monthly(0), 1),
            Err(vec![PolicyError::MonthlyDay])
        );
        let most = CashPolicy::new(Schedule::Monthly(28), 100).unwrap();
        assert_eq!(most.penny_tolerance(), 100);
    }
}
