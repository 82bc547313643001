//! The table of rules, and a function for each.

use std::collections::BTreeSet;

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{Currency, Decimal, Money};

use super::{CHECKLIST_OPEN, Candidate, DIGEST_MISMATCH, Finding, STAMP_INVALID, Severity};

/// The field of the rules about the expiry.
pub(super) const EXPIRY: &str = "expires_on";

const NAME_LENGTH: usize = 150;
const DESCRIPTION_LENGTH: usize = 255;
/// The portal takes 24, the API's schema 26: the smaller is safe (facts §0.6).
const BUYER_ACCOUNTS: usize = 24;
/// By API (facts §0.7).
const CHARGES: usize = 60;
/// Major units of any currency (facts §1.2).
const LARGEST_AMOUNT: i64 = 100_000_000;
/// US dollars: above, AWS may want another approval of its own (facts §2).
const BIG_DEAL: i64 = 250_000;

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
        stamp,
    ),
    error(
        DIGEST_MISMATCH,
        "approved_digest",
        "",
        "cancel this draft and draft the offer from the deal that is approved now",
        digest,
    ),
    error(
        CHECKLIST_OPEN,
        "engagement_id",
        "",
        "close or waive every item",
        checklist,
    ),
    error(
        "OFFER_NAME_PRESENT",
        "name",
        "MISSING_NAME",
        "give the offer a name",
        name_present,
    ),
    error(
        "OFFER_NAME_LENGTH",
        "name",
        "INVALID_NAME",
        "shorten the name",
        name_length,
    ),
    error(
        "OFFER_NAME_CHARACTERS",
        "name",
        "INVALID_NAME",
        "remove leading spaces, line breaks and the characters \\ < >",
        name_characters,
    ),
    error(
        "OFFER_DESCRIPTION_PRESENT",
        "description",
        "MISSING_DESCRIPTION",
        "give the offer a description: only the seller sees it",
        description_present,
    ),
    error(
        "OFFER_DESCRIPTION_LENGTH",
        "description",
        "INVALID_DESCRIPTION",
        "shorten the description",
        description_length,
    ),
    error(
        "OFFER_DESCRIPTION_CHARACTERS",
        "description",
        "INVALID_DESCRIPTION",
        "remove leading spaces",
        description_characters,
    ),
    error(
        "OFFER_EXPIRY_IN_FUTURE",
        EXPIRY,
        "INVALID_AVAILABILITY_END_DATE",
        "choose an expiry after today (UTC)",
        expiry_in_future,
    ),
    error(
        "OFFER_EXPIRY_BEFORE_AGREEMENT_END",
        EXPIRY,
        "INVALID_AVAILABILITY_END_DATE",
        "choose an expiry before the agreement would end if it were accepted today",
        expiry_before_agreement_end,
    ),
    error(
        "CHARGES_BEFORE_EXPIRY",
        EXPIRY,
        "TOO_MANY_BACKDATED_CHARGES",
        "at most one charge may lie on or before the expiry: choose an earlier expiry",
        charges_before_expiry,
    ),
    error(
        "BUYER_ACCOUNTS_PRESENT",
        "buyer_accounts",
        "MISSING_BUYER_ACCOUNTS",
        "complete the intake with the buyer's account",
        buyers_present,
    ),
    error(
        "BUYER_ACCOUNTS_VALID",
        "buyer_accounts",
        "INVALID_BUYER_ACCOUNTS",
        "an account id has 12 digits",
        buyers_valid,
    ),
    error(
        "BUYER_ACCOUNTS_COUNT",
        "buyer_accounts",
        "TOO_MANY_BUYER_ACCOUNTS",
        "target at most 24 accounts",
        buyers_count,
    ),
    error(
        "CURRENCY_SUPPORTED",
        "currency",
        "INVALID_CURRENCY_CODE",
        "use USD, EUR, GBP, AUD, JPY or CAD; INR is for sellers in India",
        currency_supported,
    ),
    error(
        "CURRENCY_SINGLE",
        "schedule",
        "INCOMPATIBLE_CURRENCY_CODE",
        "use one currency in the whole offer",
        currency_single,
    ),
    error(
        "PRICE_EQUALS_APPROVED",
        "schedule",
        "",
        "the charges must add up to the price that was approved",
        price_equals_approved,
    ),
    error(
        "CHARGE_AMOUNTS_IN_RANGE",
        "schedule",
        "INVALID_CHARGE_AMOUNTS",
        "each charge is above 0 and at most 100 000 000",
        amounts_in_range,
    ),
    error(
        "SCHEDULE_PRESENT",
        "schedule",
        "MISSING_MANDATORY_TERMS",
        "use a prepaid or an installment plan: AWS's API makes no variable payments",
        schedule_present,
    ),
    error(
        "SCHEDULE_LENGTH",
        "schedule",
        "TOO_MANY_CHARGES",
        "plan at most 60 charges",
        schedule_length,
    ),
    error(
        "CHARGE_DATES_UNIQUE",
        "schedule",
        "DUPLICATE_CHARGE_DATES",
        "merge the charges of one day",
        dates_unique,
    ),
    error(
        "CHARGE_DATES_NOT_PAST",
        "schedule",
        "INVALID_CHARGE_DATES",
        "no charge may lie before today (UTC)",
        dates_not_past,
    ),
    error(
        "CHARGE_DATES_BEFORE_AGREEMENT_END",
        "schedule",
        "INVALID_CHARGE_DATES",
        "every charge lies before the agreement would end if it were accepted today",
        dates_before_agreement_end,
    ),
    error(
        "AGREEMENT_DURATION_VALID",
        "scope_duration",
        "INVALID_AGREEMENT_DURATION",
        "choose a duration that ends within the calendar",
        duration_valid,
    ),
    error(
        "DIMENSION_EXISTS",
        "listing.dimension_keys",
        "INVALID_GRANTS",
        "register the listing with the dimension keys that the product has",
        dimension_exists,
    ),
    error(
        "EULA_PRESENT",
        "documents",
        "INVALID_LEGAL_DOCUMENTS",
        "add the seller's EULA to the deal: professional services need a custom one",
        eula_present,
    ),
    error(
        "LEGAL_DOCUMENT_READY",
        "legal_document",
        "INVALID_LEGAL_DOCUMENTS",
        "wait until the legal document is assembled, or read why it failed",
        document_ready,
    ),
    Rule {
        id: "PRICE_ABOVE_EXTRA_APPROVAL",
        field: "schedule",
        aws_error_code: "",
        fix: "expect that AWS asks for another approval above 250 000 USD",
        severity: Severity::Warning,
        check: big_deal,
    },
];

fn when(wrong: bool, problem: impl FnOnce() -> String) -> Option<String> {
    wrong.then(problem)
}

fn agreement_end(candidate: &Candidate) -> Option<NaiveDate> {
    candidate.plan.duration.after(candidate.today)
}

fn stamp(candidate: &Candidate) -> Option<String> {
    when(!candidate.stamp_valid, || {
        "legal's stamp does not hold".into()
    })
}

fn digest(candidate: &Candidate) -> Option<String> {
    when(
        candidate.approved_digest != Some(candidate.offer_digest),
        || {
            let approved = candidate
                .approved_digest
                .map_or_else(|| "nothing".into(), |d| d.to_string());
            format!(
                "the offer carries {}, approved is {approved}",
                candidate.offer_digest
            )
        },
    )
}

fn checklist(candidate: &Candidate) -> Option<String> {
    when(!candidate.checklist_completed, || {
        "the checklist of the engagement is open".into()
    })
}

fn name_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.name.trim().is_empty(), || {
        "the name is empty".into()
    })
}

fn name_length(candidate: &Candidate) -> Option<String> {
    let length = candidate.plan.name.chars().count();
    when(length > NAME_LENGTH, || {
        format!("{length} characters, at most {NAME_LENGTH}")
    })
}

fn name_characters(candidate: &Candidate) -> Option<String> {
    let name = &candidate.plan.name;
    let refused = |letter: char| matches!(letter, '\\' | '<' | '>') || letter.is_control();
    when(name.starts_with(' ') || name.contains(refused), || {
        format!("{name:?} has characters that AWS refuses")
    })
}

fn description_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.description.trim().is_empty(), || {
        "the description is empty".into()
    })
}

fn description_length(candidate: &Candidate) -> Option<String> {
    let length = candidate.plan.description.chars().count();
    when(length > DESCRIPTION_LENGTH, || {
        format!("{length} characters, at most {DESCRIPTION_LENGTH}")
    })
}

fn description_characters(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.description.starts_with(' '), || {
        "the description begins with a space".into()
    })
}

fn expiry_in_future(candidate: &Candidate) -> Option<String> {
    let (expiry, today) = (candidate.plan.available_until, candidate.today);
    when(expiry <= today, || format!("{expiry} is not after {today}"))
}

fn expiry_before_agreement_end(candidate: &Candidate) -> Option<String> {
    let (expiry, end) = (candidate.plan.available_until, agreement_end(candidate)?);
    when(expiry >= end, || format!("{expiry} is not before {end}"))
}

fn charges_before_expiry(candidate: &Candidate) -> Option<String> {
    let expiry = candidate.plan.available_until;
    let count = candidate
        .plan
        .schedule
        .iter()
        .filter(|charge| charge.date <= expiry)
        .count();
    when(count > 1, || {
        format!("{count} charges lie on or before {expiry}")
    })
}

fn buyers_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.buyer_accounts.is_empty(), || {
        "no buyer is targeted".into()
    })
}

fn buyers_valid(candidate: &Candidate) -> Option<String> {
    let wrong = candidate.plan.buyer_accounts.iter().find(|account| {
        account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit())
    })?;
    Some(format!("{wrong:?} is no AWS account id"))
}

fn buyers_count(candidate: &Candidate) -> Option<String> {
    let count = candidate.plan.buyer_accounts.len();
    when(count > BUYER_ACCOUNTS, || {
        format!("{count} accounts, at most {BUYER_ACCOUNTS}")
    })
}

fn currency_supported(candidate: &Candidate) -> Option<String> {
    let currency = candidate.plan.currency;
    when(currency == Currency::Inr, || {
        format!("{currency} is not taken from this seller")
    })
}

fn currency_single(candidate: &Candidate) -> Option<String> {
    let own = candidate.plan.currency;
    let other = candidate
        .plan
        .schedule
        .iter()
        .find(|charge| charge.amount.currency() != own)?;
    Some(format!(
        "the charge of {} is {}, the offer {own}",
        other.date, other.amount
    ))
}

fn price_equals_approved(candidate: &Candidate) -> Option<String> {
    let amounts = candidate.plan.schedule.iter().map(|charge| charge.amount);
    let approved = candidate.approved_price;
    match Money::sum(amounts, candidate.plan.currency) {
        Ok(total) => when(total != approved, || {
            format!("{total} is charged, {approved} approved")
        }),
        Err(problem) => Some(problem.to_string()),
    }
}

fn amounts_in_range(candidate: &Candidate) -> Option<String> {
    let largest = Decimal::from(LARGEST_AMOUNT);
    let wrong = candidate
        .plan
        .schedule
        .iter()
        .find(|charge| !charge.amount.is_positive() || charge.amount.amount() > largest)?;
    Some(format!("the charge of {} is {}", wrong.date, wrong.amount))
}

fn schedule_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.schedule.is_empty(), || {
        "nothing is charged on any day".into()
    })
}

fn schedule_length(candidate: &Candidate) -> Option<String> {
    let count = candidate.plan.schedule.len();
    when(count > CHARGES, || {
        format!("{count} charges, at most {CHARGES}")
    })
}

fn dates_unique(candidate: &Candidate) -> Option<String> {
    let mut seen = BTreeSet::new();
    let twice = candidate
        .plan
        .schedule
        .iter()
        .find(|charge| !seen.insert(charge.date))?;
    Some(format!("two charges on {}", twice.date))
}

fn dates_not_past(candidate: &Candidate) -> Option<String> {
    let past = candidate
        .plan
        .schedule
        .iter()
        .find(|charge| charge.date < candidate.today)?;
    Some(format!(
        "the charge of {} is before {}",
        past.date, candidate.today
    ))
}

fn dates_before_agreement_end(candidate: &Candidate) -> Option<String> {
    let end = agreement_end(candidate)?;
    let late = candidate
        .plan
        .schedule
        .iter()
        .find(|charge| charge.date >= end)?;
    Some(format!("the charge of {} is not before {end}", late.date))
}

fn duration_valid(candidate: &Candidate) -> Option<String> {
    when(agreement_end(candidate).is_none(), || {
        format!(
            "{} from today lies beyond the calendar",
            candidate.plan.duration
        )
    })
}

fn dimension_exists(candidate: &Candidate) -> Option<String> {
    match &candidate.plan.dimension_key {
        None => Some("the listing has no dimension to grant".into()),
        Some(key) => when(!candidate.product_dimensions.contains(key), || {
            format!("the product has no dimension {key:?}")
        }),
    }
}

fn eula_present(candidate: &Candidate) -> Option<String> {
    when(!candidate.has_eula, || "the deal has no EULA".into())
}

fn document_ready(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.legal_document.is_none(), || {
        "there is no merged PDF".into()
    })
}

fn big_deal(candidate: &Candidate) -> Option<String> {
    let price = candidate.approved_price;
    let big = price.currency() == Currency::Usd && price.amount() > Decimal::from(BIG_DEAL);
    when(big, || format!("{price} is above 250 000 USD"))
}
