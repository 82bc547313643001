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
