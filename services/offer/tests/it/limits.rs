//! What a seller's AWS account is taken to allow, where AWS's sources contradict each other (facts §0).

use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::ClockKind;
use countersign_proto::offer::v1::clock::State;
use serde_json::json;

use crate::clocks::{clocks, kinds};
use crate::world::{World, refusal};

async fn limits(world: &World) -> pb::MarketplaceLimits {
    let request = World::query(pb::GetMarketplaceLimitsRequest {});
    let mut client = world.client.clone();
    let found = client.get_marketplace_limits(request).await;
    found.unwrap().into_inner()
}

/// O8, O18: a publication is late when the seller's limits say so; what was released keeps the time that it had.
#[tokio::test(flavor = "multi_thread")]
async fn a_seller_says_what_its_account_allows() {
    let world = World::new().await;
    let safe = limits(&world).await;
    let known = (safe.charges, safe.document_bytes, safe.publish_minutes);
    assert_eq!(known, (60, 10_000_000, 45));
    assert!(!safe.concurrent_agreements && !safe.rupees);

    let mut client = world.client.clone();
    let put = |limits: pb::MarketplaceLimits| pb::PutMarketplaceLimitsRequest {
        limits: Some(limits),
    };
    let nothing = world.command(pb::PutMarketplaceLimitsRequest { limits: None });
    let answer = client.put_marketplace_limits(nothing).await;
    assert_eq!(refusal(answer).2, ["LIMIT_OUT_OF_RANGE"; 4]);
    assert_eq!(limits(&world).await, safe);

    let own = pb::MarketplaceLimits {
        publish_minutes: 180,
        rupees: true,
        ..safe
    };
    for _ in 0..2 {
        let request = world.command(put(own));
        let kept = client.put_marketplace_limits(request).await.unwrap();
        assert_eq!(kept.into_inner(), own);
    }
    assert_eq!(limits(&world).await, own);
    let audited = "SELECT count(*) FROM audit WHERE action = 'put_marketplace_limits'";
    let audited: i64 = sqlx::query_scalar(audited)
        .fetch_one(world.bed.pool())
        .await
        .unwrap();
    assert_eq!(audited, 1, "the same again is no change");

    let never = json!({ "applyingMs": TimeDelta::days(1).num_milliseconds() });
    world.act("settings", never).await;
    let draft = world.draft().await;
    world.release(&draft).await;
    let request = world.command(put(safe));
    client.put_marketplace_limits(request).await.unwrap();
    world.advance(TimeDelta::minutes(179));
    for _ in 0..3 {
        world.pass().await;
    }
    assert_eq!(
        kinds(&clocks(&world, State::Running).await),
        [ClockKind::Publish]
    );
    world.advance(TimeDelta::minutes(2));
    for _ in 0..100 {
        if !clocks(&world, State::Breached).await.is_empty() {
            break;
        }
        world.pass().await;
    }
    assert_eq!(
        kinds(&clocks(&world, State::Breached).await),
        [ClockKind::Publish]
    );
    assert_eq!(world.events::<pb::OfferPublishOverdue>().await.len(), 1);
}

/// O9, O18: a fault of AWS's leads to another change set, and the time to be published stays the one that held when
/// the release was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_aws_fails_keeps_its_time() {
    let world = World::new().await;
    let draft = world.draft().await;
    let fault = json!({ "operation": "StartChangeSet", "failure": "server-fault" });
    world.act("inject", fault).await;
    let release = world.release(&draft).await;
    let own = pb::MarketplaceLimits {
        publish_minutes: 180,
        ..limits(&world).await
    };
    let put = pb::PutMarketplaceLimitsRequest { limits: Some(own) };
    let mut client = world.client.clone();
    client
        .put_marketplace_limits(world.command(put))
        .await
        .unwrap();
    let faulted = |offer: &pb::Offer| !offer.errors.is_empty();
    world.until(&release.offer_id, faulted).await;
    let never = json!({ "applyingMs": TimeDelta::days(1).num_milliseconds() });
    world.act("settings", never).await;
    world.advance(TimeDelta::minutes(46));
    for _ in 0..100 {
        if !clocks(&world, State::Breached).await.is_empty() {
            break;
        }
        world.pass().await;
    }
    let late = world.offer(&release.offer_id).await;
    assert_eq!(late.state(), pb::offer::State::Releasing);
    assert_eq!(world.events::<pb::OfferPublishOverdue>().await.len(), 1);
    assert_eq!(
        kinds(&clocks(&world, State::Breached).await),
        [ClockKind::Publish]
    );
}
