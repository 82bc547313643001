//! Fields of Agreement API requests, and the `ValidationException` reasons of their absence or shape.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::change_sets::optional_text;
use super::{Refusal, paging};
use crate::wire::{Wire, map};

const PAGE_MAX: usize = 50;

/// How few items a page may be asked to have, and how many it has when nobody asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize {
    pub(super) least: usize,
    pub(super) usual: usize,
}

impl PageSize {
    const OF_MOST: Self = Self {
        least: 1,
        usual: PAGE_MAX,
    };
}

/// A text that must be there.
pub(super) fn required<'a>(
    input: &'a Value,
    field: &str,
    missing: &'static str,
) -> Result<&'a str, Refusal> {
    optional_text(input, field)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refusal::reasoned(missing, format!("{field} is required.")))
}

/// A text of `min` to `max` characters, when it is there.
pub(super) fn bounded<'a>(
    input: &'a Value,
    field: &str,
    (min, max): (usize, usize),
    wrong: &'static str,
) -> Result<Option<&'a str>, Refusal> {
    let text = optional_text(input, field)?;
    match text.map(|text| text.chars().count()) {
        Some(length) if !(min..=max).contains(&length) => Err(Refusal::reasoned(
            wrong,
            format!("{field} must be {min} to {max} characters."),
        )),
        _ => Ok(text),
    }
}

/// `[A-Za-z0-9-]{1,64}`, when it is there.
pub(super) fn client_token(input: &Value) -> Result<Option<&str>, Refusal> {
    let token = optional_text(input, "clientToken")?;
    let sound = |token: &str| {
        (1..=64).contains(&token.len())
            && token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match token {
        Some(token) if !sound(token) => Err(Refusal::reasoned(
            "INVALID_CLIENT_TOKEN",
            "clientToken must match [A-Za-z0-9-]{1,64}.",
        )),
        token => Ok(token),
    }
}

/// A positive amount with no more places than its currency has.
pub(super) fn positive(text: &str, digits: u32) -> Option<Decimal> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let amount: Decimal = plain.then(|| text.parse().ok()).flatten()?;
    (amount > Decimal::ZERO && amount.normalize().scale() <= digits).then_some(amount)
}

/// A timestamp, when it is there: epoch seconds, whichever protocol it came by.
pub(super) fn time(input: &Value, field: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    let value = match input.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let whole = value
        .as_i64()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let parts = || {
        let text = value.as_number()?.to_string();
        let seconds: Decimal = text.parse().ok()?;
        let millis: i64 = (seconds * Decimal::ONE_THOUSAND).round().try_into().ok()?;
        DateTime::from_timestamp_millis(millis)
    };
    whole
        .or_else(parts)
        .map(Some)
        .ok_or_else(|| Refusal::reasoned("OTHER", format!("{field} is no timestamp.")))
}

/// `PartyType` of the list operations: whether the caller asks as proposer.
pub(super) fn as_proposer(input: &Value) -> Result<bool, Refusal> {
    match required(input, "partyType", "MISSING_PARTY_TYPE")? {
        "Proposer" => Ok(true),
        "Acceptor" => Ok(false),
        other => Err(Refusal::reasoned(
            "INVALID_PARTY_TYPE",
            format!("partyType '{other}' is not supported."),
        )),
    }
}

/// `catalog` and `agreementType`, which may only have one value each.
pub(super) fn usual_scope(input: &Value) -> Result<(), Refusal> {
    if optional_text(input, "catalog")?.is_some_and(|catalog| catalog != "AWSMarketplace") {
        return Err(Refusal::reasoned(
            "INVALID_CATALOG",
            "catalog must be AWSMarketplace.",
        ));
    }
    if optional_text(input, "agreementType")?.is_some_and(|kind| kind != "PurchaseAgreement") {
        return Err(Refusal::reasoned(
            "INVALID_AGREEMENT_TYPE",
            "agreementType must be PurchaseAgreement.",
        ));
    }
    Ok(())
}

/// `status` of the list operations, when it is there: one of the words that the resource may have.
pub(super) fn status<'a>(input: &'a Value, words: &[&str]) -> Result<Option<&'a str>, Refusal> {
    match optional_text(input, "status")? {
        Some(other) if !words.contains(&other) => Err(Refusal::reasoned(
            "INVALID_STATUS",
            format!("status '{other}' is none of {}.", words.join(", ")),
        )),
        status => Ok(status),
    }
}

pub(super) fn page_size(input: &Value) -> Result<usize, Refusal> {
    size_within(input, PageSize::OF_MOST)
}

fn size_within(input: &Value, PageSize { least, usual }: PageSize) -> Result<usize, Refusal> {
    match input.get("maxResults") {
        None | Some(Value::Null) => Ok(usual),
        Some(value) => value
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (least..=PAGE_MAX).contains(size))
            .ok_or_else(|| {
                let message = format!("maxResults must be {least} to {PAGE_MAX}.");
                Refusal::reasoned("INVALID_MAX_RESULTS", message)
            }),
    }
}

/// One page of `items` under `field`.
pub(super) fn page(input: &Value, field: &'static str, items: Vec<Wire>) -> Result<Wire, Refusal> {
    page_within(input, field, items, PageSize::OF_MOST)
}

/// The same, of an operation whose pages have sizes of their own.
pub(super) fn page_within(
    input: &Value,
    field: &'static str,
    items: Vec<Wire>,
    sizes: PageSize,
) -> Result<Wire, Refusal> {
    let size = size_within(input, sizes)?;
    let token = optional_text(input, "nextToken")?;
    let (page, next) = paging::cut(items, size, token, &paging::scope(input, "nextToken"))
        .ok_or_else(|| Refusal::reasoned("INVALID_NEXT_TOKEN", "nextToken is not valid."))?;
    Ok(map([
        (field, Some(Wire::List(page))),
        ("nextToken", next.map(Wire::Text)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_whole_or_fractional_seconds() {
        let input = json!({ "a": 1_700_000_000, "b": 1_700_000_000.5, "c": "soon" });
        let at = |field| time(&input, field);
        assert_eq!(
            at("a").unwrap().unwrap().timestamp_millis(),
            1_700_000_000_000
        );
        assert_eq!(
            at("b").unwrap().unwrap().timestamp_millis(),
            1_700_000_000_500
        );
        assert!(at("c").is_err());
        assert_eq!(at("d"), Ok(None));
    }

    #[test]
    fn amounts_are_positive_and_in_the_currency_s_digits() {
        for (text, digits, good) in [
            ("1", 2, true),
            ("1.50", 2, true),
            ("1.500", 2, true),
            ("1.505", 2, false),
            ("1.5", 0, false),
            ("0", 2, false),
            ("-1", 2, false),
            ("1e2", 2, false),
            ("", 2, false),
        ] {
            assert_eq!(positive(text, digits).is_some(), good, "{text}");
        }
    }
}
