//! `UpdateRenewalTerms` as it is sent (facts §1.2, §4).

use rust_decimal::Decimal;
use serde::Deserialize;

use super::fields::{count, term_type};
use super::model::{PriceIncrease, Renewal, RenewalRow};
use super::term_inputs::Terms;

const TEMPLATE_ROWS_MAX: usize = 86;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct RenewalInput {
    r#type: String,
    lockout_period: String,
    adjustment_deadline: Option<String>,
    max_renewals: Option<u32>,
    price_increase: Option<IncreaseInput>,
    #[serde(default)]
    term_templates: Vec<TemplateInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct IncreaseInput {
    fixed_percentage: Option<FixedInput>,
    percentage_range: Option<RangeInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct FixedInput {
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RangeInput {
    #[serde(rename = "MinValue")]
    min: String,
    #[serde(rename = "MaxValue")]
    max: String,
    #[serde(rename = "DefaultValue")]
    default: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct TemplateInput {
    payment_schedule_term_template: ScheduleTemplateInput,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ScheduleTemplateInput {
    schedule: Vec<RowInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RowInput {
    charge_date_offset: String,
    charge_percentage: String,
    day_of_month: Option<u32>,
}

/// A renewal term, or none.
pub(super) fn renewal(input: Terms<RenewalInput>) -> Result<Option<Renewal>, String> {
    let Some(term) = input.at_most_one()? else {
        return Ok(None);
    };
    term_type(&term.r#type, "RenewalTerm")?;
    if term.max_renewals == Some(0) {
        return Err("MaxRenewals must be at least 1.".to_owned());
    }
    count("TermTemplates", term.term_templates.len(), 0, 1)?;
    let rows = term.term_templates.into_iter().next();
    let template = rows
        .map(|template| rows_of(template.payment_schedule_term_template))
        .transpose()?;
    Ok(Some(Renewal {
        lockout: days("LockoutPeriod", &term.lockout_period)?,
        deadline: term
            .adjustment_deadline
            .map(|text| days("AdjustmentDeadline", &text))
            .transpose()?,
        max: term.max_renewals,
        increase: term.price_increase.map(increase).transpose()?,
        template,
    }))
}

fn rows_of(input: ScheduleTemplateInput) -> Result<Vec<RenewalRow>, String> {
    count("Schedule", input.schedule.len(), 1, TEMPLATE_ROWS_MAX)?;
    let mut rows = Vec::with_capacity(input.schedule.len());
    for row in input.schedule {
        rows.push(RenewalRow {
            percentage: percentage("ChargePercentage", &row.charge_percentage)?,
            day_of_month: row.day_of_month,
            offset: row.charge_date_offset,
        });
    }
    Ok(rows)
}

fn increase(input: IncreaseInput) -> Result<PriceIncrease, String> {
    match (input.fixed_percentage, input.percentage_range) {
        (Some(fixed), None) => Ok(PriceIncrease::Fixed(percentage("Value", &fixed.value)?)),
        (None, Some(range)) => Ok(PriceIncrease::Range {
            min: percentage("MinValue", &range.min)?,
            max: percentage("MaxValue", &range.max)?,
            default: percentage("DefaultValue", &range.default)?,
        }),
        _ => Err("PriceIncrease takes FixedPercentage or PercentageRange.".to_owned()),
    }
}

/// `PnD`.
fn days(field: &str, text: &str) -> Result<u32, String> {
    let number = text
        .strip_prefix('P')
        .and_then(|rest| rest.strip_suffix('D'))
        .and_then(|digits| digits.parse().ok());
    number
        .filter(|days| *days > 0)
        .ok_or_else(|| format!("{field}: '{text}' is not a number of days PnD."))
}

/// 0.00 to 100.00.
fn percentage(field: &str, text: &str) -> Result<Decimal, String> {
    let number: Option<Decimal> = text.parse().ok();
    number
        .filter(|value| {
            value.scale() <= 2 && *value >= Decimal::ZERO && *value <= Decimal::ONE_HUNDRED
        })
        .ok_or_else(|| format!("{field}: '{text}' is not 0.00 to 100.00."))
}
