//! SQL, and nothing but SQL. Writes take the connection of an open transaction and never commit;
//! reads take the pool, one statement each. A row that cannot be what it should be is an error,
//! never a guess.
//!
//! | file | what |
//! |---|---|
//! | [`estimates`] | the write side: load for update, insert, update guarded by revision |
//! | [`agreements`] | which agreement came of which approval |
//! | [`views`] | what is read: a version, a page of estimates |
//! | [`pricing`] | the seller's policy and the listing fees |
//! | `estimate_row`, `version_row`, `packages` | rows to domain values and back |

pub(crate) mod agreements;
mod estimate_row;
pub(crate) mod estimates;
mod packages;
pub(crate) mod pricing;
mod version_row;
pub(crate) mod views;

use std::fmt::Display;

use countersign_kernel::{Currency, Decimal, Money, Rate};
use countersign_platform::Failure;

use crate::domain::uplift::Uplift;

/// A row does not hold what it should: a bug or a hand in the database.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be {value:?}")]
struct Inconsistent {
    what: &'static str,
    value: String,
}

fn inconsistent(what: &'static str, value: &dyn Display) -> Inconsistent {
    Inconsistent {
        what,
        value: value.to_string(),
    }
}

impl From<Inconsistent> for Failure {
    fn from(row: Inconsistent) -> Self {
        Self::internal("reading a row", row)
    }
}

fn money(what: &'static str, amount: Decimal, currency: Currency) -> Result<Money, Inconsistent> {
    Money::new(amount, currency).map_err(|_| inconsistent(what, &amount))
}

fn rate(what: &'static str, fraction: Decimal) -> Result<Rate, Inconsistent> {
    Rate::new(fraction).map_err(|_| inconsistent(what, &fraction))
}

fn parsed<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, Inconsistent> {
    text.parse().map_err(|_| inconsistent(what, &text))
}

/// Both columns of an uplift.
fn uplift(kind: &str, fraction: Option<Decimal>) -> Result<Uplift, Inconsistent> {
    match (kind, fraction) {
        ("markup", Some(fraction)) => rate("uplift_rate", fraction).map(Uplift::Markup),
        ("gross_up", Some(fraction)) => rate("uplift_rate", fraction).map(Uplift::GrossUp),
        ("none", None) => Ok(Uplift::None),
        _ => Err(inconsistent("uplift_kind", &kind)),
    }
}

/// An uplift as both columns.
const fn uplift_columns(uplift: Uplift) -> (&'static str, Option<Decimal>) {
    match uplift {
        Uplift::Markup(rate) => ("markup", Some(rate.fraction())),
        Uplift::GrossUp(rate) => ("gross_up", Some(rate.fraction())),
        Uplift::None => ("none", None),
    }
}

/// Whether the statement ran into the constraint of that name.
fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.constraint())
        == Some(constraint)
}
