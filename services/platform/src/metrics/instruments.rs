//! What the harness itself counts.

use super::{Counter, Metrics};

/// The harness's counters. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Instruments {
    /// Events that NATS has acknowledged; an event sent again counts again.
    pub(crate) published: Counter,
    /// Events of another service (`source`) that were dealt with, by `outcome`: `applied`, `ignored`,
    /// `rejected`, `parked`, `duplicate`, `gap` or `failed`.
    pub(crate) applied: Counter,
    /// Runs of tasks, by `kind` and `outcome`: `done`, `again`, `retry` or `failed`.
    pub(crate) task_runs: Counter,
    /// Calls that the door did not let in, by `reason`: those of [`crate::auth`], none that a caller
    /// can make up.
    pub(crate) refused: Counter,
}

impl Instruments {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let published = metrics.counter(
            "countersign.events.published",
            "Events that NATS has acknowledged.",
        );
        published.add(0, &[]);
        let refused = metrics.counter(
            "countersign.calls.refused",
            "Calls that were not let in: their token does not count, they come too often, or may not.",
        );
        refused.add(0, &[]);
        Self {
            published,
            applied: metrics.counter(
                "countersign.events.applied",
                "Events of other services that were dealt with.",
            ),
            task_runs: metrics.counter("countersign.task.runs", "Runs of tasks."),
            refused,
        }
    }
}
