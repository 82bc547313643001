//! AWS failing a change of a published offer (O9, O11; facts §1.1): at each call, at each look, and by the
//! change set's own end. The expiry moves and the offer ends once, or it stays as it was and says why.

use chrono::{DateTime, TimeDelta, Utc};
use countersign_proto::offer::v1 as pb;
use pb::offer::State;
use serde_json::{Value, json};

use crate::aws_failures::{self as aws, CHANGE_SET, FAILURES};
use crate::crossings;
use crate::marketplace::hurry;
use crate::world::World;

/// The expiry that drafts are given, and the one that it is moved to.
const EXPIRY: &str = "2026-03-31";
const MOVED: &str = "2026-04-10";

/// What is asked of a published offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Expiry,
    Cancellation,
}

impl Change {
    async fn ask(self, world: &World, offer_id: &str) {
        let (mut client, offer_id) = (world.client.clone(), offer_id.to_owned());
        match self {
            Self::Expiry => {
                let expires_on = MOVED.into();
                let moved = pb::ChangeExpiryRequest {
                    offer_id,
                    expires_on,
                };
                client.change_expiry(world.command(moved)).await.unwrap();
            }
            Self::Cancellation => {
                let reason = "the buyer wants another scope".into();
                let cancel = pb::CancelOfferRequest { offer_id, reason };
                client.cancel_offer(world.command(cancel)).await.unwrap();
            }
        }
    }

    /// The same, but AWS is sent another last day: the first try comes too early, and its request is kept.
    async fn ask_for(self, world: &World, offer_id: &str, day: &str) {
        aws::inject(world, "StartChangeSet", "lock", false).await;
        self.ask(world, offer_id).await;
        crossings::first_try_failed(world).await;
        let spoil = "UPDATE change_set SET request = replace(request, $1, $2)
            WHERE request LIKE '%UpdateAvailability%' AND request NOT LIKE '%CreateOffer%'
                AND request LIKE '%' || $1 || '%'";
        let spoil = sqlx::query(spoil).bind(self.last_day(world)).bind(day);
        let spoilt = spoil.execute(world.bed.pool()).await.unwrap();
        assert_eq!(spoilt.rows_affected(), 1);
    }

    fn is_done(self, offer: &pb::Offer) -> bool {
        match self {
            Self::Expiry => expires_on(offer) == MOVED,
            Self::Cancellation => offer.state() == State::Cancelled,
        }
    }

    /// Until AWS did it, or the offer says why not.
    async fn ended(self, world: &World, offer_id: &str) -> pb::Offer {
        let ended = |offer: &pb::Offer| self.is_done(offer) || !offer.errors.is_empty();
        hurry(world, offer_id, ended).await
    }

    /// The last day that AWS is sent.
    fn last_day(self, world: &World) -> String {
        match self {
            Self::Expiry => MOVED.to_owned(),
            // Facts §0 row 15: yesterday.
            Self::Cancellation => (world.now() - TimeDelta::days(1)).date_naive().to_string(),
        }
    }
}

fn expires_on(offer: &pb::Offer) -> &str {
    &offer.summary.as_ref().unwrap().expires_on
}

async fn published(world: &World, number: usize) -> pb::Offer {
    let (draft, _) = aws::drafted(world, number).await;
    world.release(&draft).await;
    let published = |offer: &pb::Offer| offer.state() == State::Published;
    hurry(world, &draft.offer_id, published).await
}

/// The last day as AWS has it.
async fn last_day_at_aws(world: &World, offer: &pb::Offer) -> Value {
    let offers = world.look("offers").await;
    let id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let mut offers = offers.as_array().unwrap().iter();
    let found = offers.find(|shown| shown["offerId"] == id.as_str());
    found.unwrap()["availabilityEndDate"].clone()
}

/// How the change sets of the offer stand at AWS, and that no two have one name.
async fn statuses(world: &World, offer: &pb::Offer) -> Vec<String> {
    let sets = aws::change_sets(world, offer).await;
    let told = |key: &str| -> Vec<String> {
        let told = sets.iter().map(|set| set[key].as_str().unwrap().to_owned());
        told.collect()
    };
    let (mut names, count) = (told("name"), sets.len());
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{sets:#?}");
    told("status")
}

/// What the others heard: moves and cancellations.
async fn heard(world: &World) -> (usize, usize) {
    (
        world.events::<pb::OfferExpiryChanged>().await.len(),
        world.events::<pb::OfferCancelled>().await.len(),
    )
}

/// Failures of changes, as the audit has them: a change that failed has no event.
async fn failures_told(world: &World) -> i64 {
    crossings::count(
        world,
        "SELECT count(*) FROM audit WHERE action = 'record_change_failure'",
    )
    .await
}

/// The change failed: the offer and AWS are as they were, nobody heard of anything, and the offer says why.
async fn stayed(world: &World, offer: &pb::Offer, code: &str, before: &(Value, (usize, usize))) {
    assert_eq!(offer.errors[0].code, code, "{offer:#?}");
    assert_eq!(offer.state(), State::Published, "{offer:#?}");
    let now = (last_day_at_aws(world, offer).await, heard(world).await);
    assert_eq!(&now, before, "{offer:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_offer_is_moved_and_cancelled_once_whatever_aws_does() {
    let world = aws::world().await;
    let mut denied = 0;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let offer = published(&world, number).await;
        let id = offer.offer_id.as_str();
        for change in [Change::Expiry, Change::Cancellation] {
            let row = format!("{change:?}, {failure}, done all the same: {after_apply}");
            // A first try that comes too early makes the second one look for what was sent.
            aws::inject(&world, "StartChangeSet", "lock", false).await;
            for operation in CHANGE_SET {
                aws::inject(&world, operation, failure, after_apply).await;
            }
            let before = (last_day_at_aws(&world, &offer).await, heard(&world).await);
            change.ask(&world, id).await;
            let mut ended = change.ended(&world, id).await;
            if !change.is_done(&ended) {
                assert_eq!((failure, after_apply), ("access-denied", false), "{row}");
                stayed(&world, &ended, "AccessDeniedException", &before).await;
                denied += 1;
                change.ask(&world, id).await;
                ended = change.ended(&world, id).await;
            }
            assert!(change.is_done(&ended), "{row}: {ended:#?}");
            aws::all_were_used(&world, &row).await;
            let last_day = last_day_at_aws(&world, &offer).await;
            assert_eq!(last_day, change.last_day(&world), "{row}");
        }
        let row = format!("{failure}, done all the same: {after_apply}");
        // The release, the move and the end.
        assert_eq!(statuses(&world, &offer).await, ["SUCCEEDED"; 3], "{row}");
        assert_eq!(heard(&world).await, (number + 1, number + 1), "{row}");
    }
    assert_eq!(denied, 2, "each change is refused once");
}

/// How a change set that AWS took, or refuses to take, comes to nothing.
#[derive(Debug, Clone, Copy)]
enum Spoilt {
    /// With another last day than was asked for.
    LastDay(&'static str),
    /// By faults of AWS's own, once more than they are sent again.
    Faults,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_after_the_release_leaves_the_offer_as_it_was() {
    let world = aws::world().await;
    let offer = published(&world, 0).await;
    let id = offer.offer_id.as_str();
    let (mut failures, mut sets) = (0, vec!["SUCCEEDED"]);
    for (spoilt, code, at_aws) in [
        // Refused at once, with 422: there is no such day.
        (Spoilt::LastDay("2026-13-10"), "ValidationException", 0),
        // Taken, and found wrong later: the agreement would end before it.
        (
            Spoilt::LastDay("2039-01-01"),
            "INVALID_AVAILABILITY_END_DATE",
            1,
        ),
        (Spoilt::Faults, "SERVER_FAULT", 4),
    ] {
        for change in [Change::Expiry, Change::Cancellation] {
            let before = (last_day_at_aws(&world, &offer).await, heard(&world).await);
            match spoilt {
                Spoilt::LastDay(day) => change.ask_for(&world, id, day).await,
                Spoilt::Faults => {
                    for _ in 0..at_aws {
                        aws::inject(&world, "StartChangeSet", "server-fault", false).await;
                    }
                    change.ask(&world, id).await;
                }
            }
            failures += 1;
            let told = |(told, _): &(i64, pb::Offer)| *told == failures;
            let look = async || (failures_told(&world).await, world.offer(id).await);
            let (_, ended) = world.hurry_by(TimeDelta::seconds(10), look, told).await;
            sets.extend(vec!["FAILED"; at_aws]);
            stayed(&world, &ended, code, &before).await;
            let row = format!("{spoilt:?}, {change:?}");
            assert_eq!(statuses(&world, &offer).await, sets, "{row}");
            aws::all_were_used(&world, &row).await;
        }
    }
    assert_eq!(failures, 6);
    // Its last day is still watched.
    expires_once(&world, id, EXPIRY).await;
}

/// O7: nothing happens before the last second of that day, and then it is over.
async fn expires_once(world: &World, id: &str, day: &str) {
    let end: DateTime<Utc> = format!("{day}T23:59:59Z").parse().unwrap();
    assert!(world.now() < end, "{}", world.now());
    world.advance(end - TimeDelta::minutes(1) - world.now());
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(world.offer(id).await.state(), State::Published);
    until_expired(world, id).await;
}

async fn until_expired(world: &World, id: &str) {
    let expired = |offer: &pb::Offer| offer.state() == State::Expired;
    world.hurry(id, expired).await;
    assert_eq!(world.events::<pb::OfferExpired>().await.len(), 1);
}

/// O9: the longer AWS takes, the longer the pauses between two looks: of a tenth of a second in the
/// beginning, and of a whole one in the end.
async fn looks_are_far_apart(world: &World) {
    let far = "SELECT count(*) FROM task WHERE kind = 'offer.poll-change-set' AND state = 'pending'
        AND due_at - updated_at > interval '500 milliseconds'";
    let look = async || crossings::count(world, far).await;
    world
        .hurry_by(TimeDelta::milliseconds(100), look, |count| *count == 1)
        .await;
}

/// O7, O11: the last day passes while AWS works on a new one. Whatever comes of that, the offer ends once: now,
/// if it stays as it was, or on the new day.
#[tokio::test(flavor = "multi_thread")]
async fn a_last_day_that_passes_while_it_is_moved_is_not_lost() {
    const FAILS: &str = "2039-01-01";
    for sent in [MOVED, FAILS] {
        let world = aws::world().await;
        let offer = published(&world, 0).await;
        let id = offer.offer_id.as_str();
        Change::Expiry.ask_for(&world, id, sent).await;
        aws::inject(&world, "StartChangeSet", "never-ends", false).await;
        let before = offer.change_set_id.as_str();
        let started = |offer: &pb::Offer| !["", before].contains(&offer.change_set_id.as_str());
        let moving = hurry(&world, id, started).await;
        let end: DateTime<Utc> = format!("{EXPIRY}T23:59:59Z").parse().unwrap();
        world.advance(end - world.now() + TimeDelta::hours(1));
        for _ in 0..20 {
            world.pass().await;
        }
        assert_eq!(world.offer(id).await.state(), State::Published, "{sent}");
        looks_are_far_apart(&world).await;
        let body = json!({ "changeSetId": moving.change_set_id });
        world.act("change-sets/end", body).await;
        if sent == FAILS {
            until_expired(&world, id).await;
            let code = &world.offer(id).await.errors[0].code;
            assert_eq!(code, "INVALID_AVAILABILITY_END_DATE");
            assert_eq!(heard(&world).await, (0, 0));
        } else {
            Change::Expiry.ended(&world, id).await;
            expires_once(&world, id, MOVED).await;
            assert_eq!(heard(&world).await, (1, 0));
        }
    }
}

/// Facts §1.1: a fault of AWS's own ends a change set, and the same is asked for by another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_after_the_release_is_sent_again_after_a_fault_of_aws_s_own() {
    let world = aws::world().await;
    let offer = published(&world, 0).await;
    let mut sets = vec!["SUCCEEDED"];
    for change in [Change::Expiry, Change::Cancellation] {
        for _ in 0..2 {
            aws::inject(&world, "StartChangeSet", "server-fault", false).await;
        }
        change.ask(&world, &offer.offer_id).await;
        let done = |offer: &pb::Offer| change.is_done(offer);
        let ended = hurry(&world, &offer.offer_id, done).await;
        assert_eq!(ended.errors, [], "{change:?}");
        assert_eq!(
            last_day_at_aws(&world, &offer).await,
            change.last_day(&world)
        );
        sets.extend(["FAILED", "FAILED", "SUCCEEDED"]);
        assert_eq!(statuses(&world, &offer).await, sets, "{change:?}");
    }
    assert_eq!(heard(&world).await, (1, 1));
    assert_eq!(failures_told(&world).await, 0);
}
