//! `token`: a bearer token for what `up` has started, or for deploy/compose.

use std::time::Duration;

use anyhow::{Context, Result};

use super::up;
use crate::cli::TokenArgs;
use crate::compose::{self, Prepared};
use crate::environment::{Bearer, Issuer};

pub(super) fn run(args: &TokenArgs) -> Result<()> {
    let issuer = if args.compose {
        Issuer::open(&Prepared::read(&compose::folder().join("run")).issuer())
            .context("nothing is prepared: run `cargo countersign prepare` first")?
    } else {
        up::endpoints()?.issuer()?
    };
    let bearer = Bearer {
        seller: &args.seller,
        subject: &args.subject,
        roles: &args.role,
    };
    println!("{}", issuer.token(&bearer, args.ttl)?);
    Ok(())
}

/// Reads `90s`, `15m`, `1h` or `2d`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} should read 90s, 15m, 1h or 2d");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_unit() {
        assert_eq!(time("1h"), Ok(Duration::from_hours(1)));
        assert_eq!(time("90s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "h", "1", "1w", "-1h", "é"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
