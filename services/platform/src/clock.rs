//! Time as a parameter (P8): the system's, a rehearsal's, or a test's.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Tells the time, to the microsecond (what Postgres keeps, so that a time read back is equal).
/// Cheap to clone; clones tell the same time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// System time moved by the whole milliseconds that this file holds.
    Rehearsal(Arc<PathBuf>),
    /// Microseconds since the epoch, moved by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The system's clock moved by the offset in `file`: whole milliseconds as decimal text, read
    /// at each call, so that whoever writes the file moves every process at once. A missing or
    /// unreadable file counts as 0.
    #[must_use]
    pub fn rehearsal(file: PathBuf) -> Self {
        Self(Source::Rehearsal(Arc::new(file)))
    }

    /// A clock that stands still until [`Clock::advance`] moves it: for tests.
    #[must_use]
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(
            start.timestamp_micros(),
        ))))
    }

    /// The time, UTC, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => system_now(),
            Source::Rehearsal(file) => system_now() + offset(file),
            Source::Manual(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// Moves a manual clock, also backwards. Does nothing to the others.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Manual(micros) = &self.0 {
            micros.fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::SeqCst);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the system clock"
)]
fn system_now() -> DateTime<Utc> {
    let now = Utc::now();
    now.duration_trunc(TimeDelta::microseconds(1))
        .unwrap_or(now)
}

fn offset(file: &PathBuf) -> TimeDelta {
    std::fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse::<i64>().ok())
        .and_then(TimeDelta::try_milliseconds)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P8: one file moves every clock that reads it, at once.
    #[test]
    fn a_rehearsal_follows_its_file() {
        let file = std::env::temp_dir().join(format!("countersign-clock-{}", std::process::id()));
        let clock = Clock::rehearsal(file.clone());
        let near = |left: DateTime<Utc>, right: DateTime<Utc>| {
            (left - right).abs() < TimeDelta::seconds(5)
        };
        assert!(near(clock.now(), system_now()), "no file is no offset");
        std::fs::write(&file, "86400000\n").unwrap();
        assert!(near(clock.now(), system_now() + TimeDelta::days(1)));
        std::fs::write(&file, "").unwrap();
        assert!(near(clock.now(), system_now()));
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_manual_clock_stands_still_and_is_shared() {
        let start = DateTime::from_timestamp(1_000, 0).unwrap();
        let clock = Clock::manual(start);
        let other = clock.clone();
        other.advance(TimeDelta::hours(1));
        assert_eq!(clock.now(), start + TimeDelta::hours(1));
    }

    #[test]
    fn times_are_whole_microseconds() {
        assert_eq!(system_now().timestamp_subsec_nanos() % 1_000, 0);
    }
}
