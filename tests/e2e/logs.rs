//! What the services logged in a play: every line of work names its tenant, its trace and its deal (P6).

use anyhow::{Context, Result, ensure};
use countersign_local::environment::{Environment, Service};
use serde_json::Value;

/// Timers that look at what lies anywhere, and know of no deal until they have found one.
const LOOKING: [&str; 2] = ["feeds.ingest", "offer.look-for-agreements"];

/// The kinds of work that lines are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Command,
    Event,
    Task,
}

impl Work {
    const ALL: [Self; 3] = [Self::Command, Self::Event, Self::Task];

    /// What a line is of, by the names that only its span has.
    fn of(line: &Value) -> Option<Self> {
        let has = |name| line.get(name).is_some();
        match () {
            () if has("rpc") => Some(Self::Command),
            () if has("event") => Some(Self::Event),
            () if has("kind") && has("attempt") => Some(Self::Task),
            () => None,
        }
    }

    /// Whether a line of it may name no deal: there is none of the name that was asked for, or not yet.
    fn is_of_no_deal(self, line: &Value) -> bool {
        let text = |name| line.get(name).and_then(Value::as_str).unwrap_or_default();
        match self {
            Self::Command => text("reason").ends_with("_UNKNOWN"),
            Self::Event => false,
            Self::Task => LOOKING.contains(&text("kind")),
        }
    }
}

fn is_complete(work: Work, line: &Value) -> bool {
    let length = |name| line.get(name).and_then(Value::as_str).map_or(0, str::len);
    let deal = length("engagement") > 0 || work.is_of_no_deal(line);
    // A timer is bound to nobody until it has found whose it is.
    let seller = length("seller") > 0 || work == Work::Task && work.is_of_no_deal(line);
    deal && seller && length("trace_id") == 32 && length("span_id") == 16
}

/// That no line of work leaves out what it is of, and that there are such lines.
pub(crate) fn name_their_work(environment: &Environment) -> Result<()> {
    let mut incomplete = Vec::new();
    let mut seen = Vec::new();
    for service in Service::ALL {
        let file = environment.endpoints().log(service.name());
        let text = std::fs::read_to_string(&file);
        let text = text.with_context(|| format!("reading {}", file.display()))?;
        for line in text.lines() {
            let said: Value = serde_json::from_str(line)
                .with_context(|| format!("{service} logs what is no JSON: {line}"))?;
            if let Some(work) = Work::of(&said) {
                seen.push(work);
                if !is_complete(work, &said) {
                    incomplete.push(format!("{service}: {line}"));
                }
            }
        }
    }
    ensure!(
        incomplete.is_empty(),
        "lines that do not name their work:\n{}",
        incomplete.join("\n")
    );
    for work in Work::ALL {
        ensure!(seen.contains(&work), "no line is of any {work:?}");
    }
    Ok(())
}
