//! The folder of one run: data, sockets, logs, secrets. It goes when the run goes.
//!
//! A run that was killed outright cannot clean up, so each start removes what dead runs left: a
//! live run holds a lock on a file in its folder, and the kernel gives the lock back at its death.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::system_user::SystemUser;

const PREFIX: &str = "countersign-run-";
const LOCK: &str = "in-use.lock";

/// A fresh folder, removed on drop.
#[derive(Debug)]
pub(crate) struct RunFolder {
    folder: TempDir,
    _lock: File,
}

impl RunFolder {
    /// Removes what dead runs left, then makes a new folder.
    pub(crate) fn create() -> Result<Self> {
        sweep(&std::env::temp_dir());
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("making a folder for this run")?;
        let lock = File::create(folder.path().join(LOCK)).context("making the run's lock")?;
        lock.lock().context("taking the run's lock")?;
        // A server under another account must be able to walk through to its own folder.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A private subfolder, made now, owned by `owner` when one is named.
    pub(crate) fn subfolder(&self, name: &str, owner: Option<&SystemUser>) -> Result<PathBuf> {
        let path = self.path().join(name);
        let made = fs::create_dir_all(&path)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o700)))
            .and_then(|()| own(&path, owner));
        made.with_context(|| format!("making the folder {}", path.display()))?;
        Ok(path)
    }

    /// A file that everybody may read.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        let written = fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o644)));
        written.with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// A file that only its owner reads.
    pub(crate) fn secret_file(
        &self,
        name: &str,
        text: &str,
        owner: Option<&SystemUser>,
    ) -> Result<PathBuf> {
        let path = self.path().join(name);
        let written = fs::write(&path, "")
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o600)))
            .and_then(|()| fs::write(&path, text))
            .and_then(|()| own(&path, owner));
        written.with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// The lines of every key and password that was written here: what no log may hold.
    pub(crate) fn secret_lines(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for entry in fs::read_dir(self.path()).context("looking for secrets")? {
            let path = entry?.path();
            let kind = path.extension().and_then(|extension| extension.to_str());
            if matches!(kind, Some("key" | "password")) {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("reading {}", path.display()))?;
                let secret = text.lines().filter(|line| !line.starts_with("-----"));
                lines.extend(secret.map(str::to_owned));
            }
        }
        Ok(lines)
    }

    /// Where the log of the process `name` goes.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}.log"))
    }
}

fn own(path: &Path, owner: Option<&SystemUser>) -> std::io::Result<()> {
    owner.map_or(Ok(()), |user| chown(path, Some(user.uid), Some(user.gid)))
}

fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for folder in entries.flatten().map(|entry| entry.path()) {
        let named = folder
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if named && is_dead(&folder) {
            // Another user's folder, or one that is being removed right now: not ours to insist.
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Dead: the lock file is there and nobody holds it. A folder without one is just being made.
fn is_dead(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_passwords_are_told_without_what_frames_them() {
        let folder = RunFolder::create().unwrap();
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n";
        folder.secret_file("a.key", pem, None).unwrap();
        folder.secret_file("b.password", "p123", None).unwrap();
        folder.file("c.pem", "public").unwrap();
        let mut lines = folder.secret_lines().unwrap();
        lines.sort();
        assert_eq!(lines, ["MC4CAQ", "p123"]);
    }

    #[test]
    fn only_dead_runs_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).unwrap();
            (File::create(folder.join(LOCK)).unwrap(), folder)
        };
        let (alive, alive_folder) = make("countersign-run-alive");
        alive.lock().unwrap();
        let (dead, dead_folder) = make("countersign-run-dead");
        drop(dead);
        let (_other, other_folder) = make("somebody-else");
        sweep(parent.path());
        assert!(alive_folder.exists() && other_folder.exists() && !dead_folder.exists());
    }
}
