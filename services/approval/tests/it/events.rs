//! What estimate tells: applied once, in order, whole or not at all (P2, E8).

use countersign_platform::Failure;
use countersign_proto::approval::v1::case::State;
use countersign_proto::approval::v1::{DealStamped, StampVoided};
use countersign_proto::estimate::v1::{EstimateExpired, EstimateSubmitted, EstimateWithdrawn};
use prost::{Message, Name};
use tonic::Code;

use crate::world::{EM, LEGAL, World, estimate, refused};

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_version_counts_and_repetition_changes_nothing() {
    let (world, case) = World::in_review().await;
    assert_eq!(world.submit(estimate(3)).await.unwrap(), "applied");
    let after = world.case().await.unwrap();
    assert_eq!(after.estimate, Some(estimate(3)));
    assert_eq!(
        after.subject_digest, case.subject_digest,
        "it says the same"
    );
    // An older version, late; the same version in another event.
    assert_eq!(world.submit(estimate(2)).await.unwrap(), "ignored");
    assert_eq!(world.submit(estimate(3)).await.unwrap(), "ignored");
    assert_eq!(world.case().await.unwrap(), after);
    world.stop().await;
}

/// A stamped deal whose new version says the same is told again as that version.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_says_the_same_keeps_the_stamp() {
    let (world, case) = World::stamped().await;
    world.submit(estimate(2)).await.unwrap();
    let told = world.last::<DealStamped>().await.deal.unwrap();
    assert_eq!(told.estimate.unwrap().version, 2);
    assert_eq!(told.digest, case.stamped_digest);
    assert_eq!(world.told().await, ["DealStamped", "DealStamped"]);
    world.stop().await;
}

/// E8, A5: a withdrawn or expired estimate takes the stamp with it, and comes back by a new version.
#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_that_is_gone_is_not_approved() {
    for withdrawn in [true, false] {
        let (world, case) = World::stamped().await;
        let (estimate_id, version) = ("est-1".to_owned(), 1);
        let heard = if withdrawn {
            let gone = EstimateWithdrawn {
                estimate_id,
                version,
                withdrawn_by: EM.to_owned(),
                reason: "priced wrong".to_owned(),
            };
            world.hear(&gone).await
        } else {
            let valid_until = "2026-04-30".to_owned();
            world
                .hear(&EstimateExpired {
                    estimate_id,
                    version,
                    valid_until,
                })
                .await
        };
        assert_eq!(heard.unwrap(), "applied");
        let voided: StampVoided = world.last().await;
        assert_eq!(voided.digest, case.stamped_digest);
        let gone = world.case().await.unwrap();
        assert_eq!(gone.state(), State::AwaitingEstimate);
        let late = world.approve(LEGAL, "legal", &gone).await;
        refused(late, Code::FailedPrecondition, "NO_SUBMITTED_ESTIMATE");

        world.submit(estimate(2)).await.unwrap();
        let back = world.case().await.unwrap();
        let back = world.approve(LEGAL, "legal", &back).await.unwrap();
        assert_eq!(back.state(), State::Stamped);
        world.stop().await;
    }
}

/// A6: what is out for signature does not change, whatever is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_comes_after_routing_is_refused_as_a_fact() {
    let (world, case) = World::stamped().await;
    let routed = world.route(&case).await.unwrap();
    assert_eq!(world.submit(estimate(2)).await.unwrap(), "rejected");
    assert_eq!(world.case().await.unwrap(), routed);
    world.stop().await;
}

/// Undecodable bytes, and an estimate that could not be passed on exactly: parked, nothing changed.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_over_exactly_is_not_taken() {
    let (world, case) = World::in_review().await;
    let type_name = EstimateSubmitted::full_name();
    let mut unsummed = estimate(2);
    unsummed.packages.pop();
    let unsummed = EstimateSubmitted {
        estimate: Some(unsummed),
        submitted_by: EM.to_owned(),
    };
    let empty = EstimateSubmitted::default();
    for payload in [
        b"\xff\xff\xff".to_vec(),
        unsummed.encode_to_vec(),
        empty.encode_to_vec(),
    ] {
        let answer = world.hear_as(2, &type_name, payload).await;
        assert!(
            matches!(answer, Err(Failure::Undecodable { .. })),
            "{answer:?}"
        );
    }
    assert_eq!(world.case().await.unwrap(), case);
    world.stop().await;
}
