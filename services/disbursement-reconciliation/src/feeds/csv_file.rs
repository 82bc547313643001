//! A feed's file as rows: by header, never by position (R2).
//!
//! | what is wrong | what happens |
//! |---|---|
//! | a required column is missing, a column twice, no header | nothing of the file is taken |
//! | an unknown column, an optional one missing, another order, a byte order mark | absorbed, with a remark |
//! | a row that is not UTF-8, has too few or many fields, or a value without meaning | the row is refused |
//! | the file does not end with a line's end | the last row is refused: it may go on |

use std::collections::{BTreeMap, BTreeSet};

use countersign_kernel::DigestBuilder;
use csv::{ByteRecord, ReaderBuilder};

use super::billing_event;
use super::layout::{Columns, Feed, HISTORY};
use super::values::{self, BadValue};
use crate::domain::intake::{FeedRow, FileContent, Line, RowKey};

/// What some editors write before the first byte.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Nothing of the file can be taken; the text says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedFile(pub(crate) String);

/// Reads a file of `feed`.
pub(crate) fn read(feed: Feed, bytes: &[u8]) -> Result<FileContent, RefusedFile> {
    let unmarked = bytes.strip_prefix(BYTE_ORDER_MARK);
    let mut remarks: Vec<String> = unmarked
        .map(|_| "a byte order mark was skipped".to_owned())
        .into_iter()
        .collect();
    let bytes = unmarked.unwrap_or(bytes);
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(bytes);
    let mut records = reader.byte_records();
    let header = match records.next() {
        Some(Ok(record)) => Header::read(feed, &record)?,
        Some(Err(error)) => return Err(RefusedFile(format!("the header is unreadable: {error}"))),
        None => return Err(RefusedFile("the file has no header".to_owned())),
    };
    remarks.extend(header.remarks());
    let mut records = records.peekable();
    let ends_well = bytes.ends_with(b"\n");
    let mut rows = Vec::new();
    while let Some(record) = records.next() {
        let record = record.map_err(|error| RefusedFile(format!("unreadable: {error}")))?;
        let truncated = !ends_well && records.peek().is_none();
        let number = record.position().map_or(0, csv::Position::line);
        let row = if truncated {
            Err("truncated: the file ends within this row".to_owned())
        } else {
            header.row(&record)
        };
        rows.push(Line { number, row });
    }
    Ok(FileContent { remarks, rows })
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
        let names = record
            .iter()
            .map(|name| str::from_utf8(name).map(str::to_owned));
        let names: Vec<String> = names
            .collect::<Result<_, _>>()
            .map_err(|_| RefusedFile("the header is not UTF-8".to_owned()))?;
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
            (!columns.is_empty()).then(|| format!("{what}: {}", columns.join(", ")))
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
        for (name, value) in self.names.iter().zip(record) {
            let value = str::from_utf8(value).map_err(|_| format!("{name} is not UTF-8"))?;
            if !value.is_empty() {
                cells.insert(name.as_str(), value);
            }
        }
        self.meaning(&Cells(cells)).map_err(|BadValue(why)| why)
    }

    fn meaning(&self, cells: &Cells<'_>) -> Result<FeedRow, BadValue> {
        let key = self.columns.key.iter().map(|column| cells.required(column));
        let entity = key.collect::<Result<Vec<_>, _>>()?.join("/");
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
mod tests {
    use super::*;

    const HEADER: &str = "billing_event_id,action,transaction_type,parent_billing_event_id,\
        disbursement_billing_event_id,amount,currency,invoice_date,invoice_id,bank_trace_id,\
        action_date,offer_id,agreement_id,payment_due_date";
    const ROW: &str = "be-1,INVOICED,SELLER_REV_SHARE,,,102500.00,USD,2027-01-05T00:00:00Z,inv-1,,\
        2027-01-05T00:00:00Z,offer-1,agmt-1,2027-02-04T00:00:00Z";

    fn billing(text: &[u8]) -> FileContent {
        read(Feed::BillingEvent, text).unwrap()
    }

    fn only_row(text: &str) -> FeedRow {
        let mut rows = billing(text.as_bytes()).rows;
        assert_eq!(rows.len(), 1);
        rows.remove(0).row.unwrap()
    }

    fn refusals(content: &FileContent) -> Vec<(u64, &str)> {
        let refused = content.rows.iter().filter_map(|line| {
            line.row
                .as_ref()
                .err()
                .map(|why| (line.number, why.as_str()))
        });
        refused.collect()
    }

    #[test]
    fn a_row_is_read_by_its_header() {
        let row = only_row(&format!("{HEADER}\n{ROW}\n"));
        assert_eq!(row.key.entity, "be-1");
        let event = row.event.unwrap();
        assert_eq!(event.amount.to_string(), "102500.00 USD");
        assert_eq!(event.agreement.unwrap().as_str(), "agmt-1");
        assert_eq!(event.bank_trace, None);
    }

    /// R2: reordered, with columns nobody knows, written otherwise: the same row.
    #[test]
    fn the_same_row_however_it_is_written() {
        let plain = only_row(&format!("{HEADER}\n{ROW}\n"));
        let mut names: Vec<&str> = HEADER.split(',').collect();
        let mut cells: Vec<&str> = ROW.split(',').collect();
        names.reverse();
        cells.reverse();
        let reordered = only_row(&format!("{}\n{}\n", names.join(","), cells.join(",")));
        assert_eq!(reordered, plain);
        let more = only_row(&format!("{HEADER},news,update_date\n{ROW},x,2027-01-06\n"));
        assert_eq!((more.content, &more.event), (plain.content, &plain.event));
        assert_eq!(more.cells["news"], "x");
        let lenient = ROW
            .replace("102500.00", "\"102,500.000000\"")
            .replace("T00:00:00Z", " 00:00:00.0");
        assert_eq!(
            only_row(&format!("{HEADER}\r\n{lenient}\r\n")).content,
            plain.content
        );
        let other = ROW.replace("102500.00", "102500.01");
        assert_ne!(
            only_row(&format!("{HEADER}\n{other}\n")).content,
            plain.content
        );
    }

    #[test]
    fn odd_columns_are_remarked_on() {
        let text = format!("\u{feff}{HEADER},news\n{ROW},x\n");
        let remarks = billing(text.as_bytes()).remarks;
        assert_eq!(remarks[0], "a byte order mark was skipped");
        assert_eq!(remarks[1], "unknown columns kept as evidence: news");
        assert!(remarks[2].starts_with("missing columns taken as empty: balance_impacting, "));
    }

    #[test]
    fn a_file_without_what_is_needed_is_refused_whole() {
        let without = HEADER.replace("amount,", "").replace("offer_id,", "");
        for (text, why) in [
            ("", "the file has no header"),
            ("\n", "the file has no header"),
            (without.as_str(), "missing columns: amount, offer_id"),
            (
                &format!("{HEADER},action\n{ROW},x\n"),
                "column action is there twice",
            ),
        ] {
            assert_eq!(
                read(Feed::BillingEvent, text.as_bytes()),
                Err(RefusedFile(why.to_owned())),
                "{text:?}"
            );
        }
        assert_eq!(
            read(Feed::BillingEvent, b"\xff\n"),
            Err(RefusedFile("the header is not UTF-8".to_owned()))
        );
        assert_eq!(billing(format!("{HEADER}\n").as_bytes()).rows, []);
    }

    /// R2: one bad row costs itself; the report names its line.
    #[test]
    fn bad_rows_are_refused_by_line() {
        let row = |id: &str| ROW.replace("be-1", id);
        let mut text = format!("{HEADER}\n{}\n", row("be-1")).into_bytes();
        text.extend(row("be-2").replace("inv-1", "inv-\u{0}").as_bytes());
        let broken = text.iter().position(|byte| *byte == 0).unwrap();
        text[broken] = 0xff;
        text.extend(format!("\nshort,row\n{}\n", row("be-4").replace("USD", "XXX")).as_bytes());
        text.extend(format!("{}\n", row("").replace("INVOICED", "PAID")).as_bytes());
        text.extend(format!("{}\n", row("be-6")).as_bytes());
        let content = billing(&text);
        assert_eq!(
            refusals(&content),
            [
                (3, "invoice_id is not UTF-8"),
                (4, "2 fields instead of 14"),
                (
                    5,
                    "amount: \"XXX\" is not one of USD, EUR, GBP, AUD, JPY, CAD, INR"
                ),
                (6, "billing_event_id is empty"),
            ]
        );
        assert_eq!(
            content.rows.iter().filter(|line| line.row.is_ok()).count(),
            2
        );
    }

    /// R2: a last line without its end may be cut anywhere, even where it still looks whole.
    #[test]
    fn a_truncated_last_line_is_refused() {
        for cut in 1..ROW.len() {
            let text = format!("{HEADER}\n{ROW}\n{}", &ROW[..cut]);
            let content = billing(text.as_bytes());
            assert_eq!(content.rows.len(), 2, "{cut}");
            assert_eq!(
                refusals(&content),
                [(3, "truncated: the file ends within this row")]
            );
        }
    }

    #[test]
    fn other_feeds_are_kept_by_version() {
        let text = "account_id,aws_account_id,valid_from,update_date\n\
            guid-1,123456789,2027-01-05 00:00:00.0,2027-01-06T00:00:00Z\n\
            guid-1,000123456789,2027-01-05,2027-01-07\n\
            guid-1,1,never,2027-01-07\n";
        let content = read(Feed::Account, text.as_bytes()).unwrap();
        let rows: Vec<&FeedRow> = content
            .rows
            .iter()
            .filter_map(|line| line.row.as_ref().ok())
            .collect();
        assert_eq!(
            rows[0].content, rows[1].content,
            "the leading zeros are back"
        );
        assert_ne!(rows[0].key, rows[1].key);
        assert_eq!(refusals(&content), [(4, "\"never\" is no timestamp")]);
    }
}
