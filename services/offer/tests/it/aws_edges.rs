//! What meets at the edge of a time or of a step (O9, O11, O13).

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use countersign_offer::{compose, service};
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer_service_client::OfferServiceClient;
use pb::offer::State;
use serde_json::{Value, json};

use crate::kinds;
use crate::world::{World, refusal};

/// O7, O13: the buyer accepts in the last second of the last day; AWS took it, so it counts, whether or
/// not the expiry was noticed first.
#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_in_the_second_of_expiry_counts_once() {
    let world = World::new().await;
    let offer = world.published().await;
    let last_second = Utc.with_ymd_and_hms(2026, 3, 31, 23, 59, 58).unwrap();
    world.advance(last_second - world.now());
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let accept = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", accept).await;
    world.advance(TimeDelta::seconds(2));
    world.until_state(&offer.offer_id, State::Accepted).await;
    assert_eq!(world.events::<pb::AgreementAccepted>().await.len(), 1);
}

/// O1: an account is a text, whose leading zeros stay, from the intake to AWS and back.
#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_account_keeps_its_leading_zeros() {
    const BUYER: &str = "000123456789";
    let world = World::new().await;
    world.register_listing().await;
    let draft = world.drafted_for("007-zeros", BUYER).await;
    let agreement = world.sold(&draft).await;
    assert_eq!(agreement.acceptor_account_id, BUYER);
    assert_eq!(agreement.offer.unwrap().buyer_account_id, BUYER);
    let agreements = world.look("agreements").await;
    assert_eq!(agreements[0]["acceptorAccountId"], BUYER);
}

/// O9: two people press release at two replicas in the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_release_an_offer_once() {
    let world = World::new().await;
    let draft = world.draft().await;
    let second = world.bed.serve(&service(), compose).await;
    let mut clients = [
        world.client.clone(),
        OfferServiceClient::new(second.channel()),
    ];
    let [one, other] = &mut clients;
    let ask = || world.command(World::release_request(&draft));
    let (one, other) = tokio::join!(one.release_offer(ask()), other.release_offer(ask()));
    let refused = [one, other].into_iter().filter(Result::is_err);
    for answer in refused {
        assert_eq!(refusal(answer).1, "OFFER_NOT_DRAFT");
    }
    world.until_state(&draft.offer_id, State::Published).await;
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
    let state = world.look("state").await;
    assert_eq!(state["changeSets"].as_array().unwrap().len(), 1);
    second.stop().await;
}

/// O9, O11: one change set in flight per offer: what AWS works on is not cancelled, moved or released
/// meanwhile, however long it takes; and a change set that never ends is flagged, not failed (O8).
#[tokio::test(flavor = "multi_thread")]
async fn while_a_change_set_does_not_end_nothing_else_is_asked() {
    let world = World::new().await;
    let draft = world.draft().await;
    let body = json!({ "operation": "StartChangeSet", "failure": "never-ends" });
    world.act("inject", body).await;
    world.release(&draft).await;
    let started = |offer: &pb::Offer| !offer.change_set_id.is_empty();
    let releasing = world.until(&draft.offer_id, started).await;
    world.advance(TimeDelta::days(2));
    let late = |offer: &pb::Offer| offer.publish_overdue;
    let late = world.until(&draft.offer_id, late).await;
    assert_eq!(late.state(), State::Releasing);

    let mut client = world.client.clone();
    let offer_id = draft.offer_id.clone();
    let cancel = pb::CancelOfferRequest {
        offer_id: offer_id.clone(),
        reason: "the buyer wants another scope".into(),
    };
    let answer = client.cancel_offer(world.command(cancel.clone())).await;
    assert_eq!(refusal(answer).1, "RELEASE_IN_PROGRESS");
    let moved = pb::ChangeExpiryRequest {
        offer_id,
        expires_on: "2026-04-10".into(),
    };
    let answer = client.change_expiry(world.command(moved.clone())).await;
    assert_eq!(refusal(answer).1, "RELEASE_IN_PROGRESS");
    let answer = client.release_offer(world.command(World::release_request(&draft)));
    assert_eq!(refusal(answer.await).1, "OFFER_NOT_DRAFT");

    let end = json!({ "changeSetId": releasing.change_set_id });
    world.act("change-sets/end", end).await;
    world
        .hurry(&draft.offer_id, |offer| offer.state() == State::Published)
        .await;
    client.change_expiry(world.command(moved)).await.unwrap();
    let answer = client.cancel_offer(world.command(cancel)).await;
    assert_eq!(refusal(answer).1, "CHANGE_IN_PROGRESS");
}

/// The handbook's deal in these charges, drafted.
async fn drafted(world: &World, charges: &[(&str, &str)]) -> pb::Offer {
    world
        .ready_to_draft(kinds::deal("102500.00", charges))
        .await;
    let mut client = world.client.clone();
    let drafted = client
        .draft_offer(world.command(World::draft_request()))
        .await;
    world
        .assembled(&drafted.unwrap().into_inner().offer_id)
        .await
}

/// O4: the day is UTC's, as AWS has it: a charge of today is past a minute later, though it is still the
/// same day in Seattle; and that is found here, before AWS is called.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_is_past_when_its_day_ends_in_utc() {
    let world = World::new().await;
    let charges = [("2026-03-02", "52500.00"), ("2026-04-10", "50000.00")];
    let draft = drafted(&world, &charges).await;
    let mut client = world.client.clone();
    let late = Utc.with_ymd_and_hms(2026, 3, 2, 23, 59, 30).unwrap();
    world.advance(late - world.now());
    assert_eq!(world.findings(&draft.offer_id).await, [""; 0]);
    world.advance(TimeDelta::minutes(1));
    let expected = ["CHARGE_DATES_NOT_PAST"];
    assert_eq!(world.findings(&draft.offer_id).await, expected);
    let answer = client.release_offer(world.command(World::release_request(&draft)));
    let (_, reason, violations) = refusal(answer.await);
    assert_eq!(
        (reason.as_str(), violations.as_slice()),
        ("PREFLIGHT_FAILED", &expected.map(str::to_owned)[..])
    );
    let state = world.look("state").await;
    assert_eq!(state["changeSets"], json!([]));
}

/// O6, O9: S3 signs a URL for a week at most. A release that AWS would not take for longer is not sent with one that
/// is dead: it is made anew, after nothing of it was found at AWS, and is the same release still.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_held_back_for_a_week_gives_aws_a_url_that_can_be_read() {
    let world = World::new().await;
    let charges = [("2026-03-25", "52500.00"), ("2026-05-01", "50000.00")];
    let draft = drafted(&world, &charges).await;
    let lock = json!({ "operation": "StartChangeSet", "failure": "lock" });
    world.act("inject", lock).await;
    let released_at = world.now();
    world.release(&draft).await;
    let kept = async || {
        let kept = "SELECT request::jsonb, created_at FROM change_set";
        let mut kept: Vec<(Value, DateTime<Utc>)> = sqlx::query_as(kept)
            .fetch_all(world.bed.pool())
            .await
            .unwrap();
        assert!(kept.len() < 2);
        kept.pop()
    };
    for _ in 0..100 {
        if kept().await.is_some() && world.look("state").await["injections"] == json!([]) {
            break;
        }
        world.pass().await;
    }
    let (first, made_at) = kept().await.unwrap();
    assert!(made_at - released_at < TimeDelta::minutes(5));

    world.advance(TimeDelta::days(7));
    world.until_state(&draft.offer_id, State::Published).await;
    let (again, made_at) = kept().await.unwrap();
    assert!(made_at - released_at >= TimeDelta::days(7));
    for same in ["name", "client_request_token"] {
        assert_eq!(again[same], first[same], "{same}");
    }
    let sets = world.look("state").await["changeSets"].clone();
    assert_eq!(sets.as_array().unwrap().len(), 1);
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
}

/// O4, O9: what is charged on the day of its release comes back as a draft when AWS does not take it in time, says why,
/// and can be released again. What AWS may have by now is sent as it was, and AWS refuses it; what is made anew is
/// not sent at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_prepaid_release_that_was_held_back_comes_back() {
    for (days, code, sets, day) in [
        (1, "INVALID_CHARGE_DATES", 1, "2026-03-03"),
        (7, "CHARGE_DATES_NOT_PAST", 0, "2026-03-09"),
    ] {
        let world = World::new().await;
        let draft = world.draft().await;
        let lock = json!({ "operation": "StartChangeSet", "failure": "lock" });
        world.act("inject", lock).await;
        world.release(&draft).await;
        for _ in 0..100 {
            if world.look("state").await["injections"] == json!([]) {
                break;
            }
            world.pass().await;
        }
        world.advance(TimeDelta::days(days));
        let back = world.until_state(&draft.offer_id, State::Draft).await;
        assert_eq!(back.errors[0].code, code);
        let at_aws = world.look("state").await["changeSets"].clone();
        assert_eq!(at_aws.as_array().unwrap().len(), sets, "{code}");
        assert_eq!(world.events::<pb::OfferReleaseFailed>().await.len(), 1);
        world.release(&back).await;
        let again = world.until_state(&draft.offer_id, State::Published).await;
        assert_eq!(again.charges[0].charge_date, day);
    }
}

/// O4, O9: asked for in a day's last second, what is charged on that day is AWS's to refuse: it comes back whole, says
/// why, and is released on the next day as it was approved.
#[tokio::test(flavor = "multi_thread")]
async fn a_prepaid_release_of_a_days_last_second_is_released_on_the_next() {
    let world = World::new().await;
    // AWS looks at the dates when it is done with the rest.
    let settings = json!({ "preparingMs": 3_000, "applyingMs": 1_000 });
    world.act("settings", settings).await;
    let draft = world.draft().await;
    let last_second = Utc.with_ymd_and_hms(2026, 3, 2, 23, 59, 59).unwrap();
    world.advance(last_second - world.now());
    let releasing = world.release(&draft).await;
    assert_eq!(releasing.charges[0].charge_date, "2026-03-02");
    let started = |offer: &pb::Offer| !offer.change_set_id.is_empty();
    // The clock stands while it is sent.
    let look = async || world.offer(&draft.offer_id).await;
    world.hurry_by(TimeDelta::zero(), look, started).await;
    world.advance(TimeDelta::seconds(5));
    let back = world.until_state(&draft.offer_id, State::Draft).await;
    assert_eq!(back.errors[0].code, "INVALID_CHARGE_DATES");
    assert_eq!(world.events::<pb::OfferReleaseFailed>().await.len(), 1);
    let kept = |offer: &pb::Offer| {
        let document = offer.legal_document.as_ref().unwrap().digest.clone();
        let (name, approved) = (offer.name.clone(), offer.approved_digest.clone());
        (document, name, approved, offer.charges[0].amount.clone())
    };
    assert_eq!(kept(&back), kept(&draft));

    world.release(&back).await;
    let published = world.until_state(&draft.offer_id, State::Published).await;
    assert_eq!(published.charges[0].charge_date, "2026-03-03");
    assert_eq!(kept(&published), kept(&draft));
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
    assert_eq!(world.look("offers").await.as_array().unwrap().len(), 1);
}
