//! A feed's file as rows: by header, never by position (R2). Rows are read as they are asked for, so
//! that a large file costs no more memory than its bytes.
//!
//! | what is wrong | what happens |
//! |---|---|
//! | a required column is missing, a column twice, no header, a name that is none | nothing of the file is taken |
//! | an unknown column, an optional one missing, another order, a byte order mark | absorbed, with a remark |
//! | a row that is not UTF-8, has too few or many fields, or a value without meaning | the row is refused |
//! | a value that the database cannot keep: a NUL, endless text | the row is refused |
//! | the file does not end with a line's end | the last row is refused: it may go on |

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use countersign_kernel::DigestBuilder;
use csv::{ByteRecord, ByteRecordsIntoIter, ReaderBuilder, Terminator};

use super::billing_event;
use super::layout::{Columns, Feed, HISTORY};
use super::values::{self, BadValue};
use crate::domain::intake::{FeedRow, Line, RowKey};

/// What some editors write before the first byte.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The longest column name, in bytes.
const MAX_NAME: usize = 128;

/// The longest value, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// The longest key, in bytes: it is indexed, and Postgres indexes no endless text.
const MAX_KEY: usize = 512;

/// The longest reason or remark, in characters: it may repeat what the file says.
const MAX_REASON: usize = 500;

/// Nothing of the file can be taken; the text says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedFile(pub(crate) String);

/// A file's rows, one after the other.
pub(crate) struct Rows<'b> {
    header: Header,
    records: Peekable<ByteRecordsIntoIter<&'b [u8]>>,
    ends_well: bool,
    /// What was odd about the file, but absorbed.
    pub(crate) remarks: Vec<String>,
}

impl<'b> Rows<'b> {
    /// Reads the header of a file of `feed`.
    pub(crate) fn open(feed: Feed, bytes: &'b [u8]) -> Result<Self, RefusedFile> {
        let unmarked = bytes.strip_prefix(BYTE_ORDER_MARK);
        let mut remarks: Vec<String> = unmarked
            .map(|_| "a byte order mark was skipped".to_owned())
            .into_iter()
            .collect();
        let bytes = unmarked.unwrap_or(bytes);
        let mut records = ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            // A carriage return alone ends no row: two rows would have one line's number.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(bytes)
            .into_byte_records();
        let header = match records.next() {
            Some(Ok(record)) => Header::read(feed, &record)?,
            Some(Err(error)) => {
                return Err(RefusedFile(format!("the header is unreadable: {error}")));
            }
            None => return Err(RefusedFile("the file has no header".to_owned())),
        };
        remarks.extend(header.remarks());
        Ok(Self {
            header,
            records: records.peekable(),
            ends_well: bytes.ends_with(b"\n"),
            remarks,
        })
    }
}

impl Iterator for Rows<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let record = match self.records.next()? {
            Ok(record) => record,
            Err(error) => {
                return Some(Line {
                    number: error.position().map_or(0, csv::Position::line),
                    row: Err(format!("unreadable: {error}")),
                });
            }
        };
        let truncated = !self.ends_well && self.records.peek().is_none();
        let row = if truncated {
            Err("truncated: the file ends within this row".to_owned())
        } else {
            self.header.row(&record)
        };
        Some(Line {
            number: record.position().map_or(0, csv::Position::line),
            row: row.map_err(shortened),
        })
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The fields of a row, the last without the carriage return of a line that ends with both.
fn fields(record: &ByteRecord) -> impl Iterator<Item = &[u8]> {
    let last = record.len().saturating_sub(1);
    record.iter().enumerate().map(move |(place, field)| {
        field
            .strip_suffix(b"\r")
            .filter(|_| place == last)
            .unwrap_or(field)
    })
}

struct Header {
    feed: Feed,
    columns: Columns,
    names: Vec<String>,
}

/// The cells of a row by column name, without the empty ones: empty means null.
pub(crate) struct Cells<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Cells<'a> {
    #[cfg(test)]
    pub(crate) fn of(cells: &[(&'a str, &'a str)]) -> Self {
        Self(cells.iter().copied().collect())
    }

    pub(crate) fn get(&self, column: &str) -> Option<&'a str> {
        self.0.get(column).copied()
    }

    pub(crate) fn required(&self, column: &str) -> Result<&'a str, BadValue> {
        self.get(column)
            .ok_or_else(|| BadValue(format!("{column} is empty")))
    }
}

impl Header {
    fn read(feed: Feed, record: &ByteRecord) -> Result<Self, RefusedFile> {
        let names = fields(record).map(|name| str::from_utf8(name).map(str::to_owned));
        let names: Vec<String> = names
            .collect::<Result<_, _>>()
            .map_err(|_| RefusedFile("the header is not UTF-8".to_owned()))?;
        let is_name = |name: &String| name.len() <= MAX_NAME && !name.chars().any(char::is_control);
        if !names.iter().all(is_name) {
            return Err(RefusedFile(format!(
                "a column has a name of more than {MAX_NAME} bytes or with control characters"
            )));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(RefusedFile(format!("column {twice} is there twice")));
        }
        let columns = feed.columns();
        let required = columns.key.iter().chain(columns.required);
        let missing: Vec<&str> = required
            .copied()
            .filter(|name| !seen.contains(name))
            .collect();
        if !missing.is_empty() {
            return Err(RefusedFile(format!(
                "missing columns: {}",
                missing.join(", ")
            )));
        }
        Ok(Self {
            feed,
            columns,
            names,
        })
    }

    fn remarks(&self) -> Vec<String> {
        let known: BTreeSet<&str> = self.known().collect();
        let names: BTreeSet<&str> = self.names.iter().map(String::as_str).collect();
        let list = |what: &str, columns: Vec<&str>| {
            (!columns.is_empty()).then(|| shortened(format!("{what}: {}", columns.join(", "))))
        };
        [
            list(
                "unknown columns kept as evidence",
                names.difference(&known).copied().collect(),
            ),
            list(
                "missing columns taken as empty",
                known.difference(&names).copied().collect(),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn known(&self) -> impl Iterator<Item = &'static str> {
        let Columns {
            key,
            required,
            optional,
        } = self.columns;
        key.iter()
            .chain(required)
            .chain(optional)
            .chain(&HISTORY)
            .copied()
    }

    fn row(&self, record: &ByteRecord) -> Result<FeedRow, String> {
        if record.len() != self.names.len() {
            return Err(format!(
                "{} fields instead of {}",
                record.len(),
                self.names.len()
            ));
        }
        let mut cells = BTreeMap::new();
        for (name, value) in self.names.iter().zip(fields(record)) {
            let value = str::from_utf8(value).map_err(|_| format!("{name} is not UTF-8"))?;
            if value.contains('\0') {
                return Err(format!("{name} holds a NUL"));
            }
            if value.len() > MAX_VALUE {
                return Err(format!("{name} has more than {MAX_VALUE} bytes"));
            }
            if !value.is_empty() {
                cells.insert(name.as_str(), value);
            }
        }
        self.meaning(&Cells(cells)).map_err(|BadValue(why)| why)
    }

    fn meaning(&self, cells: &Cells<'_>) -> Result<FeedRow, BadValue> {
        let key = self.columns.key.iter().map(|column| cells.required(column));
        let entity = key.collect::<Result<Vec<_>, _>>()?.join("/");
        if entity.len() > MAX_KEY {
            return Err(BadValue(format!("the key has more than {MAX_KEY} bytes")));
        }
        let (version, event) = if self.feed.is_immutable() {
            (String::new(), Some(billing_event::parse(cells)?))
        } else {
            (version(cells)?, None)
        };
        let owned = |(name, value): (&&str, &&str)| ((*name).to_owned(), (*value).to_owned());
        Ok(FeedRow {
            key: RowKey { entity, version },
            content: self.content(cells),
            cells: cells.0.iter().map(owned).collect(),
            event,
        })
    }

    /// Of what is known and normalised, so that a new column, another order or another way to write
    /// a number is no other content. When AWS wrote a row is not what it says.
    fn content(&self, cells: &Cells<'_>) -> countersign_kernel::Digest {
        let mut known: Vec<&str> = self
            .known()
            .filter(|name| !HISTORY.contains(name))
            .collect();
        known.sort_unstable();
        let given = known
            .iter()
            .filter_map(|name| Some((*name, cells.get(name)?)));
        given
            .fold(DigestBuilder::new("feed row"), |digest, (name, value)| {
                digest.field(name, normalised(name, value))
            })
            .finish()
    }
}

/// Which version of its key a row is, where rows are written again when something changes
/// (facts §6.6: the current value is the latest `valid_from`, then the latest `update_date`).
fn version(cells: &Cells<'_>) -> Result<String, BadValue> {
    let valid_from = values::timestamp(cells.required("valid_from")?)?;
    let updated = values::timestamp(cells.required("update_date")?)?;
    Ok(format!(
        "{}|{}",
        valid_from.to_rfc3339(),
        updated.to_rfc3339()
    ))
}

fn normalised(column: &str, value: &str) -> String {
    let time = column.ends_with("_date") || column.ends_with("_time");
    let number = column == "amount" || column.ends_with("_amount") || column.ends_with("_value");
    if column.ends_with("account_id") {
        values::account(value)
    } else if time {
        values::timestamp(value).map_or_else(|_| value.to_owned(), |time| time.to_rfc3339())
    } else if number {
        values::decimal(value).map_or_else(
            |_| value.to_owned(),
            |number| number.normalize().to_string(),
        )
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests;
