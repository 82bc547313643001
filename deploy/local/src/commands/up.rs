//! `up`: everything starts and stays, and a service that ends is started again.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{lasting_folder, show, start};
use crate::cli::ServerArgs;
use crate::console::Console;
use crate::environment::{Endpoints, Environment, Service, TlsFiles};

/// How often the services are looked at.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(servers: &ServerArgs, console: &Console) -> Result<()> {
    let environment = start(servers, console).await?;
    let endpoints = environment.endpoints();
    let note = Note::write(endpoints)?;
    console.heading("Everything is up.");
    console.say(show::endpoints(endpoints));
    let estimate = endpoints.address(Service::Estimate)?;
    let TlsFiles {
        authority,
        certificate,
        key,
    } = endpoints.certificates()?;
    let (authority, certificate) = (authority.display(), certificate.display());
    let key = key.display();
    console.say(format_args!(
        "\nTry, from another terminal:\n  \
         cargo countersign play deploy/local/deals/handbook.yaml --against-up\n  \
         alias grpc='grpcurl -cacert {authority} -cert {certificate} -key {key}'\n  \
         grpc {estimate} list\n  \
         grpc -H \"authorization: Bearer $(cargo countersign token --role auditor)\" \\\n    \
         {estimate} countersign.estimate.v1.EstimateService/ListEstimates\n\n\
         A service that ends is started again: kill one and see the deal go on.\n\
         Ctrl-C ends it and leaves nothing."
    ));
    let kept = keep_up(&environment, console).await;
    drop(note);
    kept
}

/// Until Ctrl-C: what ends is started again, and said.
async fn keep_up(environment: &Environment, console: &Console) -> Result<()> {
    loop {
        let ended = |service| {
            console.say(format_args!("  ! {service} has ended; starting it again"));
        };
        environment.revive(ended).await?;
        tokio::time::sleep(LOOK).await;
    }
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
        write_for_owner(&file, &text).with_context(|| format!("writing {}", file.display()))?;
        Ok(Self(file))
    }
}

/// A file that is only its owner's from the first byte on: it holds the operator's way into NATS, and a
/// signing secret.
fn write_for_owner(file: &Path, text: &str) -> std::io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let options = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .to_owned();
    options.open(file)?.write_all(text.as_bytes())
}

impl Drop for Note {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}
