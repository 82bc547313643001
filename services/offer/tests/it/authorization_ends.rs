//! A resale authorization's end (O2, O7, O18; facts §1.5): until its day any number of offers, or one, are made
//! from it, and on its day it ends by itself, which is told once.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::Digest;
use countersign_offer::{compose, service};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::ClockKind;
use countersign_proto::offer::v1::clock::State as Clock;
use pb::offer::State;
use serde_json::{Value, json};

use crate::aws_failures as aws;
use crate::clocks::{clocks, kinds};
use crate::deals;
use crate::entities::{described, part};
use crate::kinds::{authorization_request, deal};
use crate::resale;
use crate::world::{ENGAGEMENT, World, refusal};

/// A channel partner that the sandbox knows.
pub(crate) const RESELLER: &str = "222233334444";
const BUYER: &str = "123456789012";
/// Of an authorization that can be used again and again.
const LAST_SECOND: &str = "2026-03-31T23:59:59Z";
/// Of one that is used once: before its first charge.
pub(crate) const LAST_SECOND_OF_ONE: &str = "2026-03-16T23:59:59Z";

/// At one price, for as many offers as the reseller likes, until a date.
fn until_a_date() -> pb::DraftResaleAuthorizationRequest {
    pb::DraftResaleAuthorizationRequest {
        expires_on: "2026-03-31".into(),
        single_use: false,
        ..single_use()
    }
}

pub(crate) fn single_use() -> pb::DraftResaleAuthorizationRequest {
    pb::DraftResaleAuthorizationRequest {
        reseller_account_id: RESELLER.into(),
        contract: Some(pb::ResellerContract {
            contract: Some(pb::reseller_contract::Contract::Standard(false)),
        }),
        ..authorization_request()
    }
}

/// The authorization of the approved deal, as AWS released it.
async fn released(world: &World, request: pb::DraftResaleAuthorizationRequest) -> pb::Offer {
    let draft = world
        .client
        .clone()
        .draft_resale_authorization(world.command(request))
        .await;
    let draft = world.assembled(&draft.unwrap().into_inner().offer_id).await;
    assert_eq!(world.findings(&draft.offer_id).await, [""; 0]);
    world.release(&draft).await;
    world.until_state(&draft.offer_id, State::Published).await
}

/// Of the handbook's deal, reusable.
async fn reusable(world: &World) -> pb::Offer {
    let files = deals::files();
    let deal = deals::deal(ENGAGEMENT, &files, Digest::of(b"what was approved"));
    world.ready_to_draft(deal).await;
    released(world, until_a_date()).await
}

/// Of S1's two installments, for one offer.
async fn for_one_offer(world: &World) -> pb::Offer {
    let charges = [("2026-03-17", "0.50"), ("2026-03-18", "0.50")];
    world.ready_to_draft(deal("1.00", &charges)).await;
    released(world, single_use()).await
}

fn aws_id(offer: &pb::Offer) -> String {
    offer
        .authorization
        .as_ref()
        .unwrap()
        .authorization_id
        .clone()
}

/// The reseller makes an offer from it, and extends it. Returns AWS's id.
async fn offered(world: &World, offer: &pb::Offer, until: &str, price: (&str, Value)) -> Value {
    let mut entered = json!({
        "resaleAuthorizationId": aws_id(offer),
        "name": "Resold",
        "buyerAccountId": BUYER,
        "availabilityEndDate": until,
        "legalDocumentUrl": "https://documents.reseller.example/terms.pdf",
    });
    entered[price.0] = price.1;
    world.act("portal/partner-offer", entered).await["offerId"].clone()
}

async fn bought(world: &World, offer_id: &Value) {
    let accept = json!({ "offerId": offer_id, "buyerAccountId": BUYER });
    world.act("accept", accept).await;
}

pub(crate) async fn resold_once(world: &World, offer: &pb::Offer) {
    let schedule = json!([
        { "chargeDate": "2026-03-17", "chargeAmount": "0.55" },
        { "chargeDate": "2026-03-18", "chargeAmount": "0.55" },
    ]);
    let id = offered(world, offer, "2026-03-16", ("schedule", schedule)).await;
    bought(world, &id).await;
}

pub(crate) fn go_to(world: &World, at: &str, seconds: i64) {
    let at: DateTime<Utc> = at.parse().unwrap();
    world.advance(at + TimeDelta::seconds(seconds) - world.now());
}

async fn a_while(world: &World) {
    for _ in 0..5 {
        world.pass().await;
    }
}

/// It ended, and that was told once and as what it is; its clock rang, once.
pub(crate) async fn ended_once(world: &World, offer: &pb::Offer) {
    a_while(world).await;
    let told = world.events::<pb::ResaleAuthorizationExpired>().await;
    let [told] = told.as_slice() else {
        panic!("{told:#?}")
    };
    assert_eq!(told.authorization, offer.authorization);
    assert_eq!(
        world.events::<pb::ResaleAuthorizationRestricted>().await,
        []
    );
    assert_eq!(world.events::<pb::OfferExpired>().await, []);
    let rang = world.events::<pb::ClockBreached>().await;
    let rang: Vec<_> = rang.into_iter().map(|event| event.clock.unwrap()).collect();
    assert_eq!(kinds(&rang), [ClockKind::OfferExpiry]);
    assert_eq!(clocks(world, Clock::Breached).await, rang);
    assert_eq!(kinds(&clocks(world, Clock::Running).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_until_a_date_ends_by_itself_on_its_day() {
    let mut world = World::new().await;
    let offer = reusable(&world).await;
    let shown = described(&world, &aws_id(&offer)).await;
    let availability = json!({
        "Type": "AvailabilityRule",
        "Usage": "Limited",
        "AvailabilityEndDate": LAST_SECOND,
    });
    assert_eq!(part(&shown, "AvailabilityRule"), availability);
    let released = world.events::<pb::ResaleAuthorizationReleased>().await;
    assert_eq!(released.len(), 1);
    assert_eq!(released[0].authorization, offer.authorization);
    let running = clocks(&world, Clock::Running).await;
    assert_eq!(kinds(&running), [ClockKind::OfferExpiry]);
    assert_eq!(running[0].due_at, LAST_SECOND);

    // Used twice, and once to the end: it stands until its day.
    let markup = || ("markupPercentage", json!("10"));
    let first = offered(&world, &offer, "2026-03-20", markup()).await;
    offered(&world, &offer, "2026-03-20", markup()).await;
    bought(&world, &first).await;
    let shown = described(&world, &aws_id(&offer)).await;
    assert_eq!(
        shown["OfferDetails"]["OfferExtendedStatus"],
        "Completed-Usable"
    );
    go_to(&world, LAST_SECOND, -2);
    a_while(&world).await;
    assert_eq!(world.offer(&offer.offer_id).await.state(), State::Published);
    go_to(&world, LAST_SECOND, 0);
    let expired = world.until_state(&offer.offer_id, State::Expired).await;
    ended_once(&world, &expired).await;
    // What a reseller sold is the reseller's.
    assert_eq!(world.events::<pb::AgreementAccepted>().await, []);

    // Nor is it told again, whatever the time does.
    world.advance(TimeDelta::hours(-1));
    a_while(&world).await;
    world.advance(TimeDelta::days(1));
    world.restart().await;
    ended_once(&world, &expired).await;
    let cancel = pb::CancelOfferRequest {
        offer_id: offer.offer_id,
        reason: "it is over".into(),
    };
    let answer = world
        .client
        .clone()
        .cancel_offer(world.command(cancel))
        .await;
    assert_eq!(refusal(answer).1, "OFFER_NOT_PUBLISHED");
}

/// O9: nobody was there on its day; of two instances that come up later one tells of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_ends_once_though_the_service_was_stopped_over_its_day() {
    let mut world = World::new().await;
    let offer = reusable(&world).await;
    go_to(&world, LAST_SECOND, -3_600);
    world.stop().await;
    world.advance(TimeDelta::days(3));
    world.restart().await;
    let second = world.bed.serve(&service(), compose).await;
    let expired = world.until_state(&offer.offer_id, State::Expired).await;
    ended_once(&world, &expired).await;
    second.stop().await;
    world.restart().await;
    ended_once(&world, &expired).await;
}

/// Used up it is not over: AWS has no end of it but its day, on which it ends.
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_that_was_used_up_ends_on_its_day() {
    let world = World::new().await;
    let offer = for_one_offer(&world).await;
    resold_once(&world, &offer).await;
    let shown = described(&world, &aws_id(&offer)).await;
    assert_eq!(shown["Status"], "Active");
    assert_eq!(
        shown["OfferDetails"]["OfferExtendedStatus"],
        "Completed-Used"
    );
    go_to(&world, LAST_SECOND_OF_ONE, -2);
    a_while(&world).await;
    assert_eq!(world.offer(&offer.offer_id).await.state(), State::Published);
    go_to(&world, LAST_SECOND_OF_ONE, 0);
    let expired = world.until_state(&offer.offer_id, State::Expired).await;
    ended_once(&world, &expired).await;
    assert_eq!(world.events::<pb::AgreementAccepted>().await, []);
}

async fn restrict(world: &World, offer: &pb::Offer) {
    let cancel = pb::CancelOfferRequest {
        offer_id: offer.offer_id.clone(),
        reason: "another reseller".into(),
    };
    world
        .client
        .clone()
        .cancel_offer(world.command(cancel))
        .await
        .unwrap();
}

/// O11: one that was used up and then restricted has no day any more.
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_that_was_restricted_does_not_expire() {
    let world = World::new().await;
    let offer = for_one_offer(&world).await;
    resold_once(&world, &offer).await;
    restrict(&world, &offer).await;
    world.until_state(&offer.offer_id, State::Cancelled).await;
    let shown = described(&world, &aws_id(&offer)).await;
    assert_eq!(shown["Status"], "Restricted");
    go_to(&world, LAST_SECOND_OF_ONE, 3_600);
    a_while(&world).await;
    assert_eq!(world.offer(&offer.offer_id).await.state(), State::Cancelled);
    assert_eq!(world.events::<pb::ResaleAuthorizationExpired>().await, []);
    assert_eq!(
        world
            .events::<pb::ResaleAuthorizationRestricted>()
            .await
            .len(),
        1
    );
    assert_eq!(world.events::<pb::ClockBreached>().await, []);
}

/// O9, O11: AWS refuses to restrict what ended meanwhile (facts §1.5), and then it ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_whose_restriction_comes_too_late_expires() {
    let world = World::new().await;
    let offer = reusable(&world).await;
    go_to(&world, LAST_SECOND, -60);
    // The first try is answered, and comes to nothing before the day is over.
    aws::inject(&world, "StartChangeSet", "lock", false).await;
    restrict(&world, &offer).await;
    crate::crossings::first_try_failed(&world).await;
    go_to(&world, LAST_SECOND, 1);
    a_while(&world).await;
    let expired = |offer: &pb::Offer| offer.state() == State::Expired;
    let expired = world.hurry(&offer.offer_id, expired).await;
    assert_eq!(expired.errors[0].code, "INCOMPATIBLE_STATUS");
    ended_once(&world, &expired).await;
}

/// The reseller's side: from an authorization that another offer used up nothing is made, which AWS knows alone; that
/// its day is over is known here (O4).
#[tokio::test(flavor = "multi_thread")]
async fn from_an_authorization_that_is_over_no_offer_is_released() {
    let world = World::new().await;
    let authorization = resale::authorization(&resale::by_installments(), None);
    let id = resale::given(&world, authorization).await;
    resale::approved(&world, |deal| {
        let charges = ["2026-03-17", "2026-03-18"].map(|day| deals::installment(day, "0.55"));
        deals::in_installments(deal, "1.10", charges.to_vec())
    })
    .await;
    let elsewhere = json!({
        "resaleAuthorizationId": id,
        "name": "Made by another tool",
        "buyerAccountId": BUYER,
        "availabilityEndDate": "2026-03-16",
        "markupPercentage": "10",
        "legalDocumentUrl": "https://documents.acme.example/terms.pdf",
    });
    world.act("portal/partner-offer", elsewhere).await;
    let draft = resale::drafted(&world, resale::request(&id, "0.50", "1.00")).await;
    world.release(&draft).await;
    let refused = |offer: &pb::Offer| !offer.errors.is_empty();
    let back = world.until(&draft.offer_id, refused).await;
    assert_eq!(back.state(), State::Draft);
    assert_eq!(back.errors[0].code, "INCOMPATIBLE_RESALE_AUTHORIZATION");
    assert_eq!(world.events::<pb::OfferReleaseFailed>().await.len(), 1);
    assert_eq!(world.look("offers").await.as_array().unwrap().len(), 1);

    go_to(&world, LAST_SECOND_OF_ONE, 0);
    let in_force = "AUTHORIZATION_IN_FORCE".to_owned();
    assert!(!world.findings(&draft.offer_id).await.contains(&in_force));
    go_to(&world, LAST_SECOND_OF_ONE, 1);
    assert!(world.findings(&draft.offer_id).await.contains(&in_force));
}
