//! Tables.

use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::deal::{Cell, Sheet, Story, grouped};
use crate::environment::{Endpoints, Service};
use crate::mail_catcher::Mail;

/// The money of a deal.
pub(super) fn money(story: &Story) -> Table {
    let mut table = table(&[&story.deal, "amount", ""]);
    align_right(&mut table, 1);
    for line in &story.money {
        table.add_row([line.label.as_str(), &grouped(&line.amount), &line.currency]);
    }
    table
}

/// A table of amounts, with what they add up to at the bottom.
pub(super) fn sheet(story: &Story, sheet: &Sheet) -> Table {
    let mut columns: Vec<&str> = sheet.columns.iter().map(String::as_str).collect();
    let title = format!("{}, {}", story.deal, sheet.title);
    if let Some(first) = columns.first_mut() {
        *first = &title;
    }
    let mut table = table(&[&columns[..], &[""]].concat());
    for row in &sheet.rows {
        table.add_row(cells(row, None));
    }
    for total in &sheet.totals {
        table.add_row(cells(total, Some("total")));
    }
    let money = |column: &usize| {
        let mut rows = sheet.rows.iter();
        rows.any(|row| matches!(row.get(*column), Some(Cell::Money(..))))
    };
    for column in (0..columns.len()).filter(money) {
        align_right(&mut table, column);
    }
    table
}

/// The texts of a row, its currency at the end; `name` stands in the first place when given.
fn cells(row: &[Cell], name: Option<&str>) -> Vec<String> {
    let mut currency = String::new();
    let mut texts = Vec::with_capacity(row.len() + 1);
    for cell in row {
        texts.push(match cell {
            Cell::Text(text) => text.clone(),
            Cell::Money(amount, code) => {
                currency.clone_from(code);
                grouped(amount)
            }
        });
    }
    if let (Some(name), Some(first)) = (name, texts.first_mut()) {
        name.clone_into(first);
    }
    texts.push(currency);
    texts
}

/// The mails of a deal: each subject, and to whom it went.
pub(super) fn mails(story: &Story, mails: &[Mail]) -> Table {
    let mut sent: Vec<(&str, Vec<String>)> = Vec::new();
    for mail in mails.iter().filter(|mail| is_of(mail, &story.run)) {
        let subject = mail.subject.as_str();
        match sent.iter_mut().find(|(known, _)| *known == subject) {
            Some((_, to)) => to.extend(mail.recipients.clone()),
            None => sent.push((subject, mail.recipients.clone())),
        }
    }
    let mut table = table(&[&format!("{}: subject", story.deal), "to"]);
    for (subject, mut to) in sent {
        // Mails leave side by side: the order in which they arrive says nothing.
        to.sort_unstable();
        table.add_row([subject.to_owned(), to.join("\n")]);
    }
    table
}

/// A play's run stands in its engagement's name and in the address of its buyer.
pub(super) fn is_of(mail: &Mail, run: &str) -> bool {
    let to = mail.recipients.iter().map(String::as_str);
    to.chain([mail.subject.as_str(), &mail.text])
        .any(|text| text.contains(run))
}

/// Where everything is.
pub(super) fn endpoints(endpoints: &Endpoints) -> Table {
    let mut table = table(&["what", "where"]);
    for service in Service::ALL {
        if let Ok(address) = endpoints.address(service) {
            table.add_row([format!("{service} (gRPC)"), address.to_string()]);
        }
        if let Ok(address) = endpoints.management_address(service) {
            let metrics = format!("http://{address}/metrics");
            table.add_row([format!("{service} (metrics)"), metrics]);
        }
    }
    let rest = [
        (
            "marketplace sandbox",
            format!("http://{}", endpoints.sandbox),
        ),
        ("mail catcher (SMTP)", endpoints.smtp.to_string()),
        ("caught mail", endpoints.mailbox.to_string()),
        ("webhook catcher", endpoints.webhooks.clone()),
        ("seller data feeds", endpoints.feeds.display().to_string()),
        (
            "rehearsal clock",
            endpoints.clock_file.display().to_string(),
        ),
        ("logs", endpoints.logs.display().to_string()),
    ];
    for (what, place) in rest {
        table.add_row([what.to_owned(), place]);
    }
    table
}

/// How many columns the terminal has; none where the output is no terminal.
fn terminal_width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(size.ws_col).filter(|width| *width > 0)
}

fn align_right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    if let Some(width) = terminal_width() {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    table
        .load_style(comfy_table::presets::UTF8_FULL_CONDENSED)
        .set_header(header.iter().copied());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str) -> Cell {
        Cell::Money(amount.to_owned(), "USD".to_owned())
    }

    #[test]
    fn a_sheet_ends_with_what_it_adds_up_to() {
        let sheet = Sheet {
            title: "balance".to_owned(),
            columns: vec!["account".to_owned(), "balance".to_owned()],
            rows: vec![vec![Cell::Text("cash".to_owned()), money("99937.50")]],
            totals: vec![vec![Cell::Text(String::new()), money("99937.50")]],
        };
        let story = Story {
            deal: "handbook".to_owned(),
            ..Story::default()
        };
        let shown = super::sheet(&story, &sheet).to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert!(
            lines[3].contains("cash") && lines[3].contains("99 937.50 ┆ USD"),
            "{shown}"
        );
        assert!(
            lines[4].contains("total") && lines[4].contains("99 937.50 ┆ USD"),
            "{shown}"
        );
    }

    #[test]
    fn a_mail_is_of_the_deal_whose_run_it_names() {
        let mail = |to: &str, text: &str| Mail {
            message_id: String::new(),
            sender: String::new(),
            recipients: vec![to.to_owned()],
            subject: String::new(),
            text: text.to_owned(),
            html: None,
            file: std::path::PathBuf::new(),
        };
        assert!(is_of(&mail("carla.7f3a@globex.example", ""), "7f3a"));
        assert!(is_of(
            &mail("desk@acme.example", "engagement OPP-7f3a"),
            "7f3a"
        ));
        assert!(!is_of(
            &mail("desk@acme.example", "engagement OPP-1234"),
            "7f3a"
        ));
    }
}
