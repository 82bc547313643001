//! Events in each seller's queue: what arrives, and what a best-effort delivery does to it.

use serde_json::{Value, json};

use crate::by_hand::sqs;
use crate::market::Market;
use crate::resale;

const DAY: u64 = 86_400;

async fn market() -> Market {
    Market::with(|config| {
        config.settings.preparing_ms = 0;
        config.settings.applying_ms = 0;
        config.settings.rate_limit = false;
        config.frozen_at = Some("2027-01-04T10:00:00Z".parse().unwrap());
        config
            .access_keys
            .push("AKIAISV=111122223333".parse().unwrap());
        config
            .access_keys
            .push("AKIACP=222233334444".parse().unwrap());
    })
    .await
}

/// Everything in the queue, taken out of it.
async fn drain(market: &Market, key: &str, account: &str) -> Vec<Value> {
    let url = format!("{}/{account}/marketplace-events", market.url);
    let mut bodies = Vec::new();
    loop {
        let ask = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 });
        let (_, received) = sqs(market, key, "ReceiveMessage", ask).await;
        let Some(messages) = received["Messages"].as_array() else {
            return bodies;
        };
        for message in messages {
            bodies.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
            let delete = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
            assert_eq!(sqs(market, key, "DeleteMessage", delete).await.0, 200);
        }
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["detail-type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_direct_deal_is_told_to_its_seller() {
    let market = market().await;
    let id = market
        .accept(&market.succeed(&market.handbook().await).await)
        .await;
    market
        .act("clock", json!({ "advanceSeconds": 91 * DAY }))
        .await;
    let events = drain(&market, "AKIAISV", "111122223333").await;
    assert_eq!(
        kinds(&events),
        [
            "Offer Released",
            "Change Set Succeeded",
            "Purchase Agreement Created - Proposer",
            "Purchase Agreement Created - Manufacturer",
            "Purchase Agreement Ending - Proposer",
            "Purchase Agreement Ending - Proposer",
            "Purchase Agreement Ended - Proposer",
            "Purchase Agreement Ended - Manufacturer",
        ]
    );
    assert_eq!(events[1]["detail"]["Catalog"], "AWSMarketplace");
    assert_eq!(events[2]["detail"]["agreement"]["id"], json!(id));
    assert_eq!(events[2]["detail"]["resaleAuthorization"], Value::Null);
    let days = |event: &Value| event["detail"]["agreement"]["daysBeforeEndTime"].clone();
    assert_eq!((days(&events[4]), days(&events[5])), (json!(60), json!(30)));
    assert_eq!(events[6]["detail"]["agreement"]["status"], "EXPIRED");
    assert_eq!(
        events[6]["time"], "2027-04-04T10:00:00Z",
        "when it happened, not when it was seen"
    );
    assert!(drain(&market, "AKIAISV", "111122223333").await.is_empty());
}

#[tokio::test]
async fn a_partner_s_sale_is_told_to_both() {
    let market = market().await;
    let today = market.today().await;
    let isv = crate::clients::flow::Party::isv(&market);
    let ended = isv
        .run(
            resale::AUTHORIZATION,
            &resale::authorization(&market, today),
        )
        .await;
    let id = ended.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap();
    let id = id.strip_suffix("@1").unwrap();
    let markup = ("UpdateMarkup", json!({ "Percentage": "10" }));
    resale::partner(&market)
        .run("Offer@1.0", &resale::offer(id, today, markup))
        .await;
    let offers = market.get("/sandbox/offers").await;
    market.accept(offers[0]["offerId"].as_str().unwrap()).await;
    let events = drain(&market, "AKIAISV", "111122223333").await;
    assert_eq!(
        kinds(&events),
        [
            "Change Set Succeeded",
            "Offer Released",
            "Purchase Agreement Created - Manufacturer"
        ]
    );
    assert_eq!(events[2]["detail"]["resaleAuthorization"]["id"], json!(id));
    let events = drain(&market, "AKIACP", "222233334444").await;
    assert_eq!(
        kinds(&events),
        [
            "Offer Released",
            "Change Set Succeeded",
            "Purchase Agreement Created - Proposer"
        ]
    );
}

#[tokio::test]
async fn events_are_lost_repeated_and_late_on_demand() {
    let market = market().await;
    for (fault, expected) in [
        ("lose", vec!["Change Set Succeeded"]),
        (
            "duplicate",
            vec!["Offer Released", "Offer Released", "Change Set Succeeded"],
        ),
        ("late", vec!["Change Set Succeeded", "Offer Released"]),
    ] {
        market
            .act(
                "events/inject",
                json!({ "fault": fault, "detailType": "Offer Released" }),
            )
            .await;
        market.succeed(&market.handbook().await).await;
        let events = drain(&market, "AKIAISV", "111122223333").await;
        assert_eq!(kinds(&events), expected, "{fault}");
        if fault == "duplicate" {
            assert_eq!(events[0]["id"], events[1]["id"]);
        }
    }
}

#[tokio::test]
async fn a_message_is_hidden_while_it_is_worked_on() {
    let market = market().await;
    market.succeed(&market.handbook().await).await;
    let name = json!({ "QueueName": "marketplace-events" });
    let (_, found) = sqs(&market, "AKIAISV", "GetQueueUrl", name).await;
    let url = found["QueueUrl"].clone();
    let receive = async || {
        let ask = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60 });
        let (_, received) = sqs(&market, "AKIAISV", "ReceiveMessage", ask).await;
        received["Messages"].as_array().cloned().unwrap_or_default()
    };
    let counts = async || {
        let ask = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
        let (_, found) = sqs(&market, "AKIAISV", "GetQueueAttributes", ask).await;
        let count = |name: &str| found["Attributes"][name].as_str().unwrap().to_owned();
        (
            count("ApproximateNumberOfMessages"),
            count("ApproximateNumberOfMessagesNotVisible"),
        )
    };
    assert_eq!(counts().await, ("2".to_owned(), "0".to_owned()));
    let first = receive().await;
    assert_eq!(first.len(), 2);
    assert_eq!(counts().await, ("0".to_owned(), "2".to_owned()));
    assert!(receive().await.is_empty());
    let show = json!({ "QueueUrl": url, "ReceiptHandle": first[0]["ReceiptHandle"], "VisibilityTimeout": 0 });
    assert_eq!(
        sqs(&market, "AKIAISV", "ChangeMessageVisibility", show)
            .await
            .0,
        200
    );
    let again = receive().await;
    assert_eq!(again[0]["MessageId"], first[0]["MessageId"]);
    assert_eq!(again[0]["Attributes"]["ApproximateReceiveCount"], "2");
    market.act("clock", json!({ "advanceSeconds": 60 })).await;
    assert_eq!(receive().await.len(), 2, "nobody deleted them");
    let foreign = json!({ "QueueUrl": url });
    let (status, refused) = sqs(&market, "AKIACP", "ReceiveMessage", foreign).await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("com.amazonaws.sqs#QueueDoesNotExist"))
    );
    let nonsense = json!({ "QueueUrl": url, "ReceiptHandle": "nonsense" });
    let (_, refused) = sqs(&market, "AKIAISV", "DeleteMessage", nonsense).await;
    assert_eq!(
        refused["__type"],
        "com.amazonaws.sqs#ReceiptHandleIsInvalid"
    );
}

/// SQS's words for a refusal are not the other APIs'.
#[tokio::test]
async fn the_queue_refuses_in_its_own_words() {
    let market = market().await;
    let url = format!("{}/111122223333/marketplace-events", market.url);
    for (failure, status, name) in [
        ("throttle", 403, "RequestThrottled"),
        ("quota", 403, "OverLimit"),
        ("lock", 403, "KmsInvalidState"),
        ("access-denied", 403, "AccessDeniedException"),
        ("fault", 500, "InternalServerException"),
    ] {
        market.inject("ReceiveMessage", failure, false).await;
        let ask = json!({ "QueueUrl": url });
        let (told, refused) = sqs(&market, "AKIAISV", "ReceiveMessage", ask).await;
        let shape = format!("com.amazonaws.sqs#{name}");
        assert_eq!((told, &refused["__type"]), (status, &json!(shape)));
    }
}
