//! Requests per second and account, by operation (facts §1.1, §3), on the sandbox's clock.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

/// AWS's published rates; an operation without one is not limited.
const RATES: [(&str, usize); 37] = [
    ("StartChangeSet", 5),
    ("DescribeChangeSet", 10),
    ("ListChangeSets", 5),
    ("CancelChangeSet", 5),
    ("DescribeEntity", 20),
    ("ListEntities", 10),
    ("TagResource", 5),
    ("UntagResource", 5),
    ("ListTagsForResource", 5),
    ("PutResourcePolicy", 5),
    ("GetResourcePolicy", 5),
    ("DeleteResourcePolicy", 5),
    ("SearchAgreements", 5),
    ("DescribeAgreement", 5),
    ("GetAgreementTerms", 10),
    ("GetAgreementEntitlements", 10),
    ("ListAgreementCharges", 15),
    ("ListAgreementInvoiceLineItems", 10),
    ("SendAgreementPaymentRequest", 5),
    ("CancelAgreementPaymentRequest", 5),
    ("GetAgreementPaymentRequest", 5),
    ("ListAgreementPaymentRequests", 5),
    ("AcceptAgreementPaymentRequest", 5),
    ("RejectAgreementPaymentRequest", 5),
    ("SendAgreementCancellationRequest", 2),
    ("CancelAgreementCancellationRequest", 2),
    ("GetAgreementCancellationRequest", 5),
    ("ListAgreementCancellationRequests", 5),
    ("AcceptAgreementCancellationRequest", 2),
    ("RejectAgreementCancellationRequest", 2),
    ("BatchCreateBillingAdjustmentRequest", 2),
    ("GetBillingAdjustmentRequest", 5),
    ("ListBillingAdjustmentRequests", 5),
    ("CreateAgreementRequest", 4),
    ("AcceptAgreementRequest", 3),
    ("CancelAgreement", 3),
    ("UpdatePurchaseOrders", 3),
];

const WINDOW: TimeDelta = TimeDelta::seconds(1);

/// The calls of the last second, per account and operation.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    calls: HashMap<(String, &'static str), VecDeque<DateTime<Utc>>>,
}

impl Limits {
    /// Counts a call; false when it is one too many. Refused calls do not count.
    pub(crate) fn allow(&mut self, account: &str, operation: &str, now: DateTime<Utc>) -> bool {
        let Some((name, rate)) = RATES.iter().find(|(name, _)| *name == operation) else {
            return true;
        };
        let calls = self.calls.entry((account.to_owned(), name)).or_default();
        // A clock that was set back leaves calls in its future: they are forgotten too.
        calls.retain(|call| *call <= now && now - *call < WINDOW);
        let allowed = calls.len() < *rate;
        if allowed {
            calls.push_back(now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_a_second_and_then_five_more() {
        let start = DateTime::UNIX_EPOCH;
        let mut limits = Limits::default();
        let mut allow =
            |account: &str, after| limits.allow(account, "StartChangeSet", start + after);
        assert!((0..5).all(|_| allow("a", TimeDelta::zero())));
        assert!(!allow("a", TimeDelta::milliseconds(999)));
        assert!(allow("b", TimeDelta::zero()), "accounts do not share");
        assert!(allow("a", TimeDelta::seconds(1)));
    }

    #[test]
    fn the_buyer_s_own_calls_have_the_rates_of_the_quota_page() {
        for (operation, rate) in [
            ("CreateAgreementRequest", 4),
            ("AcceptAgreementRequest", 3),
            ("CancelAgreement", 3),
            ("UpdatePurchaseOrders", 3),
            ("ListAgreementCharges", 15),
            ("AcceptAgreementPaymentRequest", 5),
            ("RejectAgreementPaymentRequest", 5),
            ("AcceptAgreementCancellationRequest", 2),
            ("RejectAgreementCancellationRequest", 2),
        ] {
            let mut limits = Limits::default();
            let let_in = (0..20).filter(|_| limits.allow("a", operation, DateTime::UNIX_EPOCH));
            assert_eq!(let_in.count(), rate, "{operation}");
        }
    }
}
