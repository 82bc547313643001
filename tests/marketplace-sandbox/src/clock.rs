//! P8: the rehearsal clock. Time is the system's plus an offset kept in a file, plus what `/sandbox/clock`
//! added. A frozen clock stands at one instant and moves by these two only.
//!
//! The file holds whole milliseconds as decimal text; a missing or empty file means no offset. All
//! processes of a rehearsal read the same file, so moving one file moves all of them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Where this process takes its time from.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    file: Option<PathBuf>,
    frozen_at: Option<DateTime<Utc>>,
    /// Milliseconds.
    advanced: AtomicI64,
}

impl Clock {
    pub(crate) fn new(file: Option<PathBuf>, frozen_at: Option<DateTime<Utc>>) -> Self {
        Self {
            file,
            frozen_at,
            advanced: AtomicI64::new(0),
        }
    }

    /// Moves this sandbox's time, and nobody else's, by `millis`.
    pub(crate) fn advance(&self, millis: i64) {
        self.advanced.fetch_add(millis, Ordering::SeqCst);
    }

    /// Now, to the millisecond: what AWS's own timestamps carry.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the system's time"
    )]
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let advanced = TimeDelta::milliseconds(self.advanced.load(Ordering::SeqCst));
        let shifted = self.frozen_at.unwrap_or_else(Utc::now) + self.offset() + advanced;
        DateTime::from_timestamp_millis(shifted.timestamp_millis()).unwrap_or(shifted)
    }

    fn offset(&self) -> TimeDelta {
        let Some(file) = &self.file else {
            return TimeDelta::zero();
        };
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return TimeDelta::zero();
        }
        match trimmed.parse::<i64>() {
            Ok(millis) => TimeDelta::milliseconds(millis),
            Err(error) => {
                tracing::error!(file = %file.display(), %error, "clock file is not a number of milliseconds; no offset used");
                TimeDelta::zero()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_is_read_each_time_and_empty_means_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        let clock = Clock::new(Some(file.clone()), None);
        assert_eq!(clock.offset(), TimeDelta::zero());
        std::fs::write(&file, "").unwrap();
        assert_eq!(clock.offset(), TimeDelta::zero());
        std::fs::write(&file, "86400000\n").unwrap();
        assert_eq!(clock.offset(), TimeDelta::days(1));
        std::fs::write(&file, "-500").unwrap();
        assert_eq!(clock.offset(), TimeDelta::milliseconds(-500));
    }

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let clock = Clock::new(None, Some(start));
        assert_eq!(clock.now(), start);
        clock.advance(1_500);
        assert_eq!(clock.now(), start + TimeDelta::milliseconds(1_500));
    }
}
