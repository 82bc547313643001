//! The table of rules; what each looks at stands in [`checks`].

use super::checks;
use super::{
    CHECKLIST_OPEN, Candidate, DIGEST_MISMATCH, Finding, SOW_NOT_SIGNED, STAMP_INVALID, Severity,
};

/// The field of the rules about the expiry.
pub(super) const EXPIRY: &str = "expires_on";

/// One rule.
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) field: &'static str,
    pub(super) aws_error_code: &'static str,
    pub(super) fix: &'static str,
    pub(super) severity: Severity,
    /// What is wrong, if anything is.
    pub(super) check: fn(&Candidate) -> Option<String>,
}

impl Rule {
    pub(super) fn find(&self, candidate: &Candidate) -> Option<Finding> {
        (self.check)(candidate).map(|problem| Finding {
            rule: self.id,
            field: self.field,
            aws_error_code: self.aws_error_code,
            problem,
            fix: self.fix,
            severity: self.severity,
        })
    }
}

const fn error(
    id: &'static str,
    field: &'static str,
    aws_error_code: &'static str,
    fix: &'static str,
    check: fn(&Candidate) -> Option<String>,
) -> Rule {
    Rule {
        id,
        field,
        aws_error_code,
        fix,
        severity: Severity::Error,
        check,
    }
}

pub(super) const RULES: &[Rule] = &[
    error(
        STAMP_INVALID,
        "approved_digest",
        "",
        "have the deal stamped again",
        checks::stamp,
    ),
    error(
        DIGEST_MISMATCH,
        "approved_digest",
        "",
        "cancel this draft and draft the offer from the deal that is approved now",
        checks::digest,
    ),
    error(
        SOW_NOT_SIGNED,
        "approved_digest",
        "",
        "have both sides sign what is stamped now",
        checks::signatures,
    ),
    error(
        CHECKLIST_OPEN,
        "engagement_id",
        "",
        "close or waive every item",
        checks::checklist,
    ),
    error(
        "INTAKE_CHANGED",
        "buyer_account_id",
        "",
        "cancel this draft and draft the offer again: a draft keeps the intake that it was made from",
        checks::intake,
    ),
    error(
        "OFFER_NAME_PRESENT",
        "name",
        "MISSING_NAME",
        "give the offer a name",
        checks::name_present,
    ),
    error(
        "OFFER_NAME_LENGTH",
        "name",
        "INVALID_NAME",
        "shorten the name",
        checks::name_length,
    ),
    error(
        "OFFER_NAME_CHARACTERS",
        "name",
        "INVALID_NAME",
        "remove leading spaces, line breaks and the characters \\ < >",
        checks::name_characters,
    ),
    error(
        "OFFER_DESCRIPTION_PRESENT",
        "description",
        "MISSING_DESCRIPTION",
        "give the offer a description: only the seller sees it",
        checks::description_present,
    ),
    error(
        "OFFER_DESCRIPTION_LENGTH",
        "description",
        "INVALID_DESCRIPTION",
        "shorten the description",
        checks::description_length,
    ),
    error(
        "OFFER_DESCRIPTION_CHARACTERS",
        "description",
        "INVALID_DESCRIPTION",
        "remove leading spaces",
        checks::description_characters,
    ),
    error(
        "OFFER_EXPIRY_IN_FUTURE",
        EXPIRY,
        "INVALID_AVAILABILITY_END_DATE",
        "choose an expiry after today (UTC)",
        checks::expiry_in_future,
    ),
    error(
        "OFFER_EXPIRY_BEFORE_AGREEMENT_END",
        EXPIRY,
        "INVALID_AVAILABILITY_END_DATE",
        "choose an expiry before the agreement would end if it were accepted today",
        checks::expiry_before_agreement_end,
    ),
    error(
        "CHARGES_BEFORE_EXPIRY",
        EXPIRY,
        "TOO_MANY_BACKDATED_CHARGES",
        "at most one charge may lie on or before the expiry: choose an earlier expiry",
        checks::charges_before_expiry,
    ),
    error(
        "BUYER_ACCOUNTS_PRESENT",
        "buyer_accounts",
        "MISSING_BUYER_ACCOUNTS",
        "complete the intake with the buyer's account",
        checks::buyers_present,
    ),
    error(
        "BUYER_ACCOUNTS_VALID",
        "buyer_accounts",
        "INVALID_BUYER_ACCOUNTS",
        "an account id has 12 digits",
        checks::buyers_valid,
    ),
    error(
        "BUYER_ACCOUNTS_COUNT",
        "buyer_accounts",
        "TOO_MANY_BUYER_ACCOUNTS",
        "target at most 24 accounts",
        checks::buyers_count,
    ),
    error(
        "CURRENCY_SUPPORTED",
        "currency",
        "INVALID_CURRENCY_CODE",
        "use USD, EUR, GBP, AUD, JPY or CAD; INR is for sellers in India",
        checks::currency_supported,
    ),
    error(
        "CURRENCY_SINGLE",
        "schedule",
        "INCOMPATIBLE_CURRENCY_CODE",
        "use one currency in the whole offer",
        checks::currency_single,
    ),
    error(
        "PRICE_EQUALS_APPROVED",
        "schedule",
        "",
        "the charges must add up to the price that was approved",
        checks::price_equals_approved,
    ),
    error(
        "CHARGE_AMOUNTS_IN_RANGE",
        "schedule",
        "INVALID_CHARGE_AMOUNTS",
        "each charge is above 0 and at most 100 000 000",
        checks::amounts_in_range,
    ),
    error(
        "SCHEDULE_PRESENT",
        "schedule",
        "MISSING_MANDATORY_TERMS",
        "use a prepaid or an installment plan: AWS's API makes no variable payments",
        checks::schedule_present,
    ),
    error(
        "SCHEDULE_LENGTH",
        "schedule",
        "TOO_MANY_CHARGES",
        "plan at most 60 charges",
        checks::schedule_length,
    ),
    error(
        "CHARGE_DATES_UNIQUE",
        "schedule",
        "DUPLICATE_CHARGE_DATES",
        "merge the charges of one day",
        checks::dates_unique,
    ),
    error(
        "CHARGE_DATES_NOT_PAST",
        "schedule",
        "INVALID_CHARGE_DATES",
        "no charge may lie before today (UTC)",
        checks::dates_not_past,
    ),
    error(
        "CHARGE_DATES_BEFORE_AGREEMENT_END",
        "schedule",
        "INVALID_CHARGE_DATES",
        "every charge lies before the agreement would end if it were accepted today",
        checks::dates_before_agreement_end,
    ),
    error(
        "AGREEMENT_DURATION_VALID",
        "scope_duration",
        "INVALID_AGREEMENT_DURATION",
        "choose a duration that ends within the calendar",
        checks::duration_valid,
    ),
    error(
        "DIMENSION_EXISTS",
        "listing.dimension_keys",
        "INVALID_GRANTS",
        "register the listing with the dimension keys that the product has",
        checks::dimension_exists,
    ),
    error(
        "EULA_PRESENT",
        "documents",
        "INVALID_LEGAL_DOCUMENTS",
        "add the seller's EULA to the deal: professional services need a custom one",
        checks::eula_present,
    ),
    error(
        "LEGAL_DOCUMENT_READY",
        "legal_document",
        "INVALID_LEGAL_DOCUMENTS",
        "wait until it is assembled; once it failed, have the documents mended and approved, cancel \
         this draft and draft the offer again",
        checks::document_ready,
    ),
    Rule {
        id: "PRICE_ABOVE_EXTRA_APPROVAL",
        field: "schedule",
        aws_error_code: "",
        fix: "expect that AWS asks for another approval above 250 000 USD",
        severity: Severity::Warning,
        check: checks::big_deal,
    },
];
