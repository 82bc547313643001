//! What is asked of a payment request before AWS is (O17, facts §2): the same kind of table, about an
//! asking and what is left under the cap.

use countersign_kernel::Money;
use countersign_kernel::chrono::{DateTime, Utc};

use super::{Finding, Severity, when};
use crate::domain::payment::{Ask, Drawn};

/// AWS's name has 5 to 64 characters, of which the request's number behind the milestone takes six.
const MILESTONE: std::ops::RangeInclusive<usize> = 5..=58;
const MAX_DESCRIPTION_LENGTH: usize = 2_000;
/// Requests of one agreement, whatever became of them: their numbers have three digits.
const MAX_REQUESTS: u32 = 999;
const ACTIVE: &str = "ACTIVE";

/// What is asked, and what it must keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) ask: &'a Ask,
    /// What all requests of the agreement together may charge.
    pub(crate) cap: Money,
    pub(crate) drawn: Drawn,
    /// The agreement's, as AWS last showed it.
    pub(crate) status: &'a str,
    /// The agreement's end.
    pub(crate) ends_at: Option<DateTime<Utc>>,
    pub(crate) now: DateTime<Utc>,
}

/// One rule about an asking.
pub(crate) struct PaymentRule {
    pub(crate) id: &'static str,
    pub(super) field: &'static str,
    /// What AWS would answer; empty for a rule of ours.
    pub(crate) aws_error_code: &'static str,
    pub(super) fix: &'static str,
    check: for<'a> fn(&Asked<'a>) -> Option<String>,
}

const fn rule(
    id: &'static str,
    field: &'static str,
    aws_error_code: &'static str,
    fix: &'static str,
    check: for<'a> fn(&Asked<'a>) -> Option<String>,
) -> PaymentRule {
    PaymentRule {
        id,
        field,
        aws_error_code,
        fix,
        check,
    }
}

pub(crate) const RULES: &[PaymentRule] = &[
    rule(
        "PAYMENT_AGREEMENT_ACTIVE",
        "offer_id",
        "INACTIVE_AGREEMENT",
        "ask while the agreement is active",
        inactive,
    ),
    rule(
        "PAYMENT_BEFORE_AGREEMENT_END",
        "offer_id",
        "INACTIVE_AGREEMENT",
        "ask before the agreement ends",
        over,
    ),
    rule(
        "PAYMENT_MILESTONE_VALID",
        "milestone",
        "INVALID_NAME",
        "name the milestone in one line of 5 to 58 characters",
        milestone,
    ),
    rule(
        "PAYMENT_DESCRIPTION_LENGTH",
        "description",
        "INVALID_DESCRIPTION",
        "shorten it to 2000 characters",
        description,
    ),
    rule(
        "PAYMENT_CURRENCY",
        "amount",
        "",
        "ask in the currency of the agreement",
        currency,
    ),
    rule(
        "PAYMENT_POSITIVE",
        "amount",
        "INVALID_CHARGE_AMOUNT",
        "ask for more than 0",
        positive,
    ),
    rule(
        "PAYMENT_WITHIN_CAP",
        "amount",
        "INVALID_CHARGE_AMOUNT",
        "ask for no more than what is left under the cap, or cancel a request that waits",
        within_cap,
    ),
    rule(
        "PAYMENT_REQUEST_COUNT",
        "offer_id",
        "",
        "an agreement has at most 999 payment requests",
        count,
    ),
];

/// Every rule that does not hold, in the order of the table.
pub(crate) fn findings(asked: &Asked<'_>) -> Vec<Finding> {
    let found = RULES.iter().filter_map(|rule| {
        (rule.check)(asked).map(|problem| Finding {
            rule: rule.id,
            field: rule.field,
            aws_error_code: rule.aws_error_code,
            problem,
            fix: rule.fix,
            severity: Severity::Error,
        })
    });
    found.collect()
}

fn inactive(asked: &Asked<'_>) -> Option<String> {
    let status = asked.status;
    when(status != ACTIVE, || format!("the agreement is {status}"))
}

fn over(asked: &Asked<'_>) -> Option<String> {
    let end = asked.ends_at?;
    when(asked.now >= end, || format!("the agreement ended {end}"))
}

fn milestone(asked: &Asked<'_>) -> Option<String> {
    let name = &asked.ask.milestone;
    let unfit = name.trim() != name || name.chars().any(char::is_control);
    when(unfit || !MILESTONE.contains(&name.chars().count()), || {
        format!("{name:?} has {} characters", name.chars().count())
    })
}

fn description(asked: &Asked<'_>) -> Option<String> {
    let length = asked.ask.description.chars().count();
    when(length > MAX_DESCRIPTION_LENGTH, || {
        format!("{length} characters")
    })
}

fn currency(asked: &Asked<'_>) -> Option<String> {
    let (own, asked) = (asked.cap.currency(), asked.ask.amount);
    when(asked.currency() != own, || {
        format!("{asked} is asked for, the agreement is in {own}")
    })
}

fn positive(asked: &Asked<'_>) -> Option<String> {
    let amount = asked.ask.amount;
    when(!amount.is_positive(), || format!("{amount} is asked for"))
}

/// Another currency is another rule's to tell.
fn within_cap(asked: &Asked<'_>) -> Option<String> {
    let amount = asked.ask.amount;
    let left = asked.drawn.remaining(asked.cap)?;
    let short = left.checked_sub(amount).ok()?.is_negative();
    when(short, || {
        format!("{amount} is asked for, {left} of {} is left", asked.cap)
    })
}

fn count(asked: &Asked<'_>) -> Option<String> {
    let count = asked.drawn.count;
    when(count >= MAX_REQUESTS, || {
        format!("there are {count} already")
    })
}

#[cfg(test)]
pub(crate) mod cases;

#[cfg(test)]
mod tests {
    use super::cases::{CASES, ask, asked};
    use super::*;
    use crate::domain::sample::{at, usd};

    #[test]
    fn each_rule_finds_its_own_failure() {
        for (number, (expected, of_ask, change)) in CASES.iter().enumerate() {
            let mut ask = ask("72500.00");
            of_ask(&mut ask);
            let mut asked = asked(&ask);
            change(&mut asked);
            let found: Vec<_> = findings(&asked).into_iter().map(|one| one.rule).collect();
            assert_eq!(found, *expected, "case {number}");
        }
    }

    /// All failures at once, not the first (O4).
    #[test]
    fn failures_that_come_together_are_all_told() {
        let ask = Ask {
            milestone: String::new(),
            description: "d".repeat(2_001),
            amount: usd("1000000.00"),
        };
        let mut asked = asked(&ask);
        asked.status = "";
        asked.now = at("2027-01-01T00:00:00Z");
        asked.drawn.count = 1_000;
        let silent = ["PAYMENT_CURRENCY", "PAYMENT_POSITIVE"];
        let found: Vec<_> = findings(&asked).into_iter().map(|one| one.rule).collect();
        let told = RULES.iter().map(|rule| rule.id);
        let expected: Vec<_> = told.filter(|rule| !silent.contains(rule)).collect();
        assert_eq!(found, expected);
    }
}
