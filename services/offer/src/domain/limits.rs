//! What AWS's own sources contradict each other about, or do not say (facts §0, marked `[C]` and `[?]`). Each has a
//! safe default; whoever knows better of a seller's real account says so, by `PutMarketplaceLimits`.
//!
//! | limit | default | why it is not sure |
//! |---|---|---|
//! | charges of a direct offer | 60 | the API's shapes say 60, the portal 86 (§0.7) |
//! | bytes of a document | 10 000 000 | the portal's "10 MB" may be more; of the API no number is published (§0.8) |
//! | minutes until it is published | 45 | 45 minutes, an hour, "few hours" (§0.10) |
//! | months of an agreement | 60 | AWS names the number in its refusal alone (§1.3) |
//! | concurrent agreements | no | one per buyer and product, though a quota speaks of 100 (§0.5) |
//! | Indian rupees | no | for sellers in India only (§0.11) |
//!
//! How many buyers an offer may have, 24 or 26, makes no difference here (§0.6): each is made for one. An
//! authorization has 25 of them and 60 charges, and a partner's offer 60, by every source that speaks of them. That
//! a variable plan is entered in the portal, since no change type makes it (§2), goes by the listing.

use std::fmt::Display;
use std::ops::RangeInclusive;

use countersign_kernel::chrono::TimeDelta;

use super::rejection::Violation;

/// Up to what the largest of the sources says.
const CHARGES: RangeInclusive<u32> = 1..=86;
/// 10 MiB.
const DOCUMENT_BYTES: RangeInclusive<u64> = 1..=10_485_760;
/// A day.
const PUBLISH_MINUTES: RangeInclusive<u32> = 1..=1_440;

/// Ten years.
const AGREEMENT_MONTHS: RangeInclusive<u32> = 1..=120;

/// What a seller's AWS account is taken to allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of a direct offer's schedule.
    pub(crate) charges: u32,
    /// Of each document before they are merged.
    pub(crate) document_bytes: u64,
    /// After which a publication is flagged as late (O8, O18).
    pub(crate) publish_minutes: u32,
    /// The longest that an agreement may run.
    pub(crate) agreement_months: u32,
    /// Whether a buyer can accept an offer while it has an agreement of the same product.
    pub(crate) concurrent_agreements: bool,
    /// Whether the seller is in India, and may sell in Indian rupees.
    pub(crate) rupees: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            charges: 60,
            document_bytes: 10_000_000,
            publish_minutes: 45,
            agreement_months: 60,
            concurrent_agreements: false,
            rupees: false,
        }
    }
}

impl Limits {
    /// How long AWS takes to publish, at most.
    pub(crate) fn publish_within(&self) -> TimeDelta {
        TimeDelta::minutes(self.publish_minutes.into())
    }

    /// Takes them as they were given; every wrong one at once.
    pub(crate) fn checked(self) -> Result<Self, Vec<Violation>> {
        let wrong: Vec<Violation> = [
            outside("limits.charges", self.charges, &CHARGES),
            outside(
                "limits.document_bytes",
                self.document_bytes,
                &DOCUMENT_BYTES,
            ),
            outside(
                "limits.agreement_months",
                self.agreement_months,
                &AGREEMENT_MONTHS,
            ),
            outside(
                "limits.publish_minutes",
                self.publish_minutes,
                &PUBLISH_MINUTES,
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        if wrong.is_empty() {
            Ok(self)
        } else {
            Err(wrong)
        }
    }
}

fn outside<T: PartialOrd + Display + Copy>(
    field: &'static str,
    given: T,
    taken: &RangeInclusive<T>,
) -> Option<Violation> {
    let (least, most) = (taken.start(), taken.end());
    (!taken.contains(&given)).then(|| {
        let problem = format!("{given} is not from {least} to {most}");
        Violation::new(field, "LIMIT_OUT_OF_RANGE", problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(of: impl Fn(&mut Limits)) -> bool {
        let mut limits = Limits::default();
        of(&mut limits);
        limits.checked().is_ok()
    }

    #[test]
    fn each_is_taken_up_to_what_a_source_says() {
        assert_eq!(Limits::default().checked(), Ok(Limits::default()));
        for (taken, value) in [(false, 0), (true, 1), (true, 86), (false, 87)] {
            assert_eq!(edge(|l| l.charges = value), taken, "{value} charges");
        }
        for (taken, value) in [(false, 0), (true, 10_485_760), (false, 10_485_761)] {
            assert_eq!(edge(|l| l.document_bytes = value), taken, "{value} bytes");
        }
        for (taken, value) in [(false, 0), (true, 1), (true, 120), (false, 121)] {
            assert_eq!(
                edge(|l| l.agreement_months = value),
                taken,
                "{value} months"
            );
        }
        for (taken, value) in [(false, 0), (true, 1_440), (false, 1_441)] {
            assert_eq!(
                edge(|l| l.publish_minutes = value),
                taken,
                "{value} minutes"
            );
        }
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let nothing = Limits {
            charges: 0,
            document_bytes: 0,
            publish_minutes: 0,
            agreement_months: 0,
            ..Limits::default()
        };
        let wrong = nothing.checked().unwrap_err();
        let fields: Vec<_> = wrong.iter().map(|one| one.field).collect();
        let all = [
            "charges",
            "document_bytes",
            "agreement_months",
            "publish_minutes",
        ];
        assert_eq!(fields, all.map(|name| format!("limits.{name}")));
    }
}
