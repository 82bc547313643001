//! Intake: what an offer needs to know of the buyer, checked against what was approved. Every
//! missing or wrong item is named at once (O1). The rules stand in pre-flight's table.

use std::str::FromStr;

use countersign_kernel::{AwsAccountId, Currency, IsoDuration, Money};

use super::deal::ApprovedDeal;
use super::listing::Listing;
use super::preflight::form::{self, Given};
use super::rejection::Violation;

/// The buyer's terms with AWS: standard, and not negotiable here (O1).
pub(crate) const BILLING_TERMS_DAYS: u32 = 30;

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

impl Form {
    /// The price, or why it is none.
    pub(crate) fn price(&self) -> Result<Money, String> {
        let currency =
            Currency::from_str(&self.price_currency).map_err(|problem| problem.to_string())?;
        Money::parse(&self.price_amount, currency).map_err(|problem| problem.to_string())
    }

    /// The duration, or why it is none.
    pub(crate) fn duration(&self) -> Result<IsoDuration, String> {
        IsoDuration::from_str(&self.scope_duration).map_err(|problem| problem.to_string())
    }
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
    let wrong = form::violations(&Given {
        form,
        deal,
        listing,
    });
    let account = AwsAccountId::from_str(&form.buyer_account_id).ok();
    match (account, form.price().ok(), form.duration().ok(), listing) {
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
        assert!(good.iter().all(|text| form::is_email(text)));
        for text in bad {
            assert!(!form::is_email(text), "{text:?}");
        }
    }
}
