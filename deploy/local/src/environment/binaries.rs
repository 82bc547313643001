//! Building the programs of this workspace, and finding what was built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};
use cargo_metadata::{Message, Metadata, MetadataCommand};
use tokio::process::Command;

use super::services::Service;
use crate::console::Console;

/// The marketplace sandbox's package and program.
pub(crate) const SANDBOX: &str = "countersign-marketplace-sandbox";
/// This tool's own program, and its package.
pub(crate) const TOOL: &str = "countersign";
const TOOL_PACKAGE: &str = "countersign-local";

/// How the services are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Quickly.
    Development,
    /// Quickly, and with the fault points that tests switch on by environment.
    WithFaults,
    /// As for production, this tool too: what is measured, and what measures.
    Release,
}

/// Built programs by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Binaries {
    by_name: BTreeMap<String, PathBuf>,
}

impl Binaries {
    /// Builds the five services and the sandbox; cargo's own progress is shown.
    pub(crate) async fn build(how: Build, console: &Console) -> Result<Self> {
        let mut args = vec!["build".to_owned()];
        for package in packages() {
            args.extend(["--package".to_owned(), package]);
        }
        match how {
            Build::Development => {}
            Build::WithFaults => args.extend(fault_features(metadata()?)),
            Build::Release => {
                args.extend(["--release", "--package", TOOL_PACKAGE].map(str::to_owned));
            }
        }
        console.say("Building the five services and the marketplace sandbox …");
        let binaries = Self::from_cargo(&args).await?;
        binaries.check_complete()?;
        Ok(binaries)
    }

    /// Runs cargo and notes every program that it names.
    pub(crate) async fn from_cargo(args: &[String]) -> Result<Self> {
        let cargo = cargo(args)
            .arg("--message-format=json-render-diagnostics")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("starting cargo")?;
        let output = cargo
            .wait_with_output()
            .await
            .context("waiting for cargo")?;
        if !output.status.success() {
            bail!("`cargo {}` failed ({})", args.join(" "), output.status);
        }
        Ok(Self {
            by_name: read_messages(&output.stdout)?,
        })
    }

    /// Programs that lie in `folder`, built by somebody else.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let present = packages().map(|name| (name.clone(), folder.join(name)));
        let binaries = Self {
            by_name: present.filter(|(_, path)| path.is_file()).collect(),
        };
        binaries
            .check_complete()
            .with_context(|| format!("looking in {}", folder.display()))?;
        Ok(binaries)
    }

    /// Where the program `name` lies.
    pub(crate) fn path(&self, name: &str) -> Result<&Path> {
        self.by_name
            .get(name)
            .map(PathBuf::as_path)
            .ok_or_else(|| anyhow!("{name} was not built"))
    }

    /// The folder that the programs lie in.
    pub(crate) fn folder(&self) -> Result<&Path> {
        self.path(SANDBOX)?
            .parent()
            .ok_or_else(|| anyhow!("a program without a folder"))
    }

    /// An error unless all six programs are there.
    pub(crate) fn check_complete(&self) -> Result<()> {
        packages().try_for_each(|name| self.path(&name).map(drop))
    }
}

/// The packages whose programs make up a running system; each program has its package's name.
fn packages() -> impl Iterator<Item = String> {
    Service::ALL
        .into_iter()
        .map(Service::program)
        .chain(std::iter::once(SANDBOX.to_owned()))
}

/// The arguments that put the fault points into every package that has any.
pub(crate) fn fault_features(metadata: &Metadata) -> Vec<String> {
    let with_faults = metadata
        .packages
        .iter()
        .filter(|package| package.features.contains_key("faults"));
    let features: Vec<_> = with_faults
        .map(|package| format!("{}/faults", package.name))
        .collect();
    if features.is_empty() {
        Vec::new()
    } else {
        vec!["--features".to_owned(), features.join(",")]
    }
}

/// What cargo knows of this workspace: asked once, since it takes its time.
pub(crate) fn metadata() -> Result<&'static Metadata> {
    static KNOWN: OnceLock<Metadata> = OnceLock::new();
    if let Some(known) = KNOWN.get() {
        return Ok(known);
    }
    let asked = MetadataCommand::new()
        .current_dir(workspace())
        .no_deps()
        .exec();
    let known = asked.context("asking cargo about this workspace")?;
    Ok(KNOWN.get_or_init(|| known))
}

/// Cargo, run in this workspace.
pub(crate) fn cargo(args: &[String]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(workspace())
        .stdin(Stdio::null());
    command
}

/// The root of this workspace, from which this tool is always run.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read_messages(output: &[u8]) -> Result<BTreeMap<String, PathBuf>> {
    let mut programs = BTreeMap::new();
    for message in Message::parse_stream(output) {
        // Test harnesses are executables too; only the programs themselves are wanted.
        if let Message::CompilerArtifact(artifact) = message.context("reading what cargo says")?
            && !artifact.profile.test
            && let Some(executable) = artifact.executable
        {
            programs.insert(artifact.target.name, executable.into_std_path_buf());
        }
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_and_the_sandbox_are_looked_for() {
        let names: Vec<_> = packages().collect();
        assert_eq!(names.len(), 6);
        assert!(names.contains(&"countersign-disbursement-reconciliation".to_owned()));
    }

    #[test]
    fn a_folder_that_lacks_one_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = Binaries::in_folder(folder.path()).unwrap_err();
        assert!(
            format!("{error:#}").contains("countersign-estimate"),
            "{error:#}"
        );
    }
}
