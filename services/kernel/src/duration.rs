//! ISO 8601 durations of whole years, months and days: the only ones AWS takes (E7).

use std::fmt;
use std::str::FromStr;

use chrono::{Days, Months, NaiveDate};

use crate::excerpt::excerpt;

/// The longest component that is accepted, so that adding it to a date cannot overflow.
pub const MAX_COMPONENT: u32 = 10_000;

/// `P[nY][nM][nD]`, more than nothing. Kept as given: `P12M` and `P1Y` are different texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IsoDuration {
    years: u32,
    months: u32,
    days: u32,
}

/// The text is no duration of whole years, months and days above zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an ISO 8601 duration of years, months and days such as P90D or P1Y6M")]
pub struct NotADuration(pub String);

impl IsoDuration {
    /// The date that lies this duration after `date`: years and months first, then days; a day that
    /// the month lacks becomes its last. `None` past the calendar's end.
    #[must_use]
    pub fn after(self, date: NaiveDate) -> Option<NaiveDate> {
        let months = self.years.checked_mul(12)?.checked_add(self.months)?;
        date.checked_add_months(Months::new(months))?
            .checked_add_days(Days::new(u64::from(self.days)))
    }
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        for (count, unit) in [(self.years, 'Y'), (self.months, 'M'), (self.days, 'D')] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for IsoDuration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        parse(text).ok_or_else(|| NotADuration(excerpt(text)))
    }
}

fn parse(text: &str) -> Option<IsoDuration> {
    let mut rest = text.strip_prefix('P')?;
    let mut component = |unit: char| -> Option<u32> {
        let Some((digits, after)) = rest.split_once(unit) else {
            return Some(0);
        };
        rest = after;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain
            .then(|| digits.parse().ok())?
            .filter(|count| *count <= MAX_COMPONENT)
    };
    let (years, months, days) = (component('Y')?, component('M')?, component('D')?);
    let something = years + months + days > 0;
    (rest.is_empty() && something).then_some(IsoDuration {
        years,
        months,
        days,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_aws_takes_and_nothing_else() {
        for good in ["P90D", "P1Y", "P1Y6M", "P2Y3M4D", "P12M"] {
            assert_eq!(good.parse::<IsoDuration>().unwrap().to_string(), good);
        }
        for wrong in [
            "", "P", "90D", "PT5H", "P1W", "P-1D", "P0D", "P1D2", "P1M1Y", "P1.5D", "p1d", "P+5D",
            "P99999D",
        ] {
            assert!(wrong.parse::<IsoDuration>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn adds_to_dates() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let after = |duration: &str, from: &str| {
            duration
                .parse::<IsoDuration>()
                .unwrap()
                .after(date(from))
                .unwrap()
        };
        assert_eq!(after("P90D", "2026-11-22"), date("2027-02-20"));
        assert_eq!(after("P1M", "2027-01-31"), date("2027-02-28"));
        assert_eq!(after("P1Y1D", "2027-12-31"), date("2029-01-01"));
    }
}
