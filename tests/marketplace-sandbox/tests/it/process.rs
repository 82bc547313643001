//! The sandbox as a process: says where it listens, and stops when asked.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[tokio::test]
async fn it_says_where_it_listens_and_stops_on_sigterm() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign-marketplace-sandbox"))
        .args([
            "--no-rate-limit",
            "--listing-fee",
            "0.005",
            "--access-key",
            "AKIA1=111122223333",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["listening"].as_str().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let alive = http
        .get(format!("http://{address}/healthz"))
        .send()
        .await
        .unwrap();
    assert!(alive.status().is_success());

    let started = Instant::now();
    assert!(
        Command::new("kill")
            .arg(child.id().to_string())
            .status()
            .unwrap()
            .success()
    );
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(started.elapsed() < Duration::from_secs(5));
}
