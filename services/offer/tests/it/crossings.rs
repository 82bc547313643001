//! What crosses on its way: an answer that is lost and a refusal, a void and a release, the agreement
//! of an offer that is over and the next draft.

use std::time::Duration;

use chrono::TimeDelta;
use countersign_kernel::Digest;
use countersign_proto::approval::v1 as approval_pb;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;
use serde_json::json;

use crate::deals;
use crate::world::{ENGAGEMENT, World, refusal};

async fn inject(world: &World, operation: &str, failure: &str, times: u32, after_apply: bool) {
    let body = json!({ "operation": operation, "failure": failure, "times": times,
        "afterApply": after_apply });
    world.act("inject", body).await;
}

async fn void(world: &World) {
    let voided = approval_pb::StampVoided {
        case_id: format!("case-{ENGAGEMENT}"),
        digest: Digest::of(b"what was approved").to_string(),
        reason: "SOW replaced".into(),
    };
    assert_eq!(world.hear(&voided).await, "applied");
}

async fn offers_at_aws(world: &World) -> usize {
    let shown = world.look("offers").await;
    shown.as_array().unwrap_or_else(|| panic!("{shown}")).len()
}

/// O9: the SDK tries again by itself; the first try took effect, the second is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_a_lost_answer_is_no_refusal() {
    let world = World::new().await;
    let draft = world.draft().await;
    inject(&world, "StartChangeSet", "fault", 1, true).await;
    inject(&world, "StartChangeSet", "access-denied", 1, false).await;
    world.release(&draft).await;
    world.until_state(&draft.offer_id, State::Published).await;
    assert!(world.events::<pb::OfferReleaseFailed>().await.is_empty());
    assert_eq!(offers_at_aws(&world).await, 1);
}

/// O9: nothing says how long AWS remembers a token. Here it forgets every one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_found_even_when_aws_forgot_the_token() {
    let mut world = World::new().await;
    let draft = world.draft().await;
    inject(&world, "StartChangeSet", "fault", 3, true).await;
    world.release(&draft).await;
    stop_after_the_first_try(&mut world).await;
    // Another token is what a forgotten one is to AWS.
    let forgotten = "UPDATE change_set SET request = replace(request,
        '\"client_request_token\":\"', '\"client_request_token\":\"f')";
    let changed = sqlx::query(forgotten).execute(world.bed.pool()).await;
    assert_eq!(changed.unwrap().rows_affected(), 1);
    world.restart().await;
    world.until_state(&draft.offer_id, State::Published).await;
    assert_eq!(offers_at_aws(&world).await, 1);
}

/// The clock stands still: there is no second try.
async fn stop_after_the_first_try(world: &mut World) {
    first_try_failed(world).await;
    world.stop().await;
}

/// Until a change set was tried to be sent, in vain: its request is kept then.
pub(crate) async fn first_try_failed(world: &World) {
    let tried = "SELECT count(*) FROM task
        WHERE kind = 'offer.start-change-set' AND last_error IS NOT NULL";
    while 0 == count(world, tried).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the statement counts.
pub(crate) async fn count(world: &World, statement: &'static str) -> i64 {
    let counted = sqlx::query_scalar(statement).fetch_one(world.bed.pool());
    counted.await.unwrap()
}

/// A5, O3: a stamp that falls before AWS was sent anything takes the release back.
#[tokio::test(flavor = "multi_thread")]
async fn a_void_before_the_request_is_made_takes_the_release_back() {
    let mut world = World::new().await;
    let draft = world.draft().await;
    inject(&world, "StartChangeSet", "throttle", 3, false).await;
    world.release(&draft).await;
    stop_after_the_first_try(&mut world).await;
    // As if the void had come before the request was made.
    void(&world).await;
    let forgotten = sqlx::query("DELETE FROM change_set");
    forgotten.execute(world.bed.pool()).await.unwrap();
    world.restart().await;
    let back = world.until_state(&draft.offer_id, State::Draft).await;
    assert_eq!(back.errors[0].code, "STAMP_INVALID");
    assert_eq!(count(&world, "SELECT count(*) FROM change_set").await, 0);
    let failed = world.events::<pb::OfferReleaseFailed>().await;
    assert_eq!(failed[0].errors[0].code, "STAMP_INVALID");
    assert_eq!(offers_at_aws(&world).await, 0);
}

/// O3: what AWS would read must be what was merged from the approved documents, to the byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_merged_document_of_which_one_byte_changed_since_is_not_sent() {
    let world = World::new().await;
    let draft = world.draft().await;
    let digest = &draft.legal_document.as_ref().unwrap().digest;
    let stored = world.files.path().join(format!("bucket/{digest}.pdf"));
    let merged = std::fs::read(&stored).unwrap();
    std::fs::write(&stored, one_byte_off(&merged)).unwrap();
    world.release(&draft).await;
    let back = world
        .until(&draft.offer_id, |offer| !offer.errors.is_empty())
        .await;
    assert_eq!(back.state(), State::Draft);
    assert_eq!(back.errors[0].code, "LEGAL_DOCUMENT_LOST");
    assert_eq!(offers_at_aws(&world).await, 0);
}

/// The same bytes but for one bit of the middle one.
fn one_byte_off(bytes: &[u8]) -> Vec<u8> {
    let mut other = bytes.to_vec();
    other[bytes.len() / 2] ^= 1;
    assert_eq!(other.len(), bytes.len());
    other
}

/// O3, A4: whichever document differs by one byte from what was stamped, nothing of it is released.
#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_one_document_that_is_not_as_stamped_stops_the_release() {
    let world = World::new().await;
    let files = deals::files();
    let digest = Digest::of(b"what was approved");
    world
        .ready_to_draft(deals::deal(ENGAGEMENT, &files, digest))
        .await;
    let mut client = world.client.clone();
    for file in &files {
        world
            .approval
            .keep_as(Digest::of(&file.bytes), &one_byte_off(&file.bytes));
        let drafted = client.draft_offer(world.command(World::draft_request()));
        let drafted = drafted.await.unwrap().into_inner();
        let draft = world.assembled(&drafted.offer_id).await;
        let answer = client.release_offer(world.command(World::release_request(&draft)));
        let (_, reason, violations) = refusal(answer.await);
        assert_eq!(reason, "PREFLIGHT_FAILED", "{}", file.name);
        assert_eq!(violations, ["LEGAL_DOCUMENT_READY"], "{}", file.name);
        let failure = draft.legal_document.unwrap().failure;
        assert!(
            failure.starts_with(file.name) && failure.contains("other content than was approved"),
            "{failure}"
        );
        world.approval.keep(&file.bytes);
        let cancel = pb::CancelOfferRequest {
            offer_id: draft.offer_id,
            reason: "the document is not the one that was stamped".into(),
        };
        client.cancel_offer(world.command(cancel)).await.unwrap();
    }
    assert_eq!(offers_at_aws(&world).await, 0);
    let drafted = client.draft_offer(world.command(World::draft_request()));
    let draft = world
        .assembled(&drafted.await.unwrap().into_inner().offer_id)
        .await;
    world.release(&draft).await;
    world.until_state(&draft.offer_id, State::Published).await;
}

/// O13: an agreement that AWS would not show is asked for again, by itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_could_not_be_read_is_read_later() {
    let world = World::new().await;
    let offer = world.published().await;
    inject(&world, "DescribeAgreement", "access-denied", 2, false).await;
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let accept = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", accept).await;
    world.until_state(&offer.offer_id, State::Accepted).await;
    assert_eq!(world.events::<pb::AgreementAccepted>().await.len(), 1);
}

/// O13: AWS shows an acceptance of the last day when the offer has expired here, and the next one is
/// drafted. It counts, holds up no other agreement, and the next offer is not released beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_agreement_counts_beside_the_next_draft() {
    let world = World::new().await;
    let offer = world.published().await;
    let day = 24 * 60 * 60 * 1000;
    world
        .act("settings", json!({ "agreementVisibleMs": day }))
        .await;
    world.advance(TimeDelta::days(29) + TimeDelta::hours(12));
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let accept = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", accept).await;
    world.advance(TimeDelta::hours(12));
    world.until_state(&offer.offer_id, State::Expired).await;
    let mut request = World::draft_request();
    request.expires_on = "2026-04-20".into();
    let mut client = world.client.clone();
    let next = client.draft_offer(world.command(request)).await.unwrap();
    let next = next.into_inner();
    world.advance(TimeDelta::hours(13));
    world.until_state(&offer.offer_id, State::Accepted).await;
    let agreements = world.events::<pb::AgreementAccepted>().await;
    assert_eq!(agreements.len(), 1);
    let moved = "SELECT count(*) FROM agreement WHERE offer_id IS NOT NULL";
    assert_eq!(count(&world, moved).await, 1);
    let answer = client.release_offer(world.command(World::release_request(&next)));
    assert_eq!(refusal(answer.await).1, "OFFER_OPEN");
}
