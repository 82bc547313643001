//! Named steps at which a test makes the process abort, so that every one is crashed at once.
//!
//! Only with the cargo feature `faults`, and never in a release build. The environment variable
//! `COUNTERSIGN_FAULT=<point>:<n>` aborts the process at the n-th time it comes by.

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` makes a process abort on request: never in a release build");

/// Every step that can be crashed at, in the order in which work passes them.
pub const POINTS: [&str; 12] = [
    "command.after_write",
    "command.before_commit",
    "command.after_commit",
    "relay.after_select",
    "relay.after_publish",
    "relay.after_mark",
    "consumer.after_fetch",
    "consumer.after_inbox",
    "consumer.before_commit",
    "consumer.after_commit",
    "task.after_claim",
    "task.after_effect",
];

/// Passes a named step. Services name their own besides [`POINTS`].
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn point(_name: &str) {}

/// Passes a named step: aborts the process if the environment says so.
#[cfg(feature = "faults")]
pub fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static HITS: AtomicU64 = AtomicU64::new(0);
    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();

    let target = TARGET.get_or_init(|| {
        let text = std::env::var_os("COUNTERSIGN_FAULT")?;
        let (name, count) = text.to_str()?.rsplit_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    if let Some((target, count)) = target
        && target == name
        && HITS.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        tracing::error!(point = name, "aborting on request");
        std::process::abort();
    }
}
