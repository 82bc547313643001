//! What a service logs, for a test to read.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;

use crate::telemetry;

/// The log of this thread from here on, as a service writes it: JSON, a line for each event. For tests
/// whose runtime is of one thread, as it is unless they ask for more.
#[derive(Debug)]
pub struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to keep what is logged.
    #[must_use]
    pub fn start() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        Self {
            lines,
            _guard: telemetry::log_as_json(move || writer.clone()),
        }
    }

    /// Every line so far.
    ///
    /// # Panics
    /// When a line is no JSON.
    #[must_use]
    #[expect(clippy::expect_used, reason = "ends the test")]
    pub fn lines(&self) -> Vec<Value> {
        let bytes = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }
}
