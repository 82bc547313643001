//! The approval service's process.

use std::process::ExitCode;

use countersign_approval::compose;
use countersign_approval::service;

fn main() -> ExitCode {
    service().run(compose)
}
