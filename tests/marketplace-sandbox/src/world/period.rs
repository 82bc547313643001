//! ISO 8601 durations as AWS takes them: `P(nY)(nM)(nD)`, calendar arithmetic.

use chrono::{DateTime, Days, Months, NaiveDate, Utc};

/// A calendar duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    months: u32,
    days: u32,
}

/// Longest agreement that the sandbox takes. AWS publishes no bound for professional services.
const MAX_MONTHS: u32 = 60;

impl Period {
    /// Parses `P1Y6M10D` and shorter forms; `P` alone and other designators are refused.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty())?;
        let mut months = 0_u32;
        let mut days = 0_u32;
        for unit in ['Y', 'M', 'D'] {
            let Some((number, after)) = rest.split_once(unit) else {
                continue;
            };
            let number: u32 = number.parse().ok()?;
            match unit {
                'Y' => months = number.checked_mul(12)?,
                'M' => months = months.checked_add(number)?,
                _ => days = number,
            }
            rest = after;
        }
        rest.is_empty().then_some(Self { months, days })
    }

    /// At least one day and at most [`MAX_MONTHS`].
    pub(crate) fn is_sane(self) -> bool {
        let start = NaiveDate::default();
        let longest = Self {
            months: MAX_MONTHS,
            days: 0,
        }
        .after_date(start);
        let end = self.after_date(start);
        start < end && end <= longest
    }

    /// The day on which an agreement that starts on `date` ends.
    pub(crate) fn after_date(self, date: NaiveDate) -> NaiveDate {
        date.checked_add_months(Months::new(self.months))
            .and_then(|date| date.checked_add_days(Days::new(self.days.into())))
            .unwrap_or(NaiveDate::MAX)
    }

    /// The instant at which an agreement that starts at `start` ends: same time of day.
    pub(crate) fn after(self, start: DateTime<Utc>) -> DateTime<Utc> {
        self.after_date(start.date_naive())
            .and_time(start.time())
            .and_utc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_aws_takes() {
        for (text, months, days) in [
            ("P90D", 0, 90),
            ("P12M", 12, 0),
            ("P1Y", 12, 0),
            ("P1Y6M10D", 18, 10),
        ] {
            assert_eq!(Period::parse(text), Some(Period { months, days }), "{text}");
        }
        for text in [
            "", "P", "90D", "P1W", "PT1H", "P1D1M", "P-1D", "P1.5M", "P1D ",
        ] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }

    #[test]
    fn calendar_arithmetic_and_bounds() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let month = Period::parse("P1M").unwrap();
        assert_eq!(month.after_date(date("2027-01-31")), date("2027-02-28"));
        let scope = Period::parse("P90D").unwrap();
        assert_eq!(scope.after_date(date("2027-01-01")), date("2027-04-01"));
        assert!(scope.is_sane());
        assert!(Period::parse("P60M").unwrap().is_sane());
        assert!(!Period::parse("P60M1D").unwrap().is_sane());
        assert!(!Period::parse("P0D").unwrap().is_sane());
        assert!(!Period::parse("P10Y").unwrap().is_sane());
    }
}
