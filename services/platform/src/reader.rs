//! Reading: a read-only transaction that sees one tenant's rows, or counts over all (P5).

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, Transaction};

/// A connection to read on, bound to its scope until it is dropped. Hold it for the statements and
/// no longer: it keeps a connection of the pool.
#[derive(Debug)]
pub struct Reader(Transaction<'static, Postgres>);

impl Reader {
    pub(crate) const fn new(transaction: Transaction<'static, Postgres>) -> Self {
        Self(transaction)
    }
}

impl Deref for Reader {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
