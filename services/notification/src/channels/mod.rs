//! The outside world: mail servers and webhook receivers.
//!
//! | module | what |
//! |---|---|
//! | [`deliver`] | the task: one attempt at one delivery, its answer a command |
//! | `email` | SMTP |
//! | `webhook` | signed POSTs |

pub(crate) mod deliver;
mod email;
mod webhook;

use chrono::{DateTime, Utc};
use tracing::{Instrument, Span};

use self::email::Mailer;
use self::webhook::Webhooks;
use crate::config::NotificationConfig;
use crate::domain::address::one_line;
use crate::domain::delivery::{Attempt, Letter, MAX_ANSWER_LENGTH, Outcome};
use crate::domain::subscription::{Address, Channel, Subscription};

/// A channel cannot be used as it is configured; the text names the key.
#[derive(Debug, thiserror::Error)]
#[error("configuration of {key}")]
pub(crate) struct ChannelError {
    key: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    outcome: Outcome,
    text: String,
}

impl Answer {
    fn new(outcome: Outcome, text: impl Into<String>) -> Self {
        Self {
            outcome,
            text: text.into(),
        }
    }

    /// An error that may pass, with its sources in one line.
    fn deferred(error: &dyn std::error::Error) -> Self {
        Self::new(Outcome::Deferred, report(error))
    }
}

/// An error and its sources in one line, each said once.
fn report(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = source.source();
    }
    text
}

/// The step of a trace that an attempt is (P6). It says nothing of whom it went to.
fn step(name: &'static str, protocol: &'static str) -> Span {
    tracing::debug_span!(
        "attempt",
        otel.name = name,
        otel.kind = "client",
        "network.protocol.name" = protocol,
    )
}

/// Every channel, ready to send.
#[derive(Debug)]
pub(crate) struct Channels {
    mailer: Mailer,
    webhooks: Webhooks,
}

impl Channels {
    /// Sets the channels up; connects nowhere yet.
    pub(crate) fn new(config: &NotificationConfig) -> Result<Self, ChannelError> {
        Ok(Self {
            mailer: Mailer::new(config)?,
            webhooks: Webhooks::new(config)?,
        })
    }

    /// Makes one attempt, bounded in time. `subscription` is what the letter's subscription is now.
    pub(crate) async fn send(
        &self,
        letter: &Letter,
        subscription: Option<&Subscription>,
        now: DateTime<Utc>,
    ) -> Attempt {
        let removed = || Answer::new(Outcome::Refused, "the subscription was removed");
        let answer = match (letter.channel, subscription.map(|known| &known.address)) {
            // Who was taken off the list hears nothing more, redriven or not (N4).
            (Channel::Email, None) if letter.subscription.is_some() => removed(),
            (Channel::Email, _) => {
                self.mailer
                    .send(letter)
                    .instrument(step("SMTP", "smtp"))
                    .await
            }
            (Channel::Webhook, Some(Address::Webhook { secret, .. })) => {
                let sent = self.webhooks.send(letter, secret, now);
                sent.instrument(step("POST", "http")).await
            }
            (Channel::Webhook, Some(Address::Email(_)) | None) => removed(),
        };
        let text = one_line(&answer.text)
            .chars()
            .take(MAX_ANSWER_LENGTH)
            .collect();
        Attempt {
            at: now,
            outcome: answer.outcome,
            answer: text,
        }
    }
}
