//! Two SDKs, one sandbox: boto3 (tests/clients/marketplace.py) and the Rust SDKs run the same flows, each
//! on a sandbox of its own with the same seed and a clock that stands, and must see the same.

mod buyer;
mod catalog;
mod direct;
pub(crate) mod flow;
mod requests;
mod resold;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::market::{BUYER, Market};
use flow::Seen;

/// What tests/clients/run.sh exits with when Python or boto3 cannot be had.
const CANNOT: i32 = 77;

async fn market() -> Market {
    Market::with(|config| {
        config.settings.preparing_ms = 0;
        config.settings.applying_ms = 0;
        config.settings.rate_limit = false;
        config.frozen_at = Some("2027-01-04T10:00:00Z".parse().unwrap());
        config.access_keys.push(flow::buyer_key());
        let by_hand = format!("{}={BUYER}", buyer::BY_HAND);
        config.access_keys.push(by_hand.parse().unwrap());
    })
    .await
}

#[tokio::test]
async fn both_sdks_get_the_same_answers() {
    for flow in [
        "direct",
        "catalog",
        "resale",
        "reusable",
        "milestones",
        "change_order",
        "buyer",
    ] {
        let own = market().await;
        let mut seen = Seen::default();
        match flow {
            "direct" => direct::run(&own, &mut seen).await,
            "catalog" => catalog::run(&own, &mut seen).await,
            "resale" => resold::run(&own, &mut seen).await,
            "reusable" => resold::reusable(&own, &mut seen).await,
            "milestones" => requests::milestones(&own, &mut seen).await,
            "change_order" => requests::change_order(&own, &mut seen).await,
            "buyer" => buyer::run(&own, &mut seen).await,
            other => panic!("no flow {other}"),
        }
        let Some(theirs) = python(flow).await else {
            return;
        };
        compare(flow, &seen.0, &theirs);
    }
}

/// What boto3 must see of the queue; there is no second SDK here to compare it with.
#[tokio::test]
async fn boto3_reads_the_queue_of_events() {
    let Some(seen) = python("events").await else {
        return;
    };
    let released = ["Offer Released", "Offer Released", "Change Set Succeeded"];
    let expected = [
        json!({ "step": "queued", "count": "3" }),
        json!({ "step": "received", "kinds": released, "same": true, "digests": true, "counts": ["1", "1", "1"] }),
        json!({ "step": "hidden", "none": true }),
        json!({ "step": "shown again", "same": true }),
        json!({ "step": "deleted", "none": true }),
        json!({ "step": "lost", "none": true }),
        json!({ "step": "no such queue", "code": "AWS.SimpleQueueService.NonExistentQueue", "status": 400,
            "reason": null, "resource": null, "kind": null }),
    ];
    compare("events", &expected, &seen);
}

/// What boto3 must see of approvals, which the Rust SDK's model has not.
#[tokio::test]
async fn boto3_goes_through_approvals() {
    let Some(seen) = python("approvals").await else {
        return;
    };
    let refused = |step: &str, reason: &str| {
        json!({ "step": step, "code": "ValidationException", "status": 400, "reason": reason,
            "resource": null, "kind": null })
    };
    let request = |step: &str, status: &str, made: bool, order: Option<&str>| {
        json!({ "step": step, "status": status, "requirement": "REQUIRED", "intent": "NEW",
            "made": made, "orders": [order] })
    };
    let approval = |step: &str, levels: Value| {
        json!({ "step": step, "status": "PENDING_APPROVAL", "note": "For Q1",
            "product": "Handbook Professional Services", "levels": levels })
    };
    let waits = json!(["PENDING_APPROVAL", null]);
    let started = json!({ "step": "started", "plans": [["Purchases", 2], ["Security", 1]],
        "approvals": [["Purchases", "PENDING_APPROVAL"], ["Security", "PENDING_APPROVAL"]],
        "lasts": [3600.0, 3600.0] });
    let kinds = [
        "legalTerm",
        "fixedUpfrontPricingTerm",
        "validityTerm",
        "paymentScheduleTerm",
    ];
    let expected = [
        refused("given up before", "CLOSED_AGREEMENT_REQUEST"),
        started.clone(),
        request("rejected", "REJECTED", false, None),
        refused("not approved", "REJECTED_BY_AGREEMENT_APPROVAL_POLICY"),
        started,
        refused("waiting", "PENDING_APPROVAL_AGREEMENT_REQUEST"),
        approval("asked", json!([[waits, waits], [["QUEUED", null]]])),
        refused("not yet asked", "QUEUED_AGREEMENT_APPROVAL"),
        approval(
            "one level",
            json!([[["SKIPPED", null], ["APPROVED", "Fine"]], [waits]]),
        ),
        refused("approved before", "CLOSED_AGREEMENT_APPROVAL"),
        request("approved", "APPROVED", false, Some("PO-7")),
        json!({ "step": "terms", "kinds": kinds, "same": true }),
        request("accepted", "ACCEPTED", true, Some("PO-7")),
        json!({ "step": "ordered", "orders": ["PO-7"] }),
        json!({ "step": "requests", "statuses": ["ACCEPTED", "REJECTED", "CANCELLED"] }),
        json!({ "step": "approvals", "seen": [["Security", "APPROVED"], ["Purchases", "APPROVED"],
            ["Security", "CANCELLED"], ["Purchases", "REJECTED"]] }),
        json!({ "step": "no such approval", "code": "ResourceNotFoundException", "status": 404,
            "reason": null, "resource": "apr-none", "kind": "AgreementApproval" }),
        json!({ "step": "another account", "approvals": [] }),
    ];
    // The first line is of the offer, as in every flow.
    compare("approvals", &expected, &seen[1..]);
}

fn compare(flow: &str, rust: &[Value], python: &[Value]) {
    for (ours, theirs) in rust.iter().zip(python) {
        assert_eq!(
            ours, theirs,
            "{flow}: Rust SDK or expectation left, boto3 right"
        );
    }
    assert_eq!(
        rust.len(),
        python.len(),
        "{flow}: one saw more than the other"
    );
    assert!(!rust.is_empty(), "{flow} saw nothing");
}

/// One at a time: the first makes the virtual environment for all.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What boto3 saw in a flow; none, said aloud, when there is no boto3 here.
#[expect(
    clippy::print_stderr,
    reason = "a skipped test says so to whoever runs it"
)]
async fn python(flow: &'static str) -> Option<Vec<Value>> {
    let _turn = TURN.lock().await;
    let market = market().await;
    let url = market.url.clone();
    let run = tokio::task::spawn_blocking(move || {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-venv");
        Command::new(package.join("../clients/run.sh"))
            .arg(venv)
            .args([url.as_str(), flow])
            .output()
            .unwrap()
    });
    let output = run.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Where it is seen that a test that passed compared nothing.
    let skipped = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-skipped");
    if output.status.code() == Some(CANNOT) {
        eprintln!("SKIPPED, boto3 was not compared: {}", said.trim());
        std::fs::write(skipped, said.trim()).unwrap();
        return None;
    }
    if skipped.exists() {
        std::fs::remove_file(skipped).unwrap();
    }
    assert!(output.status.success(), "{flow}: {said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}
