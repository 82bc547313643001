//! Installing Debian's packages, when we may, and saying so first.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::system_user::is_root;
use crate::console::Console;

/// Installs `packages` by apt-get as root, or through a sudo that asks for no password.
pub(crate) fn install(packages: &[&str], console: &Console) -> Result<()> {
    if !runs("apt-get", &["--version"]) {
        bail!("this machine has no apt-get");
    }
    let Some(prefix) = privilege() else {
        bail!("neither root nor a sudo without password: nothing was installed");
    };
    console.say(format_args!(
        "This machine lacks {}. Installing Debian's packages now; servers that the packages \
         themselves may start are not used.",
        packages.join(" and ")
    ));
    let step = console.step("apt-get update");
    // An old list may still do, and the install will tell.
    let updated = apt(prefix, &["update"]);
    match updated {
        Ok(()) => step.done(""),
        Err(error) => step.failed(format_args!("{error:#}")),
    }
    let step = console.step(format!("apt-get install {}", packages.join(" ")));
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(packages);
    apt(prefix, &args)?;
    step.done("");
    Ok(())
}

/// What to put before a command so that it runs as root; `None` if nothing would.
fn privilege() -> Option<&'static [&'static str]> {
    if is_root() {
        return Some(&[]);
    }
    runs("sudo", &["--non-interactive", "true"]).then_some(&["sudo", "--non-interactive"])
}

fn apt(prefix: &[&str], args: &[&str]) -> Result<()> {
    // `env` because sudo drops the caller's environment. RUNLEVEL=1 keeps the packages from starting
    // servers of their own where the machine's start scripts look at it.
    let mut words = prefix.to_vec();
    words.extend([
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "RUNLEVEL=1",
        "apt-get",
        "--quiet",
    ]);
    words.extend(args);
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .context("running apt-get")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("apt-get {} failed: {}", args.join(" "), said.trim());
    }
    Ok(())
}

fn runs(program: &str, args: &[&str]) -> bool {
    let quiet = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}
