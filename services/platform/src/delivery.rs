//! Messages as NATS delivers them: reading the event, and saying what became of it.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::Stream as Messages;
use async_nats::jetstream::{AckKind, Message};
use futures::{FutureExt, StreamExt};

use crate::envelope::{self, IncomingEvent};

/// The longest pause before a failed event is delivered again.
const NAK_LIMIT_MS: u64 = 30_000;

/// A message with the event that it carries.
pub(crate) struct Delivery {
    pub(crate) message: Message,
    pub(crate) event: IncomingEvent,
}

impl Delivery {
    /// How often it was delivered, this time included.
    pub(crate) fn deliveries(&self) -> i64 {
        self.message.info().map_or(1, |info| info.delivered)
    }

    /// How long to wait before it comes again.
    pub(crate) fn nak_delay(&self) -> Duration {
        nak_delay(self.deliveries())
    }
}

/// Half a second, doubled with every delivery up to the limit.
fn nak_delay(deliveries: i64) -> Duration {
    let doublings = u32::try_from(deliveries.clamp(1, 7)).unwrap_or(1) - 1;
    Duration::from_millis((500_u64 << doublings).min(NAK_LIMIT_MS))
}

/// The event in a message of `source`'s stream, or why it is none.
pub(crate) fn read(message: &Message, source: &str) -> Result<IncomingEvent, String> {
    let sequence = message
        .info()
        .map_err(|error| error.to_string())?
        .stream_sequence;
    let headers = message.headers.as_ref().ok_or("there are no headers")?;
    let event = envelope::parse(headers, message.payload.clone(), sequence)
        .map_err(|error| error.to_string())?;
    if event.source != source {
        return Err(format!("it says that it comes from {}", event.source));
    }
    Ok(event)
}

/// A lost acknowledgement is a redelivery, and that a duplicate.
pub(crate) async fn ack(message: &Message) {
    if let Err(error) = message.ack().await {
        tracing::debug!(%error, "an acknowledgement was not sent");
    }
}

pub(crate) async fn nak(message: &Message, delay: Duration) {
    if let Err(error) = message.ack_with(AckKind::Nak(Some(delay))).await {
        tracing::debug!(%error, "a refusal was not sent");
    }
}

/// Returns what is buffered, so that another instance has it at once.
pub(crate) async fn give_back(messages: &mut Messages) {
    while let Some(Some(next)) = messages.next().now_or_never() {
        if let Ok(message) = next {
            nak(&message, Duration::ZERO).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_limit() {
        let pauses = [1, 2, 5, 7, 8, i64::MAX].map(|count| nak_delay(count).as_millis());
        assert_eq!(pauses, [500, 1_000, 8_000, 30_000, 30_000, 30_000]);
    }
}
