//! A schema's migrations: the platform's tables first, then the service's own, in one history; then
//! what holds of every table, however it came: what only grows, and whose rows are whose (P5).

use std::borrow::Cow;
use std::collections::HashMap;

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};

use crate::config::Settings;
use crate::postgres;
use crate::tenancy::{self, Scope};

static PLATFORM: Migrator = sqlx::migrate!("./migrations");

/// Versions below are the platform's, this and above the services'.
pub const FIRST_SERVICE_VERSION: i64 = 1_000;

/// The platform's tables that the run role may write but never change.
const APPEND_ONLY: [&str; 2] = ["audit", "inbox"];

/// Why a schema could not be migrated, or may not be served.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A service's migration has a version below [`FIRST_SERVICE_VERSION`].
    #[error("migration {0} of the service must be {FIRST_SERVICE_VERSION} or above")]
    Version(i64),
    /// A migration did not go through, or one that landed was edited.
    #[error("migrating")]
    Migrate(#[from] MigrateError),
    /// Postgres refused.
    #[error("reading or migrating the schema")]
    Database(#[from] sqlx::Error),
    /// Migrations have not been run yet.
    #[error("the database lacks {0:?}")]
    Missing(Vec<i64>),
    /// No migration makes a table that is said to only grow.
    #[error("not all of the tables {0:?}, which only grow, are there")]
    NoSuchTable(Vec<&'static str>),
    /// A landed migration is not what this program was built with.
    #[error("migration {0} in the database is not the one of this program")]
    Edited(i64),
    /// Tables show every tenant's rows (P5).
    #[error("tables {0:?} have a seller and no policy: `migrate` gives them one")]
    Exposed(Vec<String>),
    /// The run role passes by the policies that keep tenants apart (P5).
    #[error("row-level security does not hold for the role of database_url")]
    Unbound,
}

/// A service's whole history and the tables that only grow.
#[derive(Debug, Clone)]
pub struct Schema {
    name: String,
    migrations: Vec<Migration>,
    append_only: Vec<&'static str>,
}

impl Schema {
    /// The platform's migrations and the service's.
    ///
    /// # Errors
    /// [`SchemaError::Version`].
    pub fn new(
        name: impl Into<String>,
        service: Option<&Migrator>,
        append_only: &[&'static str],
    ) -> Result<Self, SchemaError> {
        let service = service
            .map(|migrator| migrator.iter())
            .into_iter()
            .flatten();
        let mut migrations: Vec<Migration> = PLATFORM.iter().cloned().collect();
        for migration in service {
            if migration.version < FIRST_SERVICE_VERSION {
                return Err(SchemaError::Version(migration.version));
            }
            migrations.push(migration.clone());
        }
        Ok(Self {
            name: name.into(),
            migrations,
            append_only: APPEND_ONLY.iter().chain(append_only).copied().collect(),
        })
    }

    /// The schema's name in Postgres.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Brings the schema up to date as its owner. Safe to run again, and from several places.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub async fn migrate(&self, settings: &Settings) -> Result<(), SchemaError> {
        let options = postgres::options(&settings.database_owner_url, &self.name, settings)?
            // A migration takes the time that it takes, and may change every seller's rows.
            .options([("statement_timeout", "0"), ("lock_timeout", "0")])
            .options([Scope::System.option()]);
        let mut connection = options.connect().await?;
        // One by one, each with what holds of every table: while a later one takes its time, what an
        // earlier one made is bound to its sellers already, and a replica that starts meanwhile serves.
        let applied = applied(&mut connection).await?;
        for count in 1..=self.migrations.len() {
            let (last, so_far) = (count == self.migrations.len(), &self.migrations[..count]);
            let new = so_far
                .last()
                .is_some_and(|it| !applied.contains_key(&it.version));
            if !applied.is_empty() && new || last {
                let mut migrator = Migrator::with_migrations(so_far.to_vec());
                // A new one of the platform's comes before the service's that are there already.
                migrator.set_ignore_missing(!last);
                migrator.run_direct(None, &mut connection, false).await?;
                tenancy::protect(&mut connection, &self.name).await?;
                let there = self.protect(&mut connection).await?;
                if last && there < self.append_only.len() {
                    return Err(SchemaError::NoSuchTable(self.append_only.clone()));
                }
            }
        }
        connection.close().await?;
        tracing::info!(schema = self.name, "migrated");
        Ok(())
    }

    /// The default privileges give the run role every row; what only grows is taken out. A table that
    /// a later migration makes is not there yet. Returns how many there are.
    async fn protect(&self, connection: &mut PgConnection) -> Result<usize, sqlx::Error> {
        let run = format!("{}_run", self.name);
        let there: Vec<String> = sqlx::query_scalar(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = $1 AND tablename = ANY($2)",
        )
        .bind(&self.name)
        .bind(&self.append_only)
        .fetch_all(&mut *connection)
        .await?;
        for table in &there {
            self.revoke(connection, "UPDATE, DELETE, TRUNCATE", table, &run)
                .await?;
        }
        self.revoke(
            connection,
            "INSERT, UPDATE, DELETE, TRUNCATE",
            "_sqlx_migrations",
            &run,
        )
        .await?;
        Ok(there.len())
    }

    async fn revoke(
        &self,
        connection: &mut PgConnection,
        what: &str,
        table: &str,
        role: &str,
    ) -> Result<(), sqlx::Error> {
        let statement: String =
            sqlx::query_scalar("SELECT format('REVOKE %s ON %I.%I FROM %I', $1, $2, $3, $4)")
                .bind(what)
                .bind(&self.name)
                .bind(table)
                .bind(role)
                .fetch_one(&mut *connection)
                .await?;
        sqlx::query(AssertSqlSafe(statement))
            .execute(connection)
            .await?;
        Ok(())
    }

    /// That this program's migrations are all there, as it has them. A database that is ahead is fit
    /// too, since a landed migration never breaks the release before it.
    ///
    /// # Errors
    /// [`SchemaError::Missing`], [`SchemaError::Edited`], or the database's.
    pub async fn current(&self, pool: &PgPool) -> Result<(), SchemaError> {
        let applied = applied(&mut *pool.acquire().await?).await?;
        let mut missing = Vec::new();
        for migration in &self.migrations {
            match applied.get(&migration.version) {
                None => missing.push(migration.version),
                Some(checksum) if Cow::Borrowed(checksum.as_slice()) != migration.checksum => {
                    return Err(SchemaError::Edited(migration.version));
                }
                Some(_) => {}
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(SchemaError::Missing(missing))
        }
    }

    /// That it is [`Self::current`] and [`Self::bound`]: fit to serve.
    ///
    /// # Errors
    /// Of both.
    pub async fn fit(&self, pool: &PgPool) -> Result<(), SchemaError> {
        self.current(pool).await?;
        self.bound(pool).await
    }

    /// That every tenant's rows are bound to it, and that this holds for the role of the pool.
    ///
    /// # Errors
    /// [`SchemaError::Exposed`], [`SchemaError::Unbound`], or the database's.
    pub async fn bound(&self, pool: &PgPool) -> Result<(), SchemaError> {
        let exposed = tenancy::exposed(pool, &self.name).await?;
        if !exposed.is_empty() {
            return Err(SchemaError::Exposed(exposed));
        }
        if tenancy::holds(pool).await? {
            Ok(())
        } else {
            Err(SchemaError::Unbound)
        }
    }
}

/// The migrations that went through, by version, with their checksums.
async fn applied(connection: &mut PgConnection) -> Result<HashMap<i64, Vec<u8>>, sqlx::Error> {
    let present: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !present {
        return Ok(HashMap::new());
    }
    let applied = sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success")
        .fetch_all(connection)
        .await?;
    Ok(applied.into_iter().collect())
}
