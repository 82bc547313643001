//! Until when the offer can be accepted, or the authorization used (O7).

use countersign_kernel::chrono::Months;

use super::{Candidate, Kinds, Rule, when};

/// How far ahead an expiry may lie (facts §1.3).
const FARTHEST: Months = Months::new(36);

/// The field of the rules about the expiry.
pub(super) const EXPIRY: &str = "expires_on";

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "OFFER_EXPIRY_PRESENT",
        Kinds::OFFERS,
        EXPIRY,
        "MISSING_AVAILABILITY_END_DATE",
        "choose an expiry",
        present,
    ),
    Rule::error(
        "OFFER_EXPIRY_IN_FUTURE",
        Kinds::ALL,
        EXPIRY,
        "INVALID_AVAILABILITY_END_DATE",
        "choose an expiry after today (UTC)",
        in_future,
    ),
    Rule::error(
        "OFFER_EXPIRY_BEFORE_AGREEMENT_END",
        Kinds::OFFERS,
        EXPIRY,
        "INVALID_AVAILABILITY_END_DATE",
        "choose an expiry before the agreement would end if it were accepted today",
        before_agreement_end,
    ),
    Rule::error(
        "OFFER_EXPIRY_WITHIN_YEARS",
        Kinds::OFFERS,
        EXPIRY,
        "INVALID_AVAILABILITY_END_DATE",
        "choose an expiry within 3 years",
        within_years,
    ),
    Rule::error(
        "CHARGES_BEFORE_EXPIRY",
        Kinds::OFFERS,
        EXPIRY,
        "TOO_MANY_BACKDATED_CHARGES",
        "at most one charge may lie on or before the expiry: choose an earlier expiry",
        charges_before,
    ),
];

fn present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.available_until.is_none(), || {
        "the offer has no expiry".into()
    })
}

fn in_future(candidate: &Candidate) -> Option<String> {
    let (expiry, today) = (candidate.plan.available_until?, candidate.today);
    when(expiry <= today, || format!("{expiry} is not after {today}"))
}

fn before_agreement_end(candidate: &Candidate) -> Option<String> {
    let (expiry, end) = (candidate.plan.available_until?, candidate.agreement_end()?);
    when(expiry >= end, || format!("{expiry} is not before {end}"))
}

fn within_years(candidate: &Candidate) -> Option<String> {
    let (expiry, today) = (candidate.plan.available_until?, candidate.today);
    let latest = today.checked_add_months(FARTHEST)?;
    when(expiry > latest, || format!("{expiry} is after {latest}"))
}

fn charges_before(candidate: &Candidate) -> Option<String> {
    let expiry = candidate.plan.available_until?;
    let charges = candidate.plan.schedule.iter();
    let count = charges.filter(|charge| charge.date <= expiry).count();
    when(count > 1, || {
        format!("{count} charges lie on or before {expiry}")
    })
}
