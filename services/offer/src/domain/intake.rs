//! Intake: what an offer needs to know of the buyer, checked against what was approved. Every
//! missing or wrong item is named at once (O1).

use std::str::FromStr;

use countersign_kernel::{AwsAccountId, Currency, IsoDuration, Money};

use super::deal::ApprovedDeal;
use super::id::ProductId;
use super::listing::Listing;
use super::rejection::Violation;

/// The buyer's terms with AWS: standard, and not negotiable here (O1).
pub(crate) const BILLING_TERMS_DAYS: u32 = 30;
const MAX_NAME_LENGTH: usize = 200;
const MAX_EMAIL_LENGTH: usize = 254;

/// Which kind of account the caller says it is: the number does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountKind {
    NotSaid,
    CommercialPayer,
    GovCloud,
}

/// What the caller gave, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) billing_terms_days: u32,
    pub(crate) buyer_account_id: String,
    pub(crate) buyer_account_kind: AccountKind,
    pub(crate) contact_name: String,
    pub(crate) contact_email: String,
    pub(crate) price_currency: String,
    pub(crate) price_amount: String,
    pub(crate) scope_duration: String,
    pub(crate) product_id: String,
}

/// The checked intake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intake {
    pub(crate) billing_terms_days: u32,
    /// The commercial master payer; any account under it may accept.
    pub(crate) buyer_account: AwsAccountId,
    pub(crate) contact_name: String,
    pub(crate) contact_email: String,
    pub(crate) total_price: Money,
    pub(crate) scope_duration: IsoDuration,
    /// The listing as it was when the intake was completed.
    pub(crate) listing: Listing,
}

impl Intake {
    /// Whether this intake still fits the deal: a new stamp may have another price or duration.
    pub(crate) fn fits(&self, deal: &ApprovedDeal) -> bool {
        self.total_price == deal.price() && self.scope_duration == deal.estimate.scope_duration
    }
}

/// Checks what was given. `deal` is absent while nothing is signed: then only the form itself is
/// checked. `listing` is what the seller registered under the form's product id.
pub(crate) fn check(
    form: &Form,
    deal: Option<&ApprovedDeal>,
    listing: Option<&Listing>,
) -> Result<Intake, Vec<Violation>> {
    let mut wrong = Vec::new();
    let price = price(form, deal, &mut wrong);
    let duration = duration(form, deal, &mut wrong);
    let account = account(form, &mut wrong);
    billing_terms(form, &mut wrong);
    contact(form, &mut wrong);
    product(form, listing, &mut wrong);
    match (account, price, duration, listing) {
        (Some(buyer_account), Some(total_price), Some(scope_duration), Some(listing))
            if wrong.is_empty() =>
        {
            Ok(Intake {
                billing_terms_days: form.billing_terms_days,
                buyer_account,
                contact_name: form.contact_name.trim().to_owned(),
                contact_email: form.contact_email.clone(),
                total_price,
                scope_duration,
                listing: listing.clone(),
            })
        }
        _ => Err(wrong),
    }
}

fn account(form: &Form, wrong: &mut Vec<Violation>) -> Option<AwsAccountId> {
    match form.buyer_account_kind {
        AccountKind::CommercialPayer => {}
        AccountKind::GovCloud => wrong.push(Violation::new(
            "buyer_account_kind",
            "GOVCLOUD_ACCOUNT",
            "a GovCloud account cannot be charged: name the commercial master payer",
        )),
        AccountKind::NotSaid => wrong.push(Violation::new(
            "buyer_account_kind",
            "ACCOUNT_KIND_REQUIRED",
            "say whether the account is the commercial master payer",
        )),
    }
    let parsed = AwsAccountId::from_str(&form.buyer_account_id);
    parsed
        .map_err(|problem| {
            wrong.push(Violation::new(
                "buyer_account_id",
                "ACCOUNT_ID_INVALID",
                problem.to_string(),
            ));
        })
        .ok()
}

fn billing_terms(form: &Form, wrong: &mut Vec<Violation>) {
    if form.billing_terms_days != BILLING_TERMS_DAYS {
        wrong.push(Violation::new(
            "billing_terms_days",
            "BILLING_TERMS_NOT_SUPPORTED",
            format!(
                "the buyer's terms with AWS are {BILLING_TERMS_DAYS} days, not negotiable here"
            ),
        ));
    }
}

fn contact(form: &Form, wrong: &mut Vec<Violation>) {
    let name = form.contact_name.trim();
    let unfit = name.chars().count() > MAX_NAME_LENGTH || name.chars().any(char::is_control);
    if name.is_empty() || unfit {
        wrong.push(Violation::new(
            "contact_name",
            "CONTACT_NAME_REQUIRED",
            format!(
                "the contact's name is needed, at most {MAX_NAME_LENGTH} characters in one line"
            ),
        ));
    }
    if !is_email(&form.contact_email) {
        wrong.push(Violation::new(
            "contact_email",
            "CONTACT_EMAIL_INVALID",
            format!("{:?} is no e-mail address", form.contact_email),
        ));
    }
}

fn price(form: &Form, deal: Option<&ApprovedDeal>, wrong: &mut Vec<Violation>) -> Option<Money> {
    let parsed = Currency::from_str(&form.price_currency)
        .map_err(|problem| ("total_price.currency_code", problem.to_string()))
        .and_then(|currency| {
            Money::parse(&form.price_amount, currency)
                .map_err(|problem| ("total_price.amount", problem.to_string()))
        });
    match parsed {
        Err((field, problem)) => {
            wrong.push(Violation::new(field, "TOTAL_PRICE_INVALID", problem));
            None
        }
        Ok(given) => {
            if let Some(approved) = deal
                .map(ApprovedDeal::price)
                .filter(|price| *price != given)
            {
                wrong.push(Violation::new(
                    "total_price",
                    "TOTAL_PRICE_DIFFERS_FROM_APPROVED",
                    format!("{given} was given, {approved} was approved"),
                ));
            }
            Some(given)
        }
    }
}

fn duration(
    form: &Form,
    deal: Option<&ApprovedDeal>,
    wrong: &mut Vec<Violation>,
) -> Option<IsoDuration> {
    match IsoDuration::from_str(&form.scope_duration) {
        Err(problem) => {
            let violation =
                Violation::new("scope_duration", "DURATION_INVALID", problem.to_string());
            wrong.push(violation);
            None
        }
        Ok(given) => {
            let approved = deal.map(|deal| deal.estimate.scope_duration);
            if let Some(approved) = approved.filter(|approved| *approved != given) {
                wrong.push(Violation::new(
                    "scope_duration",
                    "DURATION_DIFFERS_FROM_APPROVED",
                    format!("{given} was given, {approved} was approved"),
                ));
            }
            Some(given)
        }
    }
}

fn product(form: &Form, listing: Option<&Listing>, wrong: &mut Vec<Violation>) {
    let well_formed = ProductId::from_str(&form.product_id).is_ok();
    if !well_formed || listing.is_none() {
        wrong.push(Violation::new(
            "product_id",
            "PRODUCT_UNKNOWN",
            format!(
                "{:?} is no registered listing of this seller",
                form.product_id
            ),
        ));
    }
}

/// One `@` with something before it and a dotted host behind it, visible ASCII, no separators:
/// enough to catch slips; only the mail server knows whether the address exists.
fn is_email(text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    fn reasons(form: &Form) -> Vec<&'static str> {
        let deal = sample::deal();
        match check(form, Some(&deal), Some(&sample::listing())) {
            Ok(_) => Vec::new(),
            Err(wrong) => wrong.iter().map(|violation| violation.reason).collect(),
        }
    }

    #[test]
    fn every_wrong_item_has_its_reason() {
        type Change = fn(&mut Form);
        let cases: [(Change, &str); 16] = [
            (
                |form| form.buyer_account_id = "12345678901".into(),
                "ACCOUNT_ID_INVALID",
            ),
            (
                |form| form.buyer_account_id = "1234567890123".into(),
                "ACCOUNT_ID_INVALID",
            ),
            (
                |form| form.buyer_account_kind = AccountKind::GovCloud,
                "GOVCLOUD_ACCOUNT",
            ),
            (
                |form| form.buyer_account_kind = AccountKind::NotSaid,
                "ACCOUNT_KIND_REQUIRED",
            ),
            (
                |form| form.billing_terms_days = 45,
                "BILLING_TERMS_NOT_SUPPORTED",
            ),
            (
                |form| form.billing_terms_days = 0,
                "BILLING_TERMS_NOT_SUPPORTED",
            ),
            (
                |form| form.contact_name = "  ".into(),
                "CONTACT_NAME_REQUIRED",
            ),
            (
                |form| form.contact_name = "Bea\r\nBcc: all@example.com".into(),
                "CONTACT_NAME_REQUIRED",
            ),
            (
                |form| form.contact_email = "buyer".into(),
                "CONTACT_EMAIL_INVALID",
            ),
            (
                |form| form.price_amount = "102500.001".into(),
                "TOTAL_PRICE_INVALID",
            ),
            (
                |form| form.price_amount = "1.025e5".into(),
                "TOTAL_PRICE_INVALID",
            ),
            (
                |form| form.price_currency = "CHF".into(),
                "TOTAL_PRICE_INVALID",
            ),
            (
                |form| form.price_amount = "102500.01".into(),
                "TOTAL_PRICE_DIFFERS_FROM_APPROVED",
            ),
            (|form| form.scope_duration = "90".into(), "DURATION_INVALID"),
            (
                |form| form.scope_duration = "P91D".into(),
                "DURATION_DIFFERS_FROM_APPROVED",
            ),
            (|form| form.product_id = "no such".into(), "PRODUCT_UNKNOWN"),
        ];
        for (change, reason) in cases {
            let mut form = sample::form();
            change(&mut form);
            assert_eq!(reasons(&form), [reason], "{form:?}");
        }
        assert_eq!(reasons(&sample::form()), [""; 0]);
    }

    #[test]
    fn all_wrong_items_are_named_at_once() {
        let form = Form {
            billing_terms_days: 0,
            buyer_account_id: String::new(),
            buyer_account_kind: AccountKind::GovCloud,
            contact_name: String::new(),
            contact_email: String::new(),
            price_currency: String::new(),
            price_amount: String::new(),
            scope_duration: String::new(),
            product_id: String::new(),
        };
        let wrong = check(&form, None, None).unwrap_err();
        assert_eq!(wrong.len(), 8);
    }

    #[test]
    fn the_deal_is_compared_only_when_there_is_one() {
        let mut form = sample::form();
        form.price_amount = "1.00".into();
        assert!(check(&form, None, Some(&sample::listing())).is_ok());
    }

    #[test]
    fn e_mail_addresses_are_told_from_slips() {
        let good = ["a@b.co", "first.last+tag@mail.example-corp.com"];
        let bad = [
            "",
            "a",
            "@b.co",
            "a@",
            "a@b",
            "a@b..co",
            "a b@c.de",
            "a@b.co,c@d.ef",
            "a@@b.co",
        ];
        assert!(good.iter().all(|text| is_email(text)));
        for text in bad {
            assert!(!is_email(text), "{text:?}");
        }
    }
}
