//! The estimate service: `provision`, `migrate`, `check`, `serve`.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign_estimate::service().run(countersign_estimate::compose)
}
