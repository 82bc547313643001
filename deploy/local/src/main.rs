//! `cargo countersign …`: see `countersign_local::commands`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use countersign_local::{cli::Cli, commands};
use tokio::signal::unix::{SignalKind, signal};

/// What shells take as "ended by Ctrl-C".
const INTERRUPTED: u8 = 130;

/// How soon a signal that ended a child arrives here too.
const SAME_MOMENT: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut told = std::pin::pin!(told_to_stop());
    let ended = tokio::select! {
        biased;
        () = &mut told => None,
        result = commands::run(cli) => Some(result),
    };
    // By now the command is dropped, and everything that it started has ended.
    match ended {
        Some(Ok(())) => ExitCode::SUCCESS,
        // A Ctrl-C goes to every process of the terminal: one that failed of it counts as stopped.
        Some(Err(error)) if tokio::time::timeout(SAME_MOMENT, told).await.is_err() => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
        None | Some(Err(_)) => {
            eprintln!("\nStopped; nothing is left running.");
            ExitCode::from(INTERRUPTED)
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
