//! How the service behaves when AWS is slow, busy, locked, broken, or says no; and after publication.

use chrono::TimeDelta;
use countersign_offer::{compose, service};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;
use serde_json::json;

use crate::world::{World, refusal};

async fn accept(world: &World, offer: &pb::Offer) {
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    world
        .act(
            "accept",
            json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" }),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_locked_or_broken_aws_delays_and_repeats_nothing() {
    let world = World::new().await;
    let draft = world.draft().await;
    for (operation, failure, times) in [
        ("StartChangeSet", "throttle", 4),
        ("StartChangeSet", "lock", 1),
        ("StartChangeSet", "fault", 4),
        ("DescribeChangeSet", "throttle", 4),
        ("DescribeChangeSet", "fault", 4),
    ] {
        let body = json!({ "operation": operation, "failure": failure, "times": times });
        world.act("inject", body).await;
    }
    world.release(&draft).await;
    world.until_state(&draft.offer_id, State::Published).await;
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
    assert!(world.events::<pb::OfferReleaseFailed>().await.is_empty());
    assert_eq!(offers(&world).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_after_the_effect_makes_no_second_offer() {
    let world = World::new().await;
    let draft = world.draft().await;
    let body = json!({
        "operation": "StartChangeSet", "failure": "fault", "times": 4, "afterApply": true
    });
    world.act("inject", body).await;
    world.release(&draft).await;
    world.until_state(&draft.offer_id, State::Published).await;
    assert_eq!(offers(&world).await, 1);
}

async fn offers(world: &World) -> usize {
    let shown = world.look("offers").await;
    let listed = shown.as_array().or_else(|| shown["offers"].as_array());
    listed.unwrap_or_else(|| panic!("{shown}")).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_of_a_release_goes_on_with_the_same_change_set() {
    let mut world = World::new().await;
    let draft = world.draft().await;
    let body = json!({ "operation": "StartChangeSet", "failure": "fault", "times": 2,
        "afterApply": true });
    world.act("inject", body).await;
    world.release(&draft).await;
    world.restart().await;
    let releasing = world
        .until(&draft.offer_id, |offer| !offer.change_set_id.is_empty())
        .await;
    world.restart().await;
    let published = world.until_state(&draft.offer_id, State::Published).await;
    assert_eq!(published.change_set_id, releasing.change_set_id);
    assert_eq!(offers(&world).await, 1);
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_is_a_draft_again_with_its_errors() {
    let world = World::new().await;
    let draft = world.draft().await;
    let body = json!({ "operation": "StartChangeSet", "failure": "access-denied", "times": 3 });
    world.act("inject", body).await;
    world.release(&draft).await;
    let back = world.until_state(&draft.offer_id, State::Draft).await;
    assert_eq!(back.errors[0].code, "AccessDeniedException");
    let failed = world.events::<pb::OfferReleaseFailed>().await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    world.release(&back).await;
    let end = |offer: &pb::Offer| offer.state() != State::Releasing;
    let again = world.until(&draft.offer_id, end).await;
    assert_eq!(again.errors[0].code, "AccessDeniedException", "{again:?}");
}

/// O9, facts §1.1: what AWS fails by a fault of its own is sent again, as another change set, and nobody hears
/// of it; what it fails too often comes back to a person, with AWS's errors, and can be released again.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_aws_s_own_is_sent_again_and_not_for_ever() {
    let world = World::new().await;
    let draft = world.draft().await;
    let fail = async |times: u32| {
        let body =
            json!({ "operation": "StartChangeSet", "failure": "server-fault", "times": times });
        world.act("inject", body).await;
    };
    fail(4).await;
    world.release(&draft).await;
    let second = world.bed.serve(&service(), compose).await;
    let end = |offer: &pb::Offer| offer.state() != State::Releasing;
    let back = hurry(&world, &draft.offer_id, end).await;
    assert_eq!((back.state(), back.errors.len()), (State::Draft, 1));
    assert_eq!(back.errors[0].code, "SERVER_FAULT");
    let failed = world.events::<pb::OfferReleaseFailed>().await;
    assert_eq!(failed.len(), 1, "{failed:?}");

    fail(2).await;
    world.release(&back).await;
    let published = hurry(&world, &draft.offer_id, end).await;
    assert_eq!(
        (published.state(), published.errors.len()),
        (State::Published, 0)
    );
    assert_eq!(world.events::<pb::OfferReleaseFailed>().await.len(), 1);
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
    assert!(world.events::<pb::OfferPublishOverdue>().await.is_empty());
    assert_eq!(offers(&world).await, 1);
    let state = world.look("state").await;
    let sets = state["changeSets"].as_array().unwrap();
    let told = |key: &str| -> Vec<_> { sets.iter().map(|set| set[key].clone()).collect() };
    let mut statuses = vec![json!("FAILED"); 6];
    statuses.push(json!("SUCCEEDED"));
    assert_eq!(told("status"), statuses);
    let mut names = told("name");
    names.dedup();
    assert_eq!(names.len(), 7, "each has a name of its own");
    second.stop().await;
}

/// Lets ten seconds at a time go by until the offer is as wanted.
pub(crate) async fn hurry(
    world: &World,
    id: &str,
    wanted: impl Fn(&pb::Offer) -> bool,
) -> pb::Offer {
    let step = TimeDelta::seconds(10);
    world
        .hurry_by(step, async || world.offer(id).await, wanted)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_publication_is_flagged_once_and_still_counts() {
    let world = World::new().await;
    let draft = world.draft().await;
    let hours = 2 * 60 * 60 * 1000;
    world
        .act(
            "settings",
            json!({ "preparingMs": 1000, "applyingMs": hours }),
        )
        .await;
    world.release(&draft).await;
    world
        .until(&draft.offer_id, |offer| !offer.change_set_id.is_empty())
        .await;
    assert!(world.events::<pb::OfferPublishOverdue>().await.is_empty());
    world.advance(TimeDelta::minutes(45));
    let late = world
        .until(&draft.offer_id, |offer| offer.publish_overdue)
        .await;
    assert_eq!(late.state(), State::Releasing);
    world.advance(TimeDelta::minutes(90));
    world.until_state(&draft.offer_id, State::Published).await;
    let overdue = world.events::<pb::OfferPublishOverdue>().await;
    assert_eq!(overdue.len(), 1);
    assert_eq!(overdue[0].change_set_id, late.change_set_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_moves_when_aws_applied_it_and_passes() {
    let world = World::new().await;
    let offer = world.published().await;
    let mut client = world.client.clone();
    let change = |day: &str| pb::ChangeExpiryRequest {
        offer_id: offer.offer_id.clone(),
        expires_on: day.into(),
    };
    let answer = client
        .change_expiry(world.command(change("2026-03-02")))
        .await;
    assert_eq!(refusal(answer).2, ["EXPIRY_NOT_IN_FUTURE"]);
    let asked = client
        .change_expiry(world.command(change("2026-04-10")))
        .await
        .unwrap();
    assert_eq!(asked.into_inner().summary.unwrap().expires_on, "2026-03-31");
    world
        .until(&offer.offer_id, |offer| {
            offer.summary.as_ref().unwrap().expires_on == "2026-04-10"
        })
        .await;
    let changed = world.events::<pb::OfferExpiryChanged>().await;
    assert_eq!(changed[0].previous_expires_on, "2026-03-31");
    world.advance(TimeDelta::days(35));
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(world.offer(&offer.offer_id).await.state(), State::Published);
    world.advance(TimeDelta::days(5));
    world.until_state(&offer.offer_id, State::Expired).await;
    assert_eq!(world.events::<pb::OfferExpired>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_offer_is_cancelled_at_aws_and_cannot_be_accepted_then() {
    let world = World::new().await;
    let offer = world.published().await;
    let request = pb::CancelOfferRequest {
        offer_id: offer.offer_id.clone(),
        reason: "the buyer wants another scope".into(),
    };
    world
        .client
        .clone()
        .cancel_offer(world.command(request))
        .await
        .unwrap();
    world.until_state(&offer.offer_id, State::Cancelled).await;
    let cancelled = world.events::<pb::OfferCancelled>().await;
    assert_eq!(cancelled[0].cancelled_by, "ops@acme.example");
    assert_eq!(cancelled[0].reason, "the buyer wants another scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_offer_cannot_be_cancelled_or_moved() {
    let world = World::new().await;
    let offer = world.published().await;
    accept(&world, &offer).await;
    world.until_state(&offer.offer_id, State::Accepted).await;
    let mut client = world.client.clone();
    let offer_id = offer.offer_id.clone();
    let cancel = pb::CancelOfferRequest {
        offer_id: offer_id.clone(),
        reason: "late".into(),
    };
    let answer = client.cancel_offer(world.command(cancel)).await;
    assert_eq!(refusal(answer).1, "OFFER_ACCEPTED");
    let change = pb::ChangeExpiryRequest {
        offer_id,
        expires_on: "2026-04-10".into(),
    };
    let answer = client.change_expiry(world.command(change)).await;
    assert_eq!(refusal(answer).1, "OFFER_ACCEPTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_that_shows_a_day_late_is_found() {
    let world = World::new().await;
    let offer = world.published().await;
    let day = 24 * 60 * 60 * 1000;
    world
        .act("settings", json!({ "agreementVisibleMs": day }))
        .await;
    accept(&world, &offer).await;
    for _ in 0..8 {
        world.pass().await;
    }
    assert_eq!(world.offer(&offer.offer_id).await.state(), State::Published);
    world.advance(TimeDelta::hours(24) + TimeDelta::minutes(1));
    world.until_state(&offer.offer_id, State::Accepted).await;
}

/// The agreement is seen while its offer is not known to be published: the looks at the change set
/// are a minute apart, those for agreements a third of a second.
#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_before_we_hear_of_the_publication_is_not_lost() {
    let world = World::with(|config| {
        config.change_set_poll_min_ms = 60_000;
        config.change_set_poll_max_ms = 60_000;
    })
    .await;
    let draft = world.draft().await;
    world.release(&draft).await;
    world
        .until(&draft.offer_id, |offer| !offer.change_set_id.is_empty())
        .await;
    let mut released = None;
    for _ in 0..100 {
        world.pass().await;
        let shown = world.look("offers").await;
        released = shown[0]["offerId"]
            .as_str()
            .filter(|_| shown[0]["state"] == "Released")
            .map(str::to_owned);
        if released.is_some() {
            break;
        }
    }
    let body = json!({ "offerId": released.unwrap(), "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    let seen = async || -> i64 {
        let count = "SELECT count(*) FROM agreement WHERE offer_id IS NULL AND details IS NOT NULL";
        sqlx::query_scalar(count)
            .fetch_one(world.bed.pool())
            .await
            .unwrap()
    };
    for _ in 0..100 {
        if seen().await == 1 {
            break;
        }
        world.pass().await;
    }
    assert_eq!(seen().await, 1);
    assert_eq!(world.offer(&draft.offer_id).await.state(), State::Releasing);
    world.advance(TimeDelta::seconds(60));
    world.until_state(&draft.offer_id, State::Accepted).await;
    assert_eq!(seen().await, 0);
    assert_eq!(world.events::<pb::AgreementAccepted>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn agreements_are_found_although_aws_fails_at_times() {
    let world = World::new().await;
    let offer = world.published().await;
    accept(&world, &offer).await;
    // The SDK tries three times: four failures make the look itself fail, and come back.
    for (operation, failure, times) in [
        ("SearchAgreements", "throttle", 4),
        ("DescribeAgreement", "fault", 4),
        ("GetAgreementTerms", "throttle", 2),
    ] {
        let body = json!({ "operation": operation, "failure": failure, "times": times });
        world.act("inject", body).await;
    }
    world.until_state(&offer.offer_id, State::Accepted).await;
    assert_eq!(world.events::<pb::AgreementAccepted>().await.len(), 1);
}
