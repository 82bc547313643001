//! Tables.

use anyhow::Result;
use comfy_table::{CellAlignment, Table};

use crate::deal::Story;
use crate::environment::{Endpoints, Service};

/// The money of a deal.
pub(super) fn money(story: &Story) -> Table {
    let mut table = table(&[&story.deal, "amount", ""]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in &story.money {
        table.add_row([line.label.as_str(), &grouped(&line.amount), &line.currency]);
    }
    table
}

/// Every mail that was sent.
pub(super) fn mails(endpoints: &Endpoints) -> Result<Table> {
    let mut table = table(&["mail to", "subject"]);
    for mail in endpoints.mailbox().all()? {
        table.add_row([mail.recipients.join(", "), mail.subject]);
    }
    Ok(table)
}

/// Where everything is.
pub(super) fn endpoints(endpoints: &Endpoints) -> Table {
    let mut table = table(&["what", "where"]);
    for service in Service::ALL {
        if let Ok(address) = endpoints.address(service) {
            table.add_row([format!("{service} (gRPC)"), address.to_string()]);
        }
    }
    let rest = [
        (
            "marketplace sandbox",
            format!("http://{}", endpoints.sandbox),
        ),
        ("mail catcher (SMTP)", endpoints.smtp.to_string()),
        ("caught mail", endpoints.mail.display().to_string()),
        ("webhook catcher", format!("http://{}", endpoints.webhooks)),
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

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::UTF8_FULL_CONDENSED)
        .set_header(header.iter().copied());
    table
}

/// `102500.00` as `102 500.00`: groups of three, however many digits follow the point.
fn grouped(amount: &str) -> String {
    let (sign, digits) = amount.split_at(usize::from(amount.starts_with('-')));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return amount.to_owned();
    }
    let first = (whole.len() - 1) % 3 + 1;
    let mut text = format!("{sign}{}", &whole[..first]);
    for group in whole.as_bytes()[first..].chunks(3) {
        text.push(' ');
        text.extend(group.iter().map(|byte| char::from(*byte)));
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_and_anything_else_is_left_alone() {
        let cases = [
            ("102500.00", "102 500.00"),
            ("-2562.50", "-2 562.50"),
            ("100", "100"),
            ("1000000", "1 000 000"),
            ("0.01", "0.01"),
            ("true", "true"),
            ("", ""),
        ];
        for (amount, expected) in cases {
            assert_eq!(grouped(amount), expected);
        }
    }
}
