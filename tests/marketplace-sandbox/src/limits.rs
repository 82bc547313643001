//! Requests per second and account, by operation (facts §1.1, §3), in real time.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// AWS's published rates; an operation without one is not limited.
const RATES: [(&str, usize); 9] = [
    ("StartChangeSet", 5),
    ("DescribeChangeSet", 10),
    ("ListChangeSets", 5),
    ("CancelChangeSet", 5),
    ("DescribeEntity", 20),
    ("ListEntities", 10),
    ("SearchAgreements", 5),
    ("DescribeAgreement", 5),
    ("GetAgreementTerms", 10),
];

const WINDOW: Duration = Duration::from_secs(1);

/// The calls of the last second, per account and operation.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    calls: HashMap<(String, &'static str), VecDeque<Instant>>,
}

impl Limits {
    /// Counts a call; false when it is one too many. Refused calls do not count.
    pub(crate) fn allow(&mut self, account: &str, operation: &str, now: Instant) -> bool {
        let Some((name, rate)) = RATES.iter().find(|(name, _)| *name == operation) else {
            return true;
        };
        let calls = self.calls.entry((account.to_owned(), name)).or_default();
        while calls
            .front()
            .is_some_and(|call| now.duration_since(*call) >= WINDOW)
        {
            calls.pop_front();
        }
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
        let start = Instant::now();
        let mut limits = Limits::default();
        let mut allow =
            |account: &str, after| limits.allow(account, "StartChangeSet", start + after);
        assert!((0..5).all(|_| allow("a", Duration::ZERO)));
        assert!(!allow("a", Duration::from_millis(999)));
        assert!(allow("b", Duration::ZERO), "accounts do not share");
        assert!(allow("a", Duration::from_secs(1)));
    }
}
