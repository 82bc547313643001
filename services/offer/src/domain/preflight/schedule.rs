//! The dates of the charges, all UTC, and the duration that they lie in (facts §1.3).

use countersign_kernel::chrono::Months;

use super::{Candidate, Kinds, REFUSED_AT_ONCE, Rule, more_than, when};
use crate::domain::resale::Kind;
use std::collections::BTreeSet;

/// Of what is resold, by every source (facts §0.7, §1.5).
const RESOLD_CHARGES: u32 = 60;

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "SCHEDULE_PRESENT",
        Kinds::ALL,
        "schedule",
        REFUSED_AT_ONCE,
        "use a prepaid or an installment plan; only a direct offer may have variable payments",
        present,
    ),
    Rule::error(
        "VARIABLE_PAYMENTS_BY_PORTAL",
        Kinds::DIRECT,
        "schedule",
        REFUSED_AT_ONCE,
        "use a prepaid or an installment plan, or have the listing's offers entered in AWS's portal: \
         AWS's API makes no variable payments",
        variable_by_portal,
    ),
    Rule::error(
        "SCHEDULE_LENGTH",
        Kinds::ALL,
        "schedule",
        "TOO_MANY_CHARGES",
        "plan at most as many charges as AWS takes, which is 60 as far as is known",
        length,
    ),
    Rule::error(
        "CHARGE_DATES_UNIQUE",
        Kinds::ALL,
        "schedule",
        "DUPLICATE_CHARGE_DATES",
        "merge the charges of one day",
        unique,
    ),
    Rule::error(
        "CHARGE_DATES_NOT_PAST",
        Kinds::OFFERS,
        "schedule",
        "INVALID_CHARGE_DATES",
        "no charge may lie before today (UTC)",
        not_past,
    ),
    Rule::error(
        "CHARGE_DATES_BEFORE_AGREEMENT_END",
        Kinds::ALL,
        "schedule",
        "INVALID_CHARGE_DATES",
        "every charge lies before the agreement would end if it were accepted today",
        before_agreement_end,
    ),
    Rule::error(
        "AGREEMENT_DURATION_VALID",
        Kinds::ALL,
        "scope_duration",
        "INVALID_AGREEMENT_DURATION",
        "choose a duration that AWS takes: up to 60 months as far as is known",
        duration,
    ),
];

fn present(candidate: &Candidate) -> Option<String> {
    let plan = &candidate.plan;
    let charged = plan.upfront.or(plan.cap);
    when(plan.schedule.is_empty() && charged.is_none(), || {
        "nothing is charged on any day".into()
    })
}

/// No change type is documented that makes a term for variable payments (facts §2).
fn variable_by_portal(candidate: &Candidate) -> Option<String> {
    let cap = candidate.plan.cap?;
    when(!candidate.by_portal, || {
        format!("up to {cap} is charged by payment requests")
    })
}

fn length(candidate: &Candidate) -> Option<String> {
    let most = match candidate.plan.kind {
        Kind::Direct => candidate.limits.charges,
        Kind::Authorization(_) | Kind::Partner(_) => RESOLD_CHARGES,
    };
    more_than(candidate.plan.schedule.len(), most, "charges")
}

fn unique(candidate: &Candidate) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut charges = candidate.plan.schedule.iter();
    let twice = charges.find(|charge| !seen.insert(charge.date))?;
    Some(format!("two charges on {}", twice.date))
}

fn not_past(candidate: &Candidate) -> Option<String> {
    let today = candidate.today;
    let mut charges = candidate.plan.schedule.iter();
    let past = charges.find(|charge| charge.date < today)?;
    Some(format!("the charge of {} is before {today}", past.date))
}

fn before_agreement_end(candidate: &Candidate) -> Option<String> {
    let end = candidate.agreement_end()?;
    let mut charges = candidate.plan.schedule.iter();
    let late = charges.find(|charge| charge.date >= end)?;
    Some(format!("the charge of {} is not before {end}", late.date))
}

fn duration(candidate: &Candidate) -> Option<String> {
    let (duration, months) = (candidate.plan.duration, candidate.limits.agreement_months);
    let latest = candidate.today.checked_add_months(Months::new(months));
    let longest = latest.is_none_or(|latest| candidate.agreement_end() <= Some(latest));
    when(candidate.agreement_end().is_none() || !longest, || {
        format!("{duration} from today lies beyond {months} months")
    })
}
