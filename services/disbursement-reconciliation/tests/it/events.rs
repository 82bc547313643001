//! Events in: applied once; what cannot be understood is kept for a person.

use countersign_platform::Failure;
use countersign_proto::offer::v1::AgreementAccepted;
use prost::{Message, Name};

use crate::world::{World, accepted, usd};

#[tokio::test]
async fn an_acceptance_is_applied_once() {
    let world = World::new().await;
    assert_eq!(world.hear(&accepted()).await.unwrap(), "applied");
    let before = world.ledger().await;
    assert_eq!(before.len(), 1);
    // Replay from the first message, then the same fact in another event.
    let (name, bytes) = (AgreementAccepted::full_name(), accepted().encode_to_vec());
    world.hear_as(1, &name, bytes).await.unwrap();
    world.hear(&accepted()).await.unwrap();
    assert_eq!(world.ledger().await, before);
}

#[tokio::test]
async fn other_terms_for_a_known_agreement_are_rejected() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let before = world.ledger().await;
    let mut other = accepted();
    other.charges[0].charge_date = "2027-01-06".to_owned();
    assert_eq!(world.hear(&other).await.unwrap(), "rejected");
    assert_eq!(world.ledger().await, before);
}

#[tokio::test]
async fn unknown_types_are_passed_over() {
    let world = World::new().await;
    let heard = world
        .hear_as(1, "countersign.offer.v1.SomethingNew", vec![0xff])
        .await;
    assert_eq!(heard.unwrap(), "ignored");
}

/// What cannot be an expectation needs a person: it is parked, and nothing is half-written.
#[tokio::test]
async fn nonsense_is_parked() {
    let world = World::new().await;
    let spoiled = |spoil: fn(&mut AgreementAccepted)| {
        let mut message = accepted();
        spoil(&mut message);
        message
    };
    for message in [
        spoiled(|message| message.offer = None),
        spoiled(|message| message.economics = None),
        spoiled(|message| message.charges.clear()),
        spoiled(|message| message.agreement_id.clear()),
        spoiled(|message| message.accepted_at = "yesterday".to_owned()),
        spoiled(|message| message.charges[0].amount = usd("102500.001")),
        spoiled(|message| message.charges[0].amount = usd("1.00")),
        spoiled(|message| message.charges[0].charge_date = "soon".to_owned()),
    ] {
        let payload = message.encode_to_vec();
        let failure = world
            .hear_as(1, &AgreementAccepted::full_name(), payload)
            .await
            .unwrap_err();
        assert!(
            matches!(failure, Failure::Undecodable { .. }),
            "{failure:?}"
        );
    }
    let failure = world
        .hear_as(1, &AgreementAccepted::full_name(), vec![0xff])
        .await
        .unwrap_err();
    assert!(matches!(failure, Failure::Undecodable { .. }));
    assert_eq!(world.ledger().await, []);
    assert_eq!(world.hear(&accepted()).await.unwrap(), "applied");
}
