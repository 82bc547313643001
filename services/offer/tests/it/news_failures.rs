//! Every failure of AWS at the queue of events (O9, O13; facts §5.1). What was told is heard in spite of it and
//! taken out of the queue, and nothing comes of it twice.

use chrono::TimeDelta;
use countersign_offer::OfferConfig;
use countersign_proto::offer::v1 as pb;
use pb::offer::State;
use serde_json::{Value, json};

use crate::aws_failures::{self as aws, FAILURES};
use crate::news;
use crate::world::World;

const QUEUE: [&str; 2] = ["ReceiveMessage", "DeleteMessage"];
/// As often as one call is tried by itself: so often in a row it fails for its caller too.
const ATTEMPTS: u32 = 3;
const STEP: TimeDelta = TimeDelta::seconds(2);
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Only what AWS tells can be it: nobody looks by himself before a day is over.
fn only_hears(config: &mut OfferConfig) {
    news::hears(config);
    config.marketplace_timeout_ms = 2_000;
    config.change_set_poll_min_ms = DAY_MS;
    config.change_set_poll_max_ms = DAY_MS;
    config.agreement_poll_ms = DAY_MS;
}

async fn fail(world: &World, operation: &str, failure: &str, after_apply: bool) {
    let body = json!({ "operation": operation, "failure": failure, "times": ATTEMPTS,
        "afterApply": after_apply });
    world.act("inject", body).await;
}

/// Lets time go by until this part of what the sandbox has is empty.
async fn until_empty(world: &World, part: &str) {
    let look = async || world.look("state").await[part].clone();
    world
        .hurry_by(STEP, look, |left: &Value| left == &json!([]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_tells_is_heard_once_whatever_the_queue_does() {
    let world = World::with(only_hears).await;
    world.register_listing().await;
    let began = world.now();
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = format!("{failure}, done all the same: {after_apply}");
        let (draft, buyer) = aws::drafted(&world, number).await;
        for operation in QUEUE {
            fail(&world, operation, failure, after_apply).await;
        }
        world.release(&draft).await;
        let is = |state: State| move |offer: &pb::Offer| offer.state() == state;
        let published = world.hurry(&draft.offer_id, is(State::Published)).await;
        let aws_offer_id = &published.summary.as_ref().unwrap().aws_offer_id;
        let accept = json!({ "offerId": aws_offer_id, "buyerAccountId": buyer });
        world.act("accept", accept).await;
        world.hurry(&draft.offer_id, is(State::Accepted)).await;
        // What was received and not taken out comes again, and changes nothing.
        until_empty(&world, "injections").await;
        until_empty(&world, "queuedEvents").await;
        let count = number + 1;
        let told = world.events::<pb::OfferPublished>().await;
        assert_eq!(told.len(), count, "{row}");
        let told = world.events::<pb::AgreementAccepted>().await;
        assert_eq!(told.len(), count, "{row}");
        let of = told[number].offer.as_ref().unwrap();
        assert_eq!(of.offer_id, draft.offer_id, "{row}");
    }
    assert_eq!(world.events::<pb::OfferReleaseFailed>().await, []);
    let took = world.now() - began;
    assert!(took.num_hours() < 23, "it was not the events: {took}");
}
