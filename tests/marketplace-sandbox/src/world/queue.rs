//! A queue as SQS keeps one: at least once, in about the order of sending, hidden while being worked on.
//! Times are the sandbox's clock.

use chrono::{DateTime, TimeDelta, Utc};

/// Seconds that a received message stays hidden when nobody says otherwise.
pub(crate) const DEFAULT_VISIBILITY: u32 = 30;

/// One message and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) sent_at: DateTime<Utc>,
    pub(crate) visible_at: DateTime<Utc>,
    pub(crate) receives: u32,
    pub(crate) first_received_at: Option<DateTime<Utc>>,
    /// Of the last receive; an older one no longer counts.
    pub(crate) receipt: String,
}

/// One account's queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) messages: Vec<Message>,
    sent: u64,
}

impl Queue {
    pub(crate) fn send(&mut self, now: DateTime<Utc>, body: &str) {
        self.sent += 1;
        let id = uuid::Uuid::new_v5(
            &uuid::Uuid::NAMESPACE_OID,
            format!("message/{}/{body}", self.sent).as_bytes(),
        );
        self.messages.push(Message {
            id: id.to_string(),
            body: body.to_owned(),
            sent_at: now,
            visible_at: now,
            receives: 0,
            first_received_at: None,
            receipt: String::new(),
        });
    }

    /// Up to `max` visible messages, hidden for `seconds` from now on.
    pub(crate) fn receive(&mut self, now: DateTime<Utc>, max: usize, seconds: u32) -> Vec<Message> {
        let mut received = Vec::new();
        for message in self
            .messages
            .iter_mut()
            .filter(|message| message.visible_at <= now)
            .take(max)
        {
            message.receives += 1;
            message.first_received_at.get_or_insert(now);
            message.visible_at = now + TimeDelta::seconds(seconds.into());
            message.receipt = format!("{}#{}", message.id, message.receives);
            received.push(message.clone());
        }
        received
    }

    pub(crate) fn has_visible(&self, now: DateTime<Utc>) -> bool {
        self.messages
            .iter()
            .any(|message| message.visible_at <= now)
    }

    /// Deletes by receipt. A receipt that is not the last one deletes nothing and is no error; one that
    /// never was is refused.
    pub(crate) fn delete(&mut self, receipt: &str) -> Result<(), ()> {
        shaped(receipt)?;
        self.messages.retain(|message| message.receipt != receipt);
        Ok(())
    }

    /// Hides the message for `seconds` from now on; 0 shows it at once.
    pub(crate) fn hide(
        &mut self,
        now: DateTime<Utc>,
        receipt: &str,
        seconds: u32,
    ) -> Result<(), ()> {
        shaped(receipt)?;
        for message in &mut self.messages {
            if message.receipt == receipt {
                message.visible_at = now + TimeDelta::seconds(seconds.into());
            }
        }
        Ok(())
    }
}

fn shaped(receipt: &str) -> Result<(), ()> {
    let (id, count) = receipt.split_once('#').ok_or(())?;
    let sound = uuid::Uuid::parse_str(id).is_ok() && count.parse::<u32>().is_ok();
    sound.then_some(()).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_hidden_comes_back_and_goes() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let mut queue = Queue::default();
        queue.send(at(0), "a");
        queue.send(at(0), "b");
        let first = queue.receive(at(0), 1, 30);
        assert_eq!(first[0].body, "a");
        assert_eq!(queue.receive(at(0), 10, 30)[0].body, "b", "a is hidden");
        assert!(!queue.has_visible(at(29)));
        let again = queue.receive(at(30), 10, 30);
        assert_eq!(again.len(), 2);
        assert_eq!(again[0].receives, 2);
        queue.delete(&first[0].receipt).unwrap();
        assert_eq!(queue.messages.len(), 2, "an old receipt deletes nothing");
        queue.delete(&again[0].receipt).unwrap();
        queue.hide(at(30), &again[1].receipt, 0).unwrap();
        assert_eq!(queue.receive(at(30), 10, 30)[0].body, "b");
        assert!(queue.delete("nonsense").is_err());
    }
}
