//! A process that cannot start says why, and ends.

use std::process::Command;

/// Runs the service's program with one variable, and returns whether it went well and what it said.
fn started(variable: &str, value: &str) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign-estimate"))
        .arg("check")
        .env_clear()
        .env(variable, value)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), said)
}

/// A misspelt key of a manifest is not passed over: it is named, with the one that was meant.
#[test]
fn a_misspelt_setting_is_named() {
    for (variable, value, told) in [
        (
            "COUNTERSIGN_NATS_ULR",
            "nats://us:hunter2@nats",
            "COUNTERSIGN_NATS_ULR (is it COUNTERSIGN_NATS_URL?)",
        ),
        (
            "COUNTERSIGN_OFFER__SELLER",
            "hunter2",
            "COUNTERSIGN_OFFER__SELLER",
        ),
        (
            "COUNTERSIGN_TASK_CONCURRENCY",
            "many",
            "key \\\"TASK_CONCURRENCY",
        ),
    ] {
        let (well, said) = started(variable, value);
        assert!(!well && said.contains(told), "{variable}: {said}");
        assert!(
            said.contains("ERROR") && !said.contains("hunter2"),
            "{said}"
        );
    }
}
