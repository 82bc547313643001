//! Whose rows a session may see and write (P5): what keeps tenants apart underneath the statements.
//!
//! # The threat
//! Every tenant's rows lie in the same tables. Each statement says `WHERE seller = $1`; one that
//! forgets it, joins past it, or takes the seller from the request instead of from the caller would
//! show one tenant another's business, or write over it. Nobody would notice.
//!
//! # What stops it
//! - Every table with a column `seller` has row-level security, forced on its owner too, with one
//!   policy for all verbs: a row counts only if its seller is the one that the transaction is bound
//!   to. Unbound, nothing is seen and nothing can be written.
//! - A transaction is bound in the round trip that begins it, and only for as long as it lasts: a
//!   command's and a query's to the caller's seller, an event's to the event's, a task's to the seller
//!   whose work scheduled it. There is no other way to the rows: the pools are the harness's own.
//! - What spans sellers is the harness's own and says so: the relay, claims of tasks, counts, and the
//!   bookkeeping of a batch of events. It reads and writes as [`Scope::System`]; a recurring task too,
//!   unless it is one seller's ([`crate::Wiring::recurring_of`]).
//! - The policies come from the catalogue, after every run of the migrations, not from the
//!   migrations: a table that somebody adds cannot be forgotten. A schema with a table without one,
//!   or a role for which policies do not hold, is not served.
//!
//! Rows that belong to everybody, such as defaults, carry a seller that nobody can be; the migration
//! of such a table adds a policy that lets them be read, and never written.
//!
//! # What does not
//! Who can make the service execute SQL of their own can bind a transaction to whomever they like:
//! statements are constants, and what callers say is only ever bound to a parameter. Superusers, and
//! backups, which they make, see everything.

use countersign_kernel::SellerId;
use countersign_kernel::id::NotAName;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::envelope::IncomingEvent;

/// The setting that a transaction is bound by.
const SETTING: &str = "countersign.seller";
/// The setting's value for what spans sellers: no seller can be called so.
const EVERY_SELLER: &str = "*";

/// The policy's name.
const POLICY: &str = "seller_scope";
/// Which rows count. The sub-selects are evaluated once per statement, not once per row; and of a
/// `CASE` the planner expects half the rows, not one seller's share of what `WHERE seller = $1` has
/// left already. After a transaction that was bound the setting is empty, not absent: the rows of the
/// seller `''` are nobody's to see then.
const VISIBLE: &str = "CASE (SELECT current_setting('countersign.seller', TRUE))
    WHEN '*' THEN TRUE
    ELSE seller = (SELECT NULLIF(current_setting('countersign.seller', TRUE), '')) END";

/// Whose rows count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One tenant's.
    Seller(SellerId),
    /// Everybody's: the harness's own work.
    System,
}

/// What a transaction may do with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Scope {
    /// Of events that are dealt with together: their one seller's, or the system's.
    pub(crate) fn of(events: &[IncomingEvent]) -> Self {
        let mut sellers = events.iter().map(|event| &event.seller);
        match sellers.next() {
            Some(first) if sellers.all(|seller| seller == first) => Self::Seller(first.clone()),
            _ => Self::System,
        }
    }

    /// The seller, as a column keeps it: NULL is the system.
    pub(crate) fn seller(&self) -> Option<&str> {
        match self {
            Self::Seller(seller) => Some(seller.as_str()),
            Self::System => None,
        }
    }

    fn value(&self) -> &str {
        self.seller().unwrap_or(EVERY_SELLER)
    }

    /// What begins a transaction in this scope: two statements in one round trip.
    pub(crate) fn begin(&self, access: Access) -> String {
        let read_only = match access {
            Access::Read => " READ ONLY",
            Access::Write => "",
        };
        // A seller's name has no quote in it, and is quoted all the same.
        let value = self.value().replace('\'', "''");
        format!("BEGIN{read_only}; SET LOCAL {SETTING} TO '{value}'")
    }

    /// What a connection is opened with that stays in this scope.
    pub(crate) fn option(&self) -> (&'static str, &str) {
        (SETTING, self.value())
    }

    /// Goes on in this scope until the transaction ends.
    pub(crate) async fn enter(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT set_config($1, $2, TRUE)")
            .bind(SETTING)
            .bind(self.value())
            .execute(connection)
            .await
            .map(drop)
    }
}

impl TryFrom<Option<String>> for Scope {
    type Error = NotAName;

    fn try_from(seller: Option<String>) -> Result<Self, NotAName> {
        seller.map_or(Ok(Self::System), |seller| seller.parse().map(Self::Seller))
    }
}

/// Tables of a schema with a seller and without the policy, forced, for every verb. A partition is a
/// table like any other.
const EXPOSED: &str = "SELECT c.relname::text FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seller' AND NOT a.attisdropped
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
        AND c.relkind IN ('r', 'p')
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
            SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = $2
                AND p.polcmd = '*' AND p.polpermissive))
    ORDER BY c.relname";

/// Tables of the schema that show rows of every tenant.
pub(crate) async fn exposed(pool: &PgPool, schema: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(EXPOSED)
        .bind(schema)
        .bind(POLICY)
        .fetch_all(pool)
        .await
}

/// Whether policies hold for the role of the pool: superusers and some others pass by them.
pub(crate) async fn holds(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user",
    )
    .fetch_one(pool)
    .await
}

/// Gives every table that lacks it the policy, each in one transaction; touches no other, so that
/// nobody waits for a lock when nothing is new.
pub(crate) async fn protect(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<(), sqlx::Error> {
    let tables: Vec<String> = sqlx::query_scalar(EXPOSED)
        .bind(schema)
        .bind(POLICY)
        .fetch_all(&mut *connection)
        .await?;
    for table in tables {
        let statements: String = sqlx::query_scalar(
            "SELECT format($$
                ALTER TABLE %1$I.%2$I ENABLE ROW LEVEL SECURITY;
                ALTER TABLE %1$I.%2$I FORCE ROW LEVEL SECURITY;
                DROP POLICY IF EXISTS %3$I ON %1$I.%2$I;
                CREATE POLICY %3$I ON %1$I.%2$I USING (%4$s) WITH CHECK (%4$s);
            $$, $1, $2, $3, $4)",
        )
        .bind(schema)
        .bind(&table)
        .bind(POLICY)
        .bind(VISIBLE)
        .fetch_one(&mut *connection)
        .await?;
        sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(&mut *connection)
            .await?;
        tracing::info!(schema, table, "bound to sellers");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_says_whose_rows_count() {
        let acme = Scope::try_from(Some("acme".to_owned())).unwrap();
        for (scope, access, begin) in [
            (
                &acme,
                Access::Write,
                "BEGIN; SET LOCAL countersign.seller TO 'acme'",
            ),
            (
                &acme,
                Access::Read,
                "BEGIN READ ONLY; SET LOCAL countersign.seller TO 'acme'",
            ),
            (
                &Scope::System,
                Access::Write,
                "BEGIN; SET LOCAL countersign.seller TO '*'",
            ),
        ] {
            assert_eq!(scope.begin(access), begin);
        }
        assert_eq!(acme.seller(), Some("acme"));
        assert_eq!(Scope::try_from(None).unwrap(), Scope::System);
    }

    /// P5: neither the system's scope nor the sellers of everybody's rows can be a tenant's name.
    #[test]
    fn no_seller_is_everybody() {
        for nobody in [EVERY_SELLER, "", "a'b"] {
            assert!(
                Scope::try_from(Some(nobody.to_owned())).is_err(),
                "{nobody:?}"
            );
        }
    }
}
