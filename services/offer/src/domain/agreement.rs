//! An agreement as AWS shows it: what the buyer accepted, and what AWS will invoice (O13).

use std::cmp::Ordering;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{AwsAccountId, Money};

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
    /// What AWS will invoice, by date.
    pub(crate) charges: Vec<DatedAmount>,
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

    /// What AWS will charge in all; `None` when the charges do not add up, or there is none.
    fn total(&self) -> Option<Money> {
        let currency = self.charges.first()?.amount.currency();
        Money::sum(self.charges.iter().map(|charge| charge.amount), currency).ok()
    }

    /// The sum of the charges, when they do not add up to what was approved. AWS's numbers stand;
    /// a person must look.
    pub(crate) fn difference_from(&self, approved: Money) -> Option<String> {
        let total = Money::sum(
            self.charges.iter().map(|charge| charge.amount),
            approved.currency(),
        );
        match total {
            Ok(total) if total.compare(approved) == Some(Ordering::Equal) => None,
            Ok(total) => Some(total.to_string()),
            Err(problem) => Some(problem.to_string()),
        }
    }
}

/// Whether an agreement of this status of AWS's is over, so that nobody has its end to see to. A status
/// that is not known here is not taken for an end.
pub(crate) fn is_over(status: &str) -> bool {
    const OVER: [&str; 8] = [
        "ARCHIVED",
        "CANCELLED",
        "EXPIRED",
        "RENEWED",
        "REPLACED",
        "ROLLED_BACK",
        "SUPERSEDED",
        "TERMINATED",
    ];
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
    }
}
