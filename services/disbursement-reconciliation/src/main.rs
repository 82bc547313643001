//! The process.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign_disbursement_reconciliation::service()
        .run(countersign_disbursement_reconciliation::compose)
}
