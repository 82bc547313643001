//! The system of deploy/compose: the same services, in containers, seen from outside.
//!
//! - `prepare`: secrets and the NATS configuration, which the containers mount
//! - `docker`: the engine and Compose, by their command lines
//! - `images`: making the images
//! - `system`: one running system with its endpoints; what may befall its containers

mod docker;
#[cfg(test)]
mod file_check;
mod images;
mod prepare;
mod system;

use std::path::PathBuf;

use crate::environment::workspace;

pub(crate) use images::ensure as ensure_images;
pub(crate) use prepare::Prepared;
pub(crate) use system::{Containers, Fault, NATS, POSTGRES};

/// deploy/compose.
pub(crate) fn folder() -> PathBuf {
    let folder = workspace().join("deploy/compose");
    folder.canonicalize().unwrap_or(folder)
}

/// The compose file.
pub(crate) fn file() -> PathBuf {
    folder().join("compose.yaml")
}
