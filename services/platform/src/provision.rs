//! Makes a service's schema and its two roles (P1). Run by one who may; safe to run again.

use percent_encoding::percent_decode_str;
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use url::Url;

use crate::config::{Secret, Settings};
use crate::postgres;

/// Roles and database privileges are shared by services that are provisioned side by side, and
/// Postgres refuses one of two that change the same row at once: then it is done again.
const ATTEMPTS: u32 = 10;

/// Why a schema could not be provisioned.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// A URL lacks its user or password, or is none.
    #[error("{0} must be a URL with user and password")]
    Url(&'static str),
    /// The user of a URL is not the role that this URL is for.
    #[error("the user of {key} must be {role}")]
    Role {
        /// Which setting.
        key: &'static str,
        /// Who it must be.
        role: String,
    },
    /// Postgres refused.
    #[error("provisioning the schema")]
    Database(#[from] sqlx::Error),
}

struct Role {
    name: String,
    password: String,
}

impl Role {
    fn of(key: &'static str, url: &Secret, name: String) -> Result<Self, ProvisionError> {
        let url = Url::parse(url.expose()).map_err(|_| ProvisionError::Url(key))?;
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        if decode(url.username()) != name {
            return Err(ProvisionError::Role { key, role: name });
        }
        let password = url.password().map(decode).ok_or(ProvisionError::Url(key))?;
        Ok(Self { name, password })
    }
}

/// Makes the roles `<schema>_owner` and `<schema>_run` with the passwords of their URLs, and the
/// schema: owned by the one, read and written row by row by the other, and by nobody else.
///
/// # Errors
/// [`ProvisionError`].
pub async fn provision(settings: &Settings, schema: &str) -> Result<(), ProvisionError> {
    let owner = Role::of(
        "database_owner_url",
        &settings.database_owner_url,
        format!("{schema}_owner"),
    )?;
    let run = Role::of(
        "database_url",
        &settings.database_url,
        format!("{schema}_run"),
    )?;
    let options = postgres::reach(&settings.database_admin_url, settings)?;
    let mut connection = options.connect().await?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        match apply(&mut connection, schema, &owner, &run).await {
            Err(error) if attempt < ATTEMPTS && raced(&error) => {
                tracing::debug!(%error, "another provisioned at the same time; again");
                tokio::time::sleep(std::time::Duration::from_millis(20 * u64::from(attempt))).await;
            }
            done => {
                done?;
                break;
            }
        }
    }
    connection.close().await?;
    tracing::info!(schema, "provisioned");
    Ok(())
}

/// Duplicate role or schema, or "tuple concurrently updated".
fn raced(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("42710" | "42P06" | "23505" | "XX000"))
}

async fn apply(
    connection: &mut PgConnection,
    schema: &str,
    owner: &Role,
    run: &Role,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    for role in [owner, run] {
        let known: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
                .bind(&role.name)
                .fetch_one(&mut *transaction)
                .await?;
        let verb = if known { "ALTER" } else { "CREATE" };
        // Postgres quotes what cannot be bound.
        let statement: String =
            sqlx::query_scalar("SELECT format('%s ROLE %I LOGIN PASSWORD %L', $1, $2, $3)")
                .bind(verb)
                .bind(&role.name)
                .bind(&role.password)
                .fetch_one(&mut *transaction)
                .await?;
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *transaction)
            .await?;
    }
    let statements: String = sqlx::query_scalar(
        "SELECT format($$
            GRANT %2$I TO CURRENT_USER;
            CREATE SCHEMA IF NOT EXISTS %1$I AUTHORIZATION %2$I;
            REVOKE ALL ON SCHEMA %1$I FROM PUBLIC;
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
            REVOKE ALL ON DATABASE %4$I FROM PUBLIC;
            GRANT CONNECT ON DATABASE %4$I TO %2$I, %3$I;
            GRANT USAGE ON SCHEMA %1$I TO %3$I;
            ALTER DEFAULT PRIVILEGES FOR ROLE %2$I IN SCHEMA %1$I
                GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %3$I;
            ALTER DEFAULT PRIVILEGES FOR ROLE %2$I IN SCHEMA %1$I
                GRANT USAGE ON SEQUENCES TO %3$I;
        $$, $1, $2, $3, current_database())",
    )
    .bind(schema)
    .bind(&owner.name)
    .bind(&run.name)
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
