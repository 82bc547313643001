//! ISO 8601 durations of weeks, days, hours, minutes and seconds: lengths that are always the same.

use anyhow::{Result, bail};
use chrono::TimeDelta;

/// Reads `P2D`, `PT90S`, `P1DT12H`, `P1W`, with a `-` before it for the other direction. Months and
/// years are refused: how long they are depends on when.
pub(super) fn parse(text: &str) -> Result<TimeDelta> {
    let (sign, body) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let Some(seconds) = body.strip_prefix('P').and_then(seconds) else {
        bail!("{text:?} is no duration such as P2D, PT45M or P1DT12H");
    };
    match TimeDelta::try_seconds(sign * seconds) {
        Some(duration) => Ok(duration),
        None => bail!("{text:?} is too long"),
    }
}

fn seconds(body: &str) -> Option<i64> {
    let (date, time) = body
        .split_once('T')
        .map_or((body, None), |(date, time)| (date, Some(time)));
    if time.is_some_and(str::is_empty) || body.is_empty() {
        return None;
    }
    let days = sum(date, &[('W', 604_800), ('D', 86_400)])?;
    let within = sum(
        time.unwrap_or_default(),
        &[('H', 3_600), ('M', 60), ('S', 1)],
    )?;
    days.checked_add(within)
}

/// Adds up `<number><unit>` pairs that come in the order of `units`.
fn sum(text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut rest = text;
    let mut total = 0_i64;
    for (unit, length) in units {
        let Some((number, after)) = rest.split_once(*unit) else {
            continue;
        };
        total = total.checked_add(
            number
                .parse::<u32>()
                .ok()
                .map(i64::from)?
                .checked_mul(*length)?,
        )?;
        rest = after;
    }
    rest.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_are_always_the_same_are_read() {
        let cases = [
            ("P2D", 172_800),
            ("PT45M", 2_700),
            ("P1DT12H", 129_600),
            ("P1W", 604_800),
            ("-PT1H30S", -3_630),
            ("P0D", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap().num_seconds(), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "P",
            "2D",
            "P1M",
            "P1Y",
            "PT",
            "P1DT",
            "P-1D",
            "PT1S1H",
            "P1.5D",
            "P99999999999D",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
