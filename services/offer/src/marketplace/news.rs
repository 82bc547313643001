//! What AWS tells as it happens: EventBridge events in a queue (O13; facts §5.1). Delivery is best effort,
//! in no order and at times twice, so an event is only a hint that a look is worth while: what is true is
//! what the look sees.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{CallError, Later, Marketplace};
use crate::config::OfferConfig;
use crate::domain::id::{AwsOfferId, ChangeSetId};

/// The most that SQS gives at a time.
const MESSAGES: i32 = 10;
/// The longest that one call waits for a message: as long as the end of a process may take.
const LONGEST_WAIT_SECONDS: u64 = 5;

/// The account's queue.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
    wait_seconds: i32,
}

impl Queue {
    pub(super) fn connect(config: &OfferConfig, shared: &aws_config::SdkConfig) -> Option<Self> {
        // Half of the time that one attempt may take.
        let wait = config.marketplace_timeout().as_secs() / 4;
        Some(Self {
            client: aws_sdk_sqs::Client::new(shared),
            url: config.events_queue_url.clone()?,
            wait_seconds: i32::try_from(wait.min(LONGEST_WAIT_SECONDS)).unwrap_or_default(),
        })
    }
}

/// A message of the queue.
#[derive(Debug)]
pub(crate) struct Message {
    /// What it says, or why that cannot be told.
    pub(crate) news: Result<News, String>,
    /// What it is deleted by.
    pub(crate) receipt: String,
}

/// What is worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// An agreement was made, changed or ended; of what offer, if it was made.
    Agreement(Option<Made>),
    /// The change set ended.
    ChangeSet(ChangeSetId),
    /// Something that nothing here follows from.
    Other(String),
}

/// That a buyer accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) aws_offer_id: AwsOfferId,
    pub(crate) accepted_at: DateTime<Utc>,
}

impl Made {
    /// `None` where the event does not say it: it is a hint all the same.
    fn of(detail: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            aws_offer_id: text(&detail["offer"]["id"])?.parse().ok()?,
            accepted_at: text(&detail["agreement"]["acceptanceTime"])?.parse().ok()?,
        })
    }
}

impl Marketplace {
    /// Whether there is a queue of events.
    pub(crate) const fn hears_news(&self) -> bool {
        self.queue.is_some()
    }

    /// What is in the queue; waits a while for the first message. What is not deleted comes back.
    pub(crate) async fn news(&self) -> Result<Vec<Message>, CallError> {
        let queue = self.queue()?;
        let call = queue
            .client
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(MESSAGES)
            .wait_time_seconds(queue.wait_seconds);
        let received = self
            .calls
            .make("ReceiveMessage", || call.clone().send())
            .await?;
        let messages = received.messages().iter().map(|message| Message {
            news: read(message.body().unwrap_or_default()),
            receipt: message.receipt_handle().unwrap_or_default().to_owned(),
        });
        Ok(messages.collect())
    }

    /// Takes a message out of the queue.
    pub(crate) async fn forget(&self, message: &Message) -> Result<(), CallError> {
        let queue = self.queue()?;
        let call = queue
            .client
            .delete_message()
            .queue_url(&queue.url)
            .receipt_handle(&message.receipt);
        let deleted = self.calls.make("DeleteMessage", || call.clone().send());
        deleted.await.map(drop)
    }

    fn queue(&self) -> Result<&Queue, CallError> {
        let none = || CallError::Later(Later::fault("no queue of events is configured"));
        self.queue.as_ref().ok_or_else(none)
    }
}

/// An event, as far as it is read.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "detail-type")]
    detail_type: String,
    source: String,
    #[serde(default)]
    detail: Value,
}

/// Each is told to the proposer and to the manufacturer, by a name of its own.
const CREATED: &str = "Purchase Agreement Created - ";
const AGREEMENTS: [&str; 3] = [
    CREATED,
    "Purchase Agreement Amended - ",
    "Purchase Agreement Ended - ",
];
const CHANGE_SETS: [&str; 3] = [
    "Change Set Succeeded",
    "Change Set Failed",
    "Change Set Cancelled",
];

fn read(body: &str) -> Result<News, String> {
    let event: Envelope = serde_json::from_str(body).map_err(|wrong| wrong.to_string())?;
    let name = event.detail_type.as_str();
    match event.source.as_str() {
        "aws.agreement-marketplace" if AGREEMENTS.iter().any(|known| name.starts_with(known)) => {
            let made = name.starts_with(CREATED).then(|| Made::of(&event.detail));
            Ok(News::Agreement(made.flatten()))
        }
        "aws.marketplacecatalog" if CHANGE_SETS.contains(&name) => {
            let id = event.detail["ChangeSetId"].as_str().unwrap_or_default();
            let id = id.parse().map_err(|_| format!("{name} of {id:?}"))?;
            Ok(News::ChangeSet(id))
        }
        _ => Ok(News::Other(event.detail_type)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(source: &str, detail_type: &str, detail: &Value) -> String {
        json!({ "version": "0", "id": "1", "source": source, "detail-type": detail_type,
            "account": "111122223333", "time": "2026-03-02T10:00:00Z", "region": "us-east-1",
            "resources": [], "detail": detail })
        .to_string()
    }

    /// Facts §5.1: names of a change set's event are capitalised.
    #[test]
    fn each_event_is_a_hint_to_look_or_none() {
        let (agreements, catalog) = ("aws.agreement-marketplace", "aws.marketplacecatalog");
        let detail = json!({ "ChangeSetId": "cs-1", "agreement": { "id": "agmt-1" } });
        let other = |name: &str| News::Other(name.to_owned());
        for (source, name, expected) in [
            (
                agreements,
                "Purchase Agreement Created - Proposer",
                News::Agreement(None),
            ),
            (
                agreements,
                "Purchase Agreement Created - Manufacturer",
                News::Agreement(None),
            ),
            (
                agreements,
                "Purchase Agreement Amended - Proposer",
                News::Agreement(None),
            ),
            (
                agreements,
                "Purchase Agreement Ended - Proposer",
                News::Agreement(None),
            ),
            (
                agreements,
                "Purchase Agreement Ending - Proposer",
                other("Purchase Agreement Ending - Proposer"),
            ),
            (agreements, "Something New", other("Something New")),
            (
                catalog,
                "Purchase Agreement Created - Proposer",
                other("Purchase Agreement Created - Proposer"),
            ),
            (
                catalog,
                "Change Set Succeeded",
                News::ChangeSet("cs-1".parse().unwrap()),
            ),
            (
                catalog,
                "Change Set Failed",
                News::ChangeSet("cs-1".parse().unwrap()),
            ),
            (
                catalog,
                "Change Set Cancelled",
                News::ChangeSet("cs-1".parse().unwrap()),
            ),
            (catalog, "Offer Released", other("Offer Released")),
        ] {
            assert_eq!(read(&event(source, name, &detail)), Ok(expected), "{name}");
        }
    }

    /// O18: an acceptance says of which offer and when.
    #[test]
    fn an_acceptance_says_of_what() {
        let detail = |at: &str| json!({ "agreement": { "id": "agmt-1", "acceptanceTime": at }, "offer": { "id": "offer-1" } });
        let of = |name: &str, at: &str| {
            let body = event("aws.agreement-marketplace", name, &detail(at));
            read(&body)
        };
        let made = Made {
            aws_offer_id: "offer-1".parse().unwrap(),
            accepted_at: "2026-03-05T12:00:00.5Z".parse().unwrap(),
        };
        let (created, at) = (
            "Purchase Agreement Created - Proposer",
            "2026-03-05T12:00:00.5Z",
        );
        assert_eq!(of(created, at), Ok(News::Agreement(Some(made))));
        assert_eq!(of(created, "yesterday"), Ok(News::Agreement(None)));
        let ended = "Purchase Agreement Ended - Proposer";
        assert_eq!(of(ended, at), Ok(News::Agreement(None)));
    }

    #[test]
    fn what_is_no_event_says_why() {
        let lower = event(
            "aws.marketplacecatalog",
            "Change Set Failed",
            &json!({ "changeSetId": 1 }),
        );
        for (body, why) in [
            ("", "EOF"),
            ("<html>", "expected value"),
            ("{}", "detail-type"),
            (lower.as_str(), "Change Set Failed of"),
        ] {
            let wrong = read(body).unwrap_err();
            assert!(wrong.contains(why), "{wrong}");
        }
    }
}
