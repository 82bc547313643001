//! AWS's asynchronous rules for how long an agreement lasts (facts §1.2, §1.3).
//!
//! One for professional services lasts for so long from its acceptance: dates of its own are refused, and what
//! is wrong with the dates themselves is told besides, as AWS tells all errors at once.

use chrono::{Months, NaiveDate};

use super::changes::{Details, Kind};
use super::model::Validity;
use super::period::Period;
use super::rules::{Case, Findings};
use super::unavailable::Unavailable;

/// How far ahead an agreement may start.
const START_MONTHS: u32 = 36;

pub(super) fn check(case: &Case<'_>, found: &mut Findings<'_>) {
    let released_now = case.changes(Kind::Release) && !case.was_released();
    let validity = case.after.validity.as_ref();
    if released_now && replaces(case) && validity.is_none_or(|term| term.end.is_none()) {
        found.add(
            Kind::Release,
            "MISSING_AGREEMENT_END_DATE",
            "An offer that replaces an agreement needs an AgreementEndDate.",
        );
    }
    let Some(term) = validity.filter(|_| case.changes(Kind::Validity)) else {
        return;
    };
    if term.start.is_some() || term.end.is_some() {
        dates(case, term, found);
    }
    let duration = term.duration.as_deref().and_then(Period::parse);
    if duration.is_some_and(|period| !period.is_sane()) {
        found.add(
            Kind::Validity,
            "INVALID_AGREEMENT_DURATION",
            "AgreementDuration must be between 1 day and 60 months.",
        );
    }
}

/// Whether the offer is to replace an agreement: only such a one may name an end without a start.
fn replaces(case: &Case<'_>) -> bool {
    let mut changes = case.changes.iter();
    changes.any(|(_, details)| {
        matches!(
            details,
            Details::Unavailable(Unavailable::Replacement { .. })
        )
    })
}

fn dates(case: &Case<'_>, term: &Validity, found: &mut Findings<'_>) {
    if case.was_released() {
        let code = if term.start.is_some() {
            "INCOMPATIBLE_AGREEMENT_START_DATE"
        } else {
            "INCOMPATIBLE_AGREEMENT_END_DATE"
        };
        let message = "Agreement dates of a released offer are fixed.";
        found.add(Kind::Validity, code, message);
        return;
    }
    if term.start.is_some() || !replaces(case) {
        found.add(
            Kind::Validity,
            "INVALID_AGREEMENT_TIME_INTERVAL",
            "Agreement dates are not available for professional services.",
        );
    }
    let today = case.today();
    let last_day = case.after.availability_end.unwrap_or(today).max(today);
    if term
        .start
        .is_some_and(|start| !starts_well(start, last_day, today))
    {
        found.add(
            Kind::Validity,
            "INVALID_AGREEMENT_START_DATE",
            "AgreementStartDate must be after AvailabilityEndDate and within 3 years.",
        );
    }
    let first = term.start.unwrap_or(today);
    if term.end.is_some_and(|end| end <= first) {
        found.add(
            Kind::Validity,
            "INVALID_AGREEMENT_END_DATE",
            "AgreementEndDate must be in the future and after AgreementStartDate.",
        );
    }
}

fn starts_well(start: NaiveDate, last_day: NaiveDate, today: NaiveDate) -> bool {
    let latest = today.checked_add_months(Months::new(START_MONTHS));
    start > last_day && latest.is_none_or(|latest| start <= latest)
}
