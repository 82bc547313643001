//! A seller's calendar: which days it works on, in UTC (O18).

use std::collections::BTreeSet;

use countersign_kernel::chrono::{DateTime, Datelike as _, NaiveDate, Utc, Weekday};

use super::offer::end_of_day;
use super::rejection::Violation;

/// The most holidays that a calendar names: ten years of every second week.
const MAX_HOLIDAYS: usize = 260;
/// How far a business day is looked for: a calendar has one within that, or none.
const MAX_DAYS: usize = 1_000;

/// The days on which a seller works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    pub(crate) holidays: BTreeSet<NaiveDate>,
    /// ISO numbers: 1 is Monday, 7 Sunday.
    pub(crate) working_weekdays: BTreeSet<u32>,
}

impl Default for Calendar {
    /// Monday to Friday, no holidays.
    fn default() -> Self {
        Self {
            holidays: BTreeSet::new(),
            working_weekdays: (1..=5).collect(),
        }
    }
}

impl Calendar {
    /// Takes a calendar as it was given.
    pub(crate) fn of(
        holidays: BTreeSet<NaiveDate>,
        working_weekdays: BTreeSet<u32>,
    ) -> Result<Self, Vec<Violation>> {
        let mut wrong = Vec::new();
        let known = working_weekdays.iter().all(|day| (1..=7).contains(day));
        if working_weekdays.is_empty() || !known {
            wrong.push(Violation::new(
                "calendar.working_weekdays",
                "WEEKDAYS_INVALID",
                "at least one of 1 (Monday) to 7 (Sunday) is needed",
            ));
        }
        if holidays.len() > MAX_HOLIDAYS {
            wrong.push(Violation::new(
                "calendar.holidays",
                "TOO_MANY_HOLIDAYS",
                format!("at most {MAX_HOLIDAYS} are taken"),
            ));
        }
        if wrong.is_empty() {
            return Ok(Self {
                holidays,
                working_weekdays,
            });
        }
        Err(wrong)
    }

    /// Whether the seller works on that day.
    pub(crate) fn works_on(&self, date: NaiveDate) -> bool {
        let weekday: Weekday = date.weekday();
        self.working_weekdays
            .contains(&weekday.number_from_monday())
            && !self.holidays.contains(&date)
    }

    /// The end of the `count`th business day after the day of `start`; `None` past the calendar's end.
    pub(crate) fn after(&self, start: DateTime<Utc>, count: usize) -> Option<DateTime<Utc>> {
        let first = start.date_naive().succ_opt()?;
        let mut working = first
            .iter_days()
            .take(MAX_DAYS)
            .filter(|day| self.works_on(*day));
        working.nth(count.checked_sub(1)?).map(end_of_day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    #[test]
    fn business_days_skip_weekends_and_holidays() {
        let holiday = |day: &str| Calendar {
            holidays: [sample::day(day)].into(),
            ..Calendar::default()
        };
        let sunday_week = Calendar {
            working_weekdays: [7, 1, 2, 3, 4].into(),
            ..Calendar::default()
        };
        // 2026-03-05 is a Thursday.
        let cases = [
            (
                Calendar::default(),
                "2026-03-02T10:00:00Z",
                2,
                "2026-03-04T23:59:59Z",
            ),
            (
                Calendar::default(),
                "2026-03-05T23:59:59Z",
                2,
                "2026-03-09T23:59:59Z",
            ),
            (
                Calendar::default(),
                "2026-03-07T00:00:00Z",
                1,
                "2026-03-09T23:59:59Z",
            ),
            (
                holiday("2026-03-06"),
                "2026-03-05T10:00:00Z",
                2,
                "2026-03-10T23:59:59Z",
            ),
            (
                sunday_week,
                "2026-03-05T10:00:00Z",
                1,
                "2026-03-08T23:59:59Z",
            ),
        ];
        for (calendar, start, count, due) in cases {
            assert_eq!(
                calendar.after(sample::at(start), count),
                Some(sample::at(due)),
                "{start}"
            );
        }
    }

    #[test]
    fn a_calendar_has_a_working_day() {
        let refused = |weekdays: &[u32]| {
            let weekdays = weekdays.iter().copied().collect();
            Calendar::of(BTreeSet::new(), weekdays).is_err()
        };
        assert!(refused(&[]) && refused(&[0]) && refused(&[8]));
        assert!(!refused(&[7]));
    }

    /// A calendar that is nothing but holidays has no business day, and no endless search.
    #[test]
    fn a_calendar_without_business_days_has_no_due_time() {
        let holidays = sample::day("2026-01-01").iter_days().take(2_000).collect();
        let calendar = Calendar {
            holidays,
            ..Calendar::default()
        };
        assert_eq!(calendar.after(sample::at("2026-03-02T10:00:00Z"), 1), None);
    }
}
