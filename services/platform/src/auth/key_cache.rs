//! The issuer's keys as they were read last: read again by period, and when a token names one that
//! is not among them.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::key_source::KeySource;
use super::keys::KeySet;
use crate::lifecycle::Lifecycle;

/// How often keys are read: a key that the issuer took back counts no longer than this.
const REFRESH_PERIOD: Duration = Duration::from_mins(5);
/// How soon they are read again when they could not be.
const RETRY: Duration = Duration::from_secs(5);
/// The least time between two readings, whoever asks: unknown key ids cost anybody nothing.
const MIN_INTERVAL: Duration = Duration::from_secs(2);
/// How long keys count that could not be read again. Longer would let whoever cuts the way to the
/// issuer keep a key that was taken back; shorter would make the issuer's every outage ours.
const STALE_LIMIT: Duration = Duration::from_hours(1);

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has no such key, or not for that algorithm.
    Unknown,
    /// Nobody knows: the keys could not be read, or too long ago.
    Unavailable,
}

struct Held {
    keys: KeySet,
    at: Instant,
}

/// Keys that keep themselves fresh.
pub(super) struct KeyCache {
    source: KeySource,
    held: RwLock<Option<Held>>,
    /// When they were last asked for, and whether they came. Held while asking: one asks for all.
    asked: Mutex<Option<(Instant, bool)>>,
}

impl KeyCache {
    pub(super) fn new(source: KeySource) -> Self {
        Self {
            source,
            held: RwLock::default(),
            asked: Mutex::default(),
        }
    }

    /// The key of this id and algorithm, read anew if it is not known.
    pub(super) async fn find(
        &self,
        id: &str,
        algorithm: Algorithm,
    ) -> Result<Arc<DecodingKey>, NoKey> {
        if let Ok(key) = self.known(id, algorithm) {
            return Ok(key);
        }
        self.refresh().await;
        self.known(id, algorithm)
    }

    fn known(&self, id: &str, algorithm: Algorithm) -> Result<Arc<DecodingKey>, NoKey> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref().filter(|held| held.at.elapsed() < STALE_LIMIT);
        let held = held.ok_or(NoKey::Unavailable)?;
        held.keys.get(id, algorithm).ok_or(NoKey::Unknown)
    }

    /// Reads the keys, unless somebody just has. Returns whether they came the last time.
    async fn refresh(&self) -> bool {
        let mut asked = self.asked.lock().await;
        if let Some((at, came)) = *asked
            && at.elapsed() < MIN_INTERVAL
        {
            return came;
        }
        let fetched = self.source.fetch().await;
        let now = Instant::now();
        *asked = Some((now, fetched.is_ok()));
        match fetched {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "read the issuer's keys");
                let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
                *held = Some(Held { keys, at: now });
                true
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "cannot read the issuer's keys");
                false
            }
        }
    }

    /// Reads the keys by period until the process is told to stop.
    pub(super) async fn keep_fresh(self: Arc<Self>, lifecycle: Lifecycle) {
        while !lifecycle.is_stopping() {
            let pause = if self.refresh().await {
                REFRESH_PERIOD
            } else {
                RETRY
            };
            lifecycle.sleep(pause).await;
        }
    }
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCache")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"; // RFC 8037, A.2

    struct Issuer(PathBuf);

    impl Issuer {
        fn new(name: &str) -> (Self, KeyCache) {
            let name = format!("countersign-keys-{name}-{}", std::process::id());
            let file = std::env::temp_dir().join(name);
            let _ = std::fs::remove_file(&file);
            let url = format!("file://{}", file.display());
            let cache = KeyCache::new(KeySource::new(&url, false).unwrap());
            (Self(file), cache)
        }

        fn has(&self, ids: &[&str]) {
            let key = |id| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": KEY, "kid": id});
            let keys: Vec<_> = ids.iter().map(key).collect();
            std::fs::write(&self.0, serde_json::json!({ "keys": keys }).to_string()).unwrap();
        }

        fn is_away(&self) {
            std::fs::remove_file(&self.0).unwrap();
        }
    }

    async fn found(cache: &KeyCache, id: &str) -> Result<(), NoKey> {
        cache.find(id, Algorithm::EdDSA).await.map(drop)
    }

    async fn wait(time: Duration) {
        tokio::time::advance(time).await;
    }

    /// P5: an issuer that is away at start is waited for, not died of.
    #[tokio::test(start_paused = true)]
    async fn keys_that_cannot_be_read_are_nobody_s_fault_and_come_by_themselves() {
        let (issuer, cache) = Issuer::new("late");
        assert_eq!(found(&cache, "a").await, Err(NoKey::Unavailable));
        issuer.has(&["a"]);
        assert_eq!(
            found(&cache, "a").await,
            Err(NoKey::Unavailable),
            "asked for not oftener than the interval"
        );
        wait(MIN_INTERVAL).await;
        assert_eq!(found(&cache, "a").await, Ok(()));
        issuer.is_away();
    }

    /// P5: a new key counts as soon as a token names it; one taken back, until the next reading.
    #[tokio::test(start_paused = true)]
    async fn keys_rotate() {
        let (issuer, cache) = Issuer::new("rotates");
        issuer.has(&["old"]);
        assert_eq!(found(&cache, "old").await, Ok(()));
        issuer.has(&["new"]);
        assert_eq!(found(&cache, "old").await, Ok(()), "nobody has looked yet");
        assert_eq!(found(&cache, "new").await, Err(NoKey::Unknown));
        wait(MIN_INTERVAL).await;
        assert_eq!(found(&cache, "new").await, Ok(()));
        assert_eq!(found(&cache, "old").await, Err(NoKey::Unknown));
        issuer.is_away();
    }

    /// P5: keys outlive their issuer's outage, but not for ever.
    #[tokio::test(start_paused = true)]
    async fn keys_count_for_a_while_when_the_issuer_is_away() {
        let (issuer, cache) = Issuer::new("away");
        issuer.has(&["a"]);
        assert_eq!(found(&cache, "a").await, Ok(()));
        issuer.is_away();
        wait(STALE_LIMIT / 2).await;
        assert!(!cache.refresh().await);
        assert_eq!(found(&cache, "a").await, Ok(()));
        wait(STALE_LIMIT / 2).await;
        assert_eq!(found(&cache, "a").await, Err(NoKey::Unavailable));
        issuer.has(&["a"]);
        wait(MIN_INTERVAL).await;
        assert_eq!(found(&cache, "a").await, Ok(()));
        issuer.is_away();
    }
}
