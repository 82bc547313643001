//! Feeds as files: `<feed>/year=YYYY/month=MM/data.csv`, the current month rewritten whole (facts §6.6),
//! and the ways in which a delivery can be bad.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::world::feed_columns::{FEEDS, Feed, HISTORY};
use crate::world::feeds::FeedRow;

/// What is wrong with this delivery. Applies to the current month's file of [`Faults::feed`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent switch of a rehearsal's request"
)]
pub(crate) struct Faults {
    /// Feed that suffers; the billing events by default.
    feed: Option<String>,
    /// The last row stands twice.
    duplicate_row: bool,
    /// Columns in reverse order.
    reorder_columns: bool,
    /// This column is missing.
    drop_column: Option<String>,
    /// A column nobody knows.
    extra_column: Option<String>,
    /// The file ends in the middle of its last row.
    truncate_last_line: bool,
    /// The last row holds a byte that is not UTF-8.
    invalid_utf8: bool,
    /// Nothing new is delivered: the files are written again as they were.
    pub(crate) same_file_again: bool,
}

impl Faults {
    fn concern(&self, feed: &Feed) -> bool {
        self.feed.as_deref().unwrap_or("billingeventfeed_v1") == feed.name
    }

    /// None: all is well. Otherwise what is wrong with the request itself.
    pub(crate) fn problem(&self) -> Option<String> {
        let name = self.feed.as_deref().unwrap_or("billingeventfeed_v1");
        let Some(feed) = FEEDS.iter().find(|feed| feed.name == name) else {
            return Some(format!("there is no feed {name}"));
        };
        let dropped = self.drop_column.as_deref()?;
        let known = feed
            .columns
            .iter()
            .chain(&HISTORY)
            .any(|column| *column == dropped);
        (!known).then(|| format!("{name} has no column {dropped}"))
    }
}

/// A file to write: its path under the feeds folder, and its bytes.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Every file of one seller's feeds for the months from `since` to `current`. Earlier months were delivered for good.
pub(crate) fn render(
    rows: &[FeedRow],
    recipient: &str,
    since: (i32, u32),
    current: (i32, u32),
    faults: &Faults,
) -> io::Result<Files> {
    let mut files = Files::new();
    for feed in &FEEDS {
        let mut months: Vec<(i32, u32)> =
            rows.iter().map(|row| row.month).chain([current]).collect();
        months.sort_unstable();
        months.dedup();
        for month in months.into_iter().filter(|month| *month >= since) {
            let cells: Vec<Vec<String>> = rows
                .iter()
                .filter(|row| row.recipient == recipient)
                .filter(|row| row.feed == feed.name && row.month == month)
                .map(|row| row.cells.clone())
                .collect();
            let header: Vec<String> = feed
                .columns
                .iter()
                .chain(&HISTORY)
                .map(|column| (*column).to_owned())
                .collect();
            let bad = faults.concern(feed) && month == current;
            let bytes = if bad {
                spoil(header, cells, faults)?
            } else {
                csv_bytes(&header, &cells)?
            };
            files.insert(path(feed, month), bytes);
        }
    }
    Ok(files)
}

fn path(feed: &Feed, (year, month): (i32, u32)) -> PathBuf {
    PathBuf::from(feed.name)
        .join(format!("year={year:04}"))
        .join(format!("month={month:02}"))
        .join("data.csv")
}

fn csv_bytes(header: &[String], rows: &[Vec<String>]) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\n'))
        .from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))
}

fn spoil(
    mut header: Vec<String>,
    mut rows: Vec<Vec<String>>,
    faults: &Faults,
) -> io::Result<Vec<u8>> {
    if let Some(last) = rows.last().filter(|_| faults.duplicate_row).cloned() {
        rows.push(last);
    }
    if let Some(column) = &faults.drop_column
        && let Some(position) = header.iter().position(|name| name == column)
    {
        header.remove(position);
        for row in &mut rows {
            row.remove(position);
        }
    }
    if let Some(column) = &faults.extra_column {
        header.push(column.clone());
        for row in &mut rows {
            row.push("unexpected".to_owned());
        }
    }
    if faults.reorder_columns {
        header.reverse();
        for row in &mut rows {
            row.reverse();
        }
    }
    let mut bytes = csv_bytes(&header, &rows)?;
    if rows.is_empty() {
        return Ok(bytes);
    }
    let last_row = bytes[..bytes.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    if faults.invalid_utf8 {
        bytes.insert(last_row + 1, 0xff);
    }
    if faults.truncate_last_line {
        let length = bytes.len() - last_row;
        bytes.truncate(last_row + length / 2);
    }
    Ok(bytes)
}

/// Writes each file beside its place and renames it there: a reader sees the old or the new, whole.
pub(crate) fn write(folder: &Path, files: &Files) -> io::Result<()> {
    for (path, bytes) in files {
        let target = folder.join(path);
        let temporary = target.with_extension("csv.part");
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&temporary, bytes)?;
        std::fs::rename(&temporary, &target)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoiled(faults: &Faults) -> String {
        let text = |cells: &[&str]| {
            cells
                .iter()
                .map(|cell| (*cell).to_owned())
                .collect::<Vec<_>>()
        };
        let bytes = spoil(
            text(&["id", "amount"]),
            vec![text(&["1", "5.00"]), text(&["2", "a,b"])],
            faults,
        )
        .unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn each_fault_does_its_one_thing() {
        let good = Faults::default();
        assert_eq!(spoiled(&good), "id,amount\n1,5.00\n2,\"a,b\"\n");
        let duplicate = Faults {
            duplicate_row: true,
            ..Faults::default()
        };
        assert_eq!(
            spoiled(&duplicate),
            "id,amount\n1,5.00\n2,\"a,b\"\n2,\"a,b\"\n"
        );
        let reorder = Faults {
            reorder_columns: true,
            ..Faults::default()
        };
        assert_eq!(spoiled(&reorder), "amount,id\n5.00,1\n\"a,b\",2\n");
        let dropped = Faults {
            drop_column: Some("amount".to_owned()),
            ..Faults::default()
        };
        assert_eq!(spoiled(&dropped), "id\n1\n2\n");
        let extra = Faults {
            extra_column: Some("x".to_owned()),
            ..Faults::default()
        };
        assert!(spoiled(&extra).starts_with("id,amount,x\n1,5.00,unexpected\n"));
        let truncated = Faults {
            truncate_last_line: true,
            ..Faults::default()
        };
        assert_eq!(spoiled(&truncated), "id,amount\n1,5.00\n2,\"a");
        let broken = Faults {
            invalid_utf8: true,
            ..Faults::default()
        };
        assert!(spoiled(&broken).contains('\u{fffd}'));
    }

    #[test]
    fn requests_that_make_no_sense_are_named() {
        let unknown = Faults {
            drop_column: Some("nope".to_owned()),
            ..Faults::default()
        };
        assert!(unknown.problem().is_some());
        let feed = Faults {
            feed: Some("nope".to_owned()),
            ..Faults::default()
        };
        assert!(feed.problem().is_some());
        assert!(Faults::default().problem().is_none());
    }
}
