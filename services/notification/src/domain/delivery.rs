//! One notice to one recipient for one cause: queued → sent or failed, back-off, redrive (N6).

use chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::EngagementId;
use uuid::Uuid;

use super::plan::Content;
use super::subscription::Channel;

/// How long to wait after the first, second, … attempt of a round that brought no final answer.
const DELAYS_SECONDS: [i64; 7] = [5, 30, 120, 600, 1800, 7200, 21_600];
/// Attempts of one round; a redrive starts another round.
pub(crate) const MAX_ATTEMPTS: u32 = 8;
const _: () = assert!(DELAYS_SECONDS.len() + 1 == MAX_ATTEMPTS as usize);
/// The longest answer that is kept, in characters.
pub(crate) const MAX_ANSWER_LENGTH: usize = 500;

/// What of a delivery never changes: all that is needed to send it and to speak of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) id: Uuid,
    pub(crate) engagement: EngagementId,
    pub(crate) template: String,
    pub(crate) channel: Channel,
    /// An e-mail address or a URL.
    pub(crate) recipient: String,
    pub(crate) recipient_name: Option<String>,
    /// Empty for the buyer's contact.
    pub(crate) subscription: Option<Uuid>,
    pub(crate) content: Content,
    pub(crate) queued_at: DateTime<Utc>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Waiting for its attempt; `tried` counts the attempts of this round.
    Queued { tried: u32 },
    /// The channel's server took it.
    Sent { at: DateTime<Utc> },
    /// Given up: can be redriven.
    Failed { at: DateTime<Utc> },
}

/// A delivery's changing part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) state: State,
    /// Attempts ever made.
    pub(crate) attempts: u32,
    /// The last answer received; empty before the first.
    pub(crate) answer: String,
}

impl Delivery {
    /// A delivery that nobody has tried yet.
    #[cfg(test)]
    pub(crate) const fn queued() -> Self {
        Self {
            state: State::Queued { tried: 0 },
            attempts: 0,
            answer: String::new(),
        }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server took it.
    Accepted,
    /// No final answer: try again.
    Deferred,
    /// Refused for good.
    Refused,
    /// The receiver exists no more: refused for good, and so will be all others.
    Gone,
}

impl Outcome {
    /// The name under which it is stored.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Gone => "gone",
        }
    }
}

/// An attempt and its answer, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) at: DateTime<Utc>,
    pub(crate) outcome: Outcome,
    pub(crate) answer: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Records what an attempt brought.
    Record(Attempt),
    /// Starts another round after a failure (N6).
    Redrive { at: DateTime<Utc> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The `number`-th attempt ever, whatever came of it.
    Attempted {
        number: u32,
        attempt: Attempt,
    },
    Sent {
        at: DateTime<Utc>,
    },
    /// To be tried again at `due_at`.
    Deferred {
        tried: u32,
        due_at: DateTime<Utc>,
    },
    Failed {
        at: DateTime<Utc>,
    },
    Redriven {
        at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("only a failed delivery can be redriven")]
    NotFailed,
}

/// Decides what an attempt or an operator makes of a delivery.
///
/// A second worker may have sent the same notice meanwhile: its attempt is recorded as a fact, and
/// changes the state only when it says more than what is known (an acceptance after a failure).
pub(crate) fn decide(state: &Delivery, command: Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Redrive { at } => match state.state {
            State::Failed { .. } => Ok(vec![Event::Redriven { at }]),
            State::Queued { .. } | State::Sent { .. } => Err(Rejection::NotFailed),
        },
        Command::Record(attempt) => {
            let next = after_attempt(&state.state, &attempt);
            let attempted = Event::Attempted {
                number: state.attempts.saturating_add(1),
                attempt,
            };
            Ok([Some(attempted), next].into_iter().flatten().collect())
        }
    }
}

fn after_attempt(state: &State, attempt: &Attempt) -> Option<Event> {
    let at = attempt.at;
    match (state, attempt.outcome) {
        (State::Queued { .. } | State::Failed { .. }, Outcome::Accepted) => {
            Some(Event::Sent { at })
        }
        (State::Queued { .. }, Outcome::Refused | Outcome::Gone) => Some(Event::Failed { at }),
        (State::Queued { tried }, Outcome::Deferred) => {
            let tried = tried.saturating_add(1);
            Some(match delay_after(tried) {
                Some(delay) => Event::Deferred {
                    tried,
                    due_at: at + delay,
                },
                None => Event::Failed { at },
            })
        }
        (State::Sent { .. }, _)
        | (State::Failed { .. }, Outcome::Deferred | Outcome::Refused | Outcome::Gone) => None,
    }
}

/// The wait after the `tried`-th attempt of a round; none after the last.
fn delay_after(tried: u32) -> Option<TimeDelta> {
    let index = usize::try_from(tried).ok()?.checked_sub(1)?;
    DELAYS_SECONDS
        .get(index)
        .map(|seconds| TimeDelta::seconds(*seconds))
}

/// Folds an event into the state.
#[must_use]
pub(crate) fn evolve(mut delivery: Delivery, event: &Event) -> Delivery {
    match event {
        Event::Attempted { number, attempt } => {
            delivery.attempts = *number;
            // What a late second worker heard does not replace the acceptance.
            if !matches!(delivery.state, State::Sent { .. }) {
                delivery.answer.clone_from(&attempt.answer);
            }
        }
        Event::Sent { at } => delivery.state = State::Sent { at: *at },
        Event::Deferred { tried, .. } => delivery.state = State::Queued { tried: *tried },
        Event::Failed { at } => delivery.state = State::Failed { at: *at },
        Event::Redriven { .. } => delivery.state = State::Queued { tried: 0 },
    }
    delivery
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn attempt(outcome: Outcome) -> Command {
        Command::Record(Attempt {
            at: AT,
            outcome,
            answer: outcome.name().to_owned(),
        })
    }

    fn apply(delivery: Delivery, command: Command) -> Delivery {
        let events = decide(&delivery, command).unwrap();
        events.iter().fold(delivery, evolve)
    }

    fn after(outcomes: &[Outcome]) -> Delivery {
        outcomes.iter().fold(Delivery::queued(), |delivery, one| {
            apply(delivery, attempt(*one))
        })
    }

    /// N6: one row per history, its end and its count of attempts.
    #[test]
    fn histories_end_as_they_must() {
        use Outcome::{Accepted, Deferred, Gone, Refused};
        let (sent, failed) = (State::Sent { at: AT }, State::Failed { at: AT });
        for (history, end) in [
            (vec![Accepted], sent.clone()),
            (vec![Deferred, Deferred, Accepted], sent.clone()),
            (vec![Refused], failed.clone()),
            (vec![Gone], failed.clone()),
            (vec![Deferred], State::Queued { tried: 1 }),
            (vec![Deferred; 7], State::Queued { tried: 7 }),
            (vec![Deferred; 8], failed.clone()),
            // A second worker with an expired lease reports later.
            (vec![Accepted, Deferred], sent.clone()),
            (vec![Accepted, Refused], sent.clone()),
            (vec![Refused, Deferred], failed),
            (vec![Refused, Accepted], sent),
        ] {
            let delivery = after(&history);
            assert_eq!(delivery.state, end, "{history:?}");
            assert_eq!(usize::try_from(delivery.attempts).unwrap(), history.len());
            let sent_as = history.iter().find(|outcome| **outcome == Accepted);
            assert_eq!(delivery.answer, sent_as.or(history.last()).unwrap().name());
        }
    }

    #[test]
    fn the_waits_grow_and_end() {
        let mut delivery = Delivery::queued();
        let mut waits = Vec::new();
        loop {
            let events = decide(&delivery, attempt(Outcome::Deferred)).unwrap();
            delivery = events.iter().fold(delivery, evolve);
            let Event::Deferred { due_at, .. } = events[1] else {
                assert_eq!(events[1], Event::Failed { at: AT });
                break;
            };
            waits.push((due_at - AT).num_seconds());
        }
        assert_eq!(waits, DELAYS_SECONDS);
    }

    #[test]
    fn only_a_failed_one_is_redriven_and_has_a_whole_round_again() {
        for outcomes in [&[][..], &[Outcome::Accepted], &[Outcome::Deferred]] {
            let rejected = decide(&after(outcomes), Command::Redrive { at: AT });
            assert_eq!(rejected, Err(Rejection::NotFailed), "{outcomes:?}");
        }
        let redriven = apply(after(&[Outcome::Refused]), Command::Redrive { at: AT });
        assert_eq!(redriven.state, State::Queued { tried: 0 });
        assert_eq!(redriven.attempts, 1);
    }

    proptest! {
        /// State = fold of events; a sent delivery stays sent whatever is reported or asked.
        #[test]
        fn sent_is_for_ever_and_state_is_the_fold(steps in prop::collection::vec(0_u8..5, 0..40)) {
            let mut delivery = Delivery::queued();
            let mut history = Vec::new();
            let mut sent = false;
            for step in steps {
                let command = match step {
                    0 => attempt(Outcome::Accepted),
                    1 | 2 => attempt(Outcome::Deferred),
                    3 => attempt(Outcome::Refused),
                    _ => Command::Redrive { at: AT },
                };
                let Ok(events) = decide(&delivery, command) else { continue };
                delivery = events.iter().fold(delivery, evolve);
                history.extend(events);
                sent |= matches!(delivery.state, State::Sent { .. });
                prop_assert_eq!(sent, matches!(delivery.state, State::Sent { .. }));
                let tried = if let State::Queued { tried } = delivery.state { tried } else { 0 };
                prop_assert!(tried < MAX_ATTEMPTS);
            }
            prop_assert_eq!(history.iter().fold(Delivery::queued(), evolve), delivery);
        }
    }
}
