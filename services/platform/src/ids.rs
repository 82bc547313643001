//! Identifiers as a parameter: random in production, counted in tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngCore;
use uuid::{Builder, Uuid};

use crate::clock::Clock;

/// Makes ids. Cheap to clone; clones never make the same id twice.
#[derive(Debug, Clone)]
pub struct Ids(Source);

#[derive(Debug, Clone)]
enum Source {
    Random(Clock),
    Counted(Arc<AtomicU64>),
}

impl Ids {
    /// UUID version 7: the clock's milliseconds, then random bits.
    #[must_use]
    pub const fn random(clock: Clock) -> Self {
        Self(Source::Random(clock))
    }

    /// 1, 2, 3… in UUID form: for tests that name ids.
    #[must_use]
    pub fn counted() -> Self {
        Self(Source::Counted(Arc::default()))
    }

    /// A new id.
    #[must_use]
    pub fn next(&self) -> Uuid {
        match &self.0 {
            Source::Random(clock) => {
                let millis = u64::try_from(clock.now().timestamp_millis()).unwrap_or_default();
                Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
            }
            Source::Counted(_) => {
                let mut bytes = [0; 16];
                bytes[8..].copy_from_slice(&self.bytes::<8>());
                Builder::from_custom_bytes(bytes).into_uuid()
            }
        }
    }

    /// Bytes that no other call returns: random, or counted.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::Random(_) => rand::rng().fill_bytes(&mut bytes),
            Source::Counted(counter) => {
                let count = (counter.fetch_add(1, Ordering::SeqCst) + 1).to_be_bytes();
                let tail = N.min(count.len());
                bytes[N - tail..].copy_from_slice(&count[count.len() - tail..]);
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_are_version_7_of_the_clock() {
        let clock = Clock::manual(chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let ids = Ids::random(clock);
        let id = ids.next();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_700_000_000);
        assert_ne!(id, ids.next());
    }

    #[test]
    fn counted_ids_repeat_from_run_to_run() {
        assert_eq!(Ids::counted().next(), Ids::counted().next());
        let ids = Ids::counted();
        assert_ne!(ids.next(), ids.clone().next());
    }
}
