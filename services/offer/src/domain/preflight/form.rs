//! What is asked of the intake (O1), before there is an offer: the same kind of table, about a form.

use std::str::FromStr;

use countersign_kernel::AwsAccountId;

use super::REFUSED_AT_ONCE;
use crate::domain::deal::ApprovedDeal;
use crate::domain::id::ProductId;
use crate::domain::intake::{AccountKind, BILLING_TERMS_DAYS, Form};
use crate::domain::listing::Listing;
use crate::domain::rejection::Violation;

/// What AWS answers to an offer for a product that it does not have (facts §1.2).
const NO_SUCH_PRODUCT: &str = "ResourceNotFoundException";
const MAX_NAME_LENGTH: usize = 200;
const MAX_EMAIL_LENGTH: usize = 254;

/// The form, and what it must agree with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) form: &'a Form,
    /// Absent while nothing is signed: then only the form itself is checked.
    pub(crate) deal: Option<&'a ApprovedDeal>,
    /// What the seller registered under the form's product id.
    pub(crate) listing: Option<&'a Listing>,
}

/// One rule about a form.
pub(crate) struct FormRule {
    pub(crate) id: &'static str,
    pub(super) field: &'static str,
    /// What AWS would answer to an offer made from it; empty for a rule of ours.
    pub(crate) aws_error_code: &'static str,
    pub(super) fix: &'static str,
    check: for<'a> fn(&Given<'a>) -> Option<String>,
}

const fn rule(
    id: &'static str,
    field: &'static str,
    aws_error_code: &'static str,
    fix: &'static str,
    check: for<'a> fn(&Given<'a>) -> Option<String>,
) -> FormRule {
    FormRule {
        id,
        field,
        aws_error_code,
        fix,
        check,
    }
}

pub(crate) const RULES: &[FormRule] = &[
    rule(
        "TOTAL_PRICE_INVALID",
        "total_price",
        "INVALID_CURRENCY_CODE",
        "give an amount of a currency that AWS takes, with no more digits than it has",
        price,
    ),
    rule(
        "TOTAL_PRICE_DIFFERS_FROM_APPROVED",
        "total_price",
        "",
        "give the price that was approved, or have the deal approved anew",
        price_differs,
    ),
    rule(
        "DURATION_INVALID",
        "scope_duration",
        "INVALID_DURATION",
        "give whole years, months and days, such as P90D",
        duration,
    ),
    rule(
        "DURATION_DIFFERS_FROM_APPROVED",
        "scope_duration",
        "",
        "give the duration that was approved, or have the deal approved anew",
        duration_differs,
    ),
    rule(
        "GOVCLOUD_ACCOUNT",
        "buyer_account_kind",
        "INVALID_BUYER_ACCOUNTS",
        "name the commercial master payer: any account under it may accept",
        govcloud,
    ),
    rule(
        "ACCOUNT_KIND_REQUIRED",
        "buyer_account_kind",
        "INVALID_BUYER_ACCOUNTS",
        "ask the buyer for its commercial master payer, and say so",
        kind_missing,
    ),
    rule(
        "ACCOUNT_ID_INVALID",
        "buyer_account_id",
        REFUSED_AT_ONCE,
        "give 12 digits, leading zeros included",
        account,
    ),
    rule(
        "BILLING_TERMS_NOT_SUPPORTED",
        "billing_terms_days",
        "",
        "the buyer pays AWS within 30 days: ask it to",
        billing_terms,
    ),
    rule(
        "CONTACT_NAME_REQUIRED",
        "contact_name",
        "",
        "name a person of the buyer's, in one line of at most 200 characters",
        contact_name,
    ),
    rule(
        "CONTACT_EMAIL_INVALID",
        "contact_email",
        "",
        "give the contact's address",
        contact_email,
    ),
    rule(
        "PRODUCT_UNKNOWN",
        "product_id",
        NO_SUCH_PRODUCT,
        "register the listing first",
        product,
    ),
];

/// Every rule that does not hold, in the order of the table.
pub(crate) fn violations(given: &Given<'_>) -> Vec<Violation> {
    let wrong = RULES.iter().filter_map(|rule| {
        let problem = (rule.check)(given)?;
        Some(Violation::new(rule.field, rule.id, problem))
    });
    wrong.collect()
}

fn price(given: &Given<'_>) -> Option<String> {
    given.form.price().err()
}

fn price_differs(given: &Given<'_>) -> Option<String> {
    let (given, approved) = (given.form.price().ok()?, given.deal?.price());
    (given != approved).then(|| format!("{given} was given, {approved} was approved"))
}

fn duration(given: &Given<'_>) -> Option<String> {
    given.form.duration().err()
}

fn duration_differs(given: &Given<'_>) -> Option<String> {
    let (given, approved) = (
        given.form.duration().ok()?,
        given.deal?.estimate.scope_duration,
    );
    (given != approved).then(|| format!("{given} was given, {approved} was approved"))
}

fn govcloud(given: &Given<'_>) -> Option<String> {
    (given.form.buyer_account_kind == AccountKind::GovCloud)
        .then(|| "a GovCloud account cannot be charged: name the commercial master payer".into())
}

fn kind_missing(given: &Given<'_>) -> Option<String> {
    (given.form.buyer_account_kind == AccountKind::NotSaid)
        .then(|| "say whether the account is the commercial master payer".into())
}

fn account(given: &Given<'_>) -> Option<String> {
    let parsed = AwsAccountId::from_str(&given.form.buyer_account_id);
    parsed.err().map(|problem| problem.to_string())
}

fn billing_terms(given: &Given<'_>) -> Option<String> {
    (given.form.billing_terms_days != BILLING_TERMS_DAYS).then(|| {
        format!("the buyer's terms with AWS are {BILLING_TERMS_DAYS} days, not negotiable here")
    })
}

fn contact_name(given: &Given<'_>) -> Option<String> {
    let name = given.form.contact_name.trim();
    let unfit = name.chars().count() > MAX_NAME_LENGTH || name.chars().any(char::is_control);
    (name.is_empty() || unfit).then(|| {
        format!("the contact's name is needed, at most {MAX_NAME_LENGTH} characters in one line")
    })
}

fn contact_email(given: &Given<'_>) -> Option<String> {
    let email = &given.form.contact_email;
    (!is_email(email)).then(|| format!("{email:?} is no e-mail address"))
}

fn product(given: &Given<'_>) -> Option<String> {
    let id = &given.form.product_id;
    let known = ProductId::from_str(id).is_ok() && given.listing.is_some();
    (!known).then(|| format!("{id:?} is no registered listing of this seller"))
}

/// One `@` with something before it and a dotted host behind it, visible ASCII, no separators:
/// enough to catch slips; only the mail server knows whether the address exists.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    let labels_fit = host.split('.').all(|label| {
        let edge_free = !label.starts_with('-') && !label.ends_with('-');
        let plain = label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && edge_free && plain
    });
    let local_fits = (1..=64).contains(&local.len())
        && local
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"@,;:<>()[]\\\"".contains(&byte));
    text.len() <= MAX_EMAIL_LENGTH && local_fits && labels_fit && host.contains('.')
}
