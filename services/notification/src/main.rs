//! The notification service's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign_notification::service().run(countersign_notification::compose)
}
