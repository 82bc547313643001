//! A table of amounts with what they add up to, such as a trial balance.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, ensure};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::path::text;

/// What a step asks to be shown as a table: a list in the answer, and which fields of its items.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SheetText {
    pub(super) title: String,
    /// The path of the list.
    pub(super) rows: String,
    pub(super) columns: Vec<String>,
}

/// A table; its last rows are the totals, one for each currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What it shows.
    pub title: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, cell by cell.
    pub rows: Vec<Vec<Cell>>,
    /// What the amounts of each column add up to, a row for each currency.
    pub totals: Vec<Vec<Cell>>,
}

/// What stands in a row and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// An amount in major units, and its currency (ISO 4217).
    Money(String, String),
}

impl Sheet {
    /// Makes the table of `items`, a list.
    pub(super) fn of(asked: &SheetText, items: &Value) -> Result<Self> {
        let items = items.as_array().context("a table needs a list")?;
        ensure!(!items.is_empty(), "there is nothing in {:?}", asked.title);
        let row = |item: &Value| asked.columns.iter().map(|name| cell(item, name)).collect();
        let rows = items.iter().map(row).collect::<Result<Vec<Vec<Cell>>>>()?;
        Ok(Self {
            title: asked.title.clone(),
            columns: asked.columns.clone(),
            totals: totals(&rows)?,
            rows,
        })
    }
}

fn cell(item: &Value, name: &str) -> Result<Cell> {
    let value = item
        .get(name)
        .with_context(|| format!("there is no {name} in {item}"))?;
    Ok(match (value.get("amount"), value.get("currency_code")) {
        (Some(amount), Some(currency)) => Cell::Money(text(amount), text(currency)),
        _ => Cell::Text(text(value)),
    })
}

fn totals(rows: &[Vec<Cell>]) -> Result<Vec<Vec<Cell>>> {
    let mut sums: BTreeMap<&str, BTreeMap<usize, Decimal>> = BTreeMap::new();
    for (column, cell) in rows.iter().flat_map(|row| row.iter().enumerate()) {
        if let Cell::Money(amount, currency) = cell {
            let amount = Decimal::from_str_exact(amount)
                .with_context(|| format!("{amount:?} is no amount"))?;
            let sum = sums.entry(currency).or_default().entry(column).or_default();
            *sum = sum
                .checked_add(amount)
                .ok_or_else(|| anyhow!("the amounts are too large to add up"))?;
        }
    }
    let columns = rows.first().map_or(0, Vec::len);
    let row = |(currency, sums): (&str, BTreeMap<usize, Decimal>)| {
        let cell = |column: usize| match sums.get(&column) {
            Some(sum) => Cell::Money(sum.to_string(), currency.to_owned()),
            None => Cell::Text(String::new()),
        };
        (0..columns).map(cell).collect()
    };
    Ok(sums.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked() -> SheetText {
        SheetText {
            title: "balance".to_owned(),
            rows: "accounts".to_owned(),
            columns: vec!["account".to_owned(), "balance".to_owned()],
        }
    }

    fn item(account: &str, amount: &str, currency: &str) -> Value {
        json!({ "account": account, "balance": { "amount": amount, "currency_code": currency } })
    }

    #[test]
    fn each_currency_adds_up_by_itself_to_the_digit() {
        let items = json!([
            item("cash", "99937.50", "USD"),
            item("revenue", "-99937.50", "USD"),
            item("cash", "100", "JPY"),
        ]);
        let sheet = Sheet::of(&asked(), &items).unwrap();
        let total = |amount: &str, currency: &str| {
            let amount = Cell::Money(amount.to_owned(), currency.to_owned());
            vec![Cell::Text(String::new()), amount]
        };
        assert_eq!(sheet.rows.len(), 3);
        assert_eq!(sheet.totals, [total("100", "JPY"), total("0.00", "USD")]);
    }

    #[test]
    fn what_is_no_table_of_amounts_is_an_error() {
        for items in [
            json!({}),
            json!([]),
            json!([{ "account": "x" }]),
            json!([item("x", "1,0", "USD")]),
        ] {
            assert!(Sheet::of(&asked(), &items).is_err(), "{items}");
        }
    }
}
