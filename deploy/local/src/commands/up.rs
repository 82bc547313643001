//! `up`: everything starts and stays.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{lasting_folder, show, start, stay};
use crate::cli::ServerArgs;
use crate::console::Console;
use crate::environment::Endpoints;

pub(super) async fn run(servers: &ServerArgs, console: &Console) -> Result<()> {
    let environment = start(servers, console).await?;
    let endpoints = environment.endpoints();
    let note = Note::write(endpoints)?;
    console.heading("Everything is up.");
    console.say(show::endpoints(endpoints));
    let estimate = endpoints.address(crate::environment::Service::Estimate)?;
    console.say(format_args!(
        "\nTry, from another terminal:\n  \
         cargo countersign play deploy/local/deals/handbook.yaml --against-up\n  \
         grpcurl -plaintext {estimate} list\n\n\
         Ctrl-C ends it and leaves nothing."
    ));
    stay().await;
    drop(note);
    Ok(())
}

/// Where the running `up` is.
pub(super) fn endpoints() -> Result<Endpoints> {
    let file = Note::file()?;
    let text = std::fs::read_to_string(&file);
    let text = text.context("nothing is up: run `cargo countersign up` in another terminal")?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
}

/// A file that tells other processes where the system is; removed on drop.
struct Note(PathBuf);

impl Note {
    fn file() -> Result<PathBuf> {
        Ok(lasting_folder("up")?.join("endpoints.json"))
    }

    fn write(endpoints: &Endpoints) -> Result<Self> {
        let file = Self::file()?;
        let text = serde_json::to_string_pretty(endpoints)?;
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        Ok(Self(file))
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}
