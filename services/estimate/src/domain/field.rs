//! Single fields of a form: each is read to its value, or leaves a note of what is wrong.

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::money::MoneyError;
use countersign_kernel::{Currency, Decimal, Money, Rate};

use super::content::{MAX_NAME, MAX_PRICE};
use super::form::MoneyForm;
use super::rejection::{Reason, Violations};

/// What a price above [`MAX_PRICE`] is told.
pub const PRICE_CAP: &str = "AWS takes no price above 100000000";

/// An amount above zero that AWS takes as a price.
pub fn price_above_zero(
    wrong: &mut Violations,
    field: &str,
    form: Option<&MoneyForm>,
    currency: Option<Currency>,
) -> Option<Money> {
    let price = money(wrong, field, form, currency)?;
    let amount = format!("{field}.amount");
    wrong.ensure(
        price.is_positive(),
        &amount,
        Reason::PriceNotPositive,
        "above zero",
    );
    wrong.ensure(
        within_cap(price),
        &amount,
        Reason::AmountTooLarge,
        PRICE_CAP,
    );
    (price.is_positive() && within_cap(price)).then_some(price)
}

/// An amount, in `currency` if that is known (E4, E9).
pub fn money(
    wrong: &mut Violations,
    field: &str,
    form: Option<&MoneyForm>,
    currency: Option<Currency>,
) -> Option<Money> {
    let Some(form) = form else {
        wrong.add(field, Reason::Required, "must be given");
        return None;
    };
    wrong.within(field, |wrong| {
        let own = self::currency(wrong, "currency_code", &form.currency_code)?;
        if let Some(expected) = currency.filter(|expected| *expected != own) {
            let mismatch = format!("{own} in an estimate in {expected}");
            wrong.add("currency_code", Reason::CurrencyMismatch, mismatch);
        }
        let parsed = Money::parse(&form.amount, own);
        let reason = parsed
            .as_ref()
            .err()
            .map_or(Reason::Required, amount_reason);
        let amount = wrong.take("amount", reason, parsed)?;
        currency
            .is_none_or(|expected| expected == own)
            .then_some(amount)
    })
}

const fn amount_reason(error: &MoneyError) -> Reason {
    match error {
        MoneyError::NotPlainDecimal(_) => Reason::AmountNotPlainDecimal,
        MoneyError::TooPrecise { .. } => Reason::AmountTooPrecise,
        MoneyError::TooLarge(_) => Reason::AmountTooLarge,
        MoneyError::CurrencyMismatch { .. } => Reason::CurrencyMismatch,
    }
}

/// One of E9's currencies.
pub fn currency(wrong: &mut Violations, field: &str, code: &str) -> Option<Currency> {
    wrong.take(field, Reason::CurrencyUnknown, code.parse())
}

/// A name: one line, not empty.
pub fn name(wrong: &mut Violations, field: &str, text: &str) -> Option<String> {
    if text.trim().is_empty() {
        wrong.add(field, Reason::NameRequired, "must be given");
        return None;
    }
    if text.contains(['\n', '\r', '\t']) {
        wrong.add(field, Reason::TextInvalid, "one line, without tabs");
        return None;
    }
    self::text(wrong, field, text, MAX_NAME)
}

/// A text that must be given.
pub fn required_text(
    wrong: &mut Violations,
    field: &str,
    text: &str,
    longest: usize,
) -> Option<String> {
    if text.trim().is_empty() {
        wrong.add(field, Reason::Required, "must be given");
        return None;
    }
    self::text(wrong, field, text, longest)
}

/// A text that may be empty.
pub fn text(wrong: &mut Violations, field: &str, text: &str, longest: usize) -> Option<String> {
    let length = text.chars().count();
    if length > longest {
        let most = format!("{length} characters; at most {longest}");
        wrong.add(field, Reason::TextTooLong, most);
        return None;
    }
    // Postgres stores no NUL, and no other control character belongs into a contract.
    if text
        .chars()
        .any(|it| it.is_control() && !"\n\r\t".contains(it))
    {
        wrong.add(
            field,
            Reason::TextInvalid,
            "no control characters but line ends and tabs",
        );
        return None;
    }
    Some(text.to_owned())
}

/// A UTC date written `YYYY-MM-DD` and no other way.
pub fn date(wrong: &mut Violations, field: &str, text: &str) -> Option<NaiveDate> {
    let date = text
        .parse::<NaiveDate>()
        .ok()
        .filter(|date| date.to_string() == text);
    wrong.ensure(
        date.is_some(),
        field,
        Reason::DateInvalid,
        "a date is written YYYY-MM-DD",
    );
    date
}

/// ISO 3166 alpha-2, or empty for none: the outer `None` is a wrong one.
pub fn region(wrong: &mut Violations, field: &str, text: &str) -> Option<Option<String>> {
    let alpha_2 = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    wrong.ensure(
        text.is_empty() || alpha_2,
        field,
        Reason::RegionInvalid,
        "two capital letters such as KR, or nothing",
    );
    (text.is_empty() || alpha_2).then(|| alpha_2.then(|| text.to_owned()))
}

/// Whether AWS takes the amount as a price.
#[must_use]
pub fn within_cap(price: Money) -> bool {
    price.amount() <= Decimal::from(MAX_PRICE)
}

/// A fraction at or above zero and below one (E3).
pub fn rate(wrong: &mut Violations, field: &str, text: &str) -> Option<Rate> {
    wrong.take(field, Reason::RateInvalid, Rate::parse(text))
}

/// Digits with at most one point between them; at most 20 characters.
#[must_use]
pub fn plain_decimal(text: &str) -> Option<Decimal> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let inner = text.starts_with(|it: char| it.is_ascii_digit())
        && text.ends_with(|it: char| it.is_ascii_digit());
    (plain && inner && text.len() <= 20).then(|| Decimal::from_str_exact(text).ok())?
}
