//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::environment::External;

/// Countersign on one machine: set up, play, test.
///
/// Needs Postgres (15 or newer) and nats-server: given by URL, found on PATH or in Debian's place, or
/// installed from Debian's packages, in that order. What it starts is private to the run, listens on
/// 127.0.0.1 only, and is gone afterwards, also after Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "cargo countersign", bin_name = "cargo countersign", version)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) servers: ServerArgs,
}

/// Servers and programs that are there already.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Instead of starting or building it")]
pub(crate) struct ServerArgs {
    /// A running Postgres, as a superuser; a database of its own is made there and dropped afterwards
    #[arg(
        long,
        global = true,
        env = "COUNTERSIGN_POSTGRES_ADMIN_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    postgres_admin_url: Option<String>,
    /// A running NATS with JetStream, with credentials that may do everything
    #[arg(
        long,
        global = true,
        env = "COUNTERSIGN_NATS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    nats_url: Option<String>,
    /// A folder with the built programs
    #[arg(
        long,
        global = true,
        env = "COUNTERSIGN_BIN_DIR",
        value_name = "FOLDER"
    )]
    pub(crate) bin_dir: Option<PathBuf>,
    /// An OpenTelemetry collector that traces are sent to, by OTLP over gRPC: `http://127.0.0.1:4317`
    #[arg(
        long,
        global = true,
        env = "COUNTERSIGN_OTLP_ENDPOINT",
        value_name = "URL"
    )]
    pub(crate) collector: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plays the deals that show the main job: from an estimate to reconciled cash
    Demo,
    /// Runs every test of the workspace against a real Postgres and NATS
    #[command(trailing_var_arg = true)]
    Test {
        /// Passed on to `cargo test`, such as a filter or `-p countersign-offer`
        #[arg(allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Takes figures, each as a ratio to what this machine gives in the same run; builds for release first
    Bench,
    /// Plays the deals in containers, while containers die, stop, and are cut off; needs Docker
    E2e {
        /// Only these faults, such as `kill:nats` or `pause`; may be repeated
        #[arg(long, value_name = "FAULT[:CONTAINER]")]
        only: Vec<String>,
    },
    /// Writes what deploy/compose needs: passwords and the NATS configuration; safe to run again
    Prepare {
        /// Where to; default: deploy/compose/run
        folder: Option<PathBuf>,
    },
    /// Takes mail and webhooks and delivers to nobody: what runs in a container
    #[command(hide = true)]
    Catcher {
        /// Where SMTP listens
        #[arg(long)]
        smtp: SocketAddr,
        /// Where webhooks and `GET /mails` are answered
        #[arg(long)]
        http: SocketAddr,
        /// The folder for mail
        #[arg(long)]
        mail: PathBuf,
    },
    /// Starts everything, prints where it is, and stays until Ctrl-C
    Up,
    /// Prints a bearer token for what `up` has started, or for deploy/compose
    Token(TokenArgs),
    /// Plays a deal file of yours; `deploy/local/deals` has examples
    Play {
        /// The deal file
        file: PathBuf,
        /// Stay afterwards, until Ctrl-C
        #[arg(long)]
        keep: bool,
        /// Use what `up` has started, instead of starting
        #[arg(long, conflicts_with = "keep")]
        against_up: bool,
    },
}

/// Whom a token is for.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// What the bearer may be, such as `legal`; once for each role
    #[arg(long)]
    pub(crate) role: Vec<String>,
    /// The tenant
    #[arg(long, default_value = "acme")]
    pub(crate) seller: String,
    /// The person, or `service:<name>`
    #[arg(long, default_value = "you@acme.example")]
    pub(crate) subject: String,
    /// How long it counts: 90s, 15m, 1h, 2d
    #[arg(long, default_value = "1h", value_parser = crate::commands::token::time)]
    pub(crate) ttl: std::time::Duration,
    /// For deploy/compose, whose issuer `prepare` has made, rather than for `up`
    #[arg(long)]
    pub(crate) compose: bool,
}

impl ServerArgs {
    pub(crate) fn external(&self) -> External {
        External {
            postgres_admin_url: self.postgres_admin_url.clone(),
            nats_url: self.nats_url.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_test_is_cargos() {
        let cli = Cli::parse_from([
            "countersign",
            "test",
            "-p",
            "countersign-offer",
            "--",
            "--nocapture",
        ]);
        let Command::Test { args } = cli.command else {
            panic!("no test")
        };
        assert_eq!(args, ["-p", "countersign-offer", "--", "--nocapture"]);
    }
}
