//! What each rule looks at: what is wrong, if anything is.

use std::collections::BTreeSet;

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{Currency, Decimal, Money};

use super::Candidate;

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

fn when(wrong: bool, problem: impl FnOnce() -> String) -> Option<String> {
    wrong.then(problem)
}

fn agreement_end(candidate: &Candidate) -> Option<NaiveDate> {
    candidate.plan.duration.after(candidate.today)
}

pub(super) fn stamp(candidate: &Candidate) -> Option<String> {
    when(!candidate.standing.stamp_valid, || {
        "legal's stamp does not hold".into()
    })
}

pub(super) fn digest(candidate: &Candidate) -> Option<String> {
    when(
        candidate.standing.approved_digest != Some(candidate.offer_digest),
        || {
            let approved = candidate
                .standing
                .approved_digest
                .map_or_else(|| "nothing".into(), |d| d.to_string());
            format!(
                "the offer carries {}, approved is {approved}",
                candidate.offer_digest
            )
        },
    )
}

pub(super) fn signatures(candidate: &Candidate) -> Option<String> {
    when(
        candidate.standing.stamp_valid && !candidate.standing.sow_signed,
        || "the SOW is not signed by both sides as it is stamped now".into(),
    )
}

pub(super) fn intake(candidate: &Candidate) -> Option<String> {
    when(!candidate.intake_current, || {
        "the intake was completed anew since the offer was drafted".into()
    })
}

pub(super) fn checklist(candidate: &Candidate) -> Option<String> {
    when(!candidate.standing.checklist_completed, || {
        "the checklist of the engagement is open".into()
    })
}

pub(super) fn name_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.name.trim().is_empty(), || {
        "the name is empty".into()
    })
}

pub(super) fn name_length(candidate: &Candidate) -> Option<String> {
    let length = candidate.plan.name.chars().count();
    when(length > NAME_LENGTH, || {
        format!("{length} characters, at most {NAME_LENGTH}")
    })
}

pub(super) fn name_characters(candidate: &Candidate) -> Option<String> {
    let name = &candidate.plan.name;
    let refused = |letter: char| matches!(letter, '\\' | '<' | '>') || letter.is_control();
    when(name.starts_with(' ') || name.contains(refused), || {
        format!("{name:?} has characters that AWS refuses")
    })
}

pub(super) fn description_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.description.trim().is_empty(), || {
        "the description is empty".into()
    })
}

pub(super) fn description_length(candidate: &Candidate) -> Option<String> {
    let length = candidate.plan.description.chars().count();
    when(length > DESCRIPTION_LENGTH, || {
        format!("{length} characters, at most {DESCRIPTION_LENGTH}")
    })
}

pub(super) fn description_characters(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.description.starts_with(' '), || {
        "the description begins with a space".into()
    })
}

pub(super) fn expiry_in_future(candidate: &Candidate) -> Option<String> {
    let (expiry, today) = (candidate.plan.available_until, candidate.today);
    when(expiry <= today, || format!("{expiry} is not after {today}"))
}

pub(super) fn expiry_before_agreement_end(candidate: &Candidate) -> Option<String> {
    let (expiry, end) = (candidate.plan.available_until, agreement_end(candidate)?);
    when(expiry >= end, || format!("{expiry} is not before {end}"))
}

pub(super) fn charges_before_expiry(candidate: &Candidate) -> Option<String> {
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

pub(super) fn buyers_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.buyer_accounts.is_empty(), || {
        "no buyer is targeted".into()
    })
}

pub(super) fn buyers_valid(candidate: &Candidate) -> Option<String> {
    let wrong = candidate.plan.buyer_accounts.iter().find(|account| {
        account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit())
    })?;
    Some(format!("{wrong:?} is no AWS account id"))
}

pub(super) fn buyers_count(candidate: &Candidate) -> Option<String> {
    let count = candidate.plan.buyer_accounts.len();
    when(count > BUYER_ACCOUNTS, || {
        format!("{count} accounts, at most {BUYER_ACCOUNTS}")
    })
}

pub(super) fn currency_supported(candidate: &Candidate) -> Option<String> {
    let currency = candidate.plan.currency;
    when(currency == Currency::Inr, || {
        format!("{currency} is not taken from this seller")
    })
}

pub(super) fn currency_single(candidate: &Candidate) -> Option<String> {
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

pub(super) fn price_equals_approved(candidate: &Candidate) -> Option<String> {
    let amounts = candidate.plan.schedule.iter().map(|charge| charge.amount);
    let approved = candidate.approved_price;
    match Money::sum(amounts, candidate.plan.currency) {
        Ok(total) => when(total != approved, || {
            format!("{total} is charged, {approved} approved")
        }),
        Err(problem) => Some(problem.to_string()),
    }
}

pub(super) fn amounts_in_range(candidate: &Candidate) -> Option<String> {
    let largest = Decimal::from(LARGEST_AMOUNT);
    let wrong = candidate
        .plan
        .schedule
        .iter()
        .find(|charge| !charge.amount.is_positive() || charge.amount.amount() > largest)?;
    Some(format!("the charge of {} is {}", wrong.date, wrong.amount))
}

pub(super) fn schedule_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.schedule.is_empty(), || {
        "nothing is charged on any day".into()
    })
}

pub(super) fn schedule_length(candidate: &Candidate) -> Option<String> {
    let count = candidate.plan.schedule.len();
    when(count > CHARGES, || {
        format!("{count} charges, at most {CHARGES}")
    })
}

pub(super) fn dates_unique(candidate: &Candidate) -> Option<String> {
    let mut seen = BTreeSet::new();
    let twice = candidate
        .plan
        .schedule
        .iter()
        .find(|charge| !seen.insert(charge.date))?;
    Some(format!("two charges on {}", twice.date))
}

pub(super) fn dates_not_past(candidate: &Candidate) -> Option<String> {
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

pub(super) fn dates_before_agreement_end(candidate: &Candidate) -> Option<String> {
    let end = agreement_end(candidate)?;
    let late = candidate
        .plan
        .schedule
        .iter()
        .find(|charge| charge.date >= end)?;
    Some(format!("the charge of {} is not before {end}", late.date))
}

pub(super) fn duration_valid(candidate: &Candidate) -> Option<String> {
    when(agreement_end(candidate).is_none(), || {
        format!(
            "{} from today lies beyond the calendar",
            candidate.plan.duration
        )
    })
}

pub(super) fn dimension_exists(candidate: &Candidate) -> Option<String> {
    match &candidate.plan.dimension_key {
        None => Some("the listing has no dimension to grant".into()),
        Some(key) => when(!candidate.product_dimensions.contains(key), || {
            format!("the product has no dimension {key:?}")
        }),
    }
}

pub(super) fn eula_present(candidate: &Candidate) -> Option<String> {
    when(!candidate.has_eula, || "the deal has no EULA".into())
}

pub(super) fn document_ready(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.legal_document.is_none(), || {
        candidate.document_failure.as_ref().map_or_else(
            || "the legal document is being assembled".into(),
            |reason| format!("the legal document cannot be made: {reason}"),
        )
    })
}

pub(super) fn big_deal(candidate: &Candidate) -> Option<String> {
    let price = candidate.approved_price;
    let big = price.currency() == Currency::Usd && price.amount() > Decimal::from(BIG_DEAL);
    when(big, || format!("{price} is above 250 000 USD"))
}
