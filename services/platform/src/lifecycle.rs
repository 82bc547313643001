//! Tasks of the process that somebody owns: told to stop together, and waited for.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns what must not be lost when its caller goes away, and what runs beside the calls. Cheap
/// to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    running: TaskTracker,
}

impl Lifecycle {
    /// Runs `work` to its end, whoever waits for it.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.running.spawn(work)
    }

    /// Runs what itself waits for everything to stop, and so cannot be waited for by it.
    #[cfg(feature = "testing")]
    #[expect(clippy::disallowed_methods, reason = "its test owns the handle")]
    pub(crate) fn spawn_outside<T: Send + 'static>(
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        tokio::spawn(work)
    }

    /// Whether the process was told to stop. Loops ask between two pieces of work.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves when the process is told to stop.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Sleeps, or returns at once when the process is told to stop.
    pub async fn sleep(&self, time: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    /// Tells everything to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until everything has stopped, at most `limit`. Returns whether it has.
    pub async fn drained(&self, limit: Duration) -> bool {
        self.running.close();
        tokio::time::timeout(limit, self.running.wait())
            .await
            .is_ok()
    }
}
