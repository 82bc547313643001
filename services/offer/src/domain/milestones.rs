//! A seller's policy of renewals (O16): how many days before an agreement's end its renewal is due to be seen
//! to. A milestone is told by its place, and its clock by when it is due.

use std::ops::RangeInclusive;

use countersign_kernel::chrono::{DateTime, TimeDelta, Utc};

use super::rejection::Violation;

/// The most milestones: as many as there are kinds of clocks for them.
pub(crate) const MOST: usize = 3;
/// How many days before the end one may be.
const DAYS: RangeInclusive<u32> = 1..=730;

/// Days before the end, each less than the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Milestones(Vec<u32>);

impl Default for Milestones {
    /// S2's.
    fn default() -> Self {
        Self(vec![120, 90, 60])
    }
}

impl Milestones {
    /// Takes them as they were given.
    pub(crate) fn of(days: Vec<u32>) -> Result<Self, Vec<Violation>> {
        let falling = days.windows(2).all(|pair| pair[0] > pair[1]);
        let within = days.iter().all(|day| DAYS.contains(day));
        if falling && within && (1..=MOST).contains(&days.len()) {
            return Ok(Self(days));
        }
        let (least, most) = DAYS.into_inner();
        Err(vec![Violation::new(
            "policy.milestone_days",
            "MILESTONES_INVALID",
            format!(
                "1 to {MOST} are taken, from {most} to {least} days, each less than the one before"
            ),
        )])
    }

    /// The days.
    pub(crate) fn days(&self) -> &[u32] {
        &self.0
    }

    /// When each is due, of an agreement that ends then.
    pub(crate) fn due(&self, ends_at: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        let days = self.0.iter();
        days.map(move |day| ends_at - TimeDelta::days(i64::from(*day)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_row_of_milestones_is_refused() {
        for days in [vec![730, 1], vec![1], vec![120, 90, 60]] {
            let taken = Milestones::of(days.clone()).unwrap();
            assert_eq!(taken.days(), days);
        }
        for days in [
            vec![],
            vec![0],
            vec![731],
            vec![60, 60],
            vec![60, 90],
            vec![4, 3, 2, 1],
        ] {
            let wrong = Milestones::of(days.clone()).unwrap_err();
            assert_eq!(wrong[0].reason, "MILESTONES_INVALID", "{days:?}");
        }
    }
}
