//! The offer service's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign_offer::service().run(countersign_offer::compose)
}
