//! What a person does in AWS's portal to an offer that is published (O10, O11): it is read back, when somebody
//! says so or when the expiry comes.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;
use countersign_proto::offer::v1::offer_service_client::OfferServiceClient;
use serde_json::json;
use tonic::Code;

use crate::portal::{enter, given, move_expiry, waiting};
use crate::world::{World, refusal};

/// An offer that a person entered, published; and AWS's id of it.
pub(crate) async fn published(world: &World) -> (pb::Offer, String) {
    let offer = waiting(world).await;
    let entered = enter(world, &offer, "102500.00").await;
    let mut client = world.client.clone();
    let request = world.command(given(&offer, &entered));
    client.record_portal_offer(request).await.unwrap();
    let published = world.until_state(&offer.offer_id, State::Published).await;
    (published, entered)
}

pub(crate) fn read_back(offer: &pb::Offer) -> pb::ReadOfferBackRequest {
    pb::ReadOfferBackRequest {
        offer_id: offer.offer_id.clone(),
    }
}

async fn read(world: &World, offer: &pb::Offer) -> pb::Offer {
    let mut client = world.client.clone();
    let read = client
        .read_offer_back(world.command(read_back(offer)))
        .await;
    read.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_last_day_and_the_end_are_read_back() {
    let world = World::new().await;
    let (offer, aws_offer_id) = published(&world).await;
    let unchanged = read(&world, &offer).await;
    assert_eq!(unchanged.revision, offer.revision);

    move_expiry(&world, &aws_offer_id, "2026-04-15").await;
    for _ in 0..2 {
        let moved = read(&world, &offer).await;
        assert_eq!(moved.summary.unwrap().expires_on, "2026-04-15");
    }
    let told = world.events::<pb::OfferExpiryChanged>().await;
    assert_eq!(told.len(), 1);

    move_expiry(&world, &aws_offer_id, "2026-03-01").await;
    let ended = read(&world, &offer).await;
    assert_eq!(ended.state(), State::Cancelled);
    let told = world.events::<pb::OfferCancelled>().await;
    assert_eq!(told.len(), 1);
    let mut client = world.client.clone();
    let answer = client.read_offer_back(world.command(read_back(&offer)));
    assert_eq!(refusal(answer.await).1, "OFFER_NOT_PUBLISHED");
    let nobodys = pb::ReadOfferBackRequest {
        offer_id: "offer-nothing".into(),
    };
    let (code, reason, _) = refusal(client.read_offer_back(world.command(nobodys)).await);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "OFFER_UNKNOWN"));
}

/// Nobody said that it was moved: on its old last day AWS is asked before it is said to have expired, for as long as
/// AWS does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_the_portal_expires_when_it_does_at_aws() {
    let world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    let (offer, aws_offer_id) = published(&world).await;
    move_expiry(&world, &aws_offer_id, "2026-04-15").await;
    for failure in [
        "throttle",
        "fault",
        "access-denied",
        "unavailable",
        "timeout",
        "nonsense",
    ] {
        let body = json!({ "operation": "DescribeEntity", "failure": failure });
        world.act("inject", body).await;
    }
    let to = |day: u32, month: u32| Utc.with_ymd_and_hms(2026, month, day, 0, 0, 30).unwrap();
    world.advance(to(1, 4) - world.now());
    let moved = |offer: &pb::Offer| offer.summary.as_ref().unwrap().expires_on == "2026-04-15";
    let offer = world.hurry(&offer.offer_id, moved).await;
    assert_eq!(offer.state(), State::Published);
    assert_eq!(world.look("state").await["injections"], json!([]));

    world.advance(to(15, 4) - world.now());
    for _ in 0..5 {
        world.pass().await;
    }
    let still = world.offer(&offer.offer_id).await;
    assert_eq!(still.state(), State::Published);
    world.advance(TimeDelta::days(1));
    world.until_state(&offer.offer_id, State::Expired).await;
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(world.events::<pb::OfferExpired>().await.len(), 1);
}

/// P5, O7: what another tenant's process would be told of an offer says nothing about it: its expiry waits for the
/// process of its own tenant, which finds that it was moved.
#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_process_ends_no_offer_of_the_portal() {
    let mut world = World::new().await;
    let (offer, aws_offer_id) = published(&world).await;
    move_expiry(&world, &aws_offer_id, "2026-04-15").await;
    world.stop().await;
    let another = world.serve_another_tenant().await;
    world.client = OfferServiceClient::new(another.channel());
    let last_day = Utc.with_ymd_and_hms(2026, 4, 1, 0, 0, 30).unwrap();
    world.advance(last_day - world.now());
    let looks = "SELECT count(*) FROM task WHERE kind = 'offer.look-for-agreements'
        AND key = 'globex' AND due_at > $1";
    let due_at = "SELECT due_at FROM task WHERE kind = 'offer.expire' AND attempts = 0";
    for _ in 0..10 {
        world.advance(TimeDelta::minutes(5));
        // It does what is its own.
        let looked = async || -> i64 {
            let looks = sqlx::query_scalar(looks).bind(world.now());
            looks.fetch_one(world.bed.pool()).await.unwrap()
        };
        world
            .hurry_by(TimeDelta::zero(), looked, |looks| *looks == 1)
            .await;
        let due_at = sqlx::query_scalar(due_at).fetch_one(world.bed.pool());
        let due_at: DateTime<Utc> = due_at.await.unwrap();
        assert!(due_at <= world.now(), "it waits, and nobody has tried");
    }
    let waiting = world.offer(&offer.offer_id).await;
    assert_eq!(waiting, offer);
    another.stop().await;

    world.restart().await;
    let moved = |offer: &pb::Offer| offer.summary.as_ref().unwrap().expires_on == "2026-04-15";
    let offer = world.hurry(&offer.offer_id, moved).await;
    assert_eq!(offer.state(), State::Published);
    assert_eq!(world.events::<pb::OfferExpired>().await, []);
    assert_eq!(world.events::<pb::OfferExpiryChanged>().await.len(), 1);
}
