//! Schemas: each service its own, and the database refuses the rest (P1).

use countersign_platform::testing::TestBed;
use countersign_platform::{NoSection, SchemaError, Service, provision};
use sqlx::PgPool;
use sqlx::SqlSafeStr;
use sqlx::error::DatabaseError;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::support::{reader, sample};

async fn refusal(pool: &PgPool, statement: &'static str) -> String {
    let error = sqlx::query(statement).execute(pool).await.unwrap_err();
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.unwrap_or_default().into_owned()
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// P1: the run role reads and writes its own tables, and nothing else of anybody's.
#[tokio::test]
async fn a_run_role_has_its_own_rows_only() {
    // Two services in one database, as in production.
    let bed = TestBed::new(&sample(), NoSection {}).await;
    let mut settings = bed.parts().settings.as_ref().clone();
    let other = |url: &str| url.replace("sample_", "reader_");
    settings.database_url =
        countersign_platform::Secret::new(other(settings.database_url.expose()));
    settings.database_owner_url =
        countersign_platform::Secret::new(other(settings.database_owner_url.expose()));
    provision(&settings, "reader").await.unwrap();
    reader().schema().unwrap().migrate(&settings).await.unwrap();

    let pool = bed.pool();
    sqlx::query("INSERT INTO note (topic, body) VALUES ('t', 'b')")
        .execute(pool)
        .await
        .unwrap();
    for statement in [
        "SELECT * FROM reader.note",
        "INSERT INTO reader.note (topic, body) VALUES ('t', 'b')",
        "CREATE TABLE sample.mine ()",
        "CREATE TABLE public.mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "DROP TABLE note",
        "ALTER TABLE note ADD COLUMN more text",
        "TRUNCATE note",
        // P3 and P2: what only grows.
        "UPDATE audit SET reason = ''",
        "DELETE FROM audit",
        "UPDATE inbox SET outcome = 'ignored'",
        "DELETE FROM inbox",
        "TRUNCATE audit",
        "UPDATE keepsake SET body = ''",
        "DELETE FROM keepsake",
        "DELETE FROM _sqlx_migrations",
    ] {
        assert_eq!(
            refusal(pool, statement).await,
            INSUFFICIENT_PRIVILEGE,
            "{statement}"
        );
    }
    let path: String = sqlx::query_scalar("SHOW search_path")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(path, "sample");
}

/// Provisioning and migrating again changes nothing.
#[tokio::test]
async fn provisioning_and_migrating_repeat() {
    let bed = TestBed::new(&sample(), NoSection {}).await;
    let settings = bed.parts().settings;
    for _ in 0..2 {
        provision(&settings, "sample").await.unwrap();
        sample().schema().unwrap().migrate(&settings).await.unwrap();
    }
    sample().schema().unwrap().fit(bed.pool()).await.unwrap();
}

fn migrator(migrations: &[(i64, &'static str)]) -> &'static Migrator {
    let migrations = migrations
        .iter()
        .map(|(version, sql)| {
            Migration::new(
                *version,
                "test".into(),
                MigrationType::Simple,
                (*sql).into_sql_str(),
                false,
            )
        })
        .collect();
    Box::leak(Box::new(Migrator::with_migrations(migrations)))
}

/// What is not migrated, or edited after it landed, is not served; what is ahead is.
#[tokio::test]
async fn a_schema_is_compared_before_it_is_served() {
    let service = Service::new("sample", "0.0.0").migrations(migrator(&[(1000, "SELECT 1")]));
    let bed = TestBed::new(&service, NoSection {}).await;
    let newer = service
        .clone()
        .migrations(migrator(&[(1000, "SELECT 1"), (1001, "SELECT 2")]));
    let current = async |service: &Service| service.schema().unwrap().current(bed.pool()).await;
    let missing = current(&newer).await.unwrap_err();
    assert!(matches!(&missing, SchemaError::Missing(versions) if versions == &[1001]));
    current(&Service::new("sample", "0.0.0")).await.unwrap();
    let edited = service.clone().migrations(migrator(&[(1000, "SELECT 3")]));
    let edited = current(&edited).await.unwrap_err();
    assert!(matches!(edited, SchemaError::Edited(1000)), "{edited}");
    let low = service.clone().migrations(migrator(&[(999, "SELECT 1")]));
    assert!(
        low.schema().is_err(),
        "versions below 1000 are the platform's"
    );
}

/// P5, P1: while a later migration takes its time, or dies, what an earlier one made is bound to its
/// sellers; and a release that knows nothing of it is as fit as it was.
#[tokio::test]
async fn each_migration_is_whole_before_the_next() {
    let landed = [(1000, "SELECT 1"), (1010, "SELECT 2")];
    let service = Service::new("sample", "0.0.0").migrations(migrator(&landed));
    let bed = TestBed::new(&service, NoSection {}).await;
    let [first, second] = landed;
    let with = |last: &'static str| {
        let migrations = [
            first,
            // Before one that is there, as a new one of the platform's would be.
            (1001, "CREATE TABLE added (seller text NOT NULL)"),
            second,
            (1011, last),
        ];
        let service = service.clone().migrations(migrator(&migrations));
        service.append_only(&["grows"]).schema().unwrap()
    };
    let settings = bed.parts().settings;
    with("SELECT 1 / 0").migrate(&settings).await.unwrap_err();
    let missing = with("SELECT 1 / 0").fit(bed.pool()).await.unwrap_err();
    assert!(matches!(&missing, SchemaError::Missing(versions) if versions == &[1011]));
    service.schema().unwrap().fit(bed.pool()).await.unwrap();
    bed.tenants_are_apart().await;

    let last = with("CREATE TABLE grows (n integer)");
    last.migrate(&settings).await.unwrap();
    last.fit(bed.pool()).await.unwrap();
    assert_eq!(
        refusal(bed.pool(), "DELETE FROM grows").await,
        INSUFFICIENT_PRIVILEGE
    );
}

/// A table that should only grow and that nobody makes is a mistake, and is said.
#[tokio::test]
async fn what_only_grows_is_there() {
    let service = Service::new("sample", "0.0.0");
    let bed = TestBed::new(&service, NoSection {}).await;
    let mistaken = service.append_only(&["grwos"]).schema().unwrap();
    let said = mistaken.migrate(&bed.parts().settings).await.unwrap_err();
    assert!(matches!(said, SchemaError::NoSuchTable(_)), "{said}");
}
