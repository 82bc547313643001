//! SQL, and nothing but SQL.
//!
//! | file | tables |
//! |---|---|
//! | [`agreement`] | `agreement`, `expected_charge`: an aggregate's state, loaded and written |
//! | [`authorization`] | `resale_authorization`, `resale_authorization_charge`, and what `feed_row` tells of their sales |
//! | [`ledger`] | `ledger_transaction`, `ledger_entry`: written once, read as sums and as pages |
//! | [`discrepancy`] | `discrepancy` |
//! | [`billing`] | `billing_event`: the rows that an agreement is reconciled from |
//! | [`feed`] | `feed_file`, `feed_row`, `feed_refusal` |
//! | [`due`] | `reconcile_due`, `seller_turn`: whose turn it is |
//! | [`policy`] | `cash_policy` |
//! | [`figures`] | how it all stands, as gauges |

pub(crate) mod agreement;
pub(crate) mod authorization;
pub(crate) mod billing;
pub(crate) mod discrepancy;
pub(crate) mod due;
pub(crate) mod feed;
pub(crate) mod figures;
pub(crate) mod ledger;
pub(crate) mod policy;

use std::fmt::Display;
use std::str::FromStr;

use countersign_kernel::{Currency, Decimal, Digest, Money};
use countersign_platform::Failure;

/// How many rows a page has: one more than asked for shows that there are further ones.
pub(crate) struct Page {
    /// The last id of the page before; 0 for the first.
    pub(crate) after: i64,
    pub(crate) limit: i64,
}

/// A row that cannot be what its table is for: a bug, or a hand in the database.
fn inconsistent(what: &str, error: impl Display) -> Failure {
    Failure::internal(format!("reading {what}"), error.to_string())
}

fn parse<T: FromStr<Err: Display>>(what: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error| inconsistent(what, error))
}

fn parse_optional<T: FromStr<Err: Display>>(
    what: &str,
    text: Option<&str>,
) -> Result<Option<T>, Failure> {
    text.map(|text| parse(what, text)).transpose()
}

fn money(what: &str, amount: Decimal, currency: Currency) -> Result<Money, Failure> {
    Money::new(amount, currency).map_err(|error| inconsistent(what, error))
}

fn number<T: TryFrom<i64, Error: Display>>(
    what: &str,
    value: impl Into<i64>,
) -> Result<T, Failure> {
    T::try_from(value.into()).map_err(|error| inconsistent(what, error))
}

fn digest(what: &str, bytes: &[u8]) -> Result<Digest, Failure> {
    bytes
        .try_into()
        .map(Digest::from_bytes)
        .map_err(|error| inconsistent(what, error))
}
