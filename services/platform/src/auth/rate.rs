//! How often one caller may call: a bucket per seller and principal, and only so many buckets.

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_kernel::{Principal, SellerId};
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tonic::{Code, Status};

use super::denial::denied_for;
use super::identity::Identity;

/// The most callers that are remembered at a time. Callers are proven ones, so an issuer would have
/// to name more than these within the time that a bucket takes to fill.
const MAX_CALLERS: usize = 10_000;
/// When to come back while there are more callers than that.
const CROWDED: Duration = Duration::from_secs(1);

/// A caller, as limits know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Caller(SellerId, Principal);

/// The buckets of all callers, by a clock that only runs forwards.
#[derive(Debug)]
pub(crate) struct Rates<C: Clock = MonotonicClock> {
    limiter: RateLimiter<Caller, HashMapStateStore<Caller>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    max_callers: usize,
}

impl Rates {
    /// So many calls a second, and so many at once. Zero counts as one.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self::by(MonotonicClock, per_second, burst, MAX_CALLERS)
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn by(clock: C, per_second: u32, burst: u32, max_callers: usize) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        Self {
            limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()),
            clock,
            max_callers,
        }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` with the time to wait.
    pub(crate) fn check(&self, caller: &Identity) -> Result<(), Status> {
        if self.limiter.len() >= self.max_callers {
            // Whose bucket is full again is forgotten: it is as if it had never called.
            self.limiter.retain_recent();
            if self.limiter.len() >= self.max_callers {
                return Err(exhausted(CROWDED));
            }
        }
        let caller = Caller(caller.seller.clone(), caller.principal.clone());
        let now = self.clock.now();
        self.limiter
            .check_key(&caller)
            .map_err(|early| exhausted(early.wait_time_from(now)))
    }
}

fn exhausted(wait: Duration) -> Status {
    denied_for(
        Code::ResourceExhausted,
        "RATE_LIMITED",
        "the caller calls too often",
        wait,
    )
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use tonic_types::StatusExt;

    use super::*;

    fn caller(seller: &str, principal: &str) -> Identity {
        Identity {
            seller: seller.parse().unwrap(),
            principal: principal.parse().unwrap(),
            roles: Vec::new(),
        }
    }

    /// P5: one caller's calls are not another's; who waits as told is let in again.
    #[test]
    fn each_caller_has_a_bucket_that_fills_again() {
        let clock = FakeRelativeClock::default();
        let rates = Rates::by(clock.clone(), 10, 3, MAX_CALLERS);
        let (one, two) = (caller("acme", "a"), caller("other", "a"));
        for _ in 0..3 {
            rates.check(&one).unwrap();
        }
        let status = rates.check(&one).unwrap_err();
        let details = status.get_error_details();
        let wait = details.retry_info().unwrap().retry_delay.unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(100));
        rates.check(&two).unwrap();
        clock.advance(wait);
        rates.check(&one).unwrap();
        rates.check(&one).unwrap_err();
    }

    #[test]
    fn only_so_many_callers_are_remembered() {
        let clock = FakeRelativeClock::default();
        let rates = Rates::by(clock.clone(), 1, 1, 2);
        rates.check(&caller("acme", "a")).unwrap();
        rates.check(&caller("acme", "b")).unwrap();
        let status = rates.check(&caller("acme", "c")).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        clock.advance(Duration::from_secs(5));
        rates.check(&caller("acme", "c")).unwrap();
        assert_eq!(rates.limiter.len(), 1);
    }
}
