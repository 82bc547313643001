//! `cargo countersign …`: see `countersign_local::commands`.

use std::process::ExitCode;

use clap::Parser;
use countersign_local::{cli::Cli, commands};
use tokio::signal::unix::{SignalKind, signal};

/// What shells take as "ended by Ctrl-C".
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = tokio::select! {
        // First, so that a Ctrl-C that also ends a child counts as a Ctrl-C.
        biased;
        () = told_to_stop() => Err(None),
        result = commands::run(cli) => result.map_err(Some),
    };
    // By now the command is dropped, and everything that it started has ended.
    match code {
        Ok(()) => ExitCode::SUCCESS,
        Err(None) => {
            eprintln!("\nStopped; nothing is left running.");
            ExitCode::from(INTERRUPTED)
        }
        Err(Some(error)) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ctrl-C, a polite kill, or the terminal's end.
async fn told_to_stop() {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let waits = kinds.into_iter().filter_map(|kind| signal(kind).ok());
    let waits = waits.map(|mut signal| Box::pin(async move { signal.recv().await }));
    futures::future::select_all(waits).await;
}
