//! Connections: the callers' pool, the harness's own, and the single one that the relay leads on.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection, PgConnection, PgPool};

use crate::config::{Secret, Settings};
use crate::tenancy::Scope;
use crate::tls;

/// How long an idle connection is trusted to live.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Connections of the harness's own pool: its statements are short, and few at a time.
const SYSTEM_CONNECTIONS: u32 = 4;
/// The longest that it may take to learn why Postgres is away.
const WHY_LIMIT: Duration = Duration::from_secs(2);
/// What a connection does when it comes back, in one round trip.
const COME_BACK: &str = "ROLLBACK; RESET countersign.seller";

/// Connect options of a URL, over TLS if the settings say who vouches for Postgres. The files are
/// read at every connection, so that what is renewed counts.
pub(crate) fn reach(url: &Secret, settings: &Settings) -> Result<PgConnectOptions, sqlx::Error> {
    let options = PgConnectOptions::from_str(url.expose())?;
    let Some(authorities) = &settings.database_ca_file else {
        return Ok(options);
    };
    let options = options
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(authorities);
    let identity = tls::identity_files(settings);
    let identity = identity.map_err(|error| sqlx::Error::Configuration(error.into()))?;
    Ok(match identity {
        Some((certificate, key)) => options.ssl_client_cert(certificate).ssl_client_key(key),
        None => options,
    })
}

/// Connect options of a URL with `search_path` exactly `schema` and every wait bounded.
pub(crate) fn options(
    url: &Secret,
    schema: &str,
    settings: &Settings,
) -> Result<PgConnectOptions, sqlx::Error> {
    let millis = |millis: u64| millis.to_string();
    Ok(reach(url, settings)?.application_name(schema).options([
        ("search_path", schema.to_owned()),
        (
            "statement_timeout",
            millis(settings.database_statement_timeout_ms),
        ),
        ("lock_timeout", millis(settings.database_lock_timeout_ms)),
        (
            "idle_in_transaction_session_timeout",
            millis(settings.database_idle_in_transaction_timeout_ms),
        ),
        // A ROLLBACK outside a transaction (below) is a warning to Postgres, and none to us.
        ("client_min_messages", "error".to_owned()),
        // A peer that vanished is noticed in seconds, not in the system's two hours: a relay
        // that is cut off must not keep its lock.
        ("tcp_keepalives_idle", "5".to_owned()),
        ("tcp_keepalives_interval", "5".to_owned()),
        ("tcp_keepalives_count", "3".to_owned()),
    ]))
}

/// Connect options of the run role in the system's scope: for the harness's own statements.
pub(crate) fn system_options(
    settings: &Settings,
    schema: &str,
) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(options(&settings.database_url, schema, settings)?.options([Scope::System.option()]))
}

/// The run role's pools: the one of transactions, each bound to whom it is for (P5), and the one of
/// the harness's own statements, in the system's scope.
pub(crate) fn pools(settings: &Settings, schema: &str) -> Result<(PgPool, PgPool), sqlx::Error> {
    let callers = options(&settings.database_url, schema, settings)?;
    let system = system_options(settings, schema)?;
    Ok((
        pool(settings, callers, settings.database_pool_size),
        pool(settings, system, SYSTEM_CONNECTIONS),
    ))
}

/// It connects when first used, so a Postgres that is away at start is waited for, not died of.
///
/// Every connection rolls back when it comes back, which also ends what it was bound to: sqlx 0.9.0
/// can return one inside an open transaction when a future is dropped during `begin`, after which
/// writes report success and are never committed (launchbadge/sqlx 4393). The setting itself is reset
/// too, should a statement ever have set it for longer than its transaction.
fn pool(settings: &Settings, options: PgConnectOptions, size: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(settings.acquire_timeout())
        // Asking each time costs a round trip: the ROLLBACK at release has tested it, `begin` is
        // tried again on a dead connection, and one that lay idle is asked.
        .test_before_acquire(false)
        .before_acquire(|connection, met| {
            Box::pin(async move {
                if met.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(COME_BACK).execute(&mut *connection).await?;
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// What keeps a pool from connecting. It tries again by itself until it says no more than that its
/// time is over.
pub(crate) async fn why(pool: &PgPool, error: sqlx::Error) -> sqlx::Error {
    if !matches!(error, sqlx::Error::PoolTimedOut) {
        return error;
    }
    let options = pool.connect_options();
    // A connection in the making has begun nothing, and may be dropped.
    match tokio::time::timeout(WHY_LIMIT, PgConnection::connect_with(&options)).await {
        Ok(Err(why)) => why,
        Ok(Ok(_)) | Err(_) => error,
    }
}
