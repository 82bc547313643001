//! Fields of change details: sizes, patterns and formats that AWS checks at once (facts §1.2).

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::period::Period;

const NAME_MAX: usize = 150;
const PRODUCT_ID_MAX: usize = 50;
const MAX_AMOUNT: i64 = 100_000_000;

pub(super) fn offer_name(name: &str) -> Result<(), String> {
    length("Name", name, 1, NAME_MAX)?;
    if name.starts_with(' ') || name.contains(['\\', '<', '>']) {
        return Err("Name must not start with a space nor contain \\, < or >.".to_owned());
    }
    Ok(())
}

/// 1 to 50 letters and digits, with `.`, `/` and `-` between them.
pub(super) fn product_id(id: &str) -> Result<(), String> {
    length("ProductId", id, 1, PRODUCT_ID_MAX)?;
    let edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "./-".contains(letter);
    if edge(id.chars().next()) && edge(id.chars().last()) && id.chars().all(plain) {
        Ok(())
    } else {
        Err(format!("ProductId: '{id}' does not match its pattern."))
    }
}

pub(super) fn length(field: &str, text: &str, min: usize, max: usize) -> Result<(), String> {
    count(field, text.chars().count(), min, max)
}

pub(super) fn count(field: &str, size: usize, min: usize, max: usize) -> Result<(), String> {
    if (min..=max).contains(&size) {
        Ok(())
    } else {
        Err(format!(
            "{field}: size {size} is not between {min} and {max}."
        ))
    }
}

pub(super) fn is_country_code(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

pub(super) fn term_type(actual: &str, expected: &str) -> Result<(), String> {
    if actual == expected {
        Ok(())
    } else {
        Err(format!(
            "Terms: type '{actual}' is not supported here; this sandbox takes {expected}."
        ))
    }
}

pub(super) fn duration(field: &str, text: String) -> Result<String, String> {
    match Period::parse(&text) {
        Some(_) => Ok(text),
        None => Err(format!(
            "{field}: '{text}' is not an ISO 8601 duration P(nY)(nM)(nD)."
        )),
    }
}

/// `YYYY-MM-DD`, a real calendar day.
pub(super) fn date(field: &str, text: &str) -> Result<NaiveDate, String> {
    let wrong = || format!("{field}: '{text}' is not a date YYYY-MM-DD.");
    if text.len() != 10 {
        return Err(wrong());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| wrong())
}

/// A plain decimal string, 0 to 100,000,000, with at most `decimals` places.
pub(super) fn amount(field: &str, text: &str, decimals: u32) -> Result<Decimal, String> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = plain.then(|| text.parse::<Decimal>().ok()).flatten();
    match number {
        Some(number) if number.scale() <= decimals && number <= Decimal::from(MAX_AMOUNT) => {
            Ok(number)
        }
        _ => Err(format!(
            "{field}: '{text}' is not a decimal of 0 to {MAX_AMOUNT} with at most {decimals} places."
        )),
    }
}
