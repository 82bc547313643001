//! What is shown of offers and clocks (P6, O9, O18).

use countersign_offer::compose;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;

use crate::portal;
use crate::world::World;

/// The reading of this gauge, and of this kind where it has kinds, as it is shown.
pub(crate) async fn reading(world: &World, gauge: &str, kind: Option<&str>) -> String {
    let wiring = compose(world.bed.fresh_parts()).await.unwrap();
    let readings = world.bed.readings(&wiring).await.unwrap();
    let found: Vec<String> = readings
        .iter()
        .filter(|reading| reading.gauge == gauge)
        .filter(|reading| reading.labels.first().map(|(_, kind)| kind.as_str()) == kind)
        .map(|reading| reading.value.to_string())
        .collect();
    let [found] = found.as_slice() else {
        panic!("{gauge} {kind:?}: {found:?}")
    };
    found.clone()
}

async fn left(world: &World) -> String {
    reading(world, "countersign.aws.offers_left", None).await
}

/// How many clocks of a kind run, and how many of them run out within a day.
async fn clocks(world: &World, kind: &str) -> [String; 2] {
    [
        reading(world, "countersign.clocks.running", Some(kind)).await,
        reading(world, "countersign.clocks.due", Some(kind)).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_under_way_takes_its_place_and_runs_its_clock() {
    let world = World::new().await;
    let draft = world.draft().await;
    assert_eq!(left(&world).await, "20");
    assert_eq!(clocks(&world, "publish").await, ["0", "0"]);

    world.release(&draft).await;
    assert_eq!(left(&world).await, "19");
    assert_eq!(clocks(&world, "publish").await, ["1", "1"]);

    world.until_state(&draft.offer_id, State::Published).await;
    assert_eq!(left(&world).await, "20");
    assert_eq!(clocks(&world, "publish").await, ["0", "0"]);
    assert_eq!(clocks(&world, "expiry").await, ["1", "0"]);

    let change = world.command(pb::ChangeExpiryRequest {
        offer_id: draft.offer_id,
        expires_on: "2026-03-30".into(),
    });
    world.client.clone().change_expiry(change).await.unwrap();
    assert_eq!(left(&world).await, "19");
}

/// What a person enters in the portal is not under way at AWS.
#[tokio::test(flavor = "multi_thread")]
async fn the_portal_takes_no_place() {
    let world = World::new().await;
    portal::waiting(&world).await;
    assert_eq!(left(&world).await, "20");
}
