//! The terms that changes to offers and to resale authorizations share, as they are sent (facts §1.2, §1.5).
//!
//! The kinds differ by name only (`PaymentScheduleTerm`, `ResalePaymentScheduleTerm`), so the name is a
//! parameter. Errors are the messages of AWS's `ValidationException`.

use serde::Deserialize;
use serde_json::Value;

use super::fields::{amount, count, date, length, term_type};
use super::model::{Charge, Document, Schedule};

const URL_MAX: usize = 32_000;
/// What a net payment term may say.
const PAYMENT_PERIODS: [&str; 6] = ["P15D", "P30D", "P45D", "P60D", "P90D", "P120D"];

/// Details in their shape, unknown fields refused.
pub(super) fn from<T: for<'a> Deserialize<'a>>(document: &Value) -> Result<T, String> {
    T::deserialize(document).map_err(|error| format!("Invalid details: {error}."))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Terms<T> {
    pub(super) terms: Vec<T>,
}

impl<T> Terms<T> {
    pub(super) fn at_most_one(self) -> Result<Option<T>, String> {
        count("Terms", self.terms.len(), 0, 1)?;
        Ok(self.terms.into_iter().next())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct LegalTermInput {
    pub(super) r#type: String,
    pub(super) documents: Vec<DocumentInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct DocumentInput {
    pub(super) r#type: String,
    pub(super) url: Option<String>,
    pub(super) version: Option<String>,
}

/// One document of a legal term: a file (`custom`) or one of the marketplace's own texts (`standard`).
pub(super) fn legal_document(
    input: DocumentInput,
    custom: &str,
    standard: &[&str],
) -> Result<Document, String> {
    match (input.r#type.as_str(), input.url, input.version) {
        (kind, Some(url), None) if kind == custom => {
            length("Url", &url, 1, URL_MAX)?;
            if !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(format!("Url: '{url}' is not an absolute URL."));
            }
            Ok(Document::CustomEula { url, copy: None })
        }
        (kind, None, version) if standard.contains(&kind) => Ok(Document::StandardEula {
            version: version.unwrap_or_default(),
        }),
        (kind, ..) => Err(format!(
            "Documents: '{kind}' must be {custom} with Url or {} with Version.",
            standard.join(" or ")
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct ScheduleInput {
    r#type: String,
    currency_code: String,
    schedule: Vec<ChargeInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ChargeInput {
    charge_date: String,
    charge_amount: String,
}

/// `UpdatePaymentScheduleTerms`: a schedule of at most `most` charges, or none.
pub(super) fn payment_schedule(
    input: Terms<ScheduleInput>,
    kind: &str,
    most: usize,
) -> Result<Option<Schedule>, String> {
    let Some(term) = input.at_most_one()? else {
        return Ok(None);
    };
    term_type(&term.r#type, kind)?;
    count("Schedule", term.schedule.len(), 1, most)?;
    let mut charges = Vec::with_capacity(term.schedule.len());
    for charge in term.schedule {
        charges.push(Charge {
            date: date("ChargeDate", &charge.charge_date)?,
            amount: amount("ChargeAmount", &charge.charge_amount, 2)?,
        });
    }
    Ok(Some(Schedule {
        currency: term.currency_code,
        charges,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct NetPaymentInput {
    r#type: String,
    payment_due_period: String,
}

/// `UpdateNetPaymentTerms`: days until an invoice is due, or the buyer's own terms.
pub(super) fn net_payment(
    input: Terms<NetPaymentInput>,
    kind: &str,
) -> Result<Option<String>, String> {
    let Some(term) = input.at_most_one()? else {
        return Ok(None);
    };
    term_type(&term.r#type, kind)?;
    if PAYMENT_PERIODS.contains(&term.payment_due_period.as_str()) {
        Ok(Some(term.payment_due_period))
    } else {
        Err(format!(
            "PaymentDuePeriod: '{}' is none of {}.",
            term.payment_due_period,
            PAYMENT_PERIODS.join(", ")
        ))
    }
}

/// The days of a `PaymentDuePeriod` that [`net_payment`] let through.
pub(super) fn payment_days(period: &str) -> u16 {
    period
        .strip_prefix('P')
        .and_then(|rest| rest.strip_suffix('D'))
        .and_then(|days| days.parse().ok())
        .unwrap_or_default()
}

/// 12 digits each, at most `max`, at least one.
pub(super) fn accounts(field: &str, accounts: &[String], max: usize) -> Result<(), String> {
    count(field, accounts.len(), 1, max)?;
    for account in accounts {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!(
                "{field}: '{account}' does not match ^[0-9]{{12}}$."
            ));
        }
    }
    Ok(())
}
