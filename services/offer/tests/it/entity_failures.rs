//! Every failure of AWS at `DescribeEntity` (O9; facts §1.1), whoever asks what AWS has: a person who compares,
//! associates or reads back (O10–O12), the release of a reseller's offer (O5), the portal's take-back (O10), an expiry
//! that a person may have moved (O11), an order of unknown origin (O14).
//!
//! Each failure comes as often as one call is tried by itself, so that who asks meets it too. Whatever it is, what was
//! asked for is done in the end, once; and who waits for an answer is told to come again, or why there is none.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use countersign_kernel::Digest;
use countersign_proto::offer::v1 as pb;
use pb::offer::State;
use serde_json::json;
use tonic::{Code, Response, Status};

use crate::aws_failures::{self as aws, FAILURES};
use crate::world::{World, refusal};
use crate::{association, deals, elsewhere, orders, portal, read_back, resale};

const CALL: &str = "DescribeEntity";
/// As often as one call is tried by itself.
const ATTEMPTS: u32 = 3;
const BUYER: &str = "123456789012";
const UNAVAILABLE: (Code, &str) = (Code::Unavailable, "UNAVAILABLE");
const DENIED: (Code, &str) = (Code::FailedPrecondition, "AWS_OFFER_NOT_SHOWN");

async fn world() -> World {
    // A call that is never answered is given up after half of this.
    World::with(|config| config.marketplace_timeout_ms = 2_000).await
}

async fn fail(world: &World, failure: &str, after_apply: bool) {
    let body = json!({ "operation": CALL, "failure": failure, "times": ATTEMPTS,
        "afterApply": after_apply });
    world.act("inject", body).await;
}

fn row(failure: &str, after_apply: bool) -> String {
    format!("{failure}, done all the same: {after_apply}")
}

/// Asks until it is answered, a few seconds apart. Each refusal must be the one that the failure deserves, and without
/// one there is none.
async fn insist<T: std::fmt::Debug>(
    world: &World,
    row: &str,
    deserved: Option<(Code, &str)>,
    ask: impl AsyncFn(u32) -> Result<Response<T>, Status>,
) -> T {
    for number in 0..=ATTEMPTS {
        match ask(number).await {
            Ok(answer) => {
                assert_eq!(number > 0, deserved.is_some(), "{row}");
                let left = world.look("state").await["injections"].clone();
                assert_ne!(
                    left[0]["times"],
                    json!(ATTEMPTS),
                    "{row}: AWS was not asked"
                );
                return answer.into_inner();
            }
            refused => {
                let (code, reason, _) = refusal(refused);
                assert_eq!(Some((code, reason.as_str())), deserved, "{row}");
            }
        }
        world.advance(TimeDelta::seconds(5));
    }
    panic!("{row}: it was never answered")
}

/// What who waits for the answer is told; `unknown` where AWS's word for the state is none that is known.
fn told(failure: &str, unknown: Option<(Code, &'static str)>) -> Option<(Code, &'static str)> {
    match failure {
        "twice" => None,
        "unknown-value" => unknown,
        "access-denied" => Some(DENIED),
        _ => Some(UNAVAILABLE),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_made_elsewhere_is_compared_and_adopted_once_whatever_aws_does() {
    let world = world().await;
    world.register_listing().await;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = row(failure, after_apply);
        let digest = Digest::of(b"what was approved");
        let engagement = format!("{number:03}-landing-zone");
        let deal = deals::deal(&engagement, &deals::files(), digest);
        let engagement_id = world.ready_for(deal, BUYER).await;
        let aws_offer_id = elsewhere::released(&world, "102500.00", "P90D").await;
        let compare = pb::CompareOfferRequest {
            engagement_id: engagement_id.clone(),
            aws_offer_id: aws_offer_id.clone(),
            resale: None,
        };
        fail(&world, failure, after_apply).await;
        let ask = async |_: u32| {
            let request = World::query(compare.clone());
            world.client.clone().compare_offer(request).await
        };
        let mut compared = insist(&world, &row, told(failure, None), &ask).await;
        used_up(&world, &aws_offer_id).await;
        if failure == "unknown-value" {
            // What AWS calls by a word that is not known here is not taken for released.
            assert!(!compared.released && !compared.adoptable, "{row}");
            compared = ask(0).await.unwrap().into_inner();
        }
        assert!(compared.adoptable, "{row}: {compared:#?}");

        let associate = pb::AssociateOfferRequest {
            engagement_id,
            ..association::associate(&aws_offer_id, &compared.digest)
        };
        fail(&world, failure, after_apply).await;
        let unknown = (Code::FailedPrecondition, "AWS_OFFER_NOT_RELEASED");
        let deserved = told(failure, Some(unknown));
        // What AWS did not answer is no answer: the same key is asked with again. A refusal would be answered again.
        let adopted = insist(&world, &row, deserved, async |number| {
            let again = if deserved == Some(unknown) { number } else { 0 };
            let request =
                World::command_with(associate.clone(), &format!("{aws_offer_id}-{again}"));
            world.client.clone().associate_offer(request).await
        })
        .await;
        used_up(&world, &aws_offer_id).await;
        assert_eq!(adopted.state(), State::Published, "{row}");
        let told = world.events::<pb::OfferPublished>().await;
        assert_eq!(told.len(), number + 1, "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_in_the_portal_is_read_back_once_whatever_aws_does() {
    let world = world().await;
    let (offer, aws_offer_id) = read_back::published(&world).await;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = row(failure, after_apply);
        let last_day = moved(number).to_string();
        portal::move_expiry(&world, &aws_offer_id, &last_day).await;
        fail(&world, failure, after_apply).await;
        let unknown = (Code::FailedPrecondition, "ENTITY_NOT_READ");
        let read = insist(&world, &row, told(failure, Some(unknown)), async |_| {
            let request = world.command(read_back::read_back(&offer));
            world.client.clone().read_offer_back(request).await
        })
        .await;
        used_up(&world, &aws_offer_id).await;
        assert_eq!(read.summary.unwrap().expires_on, last_day, "{row}");
        let told = world.events::<pb::OfferExpiryChanged>().await;
        assert_eq!(told.len(), number + 1, "{row}");
    }
}

/// The last day that the offer of this row is moved to, after the one that it was drafted with.
fn moved(number: usize) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2026, 4, 1).unwrap();
    first + TimeDelta::days(i64::try_from(number).unwrap())
}

/// O11: nobody said that it was moved, so AWS is asked on each last day, until it answers.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_was_moved_in_the_portal_does_not_expire_whatever_aws_does() {
    let world = world().await;
    let (offer, aws_offer_id) = read_back::published(&world).await;
    let after = |day: NaiveDate| -> DateTime<Utc> {
        let next = day + TimeDelta::days(1);
        format!("{next}T00:00:30Z").parse().unwrap()
    };
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = row(failure, after_apply);
        let last_day = moved(number);
        portal::move_expiry(&world, &aws_offer_id, &last_day.to_string()).await;
        fail(&world, failure, after_apply).await;
        world.advance(after(last_day - TimeDelta::days(1)) - world.now());
        let is_moved = |offer: &pb::Offer| {
            assert_eq!(offer.state(), State::Published, "{row}");
            offer.summary.as_ref().unwrap().expires_on == last_day.to_string()
        };
        world.hurry(&offer.offer_id, is_moved).await;
        let told = world.events::<pb::OfferExpiryChanged>().await;
        assert_eq!(told.len(), number + 1, "{row}");
        used_up(&world, &aws_offer_id).await;
    }
    world.advance(after(moved(FAILURES.len() - 1)) - world.now());
    let expired = |offer: &pb::Offer| offer.state() == State::Expired;
    world.hurry(&offer.offer_id, expired).await;
    assert_eq!(world.events::<pb::OfferExpired>().await.len(), 1);
}

/// Looks, as another tool would, until no failure is left.
async fn used_up(world: &World, id: &str) {
    while world.look("state").await["injections"] != json!([]) {
        let look = crate::sdk::catalog(world).describe_entity();
        let look = look.catalog("AWSMarketplace").entity_id(id);
        // What is seen does not matter.
        let _ = look.send().await;
    }
}

/// O5: the authorization is read before anything is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_resellers_offer_is_released_once_whatever_aws_does() {
    let world = world().await;
    let settings = json!({ "preparingMs": 1_000, "applyingMs": 1_000 });
    world.act("settings", settings).await;
    let mut failed = 0;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = row(failure, after_apply);
        let draft = resold(&world, number).await;
        fail(&world, failure, after_apply).await;
        let code = match failure {
            "access-denied" => Some("AccessDeniedException"),
            "unknown-value" => Some("AUTHORIZATION_STATUS_DIFFERS"),
            _ => None,
        };
        // Refused for as long as AWS does not show it as it was typed, and whoever released it is told.
        let mut offer = draft.clone();
        for _ in 0..code.map_or(0, |_| ATTEMPTS) {
            world.release(&offer).await;
            offer = released(&world, &draft.offer_id).await;
            assert_eq!(offer.state(), State::Draft, "{row}");
            assert_eq!(
                offer.errors.first().map(|error| error.code.as_str()),
                code,
                "{row}"
            );
            failed += 1;
        }
        assert!(aws::change_sets(&world, &draft).await.is_empty(), "{row}");
        world.release(&offer).await;
        offer = released(&world, &draft.offer_id).await;
        assert_eq!(offer.state(), State::Published, "{row}: {offer:#?}");
        used_up(&world, "resaleauthz-any").await;
        let sets = aws::change_sets(&world, &draft).await;
        assert_eq!(sets.len(), 1, "{row}");
        let told = world.events::<pb::OfferPublished>().await;
        assert_eq!(told.len(), number + 1, "{row}");
        let told = world.events::<pb::OfferReleaseFailed>().await;
        assert_eq!(told.len(), failed, "{row}");
    }
}

async fn released(world: &World, id: &str) -> pb::Offer {
    let ended = |offer: &pb::Offer| offer.state() != State::Releasing;
    world.hurry(id, ended).await
}

/// S1's offer for a buyer of its own, drafted from an authorization of its own.
async fn resold(world: &World, number: usize) -> pb::Offer {
    let buyer = format!("{:012}", number + 1);
    let mut authorization = resale::authorization(&resale::by_installments(), None);
    authorization["buyerAccounts"] = json!([buyer]);
    let id = resale::given(world, authorization).await;
    resale::register(world, pb::ReleaseWay::Unspecified).await;
    let engagement = format!("{number:03}-landing-zone");
    let deal = deals::deal(
        &engagement,
        &deals::files(),
        Digest::of(b"what was approved"),
    );
    let charges = ["2026-03-17", "2026-03-18"].map(|day| deals::installment(day, "0.55"));
    let deal = deals::in_installments(deal, "1.10", charges.to_vec());
    let intake = pb::CompleteIntakeRequest {
        product_id: resale::PRODUCT.into(),
        buyer_account_id: buyer.clone(),
        ..World::intake()
    };
    let mut request = resale::request(&id, "0.50", "1.00");
    request.engagement_id = world.ready_with(deal, intake).await;
    request.authorization.as_mut().unwrap().buyer_account_ids = vec![buyer];
    resale::drafted(world, request).await
}

/// O10: what a person entered is looked at until AWS shows it; that AWS does not let us is told, and the id can be
/// given again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_entered_is_adopted_once_whatever_aws_does() {
    let world = world().await;
    world.register_listing_for(pb::ReleaseWay::Portal).await;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = row(failure, after_apply);
        let (draft, _) = aws::drafted(&world, number).await;
        let waiting = world.release(&draft).await;
        assert!(waiting.awaits_portal, "{row}");
        let entered = portal::enter(&world, &waiting, "102500.00").await;
        fail(&world, failure, after_apply).await;
        let refusals = if failure == "access-denied" {
            ATTEMPTS
        } else {
            0
        };
        for refused in 0..=refusals {
            let request = world.command(portal::given(&waiting, &entered));
            world
                .client
                .clone()
                .record_portal_offer(request)
                .await
                .unwrap();
            let ended = |offer: &pb::Offer| {
                offer.state() == State::Published || offer.portal_offer_id.is_empty()
            };
            let offer = world.hurry(&draft.offer_id, ended).await;
            let is_adopted = offer.state() == State::Published;
            assert_eq!(is_adopted, refused == refusals, "{row}: {offer:#?}");
            if !is_adopted {
                assert_eq!(offer.errors[0].code, "AccessDeniedException", "{row}");
            }
        }
        used_up(&world, &entered).await;
        let told = world.events::<pb::OfferPublished>().await;
        assert_eq!(told.len(), number + 1, "{row}");
        assert_eq!(
            told[number].offer.as_ref().unwrap().aws_offer_id,
            entered,
            "{row}"
        );
    }
    assert_eq!(world.events::<pb::OfferReleaseFailed>().await, []);
}

/// O14: who bought is asked for, though it took AWS a while to say that it was for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_order_is_flagged_once_whatever_aws_does() {
    let world = world().await;
    for (number, (failure, after_apply)) in FAILURES.into_iter().enumerate() {
        let row = row(failure, after_apply);
        fail(&world, failure, after_apply).await;
        let bought = orders::buy_for(&world, &format!("{:012}", number + 1)).await;
        let look = async || world.events::<pb::PublicOrderFlagged>().await;
        let is_flagged = |told: &Vec<pb::PublicOrderFlagged>| told.len() > number;
        let told = world
            .hurry_by(TimeDelta::seconds(2), look, is_flagged)
            .await;
        assert_eq!(told.len(), number + 1, "{row}");
        assert_eq!(
            told[number].order.as_ref().unwrap().agreement_id,
            bought,
            "{row}"
        );
        used_up(&world, "offer-any").await;
    }
}
