//! SQS, as far as a seller's queue of events needs it: AWS JSON 1.0, `AmazonSQS.*` (facts §5.1).
//!
//! Every seller has one queue, `marketplace-events`, which its default event bus delivers to. Nothing can be
//! sent to it through SQS; `POST /sandbox/events/send` does.

use std::time::Duration;

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};
use serde_json::Value;

use crate::gateway::Call;
use crate::server::App;
use crate::wire::Wire;
use crate::world::Refusal;
use crate::world::queue::{DEFAULT_VISIBILITY, Message};

pub(crate) const QUEUE_NAME: &str = "marketplace-events";
const RECEIVE_MAX: u64 = 10;
const WAIT_MAX: u64 = 20;
const VISIBILITY_MAX: u64 = 43_200;
/// How often a long poll looks.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn perform(
    call: &mut Call<'_>,
    operation: &str,
    input: &Value,
) -> Result<Wire, Refusal> {
    let url = format!("{}/{}/{QUEUE_NAME}", call.base, call.caller);
    if operation == "GetQueueUrl" {
        let named = text(input, "QueueName") == QUEUE_NAME;
        let own = ["", &call.caller].contains(&text(input, "QueueOwnerAWSAccountId"));
        return if named && own {
            Ok(fields([("QueueUrl", Wire::Text(url))]))
        } else {
            Err(no_queue())
        };
    }
    if text(input, "QueueUrl") != url || !call.world.sellers.contains(&call.caller) {
        return Err(no_queue());
    }
    let now = call.now;
    let queue = call
        .world
        .events
        .queues
        .entry(call.caller.clone())
        .or_default();
    match operation {
        "ReceiveMessage" => {
            let max = bounded(input, "MaxNumberOfMessages", 1, RECEIVE_MAX, 1)?;
            let hidden = bounded(
                input,
                "VisibilityTimeout",
                0,
                VISIBILITY_MAX,
                DEFAULT_VISIBILITY,
            )?;
            let messages = queue.receive(now, usize::try_from(max).unwrap_or(1), hidden);
            let shown: Vec<Wire> = messages
                .iter()
                .map(|message| message_wire(message, &call.caller))
                .collect();
            Ok(fields(
                Some(("Messages", Wire::List(shown))).filter(|_| !messages.is_empty()),
            ))
        }
        "DeleteMessage" => queue
            .delete(text(input, "ReceiptHandle"))
            .map(|()| fields(None))
            .map_err(|()| no_receipt()),
        "ChangeMessageVisibility" => {
            let hidden = bounded(input, "VisibilityTimeout", 0, VISIBILITY_MAX, 0)?;
            queue
                .hide(now, text(input, "ReceiptHandle"), hidden)
                .map(|()| fields(None))
                .map_err(|()| no_receipt())
        }
        "GetQueueAttributes" => {
            let visible = queue
                .messages
                .iter()
                .filter(|message| message.visible_at <= now);
            let visible = visible.count();
            let all = [
                ("ApproximateNumberOfMessages", visible.to_string()),
                (
                    "ApproximateNumberOfMessagesNotVisible",
                    (queue.messages.len() - visible).to_string(),
                ),
                ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
                ("VisibilityTimeout", DEFAULT_VISIBILITY.to_string()),
                (
                    "QueueArn",
                    format!("arn:aws:sqs:us-east-1:{}:{QUEUE_NAME}", call.caller),
                ),
            ];
            let names = input.get("AttributeNames").and_then(Value::as_array);
            let asked = |name: &str| {
                let wanted = |known: &Value| known == name || known == "All";
                names.is_some_and(|names| names.iter().any(wanted))
            };
            let attributes = all.into_iter().filter(|(name, _)| asked(name));
            let attributes = attributes.map(|(name, value)| (name, Wire::Text(value)));
            Ok(fields([("Attributes", fields(attributes))]))
        }
        other => Err(Refusal::Queue {
            code: "UnsupportedOperation",
            message: format!("{other} is not served by this sandbox."),
        }),
    }
}

/// A long poll: waits until the caller's queue has something to show, at most as long as asked.
pub(crate) async fn wait(app: &App, caller_url: &str, input: &Value) {
    let seconds = input.get("WaitTimeSeconds").and_then(Value::as_u64);
    let deadline = tokio::time::Instant::now()
        + Duration::from_secs(seconds.unwrap_or_default().min(WAIT_MAX));
    let account = caller_url.rsplit('/').nth(1).unwrap_or_default();
    while tokio::time::Instant::now() < deadline {
        if has_visible(app, account, app.clock.now()) {
            return;
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn has_visible(app: &App, account: &str, now: DateTime<Utc>) -> bool {
    let mut world = app.world();
    world.advance(now);
    let queue = world.events.queues.get(account);
    queue.is_some_and(|queue| queue.has_visible(now))
}

fn message_wire(message: &Message, owner: &str) -> Wire {
    let millis = |at: DateTime<Utc>| Wire::Text(at.timestamp_millis().to_string());
    let first = message.first_received_at.unwrap_or(message.sent_at);
    let attributes = fields([
        ("SenderId", Wire::text(owner)),
        ("SentTimestamp", millis(message.sent_at)),
        (
            "ApproximateReceiveCount",
            Wire::Text(message.receives.to_string()),
        ),
        ("ApproximateFirstReceiveTimestamp", millis(first)),
    ]);
    fields([
        ("MessageId", Wire::text(&message.id)),
        ("ReceiptHandle", Wire::text(&message.receipt)),
        (
            "MD5OfBody",
            Wire::Text(hex::encode(Md5::digest(message.body.as_bytes()))),
        ),
        ("Body", Wire::text(&message.body)),
        ("Attributes", attributes),
    ])
}

fn fields(fields: impl IntoIterator<Item = (&'static str, Wire)>) -> Wire {
    Wire::Map(fields.into_iter().collect())
}

fn text<'a>(input: &'a Value, field: &str) -> &'a str {
    input.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn bounded(input: &Value, field: &str, min: u64, max: u64, absent: u32) -> Result<u32, Refusal> {
    match input.get(field) {
        None | Some(Value::Null) => Ok(absent),
        Some(value) => value
            .as_u64()
            .filter(|value| (min..=max).contains(value))
            .and_then(|value| u32::try_from(value).ok())
            .ok_or_else(|| Refusal::Queue {
                code: "InvalidParameterValue",
                message: format!("{field} must be {min} to {max}."),
            }),
    }
}

fn no_queue() -> Refusal {
    Refusal::Queue {
        code: "QueueDoesNotExist",
        message: "The specified queue does not exist.".to_owned(),
    }
}

fn no_receipt() -> Refusal {
    Refusal::Queue {
        code: "ReceiptHandleIsInvalid",
        message: "The input receipt handle is invalid.".to_owned(),
    }
}
