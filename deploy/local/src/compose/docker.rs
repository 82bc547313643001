//! The Docker engine and Compose, by their command lines: Compose v2 (`docker compose`), or 1.29
//! (`docker-compose`).

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::process::Command;

/// The longest that one command may take: an `up` that makes a Postgres on a busy machine.
const LIMIT: Duration = Duration::from_mins(5);
/// How much of what a failed command said is shown.
const TAIL_LINES: usize = 15;
const UNPAUSE: [&str; 1] = ["unpause"];
/// Nothing is worth more than two seconds of waiting when all of it goes.
const DOWN: [&str; 5] = ["down", "--volumes", "--remove-orphans", "--timeout", "2"];

/// Runs `docker` and returns what it printed.
pub(super) async fn docker(args: &[&str]) -> Result<String> {
    let mut command = Command::new("docker");
    command.args(args);
    output(command).await
}

/// One Compose project. Dropping it removes everything that it started, volumes included.
#[derive(Debug)]
pub(super) struct Project {
    compose: &'static [&'static str],
    name: String,
    env: Vec<(String, String)>,
    started: bool,
}

impl Project {
    /// A project that has started nothing; `env` is what compose.yaml is filled in with.
    pub(super) async fn new(name: String, env: Vec<(String, String)>) -> Result<Self> {
        Ok(Self {
            compose: find_compose().await?,
            name,
            env,
            started: false,
        })
    }

    /// Runs Compose and returns what it printed.
    pub(super) async fn compose(&mut self, args: &[&str]) -> Result<String> {
        self.started = true;
        output(self.command(args).into()).await
    }

    /// The ids of a service's containers, also of those that have ended.
    pub(super) async fn containers(&self, service: &str) -> Result<Vec<String>> {
        let project = format!("label=com.docker.compose.project={}", self.name);
        let service = format!("label=com.docker.compose.service={service}");
        let ids = docker(&["ps", "-aq", "--filter", &project, "--filter", &service]).await?;
        Ok(ids.split_whitespace().map(str::to_owned).collect())
    }

    /// The id of a service's one container.
    pub(super) async fn container(&self, service: &str) -> Result<String> {
        let ids = self.containers(service).await?;
        let [id] = ids.as_slice() else {
            bail!("{service} has {} containers", ids.len());
        };
        Ok(id.clone())
    }

    /// The network that all containers share.
    pub(super) fn network(&self) -> String {
        format!("{}_default", self.name)
    }

    /// Removes everything.
    pub(super) async fn down(&mut self) -> Result<()> {
        // What is paused cannot be stopped; that nothing is paused is no error worth telling.
        let _ = self.compose(&UNPAUSE).await;
        self.compose(&DOWN).await?;
        self.started = false;
        Ok(())
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(self.compose[0]);
        command
            .args(&self.compose[1..])
            .arg("--project-name")
            .arg(&self.name)
            .arg("--file")
            .arg(super::file())
            .args(args)
            .envs(self.env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null());
        command
    }

    /// As [`down`](Self::down), where nothing can be awaited: on Ctrl-C, after a failure.
    fn down_now(&self) -> Result<()> {
        let _ = self.command(&UNPAUSE).output();
        let ended = self.command(&DOWN).output().context("running Compose")?;
        if ended.status.success() {
            return Ok(());
        }
        Err(anyhow!("{}", tail(&ended.stderr)))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.started
            && let Err(error) = self.down_now()
        {
            eprintln!(
                "could not remove the containers of {}: {error:#}",
                self.name
            );
        }
    }
}

async fn find_compose() -> Result<&'static [&'static str]> {
    const KNOWN: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
    for compose in KNOWN {
        let mut command = Command::new(compose[0]);
        command.args(&compose[1..]).arg("version");
        if output(command).await.is_ok() {
            return Ok(compose);
        }
    }
    bail!("neither `docker compose` nor `docker-compose` is here")
}

/// What a command printed, if it succeeds.
async fn output(mut command: Command) -> Result<String> {
    // Ctrl-C on the terminal goes to this tool alone, which then ends what it started in order.
    command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .process_group(0);
    let words = format!("{:?}", command.as_std());
    let ended = tokio::time::timeout(LIMIT, command.output())
        .await
        .with_context(|| format!("{words} takes longer than {LIMIT:?}"))?
        .with_context(|| format!("running {words}"))?;
    if !ended.status.success() {
        bail!("{words} failed ({}): {}", ended.status, tail(&ended.stderr));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

fn tail(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
