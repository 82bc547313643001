//! Every failure of AWS at every call of a release, an acceptance and a payment request (O9, O13, O17; facts
//! §1.1, §3): whatever happens, an offer ends published and accepted, AWS has it once, and the others hear of
//! it once.
//!
//! A row is a failure; each of its offers meets it at every call on its way, one after the other in one
//! system. That each injection was used says that no call was left out.

use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use pb::offer::State;
use serde_json::{Value, json};

use crate::payments;
use crate::world::World;

/// What AWS does, and whether it does what was asked before it fails.
pub(crate) const FAILURES: [(&str, bool); 16] = [
    ("quota", false),
    ("lock", false),
    ("lock", true),
    ("throttle", false),
    ("throttle", true),
    ("fault", false),
    ("fault", true),
    ("unavailable", false),
    ("unavailable", true),
    ("timeout", true),
    ("twice", true),
    ("nonsense", true),
    ("unknown-value", true),
    ("access-denied", false),
    ("access-denied", true),
    ("quota", true),
];
/// The calls of a change set: what was sent is looked for when a request was sent before.
pub(crate) const CHANGE_SET: [&str; 3] = ["ListChangeSets", "StartChangeSet", "DescribeChangeSet"];
const ACCEPTANCE: [&str; 3] = ["SearchAgreements", "DescribeAgreement", "GetAgreementTerms"];
const PAYMENT: [&str; 3] = [
    "ListAgreementPaymentRequests",
    "SendAgreementPaymentRequest",
    "GetAgreementPaymentRequest",
];

const WITHDRAWAL: [&str; 2] = [
    "CancelAgreementPaymentRequest",
    "GetAgreementPaymentRequest",
];

pub(crate) async fn world() -> World {
    // A call that is never answered is given up after half of this.
    let world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    let settings = json!({ "preparingMs": 1_000, "applyingMs": 1_000 });
    world.act("settings", settings).await;
    world.register_listing().await;
    world
}

/// The deal of this number, drafted for a buyer of its own, whose account id begins with zeros.
pub(crate) async fn drafted(world: &World, number: usize) -> (pb::Offer, String) {
    let engagement = format!("{number:03}-landing-zone");
    let buyer = format!("{:012}", number + 1);
    let draft = world.drafted_for(&engagement, &buyer).await;
    (draft, buyer)
}

pub(crate) async fn inject(world: &World, operation: &str, failure: &str, after_apply: bool) {
    let body = json!({ "operation": operation, "failure": failure, "afterApply": after_apply });
    world.act("inject", body).await;
}

/// What AWS has of the offer: its change sets.
pub(crate) async fn change_sets(world: &World, offer: &pb::Offer) -> Vec<Value> {
    let state = world.look("state").await;
    let sets = state["changeSets"].as_array().unwrap().clone();
    let of_offer = |set: &Value| set["name"].as_str().unwrap().contains(&offer.offer_id);
    sets.into_iter().filter(of_offer).collect()
}

pub(crate) async fn all_were_used(world: &World, row: &str) {
    let left = world.look("state").await["injections"].clone();
    assert_eq!(left, json!([]), "{row}");
}

/// Releases the offer, and again where AWS refused it: nobody else decides that.
async fn release(world: &World, draft: &pb::Offer) -> pb::Offer {
    world.release(draft).await;
    let ended = |offer: &pb::Offer| offer.state() != State::Releasing;
    let offer = world.hurry(&draft.offer_id, ended).await;
    if offer.state() == State::Published {
        return offer;
    }
    assert_eq!(offer.errors[0].code, "AccessDeniedException", "{offer:#?}");
    world.release(&offer).await;
    world.hurry(&draft.offer_id, ended).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_ends_accepted_whatever_aws_does() {
    let world = world().await;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = format!("{failure}, done all the same: {after_apply}");
        let (draft, buyer) = drafted(&world, number).await;
        // A first try that comes too early makes the second one look for what was sent.
        inject(&world, "StartChangeSet", "lock", false).await;
        for operation in CHANGE_SET {
            inject(&world, operation, failure, after_apply).await;
        }
        let published = release(&world, &draft).await;
        assert_eq!(published.state(), State::Published, "{row}: {published:#?}");
        for operation in ACCEPTANCE {
            inject(&world, operation, failure, after_apply).await;
        }
        let aws_offer_id = &published.summary.as_ref().unwrap().aws_offer_id;
        let accept = json!({ "offerId": aws_offer_id, "buyerAccountId": buyer });
        world.act("accept", accept).await;
        let is_accepted = |offer: &pb::Offer| offer.state() == State::Accepted;
        world.hurry(&draft.offer_id, is_accepted).await;
        all_were_used(&world, &row).await;

        let sets = change_sets(&world, &draft).await;
        let ended: Vec<_> = sets.iter().map(|set| set["status"].as_str()).collect();
        assert_eq!(ended, [Some("SUCCEEDED")], "{row}");
        let count = number + 1;
        let published = world.events::<pb::OfferPublished>().await;
        assert_eq!(published.len(), count, "{row}");
        let accepted = world.events::<pb::AgreementAccepted>().await;
        assert_eq!(accepted.len(), count, "{row}");
        let of = accepted[number].offer.as_ref().unwrap();
        assert_eq!(of.offer_id, draft.offer_id, "{row}");
    }
    // The one refusal that took no effect was told.
    let refused = world.events::<pb::OfferReleaseFailed>().await;
    assert_eq!(refused.len(), 1, "{refused:#?}");
    let at_aws = world.look("offers").await;
    assert_eq!(at_aws.as_array().unwrap().len(), FAILURES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_request_ends_approved_whatever_aws_does() {
    let world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    let offer = payments::accepted(&world, "WAIT_FOR_APPROVAL").await;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = format!("{failure}, done all the same: {after_apply}");
        for operation in PAYMENT {
            inject(&world, operation, failure, after_apply).await;
        }
        let milestone = format!("Milestone {number}");
        let ended = payments::State::Failed;
        let mut id = payments::asked(&world, &offer, &milestone, "10.00").await;
        let sent = hurry(&world, &id, |state| state != payments::State::Sending).await;
        if sent.state() == ended {
            assert_eq!(sent.errors[0].code, "AccessDeniedException", "{row}");
            id = payments::asked(&world, &offer, &milestone, "10.00").await;
        }
        let pending = hurry(&world, &id, |state| state == payments::State::Pending).await;
        payments::answer(&world, &pending, true).await;
        hurry(&world, &id, |state| state == payments::State::Approved).await;
        all_were_used(&world, &row).await;
        let approved = world.events::<pb::PaymentRequestApproved>().await;
        assert_eq!(approved.len(), number + 1, "{row}");
    }
    let state = world.look("state").await;
    let at_aws = state["paymentRequests"].as_array().unwrap();
    assert_eq!(at_aws.len(), FAILURES.len());
    let failed = world.events::<pb::PaymentRequestFailed>().await;
    assert_eq!(failed.len(), 1, "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_request_is_taken_back_once_whatever_aws_does() {
    let world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    let offer = payments::accepted(&world, "WAIT_FOR_APPROVAL").await;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = format!("{failure}, done all the same: {after_apply}");
        let milestone = format!("Milestone {number}");
        let id = payments::asked(&world, &offer, &milestone, "10.00").await;
        hurry(&world, &id, |state| state == payments::State::Pending).await;
        for operation in WITHDRAWAL {
            inject(&world, operation, failure, after_apply).await;
        }
        payments::cancel(&world, &id).await.unwrap();
        let look = async || payments::get(&world, &id).await;
        let answered = |request: &pb::PaymentRequest| {
            request.state() != payments::State::Pending || !request.errors.is_empty()
        };
        let step = TimeDelta::seconds(20);
        let answer = world.hurry_by(step, look, answered).await;
        if answer.state() == payments::State::Pending {
            assert_eq!((failure, after_apply), ("access-denied", false), "{row}");
            assert_eq!(answer.errors[0].code, "AccessDeniedException", "{row}");
            payments::cancel(&world, &id).await.unwrap();
        }
        let ended = hurry(&world, &id, |state| state != payments::State::Pending).await;
        assert_eq!(ended.state(), payments::State::Cancelled, "{row}");
        assert_eq!(ended.reason, "invoiced twice", "{row}");
        all_were_used(&world, &row).await;
    }
    let state = world.look("state").await;
    let mut at_aws = state["paymentRequests"].as_array().unwrap().iter();
    assert_eq!(at_aws.len(), FAILURES.len());
    assert!(at_aws.all(|request| request["status"] == "CANCELLED"));
    for told in [
        world.events::<pb::PaymentRequestFailed>().await.len(),
        world.events::<pb::PaymentRequestApproved>().await.len(),
    ] {
        assert_eq!(told, 0);
    }
}

/// Lets time go by, twenty seconds at a time, until the payment request is as wanted.
async fn hurry(
    world: &World,
    id: &str,
    wanted: impl Fn(payments::State) -> bool,
) -> pb::PaymentRequest {
    let look = async || payments::get(world, id).await;
    let step = TimeDelta::seconds(20);
    world
        .hurry_by(step, look, |request| wanted(request.state()))
        .await
}
