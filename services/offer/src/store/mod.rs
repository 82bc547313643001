//! SQL, and nothing but SQL. A row that cannot be a state is an error, never a guess; an update names
//! the revision that it expects.

pub(crate) mod accepted;
pub(crate) mod agreement;
pub(crate) mod calendar;
pub(crate) mod change_order;
pub(crate) mod change_set;
pub(crate) mod clock;
pub(crate) mod ending;
pub(crate) mod engagement;
pub(crate) mod figures;
pub(crate) mod import;
mod json;
pub(crate) mod limits;
pub(crate) mod listing;
pub(crate) mod offer;
pub(crate) mod order;
pub(crate) mod payment;
pub(crate) mod prerequisite;
pub(crate) mod rate;
pub(crate) mod renewal;
pub(crate) mod to_read;

use chrono::{DateTime, Utc};

pub(crate) use json::Unreadable;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The database's.
    #[error("a statement failed")]
    Database(#[from] sqlx::Error),
    /// What is stored has no meaning.
    #[error("a row cannot be read")]
    Row(#[from] Unreadable),
    /// Another writer was first.
    #[error("{0} was changed by another writer")]
    Conflict(&'static str),
}

/// Where a list goes on: behind this row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// What the list is ordered by.
    pub(crate) at: DateTime<Utc>,
    /// What tells two rows of the same time apart.
    pub(crate) id: String,
}

/// Exactly one row, or somebody else was first.
fn one_row(what: &'static str, rows_affected: u64) -> Result<(), StoreError> {
    if rows_affected == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict(what))
    }
}

fn revision(stored: i64) -> Result<u32, Unreadable> {
    u32::try_from(stored).map_err(|_| Unreadable::Value {
        field: "revision",
        value: stored.to_string(),
    })
}

#[cfg(test)]
mod tests;
