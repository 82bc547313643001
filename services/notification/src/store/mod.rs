//! SQL, and nothing but SQL.
//!
//! | module | tables |
//! |---|---|
//! | [`subscriptions`] | `subscription` |
//! | [`deliveries`] | `delivery`, `attempt`: the write side |
//! | [`views`] | `delivery` as callers read it |
//! | [`figures`] | how it all stands, as gauges |

pub(crate) mod deliveries;
pub(crate) mod figures;
pub(crate) mod subscriptions;
pub(crate) mod views;

/// A row that cannot be a state: an inconsistency, never guessed away.
#[derive(Debug, thiserror::Error)]
#[error("{table} {id}: {what}")]
pub(crate) struct NotAState {
    table: &'static str,
    id: uuid::Uuid,
    what: &'static str,
}

impl From<NotAState> for sqlx::Error {
    fn from(error: NotAState) -> Self {
        Self::Decode(Box::new(error))
    }
}
