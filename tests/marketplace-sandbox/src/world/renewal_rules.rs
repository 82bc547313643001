//! AWS's asynchronous rules for a `RenewalTerm` (facts §1.2, §1.3). Whether professional services may renew
//! automatically is written nowhere plainly; here they may.

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;

use super::changes::Kind;
use super::model::{PriceIncrease, Renewal, RenewalRow};
use super::period::Period;
use super::rules::{Case, Findings};

const LAST_DAY: u32 = 31;

pub(super) fn check(case: &Case<'_>, found: &mut Findings<'_>) {
    let Some(term) = &case.after.renewal else {
        return;
    };
    let moves = [Kind::Renewal, Kind::Validity, Kind::Pricing, Kind::Release];
    let lasts = case.after.duration();
    if let Some(period) = lasts.filter(|_| moves.iter().any(|kind| case.changes(*kind)))
        && locked_from_the_start(term, period, case.today())
    {
        found.add(
            Kind::Renewal,
            "INVALID_LOCKOUT_PERIOD",
            "LockoutPeriod must be shorter than the agreement.",
        );
    }
    if !case.changes(Kind::Renewal) {
        return;
    }
    for (code, message) in findings(term, case.after.schedule.is_some()) {
        found.add(Kind::Renewal, code, message);
    }
}

/// Whether nobody could ever decide on the renewal, of an agreement that began today.
fn locked_from_the_start(term: &Renewal, period: Period, today: NaiveDate) -> bool {
    let end = period.after_date(today);
    let locked = end.checked_sub_days(Days::new(term.lockout.into()));
    locked.is_none_or(|locked| locked <= today)
}

fn findings(term: &Renewal, has_schedule: bool) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    match &term.increase {
        None => found.push((
            "MISSING_PRICE_INCREASE",
            "Private offers need a PriceIncrease.",
        )),
        Some(PriceIncrease::Fixed(_)) if term.deadline.is_some() => found.push((
            "INVALID_ADJUSTMENT_DEADLINE",
            "AdjustmentDeadline goes with a PercentageRange only.",
        )),
        Some(PriceIncrease::Fixed(_)) => {}
        Some(PriceIncrease::Range { min, max, default }) => {
            if min >= max || default < min || default > max {
                found.push((
                    "INVALID_PERCENTAGE_RANGE",
                    "MinValue must be below MaxValue, DefaultValue between them.",
                ));
            }
            match term.deadline {
                None => found.push((
                    "MISSING_ADJUSTMENT_DEADLINE",
                    "A PercentageRange needs an AdjustmentDeadline.",
                )),
                Some(deadline) if deadline <= term.lockout => found.push((
                    "INVALID_ADJUSTMENT_DEADLINE",
                    "AdjustmentDeadline must be a day longer than LockoutPeriod.",
                )),
                Some(_) => {}
            }
        }
    }
    match &term.template {
        None if has_schedule => found.push((
            "MISSING_PAYMENT_SCHEDULE_TERM_TEMPLATE",
            "An offer with a PaymentScheduleTerm needs a template for it.",
        )),
        Some(_) if !has_schedule => found.push((
            "INCOMPATIBLE_TERMS",
            "A template needs a PaymentScheduleTerm.",
        )),
        Some(rows) => template(rows, &mut found),
        None => {}
    }
    found
}

fn template(rows: &[RenewalRow], found: &mut Vec<(&'static str, &'static str)>) {
    let total: Decimal = rows.iter().map(|row| row.percentage).sum();
    if total != Decimal::ONE_HUNDRED || rows.iter().any(|row| row.percentage.is_zero()) {
        found.push((
            "INVALID_CHARGE_PERCENTAGES",
            "ChargePercentages must add up to 100.",
        ));
    }
    let unit = |row: &RenewalRow| row.offset.chars().last();
    if rows
        .iter()
        .filter_map(|row| Some((row, row.day_of_month?)))
        .any(|(row, day)| unit(row) != Some('M') || !(1..=LAST_DAY).contains(&day))
    {
        found.push((
            "INVALID_DAY_OF_MONTH",
            "DayOfMonth must be 1 to 31, beside an offset in months.",
        ));
    }
    let shaped = |row: &RenewalRow| {
        row.offset
            .strip_prefix('P')
            .and_then(|rest| rest.strip_suffix(['M', 'D']))
            .is_some_and(|number| (1..=4).contains(&number.len()) && number.parse::<u32>().is_ok())
    };
    let one_unit = rows.windows(2).all(|pair| unit(&pair[0]) == unit(&pair[1]));
    if !one_unit || !rows.iter().all(shaped) {
        found.push((
            "INVALID_CHARGE_DATE_OFFSETS",
            "ChargeDateOffsets must all be months or all be days.",
        ));
    }
    for (index, row) in rows.iter().enumerate() {
        let same = |other: &RenewalRow| {
            (&other.offset, other.day_of_month) == (&row.offset, row.day_of_month)
        };
        if rows[..index].iter().any(same) {
            found.push((
                "DUPLICATE_CHARGE_DATE_OFFSETS",
                "A ChargeDateOffset appears twice.",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(offset: &str, percentage: i64) -> RenewalRow {
        RenewalRow {
            offset: offset.to_owned(),
            percentage: percentage.into(),
            day_of_month: None,
        }
    }

    fn on(day_of_month: u32, offset: &str) -> RenewalRow {
        RenewalRow {
            day_of_month: Some(day_of_month),
            ..row(offset, 100)
        }
    }

    #[test]
    fn each_rule_has_its_code() {
        let fixed = Some(PriceIncrease::Fixed(3.into()));
        let range = |min: i64, max: i64, default: i64| {
            Some(PriceIncrease::Range {
                min: min.into(),
                max: max.into(),
                default: default.into(),
            })
        };
        for (increase, deadline, template, expected) in [
            (
                fixed.clone(),
                None,
                vec![row("P0M", 50), row("P6M", 50)],
                vec![],
            ),
            (range(1, 5, 3), Some(31), vec![row("P0D", 100)], vec![]),
            (
                None,
                None,
                vec![row("P0M", 100)],
                vec!["MISSING_PRICE_INCREASE"],
            ),
            (
                fixed.clone(),
                Some(40),
                vec![row("P0M", 100)],
                vec!["INVALID_ADJUSTMENT_DEADLINE"],
            ),
            (
                range(5, 5, 5),
                Some(31),
                vec![row("P0M", 100)],
                vec!["INVALID_PERCENTAGE_RANGE"],
            ),
            (
                range(1, 5, 3),
                Some(30),
                vec![row("P0M", 100)],
                vec!["INVALID_ADJUSTMENT_DEADLINE"],
            ),
            (
                range(1, 5, 3),
                None,
                vec![row("P0M", 100)],
                vec!["MISSING_ADJUSTMENT_DEADLINE"],
            ),
            (
                fixed.clone(),
                None,
                vec![row("P0M", 99)],
                vec!["INVALID_CHARGE_PERCENTAGES"],
            ),
            (
                fixed.clone(),
                None,
                vec![row("P0M", 50), row("P6D", 50)],
                vec!["INVALID_CHARGE_DATE_OFFSETS"],
            ),
            (
                fixed.clone(),
                None,
                vec![row("P1M", 50), row("P1M", 50)],
                vec!["DUPLICATE_CHARGE_DATE_OFFSETS"],
            ),
            (fixed.clone(), None, vec![on(31, "P1M")], vec![]),
            (
                fixed.clone(),
                None,
                vec![on(32, "P1M")],
                vec!["INVALID_DAY_OF_MONTH"],
            ),
            (
                fixed.clone(),
                None,
                vec![on(0, "P1M")],
                vec!["INVALID_DAY_OF_MONTH"],
            ),
            (
                fixed,
                None,
                vec![on(1, "P30D")],
                vec!["INVALID_DAY_OF_MONTH"],
            ),
        ] {
            let term = Renewal {
                lockout: 30,
                deadline,
                max: None,
                increase,
                template: Some(template),
            };
            let codes: Vec<&str> = findings(&term, true)
                .iter()
                .map(|(code, _)| *code)
                .collect();
            assert_eq!(codes, expected, "{term:?}");
        }
    }
}
