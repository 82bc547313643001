//! `deploy/observability`, read: what boards and alerts ask Prometheus, and what they lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

/// The beginnings of the names that services show; all else in an expression is Prometheus'.
const OURS: [&str; 2] = ["countersign_", "rpc_server_"];
const RUNBOOK: &str = "deploy/observability/runbook.md#";

#[derive(Debug, Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observability")
}

fn rules() -> Result<Vec<Rule>> {
    let text = std::fs::read_to_string(folder().join("alerts.yaml"))?;
    let rules: Rules = serde_saphyr::from_str(&text).context("alerts.yaml")?;
    Ok(rules
        .groups
        .into_iter()
        .flat_map(|group| group.rules)
        .collect())
}

fn boards() -> Result<Vec<(String, Value)>> {
    let mut boards = Vec::new();
    for entry in std::fs::read_dir(folder().join("dashboards"))? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let board = serde_json::from_str(&std::fs::read_to_string(&file)?);
        boards.push((name.clone().into_owned(), board.context(name.into_owned())?));
    }
    ensure!(boards.len() >= 3, "a board per audience");
    Ok(boards)
}

/// Every expression, with where it stands.
fn expressions() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for rule in rules()? {
        let name = rule.alert.or(rule.record).unwrap_or_default();
        found.push((format!("alerts.yaml, {name}"), rule.expr));
    }
    for (file, board) in boards()? {
        for panel in list(&board, "panels") {
            let title = panel["title"].as_str().unwrap_or_default();
            for target in list(panel, "targets") {
                let expression = target["expr"].as_str().unwrap_or_default();
                found.push((format!("{file}, {title}"), expression.to_owned()));
            }
        }
    }
    Ok(found)
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// The figures that boards and alerts name, with where: what the rules record is not among them.
pub(crate) fn named() -> Result<BTreeSet<(String, String)>> {
    let mut names = BTreeSet::new();
    for (place, expression) in expressions()? {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
        for word in words.filter(|word| OURS.iter().any(|ours| word.starts_with(ours))) {
            names.insert((place.clone(), word.to_owned()));
        }
    }
    ensure!(names.len() > 20, "the scan found only {names:?}");
    Ok(names)
}

/// The name in a line of what Prometheus scrapes.
pub(crate) fn shown(line: &str) -> Option<&str> {
    let end = line.find(['{', ' '])?;
    (!line.starts_with('#')).then(|| &line[..end])
}

pub(crate) fn are_read_by_prometheus() -> Result<()> {
    let Some(promtool) = promtool() else {
        println!("SKIPPED: promtool is not installed (Debian: package prometheus), so neither the");
        println!("SKIPPED: rules, nor their tests, nor the boards' expressions were read by it");
        return Ok(());
    };
    let folder = folder();
    let run = |arguments: &[&str]| -> Result<()> {
        let done = Command::new(&promtool)
            .args(arguments)
            .current_dir(&folder)
            .output()?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned()
            + &String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "promtool {arguments:?}: {said}");
        Ok(())
    };
    run(&["check", "rules", "alerts.yaml"])?;
    run(&["test", "rules", "alerts_test.yaml"])?;
    run(&["check", "config", "prometheus.yml"])?;
    // An expression on a board has no file of its own that promtool would read.
    for (place, expression) in expressions()? {
        let expression = expression.replace("$__rate_interval", "5m");
        let rules = json!({ "groups": [
            { "name": "board", "rules": [{ "record": "board", "expr": expression }] }
        ] });
        let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
        std::fs::write(file.path(), rules.to_string())?;
        let path = file.path().to_string_lossy();
        run(&["check", "rules", &path]).with_context(|| place)?;
    }
    Ok(())
}

fn promtool() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join("promtool"))
        .find(|program| program.is_file())
}

pub(crate) fn have_their_place_in_the_runbook() -> Result<()> {
    let text = std::fs::read_to_string(folder().join("runbook.md"))?;
    let places: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(str::to_lowercase)
        .collect();
    let tests = std::fs::read_to_string(folder().join("alerts_test.yaml"))?;
    let mut alerts = BTreeSet::new();
    for rule in rules()? {
        let Some(alert) = rule.alert else { continue };
        let url = rule.annotations.get("runbook_url");
        let (_, anchor) = url
            .and_then(|url| url.split_once(RUNBOOK))
            .with_context(|| format!("{alert} leads nowhere"))?;
        ensure!(places.contains(anchor), "{alert}: no place {anchor}");
        ensure!(anchor == alert.to_lowercase(), "{alert} leads to {anchor}");
        let severity = rule.labels.get("severity").map(String::as_str);
        ensure!(
            matches!(severity, Some("page" | "ticket")),
            "{alert}: severity {severity:?}"
        );
        ensure!(
            tests.contains(&format!("alertname: {alert}\n")),
            "{alert} has no test"
        );
        ensure!(rule.annotations.contains_key("summary"), "{alert}");
        alerts.insert(alert);
    }
    ensure!(alerts.len() > 10, "only {alerts:?}");
    Ok(())
}

pub(crate) fn boards_are_whole() -> Result<()> {
    let mut ids = BTreeSet::new();
    for (file, board) in boards()? {
        let id = board["uid"].as_str().context(file.clone())?.to_owned();
        ensure!(ids.insert(id), "{file}: another board has its uid");
        ensure!(board["title"].is_string(), "{file} has no title");
        let mut taken = BTreeSet::new();
        for panel in list(&board, "panels") {
            let title = panel["title"].as_str().context(file.clone())?;
            let described = panel["description"].as_str().unwrap_or_default();
            ensure!(described.len() > 20, "{file}, {title}: says not what it is");
            ensure!(!list(panel, "targets").is_empty(), "{file}, {title}");
            let place = |name: &str| panel["gridPos"][name].as_u64();
            let (Some(x), Some(y), Some(w), Some(h)) =
                (place("x"), place("y"), place("w"), place("h"))
            else {
                bail!("{file}, {title}: no place");
            };
            ensure!(x + w <= 24, "{file}, {title}: too wide");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                ensure!(taken.insert(cell), "{file}, {title}: lies over another");
            }
        }
        ensure!(!taken.is_empty(), "{file} shows nothing");
    }
    Ok(())
}

/// The scan itself is tried on what it must understand.
#[test]
fn names_are_found_in_expressions_and_scrapes() {
    assert_eq!(
        shown("countersign_ready{a=\"b\"} 1"),
        Some("countersign_ready")
    );
    assert_eq!(shown("countersign_ready 1"), Some("countersign_ready"));
    assert_eq!(shown("# HELP countersign_ready x"), None);
}
