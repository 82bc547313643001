//! Where Postgres and nats-server come from: given, found, or installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::packages;
use crate::console::Console;

/// The oldest Postgres that will do.
const OLDEST_POSTGRES: u32 = 15;
/// Below this, nats-server ignores some settings without a word (it still serves everything here).
const ADVISED_NATS: (u32, u32) = (2, 10);

/// Programs of the servers that are not given by URL.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs {
    /// The folder with `initdb` and `postgres`.
    pub(crate) postgres: Option<PathBuf>,
    /// `nats-server`.
    pub(crate) nats: Option<PathBuf>,
}

/// Which servers this run must start itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs {
    pub(crate) postgres: bool,
    pub(crate) nats: bool,
}

/// Finds what is needed on PATH or in Debian's places, and installs what is missing where it may.
pub(crate) fn find(needs: Needs, console: &Console) -> Result<Programs> {
    let mut programs = look(needs);
    let missing = missing(needs, &programs);
    if !missing.is_empty() {
        packages::install(&missing, console).with_context(|| three_ways(&missing))?;
        programs = look(needs);
    }
    if !self::missing(needs, &programs).is_empty() {
        bail!(three_ways(&missing));
    }
    check_versions(&programs, console)?;
    Ok(programs)
}

fn look(needs: Needs) -> Programs {
    Programs {
        postgres: needs.postgres.then(postgres_folder).flatten(),
        nats: needs.nats.then(nats_server).flatten(),
    }
}

fn missing(needs: Needs, programs: &Programs) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if needs.postgres && programs.postgres.is_none() {
        missing.push("postgresql");
    }
    if needs.nats && programs.nats.is_none() {
        missing.push("nats-server");
    }
    missing
}

fn three_ways(missing: &[&str]) -> String {
    let packages = missing.join(" ");
    format!(
        "this machine lacks: {packages}. Three ways out:\n  \
         1. install them:  sudo apt-get update && sudo apt-get install {packages}\n  \
         2. put `initdb`, `postgres` and `nats-server` of your own on PATH (Postgres {OLDEST_POSTGRES} or newer)\n  \
         3. name running servers:  COUNTERSIGN_POSTGRES_ADMIN_URL=postgres://…  COUNTERSIGN_NATS_URL=nats://…"
    )
}

/// The newest Postgres that has both programs: on PATH first, else where Debian keeps them.
fn postgres_folder() -> Option<PathBuf> {
    let complete =
        |folder: &Path| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    if let Some(folder) = path_folders().into_iter().find(|folder| complete(folder)) {
        return Some(folder);
    }
    let entries = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |folder: &PathBuf| -> Option<u32> { folder.file_name()?.to_str()?.parse().ok() };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| complete(&folder.join("bin")))
        .max_by_key(version)
        .map(|folder| folder.join("bin"))
}

fn nats_server() -> Option<PathBuf> {
    let debian = ["/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map(PathBuf::from);
    let mut folders = path_folders().into_iter().chain(debian);
    folders.find_map(|folder| Some(folder.join("nats-server")).filter(|file| file.is_file()))
}

fn path_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

fn check_versions(programs: &Programs, console: &Console) -> Result<()> {
    if let Some(folder) = &programs.postgres {
        let (major, _) = version(&folder.join("postgres"))?;
        if major < OLDEST_POSTGRES {
            bail!(
                "{} is Postgres {major}; {OLDEST_POSTGRES} or newer is needed",
                folder.display()
            );
        }
    }
    if let Some(program) = &programs.nats {
        let found = version(program)?;
        if found < ADVISED_NATS {
            let (major, minor) = found;
            console.say(format_args!(
                "  ! nats-server {major}.{minor} serves; for production take 2.12 or newer"
            ));
        }
    }
    Ok(())
}

fn version(program: &Path) -> Result<(u32, u32)> {
    let asked = Command::new(program).arg("--version").output();
    let output = asked.with_context(|| format!("asking {} for its version", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    parse_version(&text)
        .with_context(|| format!("{} tells no version but {text:?}", program.display()))
}

/// The first `major.minor` in what a program says about itself.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut parts = word
            .trim_start_matches('v')
            .split(|c: char| !c.is_ascii_digit());
        let major = parts.next()?.parse().ok()?;
        let minor = parts
            .next()
            .and_then(|minor| minor.parse().ok())
            .unwrap_or(0);
        Some((major, minor))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_programs_tell_them() {
        let cases = [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                Some((15, 18)),
            ),
            ("postgres (PostgreSQL) 18beta1", Some((18, 0))),
            ("nats-server: v2.9.10", Some((2, 9))),
            ("nothing here", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_version(text), expected, "{text}");
        }
    }

    #[test]
    fn the_error_names_the_three_ways_out() {
        let text = three_ways(&["postgresql", "nats-server"]);
        for way in [
            "apt-get install postgresql nats-server",
            "PATH",
            "COUNTERSIGN_NATS_URL",
        ] {
            assert!(text.contains(way), "{text}");
        }
    }
}
