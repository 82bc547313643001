//! Single values, read leniently where AWS's own files and examples differ (facts §6.6).

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use countersign_kernel::{Currency, Decimal, Money};

/// Bank trace ids that AWS writes for none.
const PLACEHOLDER_TRACES: [&str; 2] = ["EMEA_MP_TEST_TRACE_ID", "testTraceId"];

/// The most digits behind the point that AWS's own SQL reads.
const MAX_FEED_DIGITS: u32 = 6;

/// Digits of an AWS account.
const ACCOUNT_DIGITS: usize = 12;

/// A value that has no meaning here: why, for the report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadValue(pub(crate) String);

/// ISO 8601 in UTC; a blank for the `T`, a fraction and a missing `Z` are taken too, and a bare date
/// is its midnight.
pub(crate) fn timestamp(text: &str) -> Result<DateTime<Utc>, BadValue> {
    if let Ok(exact) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Ok(exact.to_utc());
    }
    let plain = text.trim_end_matches('Z').replacen(' ', "T", 1);
    let date_time = NaiveDateTime::parse_from_str(&plain, "%Y-%m-%dT%H:%M:%S%.f").or_else(|_| {
        plain
            .parse::<NaiveDate>()
            .map(|date| date.and_time(NaiveTime::MIN))
    });
    date_time
        .map(|date_time| date_time.and_utc())
        .map_err(|_| BadValue(format!("{text:?} is no timestamp")))
}

/// An exact amount, written as a [`decimal`]. What the currency cannot express is refused, not
/// rounded (E4).
pub(crate) fn money(text: &str, currency: &str) -> Result<Money, BadValue> {
    let currency: Currency = currency
        .parse()
        .map_err(|error| BadValue(format!("{error}")))?;
    Money::new(decimal(text)?, currency).map_err(|error| BadValue(error.to_string()))
}

/// A decimal with at most six digits behind the point; thousands may be separated by commas.
pub(crate) fn decimal(text: &str) -> Result<Decimal, BadValue> {
    let wrong = || BadValue(format!("{text:?} is no decimal number"));
    let number = Decimal::from_str_exact(&without_separators(text).ok_or_else(wrong)?)
        .map_err(|_| wrong())?;
    if number.scale() > MAX_FEED_DIGITS {
        return Err(BadValue(format!(
            "{text:?} has more than {MAX_FEED_DIGITS} decimal digits"
        )));
    }
    Ok(number)
}

/// `1,234.50` and `1234.50` as `1234.50`; anything but groups of three is no number.
fn without_separators(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().filter(|group| digits(group))?;
    let grouped = whole.contains(',');
    let well_grouped = groups.all(|group| group.len() == 3 && digits(group));
    let well_formed = well_grouped && digits(fraction) && (!grouped || first.len() <= 3);
    well_formed.then(|| text.replace(',', ""))
}

/// A name that is no number although it looks like one; shorter account numbers have lost their
/// leading zeros.
pub(crate) fn account(text: &str) -> String {
    let numeric = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if numeric {
        format!("{text:0>ACCOUNT_DIGITS$}")
    } else {
        text.to_owned()
    }
}

/// The bank's name for a deposit; none where AWS wrote a placeholder.
pub(crate) fn bank_trace(text: &str) -> Option<String> {
    (!PLACEHOLDER_TRACES.contains(&text)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_as_aws_writes_them() {
        for (text, expected) in [
            ("2027-01-05T10:11:12Z", "2027-01-05T10:11:12Z"),
            ("2024-06-21 20:58:00.0", "2024-06-21T20:58:00Z"),
            ("2024-06-21 20:58:00", "2024-06-21T20:58:00Z"),
            ("2024-06-21T20:58:00", "2024-06-21T20:58:00Z"),
            ("2024-06-21 20:58:00Z", "2024-06-21T20:58:00Z"),
            ("2024-06-21T22:58:00+02:00", "2024-06-21T20:58:00Z"),
            ("2027-01-05", "2027-01-05T00:00:00Z"),
        ] {
            assert_eq!(
                timestamp(text).unwrap(),
                expected.parse::<DateTime<Utc>>().unwrap(),
                "{text}"
            );
        }
        for wrong in [
            "",
            "yesterday",
            "2027-13-01",
            "05/01/2027",
            "2027-01-05T25:00:00Z",
        ] {
            assert!(timestamp(wrong).is_err(), "{wrong}");
        }
    }

    /// E4: exact or refused.
    #[test]
    fn amounts_are_exact() {
        for (text, currency, expected) in [
            ("102500.00", "USD", "102500.00"),
            ("102500.000000", "USD", "102500.00"),
            ("-2,562.5", "USD", "-2562.50"),
            ("1,000", "JPY", "1000"),
            ("1000000", "JPY", "1000000"),
            ("0", "EUR", "0.00"),
        ] {
            assert_eq!(
                money(text, currency).unwrap().amount_text(),
                expected,
                "{text}"
            );
        }
        for (wrong, currency) in [
            ("0.005", "USD"),
            ("0.0000000", "USD"),
            ("1.5", "JPY"),
            ("1e5", "USD"),
            ("10,00", "USD"),
            ("1000,000", "USD"),
            (",100", "USD"),
            ("1,000,", "USD"),
            ("+1", "USD"),
            ("", "USD"),
            ("NaN", "USD"),
            ("1.00", "JPN"),
            ("1.00", ""),
            ("9999999999999999", "USD"),
        ] {
            assert!(money(wrong, currency).is_err(), "{wrong} {currency}");
        }
    }

    #[test]
    fn accounts_get_their_zeros_back_and_placeholders_are_nothing() {
        assert_eq!(account("123456789"), "000123456789");
        assert_eq!(account("123456789012"), "123456789012");
        assert_eq!(account("guid-1"), "guid-1");
        assert_eq!(bank_trace("EMEA_MP_TEST_TRACE_ID"), None);
        assert_eq!(bank_trace("testTraceId"), None);
        assert_eq!(bank_trace("T1"), Some("T1".to_owned()));
    }
}
