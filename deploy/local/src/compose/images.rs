//! The images: by the Dockerfile where its bases can be pulled, else from this machine's packages and
//! programs by `deploy/images/offline`.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::docker::docker;
use crate::console::Console;
use crate::environment::workspace;

/// Servers of compose.yaml that come from a registry.
const PULLED: [&str; 2] = ["postgres:15", "nats:2"];
/// Its being there tells that this machine makes its images itself.
const OFFLINE_BASE: &str = "countersign-base:offline";
/// Images and the Dockerfile's targets that they are made by.
const BUILT: [(&str, &str); 2] = [("countersign", "countersign"), ("countersign-dev", "dev")];

/// Makes every image that is missing or is not of `programs`, the folder of what was built just now.
pub(crate) async fn ensure(programs: &Path, console: &Console) -> Result<()> {
    if docker(&["info"]).await.is_err() {
        bail!("no Docker engine answers: start one, or be a user who may use it");
    }
    if pulled(console).await {
        return build(console).await;
    }
    let mut command = Command::new(workspace().join("deploy/images/offline"));
    command.arg("--bin-dir").arg(programs);
    run(command).await
}

async fn pulled(console: &Console) -> bool {
    if docker(&["image", "inspect", OFFLINE_BASE]).await.is_ok() {
        return false;
    }
    for image in PULLED {
        if docker(&["image", "inspect", image]).await.is_ok() {
            continue;
        }
        let step = console.step(format!("docker pull {image}"));
        if docker(&["pull", "--quiet", image]).await.is_err() {
            step.done("no registry answers: images are made from Debian's packages");
            return false;
        }
        step.done("");
    }
    true
}

async fn build(console: &Console) -> Result<()> {
    for (image, target) in BUILT {
        console.say(format_args!("Building the image {image} …"));
        let mut command = Command::new("docker");
        command
            .args(["build", "--tag", image, "--target", target, "--file"])
            .args(["deploy/images/Dockerfile", "."])
            .env("DOCKER_BUILDKIT", "1");
        run(command).await?;
    }
    Ok(())
}

/// Runs a command that shows its own progress.
async fn run(mut command: Command) -> Result<()> {
    command
        .current_dir(workspace())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = command.status().await.context("making images")?;
    if !ended.success() {
        bail!("making images failed ({ended})");
    }
    Ok(())
}
