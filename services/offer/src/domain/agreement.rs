//! An agreement as AWS shows it: what the buyer accepted, and what AWS will invoice (O13).

use std::cmp::Ordering;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{AwsAccountId, IsoDuration, Money};

use super::deal::DatedAmount;
use super::id::AgreementId;

/// An agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) id: AgreementId,
    pub(crate) accepted_at: DateTime<Utc>,
    pub(crate) starts_at: DateTime<Utc>,
    /// Absent for an agreement without end.
    pub(crate) ends_at: Option<DateTime<Utc>>,
    /// The account that accepted: any under the payer.
    pub(crate) acceptor: AwsAccountId,
    /// What AWS will invoice, by date; empty while payment requests charge.
    pub(crate) charges: Vec<DatedAmount>,
    /// What payment requests may charge, where they do in place of a schedule (O17).
    pub(crate) variable: Option<VariablePayments>,
}

/// The term under which payment requests charge (O17, facts §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariablePayments {
    /// AWS's id of the term: every request names it.
    pub(crate) term_id: String,
    /// What all requests together may charge.
    pub(crate) cap: Money,
    /// How long the buyer may be silent before a request approves itself; `None` where the buyer wants
    /// to be asked.
    pub(crate) approves_after: Option<IsoDuration>,
}

/// What AWS shows of an acceptance, whatever its terms: enough for an order (O14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acceptance {
    pub(crate) agreement_id: AgreementId,
    pub(crate) at: DateTime<Utc>,
    /// The account that accepted.
    pub(crate) acceptor: AwsAccountId,
    /// What AWS will charge in all; `None` where AWS does not say, or its charges do not add up.
    pub(crate) total: Option<Money>,
}

impl Agreement {
    /// The acceptance alone.
    pub(crate) fn acceptance(&self) -> Acceptance {
        Acceptance {
            agreement_id: self.id.clone(),
            at: self.accepted_at,
            acceptor: self.acceptor.clone(),
            total: self.total(),
        }
    }

    /// What AWS charges in all, or may charge by payment requests; `None` when that does not add up, or
    /// there is none.
    fn total(&self) -> Option<Money> {
        let currency = self.amounts().next()?.currency();
        Money::sum(self.amounts(), currency).ok()
    }

    /// The charges, with their numbers from 1 on, that AWS does not invoice when the agreement ends at this
    /// time: those whose day, from 00:00 UTC on, had not begun (facts §1.3, §3.1).
    pub(crate) fn dropped(
        &self,
        ended_at: DateTime<Utc>,
    ) -> impl Iterator<Item = (u32, &DatedAmount)> {
        let day = ended_at.date_naive();
        let charges = (1..).zip(&self.charges);
        charges.filter(move |(_, charge)| charge.date > day)
    }

    fn amounts(&self) -> impl Iterator<Item = Money> {
        let cap = self.variable.as_ref().map(|variable| variable.cap);
        self.charges.iter().map(|charge| charge.amount).chain(cap)
    }

    /// The sum of the charges, or their cap, when it is not what was approved. AWS's numbers stand;
    /// a person must look.
    pub(crate) fn difference_from(&self, approved: Money) -> Option<String> {
        match Money::sum(self.amounts(), approved.currency()) {
            Ok(total) if total.compare(approved) == Some(Ordering::Equal) => None,
            Ok(total) => Some(total.to_string()),
            Err(problem) => Some(problem.to_string()),
        }
    }
}

/// An agreement as AWS lists it: enough to know that it is there and whether it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: AgreementId,
    /// As AWS writes it; empty where it does not.
    pub(crate) aws_offer_id: String,
    pub(crate) standing: Standing,
}

/// An agreement's status at AWS, and when it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// As AWS writes it: new values are not an error.
    pub(crate) status: String,
    pub(crate) updated_at: Option<DateTime<Utc>>,
}

impl Standing {
    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        is_over(&self.status)
    }

    /// When it ended, if it is over: by AWS's clock, by which AWS invoices; by ours when it was seen, where AWS
    /// does not say.
    pub(crate) fn ended_at(&self, seen_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.is_over().then_some(self.updated_at.unwrap_or(seen_at))
    }
}

/// AWS's status of an agreement that runs.
pub(crate) const ACTIVE: &str = "ACTIVE";
/// AWS's statuses of an agreement that is over.
pub(crate) const OVER: &[&str] = &[
    "ARCHIVED",
    "CANCELLED",
    "EXPIRED",
    "RENEWED",
    "REPLACED",
    "ROLLED_BACK",
    "SUPERSEDED",
    "TERMINATED",
];

/// Whether an agreement of this status of AWS's is over, so that nobody has its end to see to. A status
/// that is not known here is not taken for an end.
pub(crate) fn is_over(status: &str) -> bool {
    OVER.contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    #[test]
    fn an_agreement_is_over_when_aws_says_so() {
        for (status, over) in [
            ("ACTIVE", false),
            ("PAUSED", false),
            ("", false),
            ("CANCELLED", true),
            ("TERMINATED", true),
            ("REPLACED", true),
        ] {
            assert_eq!(is_over(status), over, "{status:?}");
        }
    }

    #[test]
    fn what_was_not_due_at_the_end_is_dropped() {
        let charge = |date: &str| DatedAmount {
            date: date.parse().unwrap(),
            amount: sample::usd("1.00"),
        };
        let agreement = Agreement {
            charges: vec![
                charge("2026-02-01"),
                charge("2026-03-01"),
                charge("2026-04-01"),
            ],
            ..sample::agreement()
        };
        for (ended_at, dropped) in [
            ("2026-01-31T23:59:59Z", vec![1, 2, 3]),
            ("2026-02-28T23:59:59Z", vec![2, 3]),
            ("2026-03-01T00:00:00Z", vec![3]),
            ("2026-04-01T00:00:00Z", vec![]),
        ] {
            let found = agreement.dropped(ended_at.parse().unwrap());
            let found: Vec<u32> = found.map(|(number, _)| number).collect();
            assert_eq!(found, dropped, "{ended_at}");
        }
    }

    #[test]
    fn an_end_is_as_aws_shows_it() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (early, seen_at) = (at("2026-02-01T00:00:00Z"), at("2026-02-03T00:00:00Z"));
        let ahead = at("2026-02-03T00:00:01Z");
        for (status, updated_at, ended_at) in [
            ("CANCELLED", Some(early), Some(early)),
            ("CANCELLED", Some(ahead), Some(ahead)),
            ("CANCELLED", None, Some(seen_at)),
            ("ACTIVE", Some(early), None),
        ] {
            let status = status.to_owned();
            let standing = Standing { status, updated_at };
            assert_eq!(standing.ended_at(seen_at), ended_at, "{standing:?}");
        }
    }

    #[test]
    fn charges_that_do_not_add_up_are_told() {
        let agreement = sample::agreement();
        assert_eq!(agreement.difference_from(sample::usd("102500.00")), None);
        let difference = agreement.difference_from(sample::usd("102500.01"));
        assert_eq!(difference.as_deref(), Some("102500.00 USD"));
        let empty = Agreement {
            charges: Vec::new(),
            ..agreement
        };
        assert!(empty.difference_from(sample::usd("102500.00")).is_some());
        let variable = sample::variable_agreement();
        assert_eq!(variable.difference_from(sample::usd("102500.00")), None);
        assert!(variable.difference_from(sample::usd("102499.99")).is_some());
    }
}
