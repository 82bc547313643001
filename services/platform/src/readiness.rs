//! Whether this process is fit for calls, and whether events flow: derived from what is there, and
//! steady, so that a moment's trouble takes no instance out of service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::failure::report;
use crate::grpc::Health;
use crate::lifecycle::Lifecycle;
use crate::metrics::{Gauge, Metrics, Reading, Unit};
use crate::migrate::{Schema, SchemaError};
use crate::nats::Nats;
use crate::postgres;
use crate::unit_of_work::Database;

/// How often is looked.
const PERIOD: Duration = Duration::from_secs(1);
/// For how long it must go wrong before it is said, and well before that is said.
const FALL_AFTER: Duration = Duration::from_secs(3);
const RISE_AFTER: Duration = Duration::from_secs(1);
/// A look at Postgres that takes longer than this has failed, though nobody interrupts it.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// Events do not flow when the oldest has waited this long for NATS…
const RELAY_LAG_LIMIT: Duration = Duration::from_mins(1);
/// …and flow again below this.
const RELAY_CAUGHT_UP: Duration = Duration::from_secs(30);

const READY: Gauge = Gauge {
    name: "countersign.ready",
    unit: Unit::Count,
    what: "Whether calls will be answered: Postgres is there and migrated.",
};
const CONNECTED: Gauge = Gauge {
    name: "countersign.nats.connected",
    unit: Unit::Count,
    what: "Whether NATS is connected.",
};
const FLOWING: Gauge = Gauge {
    name: "countersign.events.flowing",
    unit: Unit::Count,
    what: "Whether events flow: NATS is connected and the relay is not behind.",
};

/// How often the same trouble is told again while it lasts.
const TELL_AGAIN: Duration = Duration::from_secs(30);

/// When the schema was last seen to be there and current, if ever.
pub(crate) type Seen = Option<Instant>;

/// Looks after what health says, from before Postgres is there.
pub(crate) struct Readiness {
    pub(crate) schema: Schema,
    pub(crate) database: Database,
    pub(crate) nats: Option<Nats>,
    /// How long the oldest unpublished event has waited.
    pub(crate) outbox_age: watch::Receiver<Duration>,
    pub(crate) metrics: Metrics,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) health: Health,
}

impl Readiness {
    /// Keeps health true until told to stop, and tells when the schema is seen.
    pub(crate) async fn run(self, tell: watch::Sender<Seen>) {
        for gauge in [READY, CONNECTED, FLOWING] {
            self.metrics.show(&gauge);
        }
        let this = Arc::new(self);
        let looked = tell.subscribe();
        let looking = Arc::clone(&this);
        this.lifecycle
            .spawn(async move { looking.look_at_schema(&tell).await });
        this.keep(looked).await;
    }

    /// Tells when the schema was last seen to be there and current. Not under a timeout: a database
    /// future is never dropped half-way, so whoever waits looks at the time instead.
    async fn look_at_schema(&self, tell: &watch::Sender<Seen>) {
        let mut trouble = Trouble::default();
        while !self.lifecycle.is_stopping() {
            let first = tell.borrow().is_none();
            match self.look(first).await {
                Ok(()) => {
                    tell.send_replace(Some(Instant::now()));
                    trouble = Trouble::default();
                }
                Err(why) => trouble.tell(Instant::now(), &why),
            }
            self.lifecycle.sleep(PERIOD).await;
        }
    }

    /// One look. What a newer release adds beside us is not ours to judge, so whether tenants are kept
    /// apart is asked until the answer is yes, and then no more.
    async fn look(&self, first: bool) -> Result<(), SchemaError> {
        let pool = self.database.system();
        let looked = match self.schema.current(pool).await {
            Ok(()) if first => self.schema.bound(pool).await,
            looked => looked,
        };
        match looked {
            Err(SchemaError::Database(error)) => Err(postgres::why(pool, error).await.into()),
            looked => looked,
        }
    }

    async fn keep(&self, mut looked: watch::Receiver<Seen>) {
        let (mut ready, mut events) = (Steady::default(), Steady::default());
        let mut relay = Relay::default();
        let mut was = None;
        while !self.lifecycle.is_stopping() {
            let now = Instant::now();
            let seen = *looked.borrow_and_update();
            let connected = self.nats.as_ref().is_some_and(Nats::is_connected);
            let keeps_up = relay.keeps_up(*self.outbox_age.borrow());
            let ready = ready.look(now, seen.is_some_and(|at| now - at < LOOK_LIMIT));
            let events = events.look(now, connected && keeps_up);
            if was != Some((ready, events)) {
                tracing::info!(ready, events, "health");
                self.health.ready(ready).await;
                self.health.events(events).await;
                was = Some((ready, events));
            }
            let readings = [(READY, ready), (CONNECTED, connected), (FLOWING, events)]
                .map(|(gauge, yes)| Reading::of(gauge.name, f64::from(u8::from(yes))));
            self.metrics
                .set(&[READY, CONNECTED, FLOWING], readings.into());
            tokio::select! {
                () = self.lifecycle.sleep(PERIOD) => {}
                // A process that begins is ready as soon as it can be.
                Ok(()) = looked.changed(), if !ready => {}
            }
        }
        self.health.ready(false).await;
    }
}

/// Says what is wrong when that changes, and again from time to time.
#[derive(Debug, Default)]
struct Trouble {
    told: Option<(Instant, String)>,
}

impl Trouble {
    fn tell(&mut self, now: Instant, why: &SchemaError) {
        let text = report(why);
        let known = self.told.as_ref();
        if known.is_some_and(|(at, told)| *told == text && now - *at < TELL_AGAIN) {
            return;
        }
        match why {
            SchemaError::Database(_) => tracing::warn!(error = text, "Postgres is away; waiting"),
            SchemaError::Missing(_) => {
                tracing::warn!(
                    error = text,
                    "migrations are missing; waiting for `migrate`"
                );
            }
            SchemaError::Migrate(_)
            | SchemaError::Version(_)
            | SchemaError::NoSuchTable(_)
            | SchemaError::Edited(_)
            | SchemaError::Exposed(_)
            | SchemaError::Unbound => {
                tracing::error!(error = text, "refusing to serve this schema");
            }
        }
        self.told = Some((now, text));
    }
}

/// A yes or no that follows what is seen only when that lasts. Begins with no, and the first yes
/// counts at once.
#[derive(Debug, Default)]
struct Steady {
    shown: bool,
    /// Since when something else is seen.
    otherwise: Option<Instant>,
    ever: bool,
}

impl Steady {
    fn look(&mut self, now: Instant, seen: bool) -> bool {
        if seen == self.shown {
            self.otherwise = None;
            return self.shown;
        }
        let since = *self.otherwise.get_or_insert(now);
        let enough = if self.shown { FALL_AFTER } else { RISE_AFTER };
        if now - since >= enough || (seen && !self.ever) {
            (self.shown, self.otherwise) = (seen, None);
            self.ever = true;
        }
        self.shown
    }
}

/// Whether the relay keeps up, with a distance between losing and catching up.
#[derive(Debug, Default)]
struct Relay {
    behind: bool,
}

impl Relay {
    fn keeps_up(&mut self, outbox_age: Duration) -> bool {
        self.behind = if self.behind {
            outbox_age > RELAY_CAUGHT_UP
        } else {
            outbox_age > RELAY_LAG_LIMIT
        };
        !self.behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment's trouble is not said; what lasts is, both ways.
    #[test]
    fn only_what_lasts_is_said() {
        let begin = Instant::now();
        let mut steady = Steady::default();
        let mut look = |seconds: u64, seen| steady.look(begin + Duration::from_secs(seconds), seen);
        assert!(!look(0, false));
        assert!(look(1, true), "the first yes counts at once");
        assert!(look(2, false));
        assert!(look(3, true), "a moment");
        assert!(look(4, false));
        assert!(look(6, false));
        assert!(!look(7, false), "three seconds");
        assert!(!look(8, true));
        assert!(!look(9, false), "a moment");
        assert!(!look(10, true));
        assert!(look(11, true), "a second");
    }

    #[test]
    fn a_relay_that_fell_behind_must_catch_up() {
        let mut relay = Relay::default();
        let seen = [59, 61, 45, 29, 45].map(|seconds| relay.keeps_up(Duration::from_secs(seconds)));
        assert_eq!(seen, [true, false, false, true, true]);
    }
}
