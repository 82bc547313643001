//! What a play leaves to tell.

use std::fmt::{Display, Formatter};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::path::text;
use super::sheet::Sheet;

/// An amount that a step asked to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoneyLine {
    /// What it is, in the file's words.
    pub label: String,
    /// The amount in major units, as the service wrote it.
    pub amount: String,
    /// ISO 4217; empty when what was shown is no money.
    pub currency: String,
}

/// What came of a deal.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// The file's short name.
    pub deal: String,
    /// The file's title.
    pub title: String,
    /// Tells this play from every other: it is in the engagement's name and in the buyer's address.
    pub run: String,
    /// How many steps were played.
    pub steps: usize,
    /// The amounts to show, in the order of the steps.
    pub money: Vec<MoneyLine>,
    /// The tables to show, in the order of the steps.
    pub sheets: Vec<Sheet>,
    /// The files that were downloaded.
    pub files: Vec<PathBuf>,
}

impl Story {
    /// That this play came to the same tables as an undisturbed one of the same deal.
    ///
    /// # Errors
    /// If it did not, or if there is nothing to compare: two empty stories are no two equal balances.
    pub fn balances_as(&self, undisturbed: &Self) -> Result<()> {
        ensure!(
            !undisturbed.sheets.is_empty(),
            "{} shows no table to compare",
            undisturbed.deal
        );
        ensure!(
            self.sheets == undisturbed.sheets,
            "another balance: {:?}",
            self.sheets
        );
        Ok(())
    }

    /// Forgets what there was to show so far, because it is told elsewhere.
    pub(super) fn show_nothing(&mut self) {
        self.money.clear();
        self.sheets.clear();
        self.files.clear();
    }
}

impl MoneyLine {
    /// `value` under this label: an amount of money, or anything else as it stands.
    pub(super) fn of(label: &str, value: &Value) -> Self {
        let part = |name: &str| value.get(name).map(text);
        Self {
            label: label.to_owned(),
            amount: part("amount").unwrap_or_else(|| text(value)),
            currency: part("currency_code").unwrap_or_default(),
        }
    }
}

impl Display for MoneyLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (amount, currency) = (grouped(&self.amount), &self.currency);
        write!(
            f,
            "{}: {}",
            self.label,
            format!("{amount} {currency}").trim_end()
        )
    }
}

/// `102500.00` as `102 500.00`: groups of three, however many digits follow the point.
#[must_use]
pub fn grouped(amount: &str) -> String {
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
    use super::super::sheet::Cell;
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

    fn story(cells: &[&str]) -> Story {
        let sheet = |cell: &&str| Sheet {
            title: "balance".to_owned(),
            columns: vec!["account".to_owned()],
            rows: vec![vec![Cell::Text((*cell).to_owned())]],
            totals: Vec::new(),
        };
        Story {
            sheets: cells.iter().map(sheet).collect(),
            ..Story::default()
        }
    }

    #[test]
    fn only_what_shows_something_can_balance() {
        assert!(story(&["a"]).balances_as(&story(&["a"])).is_ok());
        for (one, other) in [
            (story(&["a"]), story(&["b"])),
            (story(&["a"]), story(&["a", "b"])),
            (story(&[]), story(&["a"])),
            (story(&[]), story(&[])),
        ] {
            assert!(one.balances_as(&other).is_err(), "{one:?} {other:?}");
        }
    }
}
