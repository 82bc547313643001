//! What the processes of a run have logged.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::services::Service;

/// Copies every process's log of `folder` to another, which outlives the run.
pub(crate) fn copy(folder: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).context("making the folder for logs")?;
    for log in all(folder)? {
        let name = log.file_name().context("a log without a name")?;
        std::fs::copy(&log, to.join(name)).context("copying a log")?;
    }
    Ok(())
}

/// The lines that hold one of `texts`.
pub(crate) fn lines_with(folder: &Path, texts: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for log in all(folder)? {
        let said = std::fs::read(&log).context("reading a log")?;
        let said = String::from_utf8_lossy(&said);
        let holds = |line: &&str| texts.iter().any(|text| line.contains(text));
        found.extend(said.lines().filter(holds).map(str::to_owned));
    }
    Ok(found)
}

/// Every process's log: there is one for each service at least.
fn all(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).context("looking for logs")?;
    let paths: std::io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut logs = paths.context("looking for logs")?;
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    ensure!(
        logs.len() >= Service::ALL.len(),
        "only {} logs are there",
        logs.len()
    );
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_tells_is_found_and_no_logs_are_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let telling = ["p123".to_owned()];
        assert!(lines_with(folder.path(), &telling).is_err());
        for service in Service::ALL {
            let log = folder.path().join(format!("{service}.log"));
            std::fs::write(log, "quiet\n").unwrap();
        }
        std::fs::write(folder.path().join("password"), "p123").unwrap();
        assert_eq!(lines_with(folder.path(), &telling).unwrap(), [""; 0]);
        let log = folder.path().join("postgres.log");
        std::fs::write(log, "quiet\nthe password is p123\n").unwrap();
        assert_eq!(
            lines_with(folder.path(), &telling).unwrap(),
            ["the password is p123"]
        );
        let kept = folder.path().join("kept");
        copy(folder.path(), &kept).unwrap();
        assert!(kept.join("postgres.log").exists() && !kept.join("password").exists());
    }
}
