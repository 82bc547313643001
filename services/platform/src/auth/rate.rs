//! How often one caller may call: a bucket per seller and principal, and only so many buckets.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_kernel::{Principal, SellerId};
use governor::clock::{Clock, MonotonicClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tonic::{Code, Status};

use super::denial::denied_for;
use super::identity::Identity;

/// The most callers that are remembered at a time. Callers are proven ones, so an issuer would have
/// to name more than these within the time that a bucket takes to fill.
const MAX_CALLERS: usize = 10_000;
/// When to come back while there are more callers than that; and how often, at most, those are
/// looked for that can be forgotten, since all are looked at.
const CROWDED: Duration = Duration::from_secs(1);

/// A caller, as limits know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Caller(SellerId, Principal);

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// What is left to one caller, and when it called last.
#[derive(Debug)]
struct Bucket<C: Clock> {
    limiter: Limiter<C>,
    last: C::Instant,
}

#[derive(Debug)]
struct Buckets<C: Clock> {
    callers: HashMap<Caller, Bucket<C>>,
    swept: Option<C::Instant>,
}

/// The buckets of all callers, by a clock that only runs forwards.
#[derive(Debug)]
pub(crate) struct Rates<C: Clock = MonotonicClock> {
    buckets: Mutex<Buckets<C>>,
    quota: Quota,
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
        let buckets = Buckets {
            callers: HashMap::new(),
            swept: None,
        };
        Self {
            buckets: Mutex::new(buckets),
            quota,
            clock,
            max_callers,
        }
    }

    /// Counts a call. Whoever has a bucket is let in by it, however many others there are; it is
    /// those who come new that wait then.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` with the time to wait.
    pub(crate) fn check(&self, caller: &Identity) -> Result<(), Status> {
        let caller = Caller(caller.seller.clone(), caller.principal.clone());
        let now = self.clock.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = buckets.callers.contains_key(&caller);
        if !known && buckets.callers.len() >= self.max_callers {
            self.sweep(&mut buckets, now);
            if buckets.callers.len() >= self.max_callers {
                return Err(exhausted(CROWDED));
            }
        }
        let bucket = buckets.callers.entry(caller).or_insert_with(|| Bucket {
            limiter: RateLimiter::direct_with_clock(self.quota, self.clock.clone()),
            last: now,
        });
        bucket.last = now;
        let early = bucket.limiter.check().err();
        early.map_or(Ok(()), |early| Err(exhausted(early.wait_time_from(now))))
    }

    /// Forgets those whose bucket is full again: it is as if they had never called.
    fn sweep(&self, buckets: &mut Buckets<C>, now: C::Instant) {
        let since = |then: C::Instant| Duration::from(now.duration_since(then));
        if buckets.swept.is_some_and(|then| since(then) < CROWDED) {
            return;
        }
        buckets.swept = Some(now);
        let fills = self.quota.burst_size_replenished_in();
        buckets
            .callers
            .retain(|_, bucket| since(bucket.last) < fills);
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

    /// P5: a crowd keeps out those who come new, not those who are there; who has been silent for as
    /// long as its bucket takes to fill makes room.
    #[test]
    fn only_so_many_callers_are_remembered() {
        let clock = FakeRelativeClock::default();
        let rates = Rates::by(clock.clone(), 1, 2, 2);
        let [known, idle, new] = ["a", "b", "c"].map(|name| caller("acme", name));
        rates.check(&known).unwrap();
        rates.check(&idle).unwrap();
        let status = rates.check(&new).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        rates.check(&known).unwrap();
        clock.advance(Duration::from_millis(1_500));
        rates.check(&known).unwrap();
        rates.check(&new).unwrap_err();
        clock.advance(Duration::from_millis(600));
        rates.check(&new).unwrap_err();
        assert_eq!(remembered(&rates), 2, "looked for at most once a second");
        clock.advance(Duration::from_millis(400));
        rates.check(&new).unwrap();
        assert_eq!(remembered(&rates), 2, "the idle one is gone");
        rates.check(&known).unwrap();
        rates.check(&idle).unwrap_err();
    }

    fn remembered(rates: &Rates<FakeRelativeClock>) -> usize {
        rates.buckets.lock().unwrap().callers.len()
    }
}
