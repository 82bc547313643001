//! What the deployment manifests have to agree with, as the code has it: `tests/manifests/code.json`.
//! `tests/manifests/check` holds it against deploy/kubernetes, both ways (P1, P4, P5).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use countersign_local::environment::Service;
use countersign_platform::{Settings, grpc};
use serde_json::{Value, json};

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// A service's section with its defaults; none when it has none.
fn section(service: Service) -> Value {
    match service {
        Service::Estimate => Ok(Value::Null),
        Service::Approval => {
            serde_json::to_value(countersign_approval::config::ApprovalConfig::default())
        }
        Service::Offer => serde_json::to_value(countersign_offer::OfferConfig::default()),
        Service::Notification => {
            serde_json::to_value(countersign_notification::NotificationConfig::default())
        }
        Service::DisbursementReconciliation => serde_json::to_value(
            countersign_disbursement_reconciliation::DisbursementReconciliationConfig::default(),
        ),
    }
    .unwrap()
}

fn subcommands(service: Service) -> Vec<String> {
    let service = match service {
        Service::Estimate => countersign_estimate::service(),
        Service::Approval => countersign_approval::service(),
        Service::Offer => countersign_offer::service(),
        Service::Notification => countersign_notification::service(),
        Service::DisbursementReconciliation => countersign_disbursement_reconciliation::service(),
    };
    let command = service.command();
    let names = command
        .get_subcommands()
        .map(|one| one.get_name().to_owned());
    names.collect()
}

/// The environment that the sandbox reads, from its source: clap keeps it in a binary's private type.
fn sandbox_environment() -> Vec<String> {
    let source = read("marketplace-sandbox/src/main.rs");
    let mut names: Vec<_> = source
        .split("env = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect();
    names.sort();
    assert!(
        names.len() > 5,
        "the sandbox's environment is read otherwise now"
    );
    names
}

/// What the tool's `catcher` is told: the words that may follow, options only.
fn catcher_arguments() -> Vec<String> {
    let tool = countersign_local::cli::Cli::command();
    let catcher = tool.find_subcommand("catcher").unwrap();
    let options = catcher.get_arguments().filter(|one| !one.is_global_set());
    let options = options.filter_map(|one| one.get_long().map(|long| format!("--{long}")));
    std::iter::once("catcher".to_owned())
        .chain(options)
        .collect()
}

#[test]
fn code_json_is_what_the_code_says() {
    let services: BTreeMap<_, _> = Service::ALL
        .into_iter()
        .map(|service| {
            let hears: Vec<_> = service.hears().iter().map(|heard| heard.schema()).collect();
            let facts = json!({
                "program": service.program(),
                "schema": service.schema(),
                "stream": service.stream(),
                "hears": hears,
                "section": section(service),
                "subcommands": subcommands(service),
            });
            (service.name(), facts)
        })
        .collect();
    let code = json!({
        "settings": serde_json::to_value(Settings::default()).unwrap(),
        "services": services,
        "probes": ["", grpc::LIVENESS, grpc::READINESS, grpc::EVENTS],
        "programs": {
            "countersign-marketplace-sandbox": { "environment": sandbox_environment() },
            "countersign": { "environment": [], "arguments": catcher_arguments() },
        },
    });
    let code = format!("{code:#}\n");
    let written = read("manifests/code.json");
    if code != written {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("code.json");
        fs::write(&fresh, &code).unwrap();
        panic!(
            "tests/manifests/code.json is old: look at the difference to {}, and take it",
            fresh.display()
        );
    }
}
