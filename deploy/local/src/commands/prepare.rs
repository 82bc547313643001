//! `prepare`: what deploy/compose needs before it can start.

use std::path::PathBuf;

use anyhow::Result;

use super::from_here;
use crate::compose::{self, Prepared};
use crate::console::Console;

pub(super) fn run(folder: Option<PathBuf>, console: &Console) -> Result<()> {
    let folder = folder.unwrap_or_else(|| compose::folder().join("run"));
    Prepared::write(&folder)?;
    console.say(format_args!(
        "Passwords and the NATS configuration: {}. Now: docker compose -f {} up",
        from_here(&folder).display(),
        from_here(&compose::file()).display()
    ));
    Ok(())
}
