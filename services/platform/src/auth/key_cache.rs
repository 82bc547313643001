//! The issuer's keys as they were read last: read again by period, and when a token names one that
//! is not among them.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::key_source::KeySource;
use super::keys::KeySet;
use crate::failure::report;
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

/// The most calls that wait for a reading at a time. Each keeps one of the process's places
/// (`max_concurrent_calls`) meanwhile, before it is known who calls: with an issuer that hangs, key
/// ids that anybody makes up must not take them all. More than come at once when keys rotate wait
/// in vain only if the issuer is slow as well, and are told to come back.
const MAX_WAITING: usize = 16;

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has no such key, or not for that algorithm.
    Unknown,
    /// Nobody knows: the keys could not be read, or too long ago, or others wait for them already.
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
    waiting: Semaphore,
}

impl KeyCache {
    pub(super) fn new(source: KeySource) -> Self {
        Self {
            source,
            held: RwLock::default(),
            asked: Mutex::default(),
            waiting: Semaphore::new(MAX_WAITING),
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
        let place = self.waiting.try_acquire();
        let _place = place.map_err(|_| NoKey::Unavailable)?;
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
                tracing::warn!(error = report(&error), "cannot read the issuer's keys");
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
        f.debug_struct("KeyCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use futures::FutureExt;

    use super::*;
    use crate::auth::issuer::{Answer, Issuer as Server};

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
            std::fs::write(&self.0, document(ids)).unwrap();
        }

        fn is_away(&self) {
            std::fs::remove_file(&self.0).unwrap();
        }
    }

    fn document(ids: &[&str]) -> String {
        let key = |id| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": KEY, "kid": id});
        let keys: Vec<_> = ids.iter().map(key).collect();
        serde_json::json!({ "keys": keys }).to_string()
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

    /// P5: a key that the issuer took back stops counting within five minutes, though nobody comes with
    /// one that is not known and has the keys read.
    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_taken_back_stops_counting_by_itself() {
        const PROMISED: Duration = Duration::from_mins(5);
        let (issuer, cache) = Issuer::new("taken-back");
        issuer.has(&["old"]);
        let (cache, lifecycle) = (Arc::new(cache), Lifecycle::default());
        let fresh = lifecycle.spawn(Arc::clone(&cache).keep_fresh(lifecycle.clone()));
        let known = |id| cache.known(id, Algorithm::EdDSA).map(drop);
        tokio::time::sleep(Duration::from_secs(1)).await;
        issuer.has(&["new"]);
        assert_eq!(known("old"), Ok(()), "nobody has looked yet");
        tokio::time::sleep(PROMISED).await;
        assert_eq!(known("old"), Err(NoKey::Unknown));
        assert_eq!(known("new"), Ok(()));
        lifecycle.stop();
        fresh.await.unwrap();
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

    /// P5: while the issuer hangs, key ids that are made up hold up few calls, and none of those
    /// whose key is known.
    #[tokio::test]
    async fn only_so_many_wait_for_an_issuer_that_hangs() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let answers = vec![
            Answer::says("200 OK", document(&["a"]).as_bytes()),
            Answer::Hangs(Vec::new()),
        ];
        let server = Server::answering(answers).await;
        let cache = KeyCache::new(KeySource::new(&server.url, false).unwrap());
        assert_eq!(found(&cache, "a").await, Ok(()));
        tokio::time::pause();
        wait(MIN_INTERVAL).await;
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| Box::pin(found(&cache, "made-up")))
            .map(|mut one| (one.as_mut().now_or_never(), one))
            .collect();
        assert!(waiting.iter().all(|(told, _)| told.is_none()));
        let more = found(&cache, "made-up").now_or_never();
        assert_eq!(more, Some(Err(NoKey::Unavailable)));
        assert_eq!(found(&cache, "a").now_or_never(), Some(Ok(())));
        // Time goes on by itself when everybody waits.
        for (_, one) in waiting {
            assert_eq!(one.await, Err(NoKey::Unknown));
        }
    }
}
