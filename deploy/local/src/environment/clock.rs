//! The rehearsal clock (P8): one file, read by every process, holds how far its time runs ahead.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, TimeDelta, Utc};

/// Moves the time of every process that reads the same file.
///
/// The file holds the offset from the system's time in whole milliseconds, as decimal text. A
/// missing or empty file is an offset of zero.
#[derive(Debug, Clone)]
pub struct RehearsalClock {
    file: PathBuf,
}

impl RehearsalClock {
    /// The clock kept in `file`, which need not exist yet.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// The file that the processes read.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How far the clock runs ahead of the system's time.
    ///
    /// # Errors
    /// If the file cannot be read or holds something else than a whole number.
    pub fn offset(&self) -> Result<TimeDelta> {
        let text = match std::fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                return Ok(TimeDelta::zero());
            }
            Err(other) => {
                return Err(other)
                    .with_context(|| format!("reading the clock {}", self.file.display()));
            }
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(TimeDelta::zero());
        }
        let millis: i64 = text
            .parse()
            .with_context(|| format!("the clock holds {text:?}"))?;
        TimeDelta::try_milliseconds(millis)
            .ok_or_else(|| anyhow!("the clock holds {text}: too far"))
    }

    /// What time it is on this clock.
    ///
    /// # Errors
    /// As [`offset`](Self::offset).
    pub fn now(&self) -> Result<DateTime<Utc>> {
        let offset = self.offset()?;
        system_now()
            .checked_add_signed(offset)
            .ok_or_else(|| anyhow!("the clock is past the calendar"))
    }

    /// Moves the clock by `step`, and returns the time that it then shows.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn advance(&self, step: TimeDelta) -> Result<DateTime<Utc>> {
        let offset = self
            .offset()?
            .checked_add(&step)
            .ok_or_else(|| anyhow!("too far a move"))?;
        self.write(offset)?;
        self.now()
    }

    /// Sets the clock to `instant`, from where it runs on.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set(&self, instant: DateTime<Utc>) -> Result<()> {
        self.write(instant - system_now())
    }

    fn write(&self, offset: TimeDelta) -> Result<()> {
        let folder = self
            .file
            .parent()
            .ok_or_else(|| anyhow!("the clock's file has no folder"))?;
        // Written aside and renamed: no reader ever sees half a number.
        let mut aside = shared_file(folder).context("writing the clock")?;
        write!(aside, "{}", offset.num_milliseconds()).context("writing the clock")?;
        aside.persist(&self.file).context("writing the clock")?;
        Ok(())
    }
}

/// A file to be renamed into place. A service in a container reads it under another account.
pub(crate) fn shared_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let everybody_reads = Permissions::from_mode(0o644);
    tempfile::Builder::new()
        .permissions(everybody_reads)
        .tempfile_in(folder)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the rehearsal clock is defined against the system's time"
)]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_add_up_and_are_whole_milliseconds() {
        let folder = tempfile::tempdir().unwrap();
        let clock = RehearsalClock::new(folder.path().join("clock"));
        assert_eq!(clock.offset().unwrap(), TimeDelta::zero());
        clock.advance(TimeDelta::days(2)).unwrap();
        clock.advance(TimeDelta::hours(1)).unwrap();
        assert_eq!(std::fs::read_to_string(clock.file()).unwrap(), "176400000");
        assert_eq!(clock.offset().unwrap(), TimeDelta::hours(49));
    }

    #[test]
    fn it_can_be_set_to_an_instant() {
        let folder = tempfile::tempdir().unwrap();
        let clock = RehearsalClock::new(folder.path().join("clock"));
        let wanted: DateTime<Utc> = "2031-02-03T04:05:06Z".parse().unwrap();
        clock.set(wanted).unwrap();
        let off = clock.now().unwrap() - wanted;
        assert!(off.abs() < TimeDelta::seconds(5), "{off}");
    }

    #[test]
    fn nonsense_in_the_file_is_an_error_and_nothing_is_zero() {
        let folder = tempfile::tempdir().unwrap();
        let clock = RehearsalClock::new(folder.path().join("clock"));
        std::fs::write(clock.file(), " \n").unwrap();
        assert_eq!(clock.offset().unwrap(), TimeDelta::zero());
        std::fs::write(clock.file(), "soon").unwrap();
        assert!(clock.offset().is_err());
    }
}
