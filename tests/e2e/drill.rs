//! The back-up drill of deploy/kubernetes, in the middle of a deal (P2).

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use countersign_local::console::Console;
use countersign_local::deal::Player;
use countersign_local::environment::{DatabaseRole, Environment, Service};
use countersign_tests::{deal, invariants_hold, play, start, superuser};
use tokio::process::Command;

/// P2: the database is dropped and comes back from its back-up, NATS has forgotten everything, and the
/// deal goes on to the same balance as one that nothing happened to.
#[tokio::test]
async fn a_back_up_restored_in_the_middle_goes_on_to_the_same_balance() -> Result<()> {
    let environment = start().await?;
    let handbook = deal("handbook")?;
    let downloads = tempfile::tempdir()?;
    let kept = tempfile::tempdir()?;
    let console = Console::quiet();
    let mut player = Player::new(
        &handbook,
        environment.endpoints(),
        "drill",
        downloads.path(),
    )?;
    for number in 0..handbook.len() {
        if number == handbook.len() / 2 {
            lose_and_restore(&environment, kept.path()).await?;
        }
        player.play_step(number, &console).await?;
    }
    play(&environment, &handbook, "undisturbed").await?;
    invariants_hold(&environment).await?;
    let balance = balance(&environment, "OPP-drill").await?;
    ensure!(!balance.is_empty(), "the ledger is empty");
    assert_eq!(
        balance,
        self::balance(&environment, "OPP-undisturbed").await?
    );

    // The deal went on, so this is no longer what was backed up: the drill's check must see it.
    let check = drill(&environment, "check", kept.path()).await?;
    let said = String::from_utf8_lossy(&check.stdout);
    ensure!(!check.status.success(), "the drill's check found nothing");
    ensure!(
        said.contains("+estimate.outbox|"),
        "it does not say what changed: {said}"
    );
    Ok(())
}

/// Everything but the back-up and what lies outside is lost: the database and NATS's folder.
async fn lose_and_restore(environment: &Environment, kept: &Path) -> Result<()> {
    for service in Service::ALL {
        environment.kill(service);
    }
    passed(environment, "backup", kept).await?;
    let url = environment.database_url_as(Service::Estimate, DatabaseRole::Superuser)?;
    let (place, _certificates) = url.split_once('?').unwrap_or((&url, ""));
    let database = place
        .rsplit('/')
        .next()
        .context("a URL without a database")?;

    let another = drill(environment, "destroy", Path::new("another")).await?;
    ensure!(
        !another.status.success(),
        "another's database was destroyed"
    );
    let into_it = drill(environment, "restore", kept).await?;
    ensure!(!into_it.status.success(), "a database was restored over");

    passed(environment, "destroy", Path::new(database)).await?;
    passed(environment, "restore", kept).await?;
    passed(environment, "check", kept).await?;
    environment.crash_nats(true).await?;
    for service in Service::ALL {
        environment.start_service(service, &[]).await?;
    }
    Ok(())
}

/// What an engagement left on each account: debits less credits.
async fn balance(environment: &Environment, engagement: &str) -> Result<Vec<(String, String)>> {
    sqlx::query_as(
        "SELECT e.account, sum(e.debit - e.credit)::TEXT
        FROM disbursement_reconciliation.ledger_entry e
        JOIN disbursement_reconciliation.ledger_transaction t USING (seller, transaction_id)
        WHERE t.engagement_id = $1 GROUP BY e.account ORDER BY e.account",
    )
    .bind(engagement)
    .fetch_all(&mut superuser(environment).await?)
    .await
    .context("reading the ledger")
}

async fn passed(environment: &Environment, what: &str, argument: &Path) -> Result<()> {
    let done = drill(environment, what, argument).await?;
    ensure!(
        done.status.success(),
        "drill {what}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// Runs the script with the programs of the Postgres that serves here.
async fn drill(environment: &Environment, what: &str, argument: &Path) -> Result<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/drill");
    let url = environment.database_url_as(Service::Estimate, DatabaseRole::Superuser)?;
    let pg_dump = environment
        .postgres_program("pg_dump")
        .await
        .context("Postgres is not ours")?;
    let programs = pg_dump.parent().context("a program without a folder")?;
    Command::new(script)
        .arg(what)
        .arg(argument)
        // A service refuses what is no setting of its own.
        .env_remove("COUNTERSIGN_TEST_DATABASE_URL")
        .env_remove("COUNTERSIGN_TEST_NATS_URL")
        .env("COUNTERSIGN_DATABASE_ADMIN_URL", url)
        .env("PG_BIN", programs)
        .output()
        .await
        .context("running the drill")
}
