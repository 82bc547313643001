//! The statements of one command, as the service itself sent them, made into a pgbench script.
//!
//! Postgres logs one command whole; the statements of its session are replayed with the values that
//! must be unique (the idempotency key, the engagement, every id) made from a random number.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sqlx::AssertSqlSafe;
use tokio::process::Command;

use super::commands::{CLIENTS, Load, ROUND};
use super::superuser;
use crate::environment::{DatabaseRole, Environment, Service};

const MARKER: &str = "samesql";
/// How long Postgres may take to reread its configuration, and to write its log.
const SETTLE: Duration = Duration::from_millis(500);

/// Captures `CreateEstimate` and returns the script.
pub(super) async fn script(environment: &Environment) -> Result<String> {
    let load = Load::connect(environment, MARKER).await?;
    // Once before, so that what is captured is not the session's first.
    load.create(1).await?;
    set_logging(environment, "all").await?;
    load.create(2).await?;
    set_logging(environment, "none").await?;
    let log = std::fs::read_to_string(environment.endpoints().log("postgres"))
        .context("reading Postgres's log")?;
    let statements = of_one_transaction(&log, "'create-2'")?;
    ensure!(
        statements.len() > 4,
        "only {} statements were captured",
        statements.len()
    );
    Ok(pgbench_script(&statements))
}

async fn set_logging(environment: &Environment, what: &'static str) -> Result<()> {
    let mut connection = superuser(environment).await?;
    let sql = format!("ALTER SYSTEM SET log_statement = '{what}'");
    sqlx::query(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await?;
    sqlx::query("SELECT pg_reload_conf()")
        .execute(&mut connection)
        .await?;
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// Runs pgbench as the service's run role; returns its transactions per second.
pub(super) async fn pgbench(environment: &Environment, script: &str) -> Result<f64> {
    let file = tempfile::NamedTempFile::new().context("making a file for the script")?;
    std::fs::write(file.path(), script).context("writing the script")?;
    let url = environment.database_url_as(Service::Estimate, DatabaseRole::Run)?;
    // A Postgres that was given by URL may still have its programs on PATH.
    let program = environment.postgres_program("pgbench").await;
    let program = program.unwrap_or_else(|| PathBuf::from("pgbench"));
    let output = Command::new(program)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={CLIENTS}"))
        .arg(format!("--time={}", ROUND.as_secs()))
        .arg("--file")
        .arg(file.path())
        .arg(url)
        .env(
            "PGOPTIONS",
            format!(
                "-c search_path={} -c countersign.seller=bench-{MARKER}",
                Service::Estimate.schema()
            ),
        )
        .stdin(Stdio::null())
        .output()
        .await
        .context("running pgbench")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let Some(tps) = tps.filter(|_| output.status.success()) else {
        bail!(
            "pgbench failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let number = tps
        .split_whitespace()
        .next()
        .context("pgbench named no rate")?;
    number.parse().context("reading pgbench's rate")
}

/// A statement with its parameters as Postgres logged them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Statement {
    sql: String,
    parameters: String,
}

/// One line of Postgres's log (`log_line_prefix` as it comes: time, then the session in brackets).
enum Logged<'a> {
    /// A statement begins.
    Statement(&'a str),
    /// The line before goes on.
    More(&'a str),
    /// The parameters of the session's last statement.
    Parameters(&'a str),
    Other,
}

fn logged(line: &str) -> (Option<&str>, Logged<'_>) {
    if let Some(more) = line.strip_prefix('\t') {
        return (None, Logged::More(more));
    }
    let Some((prefix, said)) = line.split_once("] ") else {
        return (None, Logged::Other);
    };
    let session = prefix.rsplit_once('[').map(|(_, session)| session);
    if let Some(parameters) = said.strip_prefix("DETAIL:  parameters: ") {
        return (session, Logged::Parameters(parameters));
    }
    let executed = said.strip_prefix("LOG:  ").and_then(|said| {
        let prepared = || {
            said.strip_prefix("execute ")?
                .split_once(": ")
                .map(|(_, sql)| sql)
        };
        said.strip_prefix("statement: ").or_else(prepared)
    });
    (session, executed.map_or(Logged::Other, Logged::Statement))
}

/// The statements, from BEGIN to COMMIT, of the transaction whose parameters hold `marker`.
fn of_one_transaction(log: &str, marker: &str) -> Result<Vec<Statement>> {
    let mut sessions: BTreeMap<&str, Vec<Statement>> = BTreeMap::new();
    let mut current = "";
    let mut in_statement = false;
    for line in log.lines() {
        let (session, what) = logged(line);
        current = session.unwrap_or(current);
        let statements = sessions.entry(current).or_default();
        let begins = matches!(what, Logged::Statement(_));
        match (what, statements.last_mut()) {
            (Logged::Statement(sql), _) => {
                if sql.starts_with("BEGIN") && !holds(statements, marker) {
                    statements.clear();
                }
                statements.push(Statement {
                    sql: sql.to_owned(),
                    ..Statement::default()
                });
            }
            (Logged::More(more), Some(last)) if in_statement => write!(last.sql, "\n{more}")?,
            (Logged::Parameters(text), Some(last)) => text.clone_into(&mut last.parameters),
            (Logged::More(_) | Logged::Parameters(_) | Logged::Other, _) => {}
        }
        in_statement = begins || (session.is_none() && in_statement);
    }
    let mut found = sessions
        .into_values()
        .find(|statements| holds(statements, marker))
        .context("the command is not in Postgres's log")?;
    let end = found
        .iter()
        .position(|statement| statement.sql.starts_with("COMMIT"));
    found.truncate(end.context("the command's COMMIT is not in Postgres's log")? + 1);
    Ok(found)
}

fn holds(statements: &[Statement], marker: &str) -> bool {
    statements
        .iter()
        .any(|statement| statement.parameters.contains(marker))
}

fn pgbench_script(statements: &[Statement]) -> String {
    let mut script = "\\set n random(1, 9000000000000000000)\n".to_owned();
    for statement in statements {
        // The service binds its transaction in the round trip that begins it, which pgbench cannot:
        // its sessions are bound from the start.
        let begin = statement.sql.split_once("; SET LOCAL ");
        let sql = begin.map_or(statement.sql.as_str(), |(begin, _)| begin);
        let mut sql = sql.replace('\n', " ");
        // From the last on, so that `$1` is not taken for the start of `$12`.
        for (number, value) in parameters(&statement.parameters)
            .into_iter()
            .enumerate()
            .rev()
        {
            sql = sql.replace(&format!("${}", number + 1), &varied(&value));
        }
        let _ = writeln!(script, "{sql};");
    }
    script
}

/// The values of `$1 = 'a', $2 = NULL`, in order, as SQL literals.
fn parameters(logged: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = logged;
    while let Some((_, value)) = rest.split_once(" = ") {
        let end = if value.starts_with('\'') {
            let mut at = 1;
            loop {
                match value[at..].find('\'') {
                    None => break value.len(),
                    Some(quote) if value[at + quote + 1..].starts_with('\'') => at += quote + 2,
                    Some(quote) => break at + quote + 1,
                }
            }
        } else {
            value.find(", ").unwrap_or(value.len())
        };
        values.push(value[..end].to_owned());
        rest = &value[end..];
    }
    values
}

/// The literal, or an expression in its place where every transaction needs another value.
fn varied(literal: &str) -> String {
    let bare = literal.trim_matches('\'');
    if bare == "create-2" || bare == "engagement-2" {
        return format!("('{bare}-' || :n)");
    }
    let is_id = bare.len() == 36
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && bare.bytes().filter(|byte| *byte == b'-').count() == 4;
    if is_id {
        return format!("md5('{bare}' || :n)::uuid");
    }
    if literal.contains(':') {
        // pgbench takes `:name` for a variable, even inside a literal.
        return format!("E{}", literal.replace('\\', "\\\\").replace(':', "\\x3a"));
    }
    literal.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-22 20:00:00.000 UTC [7] LOG:  statement: BEGIN; SET LOCAL countersign.seller TO 'acme'
2026-11-22 20:00:00.000 UTC [8] LOG:  statement: BEGIN
2026-11-22 20:00:00.000 UTC [7] LOG:  execute sqlx_s_1: INSERT INTO t (a, b)
\tVALUES ($1, $2)
2026-11-22 20:00:00.000 UTC [7] DETAIL:  parameters: $1 = 'create-2', $2 = NULL
2026-11-22 20:00:00.000 UTC [8] LOG:  execute sqlx_s_2: SELECT $1
2026-11-22 20:00:00.000 UTC [8] DETAIL:  parameters: $1 = 'other'
2026-11-22 20:00:00.000 UTC [7] LOG:  statement: COMMIT
2026-11-22 20:00:00.000 UTC [7] LOG:  statement: BEGIN
";

    #[test]
    fn the_statements_of_the_marked_transaction_are_found() {
        let statements = of_one_transaction(LOG, "'create-2'").unwrap();
        let sql: Vec<_> = statements
            .iter()
            .map(|statement| statement.sql.as_str())
            .collect();
        assert_eq!(
            sql,
            [
                "BEGIN; SET LOCAL countersign.seller TO 'acme'",
                "INSERT INTO t (a, b)\nVALUES ($1, $2)",
                "COMMIT"
            ]
        );
        let script = pgbench_script(&statements);
        assert!(script.contains("\nBEGIN;\n"));
        assert!(script.contains("INSERT INTO t (a, b) VALUES (('create-2-' || :n), NULL);"));
    }

    #[test]
    fn quoted_values_are_read_whole() {
        assert_eq!(
            parameters("$1 = 'it''s, $2 = no', $2 = NULL, $3 = '{}'"),
            ["'it''s, $2 = no'", "NULL", "'{}'"]
        );
    }

    #[test]
    fn ids_vary_and_other_values_do_not() {
        let id = "'0198f0c0-0000-7000-8000-000000000001'";
        assert!(varied(id).starts_with("md5("));
        assert_eq!(varied("'acme'"), "'acme'");
        assert_eq!(varied("NULL"), "NULL");
        assert_eq!(varied(r#"'{"a":null}'"#), r#"E'{"a"\x3anull}'"#);
    }
}
