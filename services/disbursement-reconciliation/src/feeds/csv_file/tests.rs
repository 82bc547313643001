//! Bad and odd files, row by row (R2).

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const HEADER: &str = "billing_event_id,action,transaction_type,parent_billing_event_id,\
    disbursement_billing_event_id,amount,currency,invoice_date,invoice_id,bank_trace_id,\
    action_date,offer_id,agreement_id,payment_due_date";
const ROW: &str = "be-1,INVOICED,SELLER_REV_SHARE,,,102500.00,USD,2027-01-05T00:00:00Z,inv-1,,\
    2027-01-05T00:00:00Z,offer-1,agmt-1,2027-02-04T00:00:00Z";

#[derive(Debug, PartialEq, Eq)]
struct FileContent {
    remarks: Vec<String>,
    rows: Vec<Line>,
}

fn read(feed: Feed, bytes: &[u8]) -> Result<FileContent, RefusedFile> {
    let mut rows = Rows::open(feed, bytes)?;
    Ok(FileContent {
        remarks: std::mem::take(&mut rows.remarks),
        rows: rows.collect(),
    })
}

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

/// R2: what the database cannot keep costs its row, and no row shares another's line.
#[test]
fn what_cannot_be_kept_is_refused_by_line() {
    let row = |id: &str, invoice: &str| ROW.replace("be-1", id).replace("inv-1", invoice);
    let text = [
        HEADER.to_owned(),
        row("be-2", "inv\0"),
        row("be-3", "in\rv"),
        row("be-4", "\r"),
        row("be-5", &"i".repeat(1024 * 1024)),
        row("be-6", "\"two\nlines\""),
        row("be-7", "inv-7"),
    ];
    let content = billing(format!("{}\n", text.join("\n")).as_bytes());
    let refused = refusals(&content);
    let lines: Vec<u64> = refused.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6]);
    assert_eq!(refused[0].1, "invoice_id holds a NUL");
    assert_eq!(refused[3].1, "invoice_id has more than 65536 bytes");
    for (line, why) in refused {
        assert!(!why.contains(['\0', '\r', '\n']), "{line}: {why:?}");
        assert!(why.chars().count() <= MAX_REASON + 1);
    }
    assert_eq!(content.rows.last().map(|line| line.number), Some(8));
    let long = "k".repeat(MAX_KEY + 1);
    let account = format!(
        "account_id,aws_account_id,valid_from,update_date\n{long},1,2027-01-05,2027-01-05\n"
    );
    let content = read(Feed::Account, account.as_bytes()).unwrap();
    assert_eq!(refusals(&content), [(2, "the key has more than 512 bytes")]);
    for name in ["a\0b".to_owned(), "n".repeat(MAX_NAME + 1)] {
        let refused = read(Feed::BillingEvent, format!("{HEADER},{name}\n").as_bytes());
        let RefusedFile(why) = refused.unwrap_err();
        assert!(why.starts_with("a column has a name of more than 128 bytes"));
    }
    let many: Vec<String> = (0..1_000).map(|n| format!("column-{n}")).collect();
    let remarks = billing(format!("{HEADER},{}\n", many.join(",")).as_bytes()).remarks;
    assert!(remarks[0].ends_with('…') && remarks[0].chars().count() == MAX_REASON + 1);
}

/// R2: AWS takes a row back by a delete date; it is no longer money, and somebody must see it.
#[test]
fn a_deleted_row_is_refused() {
    let text = format!("{HEADER},delete_date\n{ROW},2027-01-07T00:00:00Z\n{ROW},\n");
    assert_eq!(
        refusals(&billing(text.as_bytes())),
        [(2, "AWS deleted it: delete_date is 2027-01-07T00:00:00Z")]
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

/// A line without a quote, which alone can make a row of two lines.
fn odd_line() -> impl Strategy<Value = Vec<u8>> {
    let odd = vec(any::<u8>(), 1..80).prop_map(|mut bytes| {
        bytes.retain(|byte| !matches!(byte, b'"' | b'\n' | b'\r'));
        bytes.push(b'x');
        bytes
    });
    prop_oneof![odd, Just(ROW.as_bytes().to_vec())]
}

proptest! {
    /// R2, P5: whatever a file holds, it is read to its end, and every line is a row or refused.
    #[test]
    fn no_line_is_lost(lines in vec(odd_line(), 0..8), ends in any::<bool>()) {
        let mut file = format!("{HEADER}\n").into_bytes();
        file.extend(lines.join(&b'\n'));
        if ends {
            file.push(b'\n');
        }
        let content = billing(&file);
        prop_assert_eq!(content.rows.len(), lines.len());
        let whole = if ends { lines.len() } else { lines.len().saturating_sub(1) };
        for (line, row) in lines.iter().zip(&content.rows).take(whole) {
            prop_assert!(line != ROW.as_bytes() || row.row.is_ok(), "{:?}", row);
        }
        if !ends && let Some(last) = content.rows.last() {
            prop_assert!(last.row.is_err(), "a cut line was taken");
        }
    }

    /// P5: quotes, carriage returns, NULs: no file breaks the reader.
    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..600), headed in any::<bool>()) {
        let mut file = if headed { format!("{HEADER}\n").into_bytes() } else { Vec::new() };
        file.extend(bytes);
        if let Ok(content) = read(Feed::BillingEvent, &file) {
            let lines = file.split(|byte| *byte == b'\n').count();
            prop_assert!(content.rows.len() < lines.max(1) + 1);
        }
    }
}
