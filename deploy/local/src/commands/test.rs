//! `test`: every test of the workspace against one private Postgres and NATS.
//!
//! The tests find them by environment: `COUNTERSIGN_TEST_DATABASE_URL` (a superuser's),
//! `COUNTERSIGN_TEST_NATS_URL` (every right) and `COUNTERSIGN_BIN_DIR` (the built programs, with their
//! fault points). They run two at a time for each core, unless `RUST_TEST_THREADS` or `--test-threads` says more or
//! fewer.

use std::num::NonZero;
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, bail};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::cli::ServerArgs;
use crate::console::Console;
use crate::environment::{
    Access, Binaries, Build, Durability, Servers, cargo, fault_features, metadata,
};

/// How many tests of a binary run at a time, by the test runner's own variable.
const THREADS: &str = "RUST_TEST_THREADS";
/// For each core: most of a test waits for servers, and for time to pass.
const TESTS_PER_CORE: usize = 2;

pub(super) async fn run(given: &ServerArgs, args: &[String], console: &Console) -> Result<()> {
    let workspace = metadata()?;
    let selects = args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| is_package_choice(arg));
    let mut common = vec!["test".to_owned(), "--no-fail-fast".to_owned()];
    if !selects {
        common.push("--workspace".to_owned());
        common.extend(fault_features(workspace));
    }
    console.say("Building every test …");
    let mut build = common.clone();
    build.push("--no-run".to_owned());
    build.extend(args.iter().take_while(|arg| *arg != "--").cloned());
    let mut binaries = Binaries::from_cargo(&build).await?;
    if !selects && binaries.check_complete().is_err() {
        binaries = Binaries::build(Build::WithFaults, console).await?;
    }
    let servers = Servers::start(
        &given.external(),
        Durability::Forgetful,
        Access::Open,
        console,
    )
    .await?;
    let mut command = cargo(&common);
    command
        .args(args)
        .env("COUNTERSIGN_TEST_DATABASE_URL", servers.superuser_url()?)
        .env("COUNTERSIGN_TEST_NATS_URL", servers.nats_url())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    if let Ok(folder) = binaries.folder() {
        command.env("COUNTERSIGN_BIN_DIR", folder);
    }
    if std::env::var_os(THREADS).is_none() {
        command.env(THREADS, tests_at_a_time().to_string());
    }
    let mut tests = command.spawn().context("starting cargo test")?;
    let output = tests
        .stdout
        .take()
        .ok_or_else(|| anyhow!("cargo test has no output"))?;
    let mut lines = BufReader::new(output).lines();
    let mut tally = Tally::default();
    while let Some(line) = lines
        .next_line()
        .await
        .context("reading the tests' output")?
    {
        println!("{line}");
        tally.read(&line);
    }
    let status = tests.wait().await.context("waiting for cargo test")?;
    println!(
        "\n{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.skipped
    );
    if !status.success() || tally.failed > 0 {
        bail!("cargo test failed ({status})");
    }
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

fn tests_at_a_time() -> usize {
    let cores = std::thread::available_parallelism();
    TESTS_PER_CORE * cores.map_or(1, NonZero::get)
}

fn is_package_choice(arg: &str) -> bool {
    let whole = ["-p", "--package", "--workspace", "--all", "--exclude"];
    whole.contains(&arg) || arg.starts_with("--package=") || arg.starts_with("--exclude=")
}

/// What the test runners' closing lines add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// Reads `test result: ok. 13 passed; 0 failed; 1 ignored; …`; other lines say nothing.
    fn read(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in counts.split([';', '.']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up_and_others_do_not_count() {
        let mut tally = Tally::default();
        tally.read("running 3 tests");
        tally.read("test result: ok. 13 passed; 0 failed; 1 ignored; 0 measured; 23 filtered out; finished in 0.07s");
        tally.read("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        assert_eq!(
            tally,
            Tally {
                passed: 15,
                failed: 1,
                skipped: 1
            }
        );
    }
}
