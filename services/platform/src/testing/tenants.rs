//! Tries, as the run role, what one tenant can do to another's rows (P5): in every table of a schema
//! that has a seller, found in the catalogue, so that a table which is added is tried too.
//!
//! Constraints are in the way of made-up rows. So a superuser takes them off, makes the rows and then
//! acts as the run role, all in one transaction that is rolled back.

use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::TestBed;

/// What keeps made-up rows out, taken off in this transaction.
const BARE: &str = "DO $do$ DECLARE statement text; BEGIN
    FOR statement IN
        SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', c.conrelid::regclass, c.conname)
        FROM pg_constraint c WHERE c.conrelid <> 0
            AND c.connamespace = current_schema()::regnamespace AND c.contype IN ('f', 'c', 'p', 'u')
        ORDER BY c.contype = 'f' DESC
    LOOP
        BEGIN EXECUTE statement; EXCEPTION WHEN undefined_object THEN NULL; END;
    END LOOP;
    FOR statement IN
        SELECT format('ALTER TABLE %s ALTER %I DROP IDENTITY IF EXISTS, ALTER %2$I DROP NOT NULL',
            a.attrelid::regclass, a.attname)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
            AND a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped
    LOOP EXECUTE statement; END LOOP;
END $do$";

/// What was tried, and how it must end.
struct Attempt {
    statement: String,
    /// Rows that it may reach.
    reaches: u64,
}

impl<S: Send + Sync + 'static> TestBed<S> {
    /// Tries reading, writing, moving and deleting another tenant's rows in every table with a seller,
    /// and the same without being bound to any. Returns the tables.
    ///
    /// # Panics
    /// When a row is reached that must not be, or not one's own.
    #[expect(clippy::expect_used, reason = "ends the test")]
    pub async fn tenants_are_apart(&self) -> Vec<String> {
        let mut superuser = self.superuser().await;
        let mut transaction = superuser.begin().await.expect("BEGIN");
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seller'
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
            ORDER BY 1",
        )
        .fetch_all(&mut *transaction)
        .await
        .expect("the catalogue");
        run(&mut transaction, BARE)
            .await
            .expect("taking off constraints");
        for table in &tables {
            for seller in ["mine", "theirs"] {
                let insert = format!("INSERT INTO {table} (seller) VALUES ('{seller}')");
                run(&mut transaction, &insert).await.expect("a made-up row");
            }
        }
        let role = format!("SET LOCAL ROLE {}_run", self.schema);
        run(&mut transaction, &role).await.expect("SET ROLE");
        for table in &tables {
            for scope in ["mine", ""] {
                let set = format!("SET LOCAL countersign.seller TO '{scope}'");
                run(&mut transaction, &set).await.expect("SET");
                for attempt in attempts(table, u64::from(scope == "mine")) {
                    attempt.make(&mut transaction, table, scope).await;
                }
            }
        }
        transaction.rollback().await.expect("ROLLBACK");
        tables
    }
}

fn attempts(table: &str, own: u64) -> Vec<Attempt> {
    let attempt = |statement: String, reaches| Attempt { statement, reaches };
    vec![
        attempt(format!("SELECT FROM {table} WHERE seller = 'mine'"), own),
        attempt(format!("SELECT FROM {table} WHERE seller = 'theirs'"), 0),
        attempt(
            format!("UPDATE {table} SET seller = seller WHERE seller = 'theirs'"),
            0,
        ),
        attempt(format!("UPDATE {table} SET seller = 'theirs'"), 0),
        attempt(
            format!("UPDATE {table} SET seller = 'mine' WHERE seller <> 'mine'"),
            0,
        ),
        attempt(format!("DELETE FROM {table} WHERE seller = 'theirs'"), 0),
        attempt(format!("INSERT INTO {table} (seller) VALUES ('theirs')"), 0),
        attempt(format!("INSERT INTO {table} (seller) VALUES ('mine')"), own),
    ]
}

impl Attempt {
    /// Makes it, and takes back what it did. To be refused is to reach nothing.
    #[expect(clippy::expect_used, clippy::panic, reason = "ends the test")]
    async fn make(&self, connection: &mut PgConnection, table: &str, scope: &str) {
        let Self { statement, reaches } = self;
        let mut attempt = connection.begin().await.expect("SAVEPOINT");
        let reached = match run(&mut attempt, statement).await {
            Ok(rows) => rows,
            // 42501: by a policy, or because the table only grows.
            Err(error) if code(&error).as_deref() == Some("42501") => 0,
            Err(error) => panic!("{statement}: {error}"),
        };
        attempt.rollback().await.expect("ROLLBACK TO SAVEPOINT");
        assert_eq!(reached, *reaches, "as {scope:?} in {table}: {statement}");
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.map(std::borrow::Cow::into_owned)
}

async fn run(connection: &mut PgConnection, statement: &str) -> Result<u64, sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}
