//! P8: the rehearsal clock. Time is the system's plus an offset kept in a file.
//!
//! The file holds whole milliseconds as decimal text; a missing or empty file means no offset. All
//! processes of a rehearsal read the same file, so moving one file moves all of them.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};

/// Where this process takes its time from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    file: Option<PathBuf>,
}

impl Clock {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// Now, to the millisecond: what AWS's own timestamps carry.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the system's time"
    )]
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let shifted = Utc::now() + self.offset();
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
        let clock = Clock::new(Some(file.clone()));
        assert_eq!(clock.offset(), TimeDelta::zero());
        std::fs::write(&file, "").unwrap();
        assert_eq!(clock.offset(), TimeDelta::zero());
        std::fs::write(&file, "86400000\n").unwrap();
        assert_eq!(clock.offset(), TimeDelta::days(1));
        std::fs::write(&file, "-500").unwrap();
        assert_eq!(clock.offset(), TimeDelta::milliseconds(-500));
    }
}
