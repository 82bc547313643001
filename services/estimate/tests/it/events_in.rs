//! What approval says: applied once, in order; late or foreign answers recorded as refused.

use std::time::Duration;

use countersign_estimate::Approvals;
use countersign_kernel::Digest;
use countersign_platform::testing::TestBed;
use countersign_platform::{Failure, IncomingEvent, NewEvent, NoSection, Service, Wiring};
use countersign_proto::approval::v1 as approval;
use countersign_proto::common::v1 as common;
use countersign_proto::estimate::v1 as proto;
use countersign_proto::estimate::v1::estimate::State;
use prost::{Message, Name};

use crate::deals::{create, get, handbook, revise, submit};
use crate::harness::{Harness, SELLER, command, question};

fn event<M: Message + Name>(case_id: &str, message: &M) -> NewEvent {
    NewEvent {
        type_name: M::full_name(),
        seller: SELLER.parse().unwrap(),
        engagement: Some("opp-1".parse().unwrap()),
        aggregate_id: case_id.to_owned(),
        payload: message.encode_to_vec(),
    }
}

fn case_of(estimate: &proto::Estimate) -> String {
    format!("case-{}", estimate.estimate_id)
}

pub(crate) fn stamped(estimate: &proto::Estimate, sow: &str) -> NewEvent {
    let deal = common::ApprovedDeal {
        case_id: case_of(estimate),
        estimate: estimate.snapshot.clone(),
        digest: Digest::of(sow.as_bytes()).to_string(),
        ..common::ApprovedDeal::default()
    };
    event(
        &case_of(estimate),
        &approval::DealStamped { deal: Some(deal) },
    )
}

pub(crate) fn changes_requested(estimate: &proto::Estimate) -> NewEvent {
    let message = approval::ChangesRequested {
        case_id: case_of(estimate),
        estimate_id: estimate.estimate_id.clone(),
        estimate_version: estimate.version,
        step: "revenue".to_owned(),
        requested_by: "rev@acme.example".to_owned(),
        comment: "split the training".to_owned(),
    };
    event(&case_of(estimate), &message)
}

fn rejected(estimate: &proto::Estimate) -> NewEvent {
    let message = approval::CaseRejected {
        case_id: case_of(estimate),
        estimate_id: estimate.estimate_id.clone(),
        estimate_version: estimate.version,
        step: "leadership".to_owned(),
        rejected_by: "vp@acme.example".to_owned(),
        comment: "not our business".to_owned(),
    };
    event(&case_of(estimate), &message)
}

/// Delivers an event of approval as number `sequence` of its case; what the inbox says of it.
pub(crate) async fn deliver(it: &Harness, sequence: i64, event: NewEvent) -> String {
    let event = it.bed.incoming("approval", sequence, event);
    it.bed.deliver(&Approvals, &event).await.unwrap()
}

async fn submitted(it: &mut Harness) -> proto::Estimate {
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    it.client
        .submit_estimate(command("2", submit(&first)))
        .await
        .unwrap()
        .into_inner()
}

async fn now(it: &mut Harness, estimate: &proto::Estimate) -> proto::Estimate {
    it.client
        .get_estimate(question(get(estimate, 0)))
        .await
        .unwrap()
        .into_inner()
}

/// E8, A4: approved once, however often the event arrives.
#[tokio::test]
async fn a_stamp_approves_the_version_that_it_names() {
    let mut it = Harness::start().await;
    let estimate = submitted(&mut it).await;
    let event = it.bed.incoming("approval", 1, stamped(&estimate, "sow"));
    assert_eq!(it.bed.deliver(&Approvals, &event).await.unwrap(), "applied");
    it.bed.deliver(&Approvals, &event).await.unwrap();
    let approved = now(&mut it, &estimate).await;
    assert_eq!(approved.state(), State::Approved);
    assert_eq!(approved.approved_digest, Digest::of(b"sow").to_string());
    let trail = it.audit(&estimate.estimate_id).await;
    assert_eq!(trail.len(), 3);
    assert_eq!(
        (trail[2].0.as_str(), trail[2].1.as_str()),
        ("approve", "service:approval")
    );

    // A stamp on changed documents is another fact; the same again says nothing new.
    assert_eq!(
        deliver(&it, 2, stamped(&estimate, "changed")).await,
        "applied"
    );
    assert_eq!(
        deliver(&it, 3, stamped(&estimate, "changed")).await,
        "ignored"
    );
    assert_eq!(
        now(&mut it, &estimate).await.approved_digest,
        Digest::of(b"changed").to_string()
    );
    it.stop().await;
}

/// E8: changes are asked for, a new version goes round, and the old version's answer comes late.
#[tokio::test]
async fn changes_lead_to_a_new_version() {
    let mut it = Harness::start().await;
    let first = submitted(&mut it).await;
    assert_eq!(deliver(&it, 1, changes_requested(&first)).await, "applied");
    let back = now(&mut it, &first).await;
    assert_eq!(
        (back.state(), back.change_request.as_str()),
        (State::ChangesRequested, "split the training")
    );

    let second = it
        .client
        .revise_estimate(command("3", revise(&first, handbook())))
        .await;
    let second = second.unwrap().into_inner();
    assert_eq!(
        (
            second.version,
            second.state(),
            second.change_request.as_str()
        ),
        (2, State::Draft, "")
    );
    it.client
        .submit_estimate(command("4", submit(&second)))
        .await
        .unwrap();
    assert_eq!(deliver(&it, 2, stamped(&first, "sow")).await, "rejected");
    assert_eq!(now(&mut it, &first).await.state(), State::Submitted);
    assert_eq!(deliver(&it, 3, stamped(&second, "sow")).await, "applied");
    assert_eq!(now(&mut it, &first).await.state(), State::Approved);
    it.stop().await;
}

/// A rejection ends the estimate, with the approver's words as the reason.
#[tokio::test]
async fn a_rejection_ends_the_estimate() {
    let mut it = Harness::start().await;
    let estimate = submitted(&mut it).await;
    assert_eq!(deliver(&it, 1, rejected(&estimate)).await, "applied");
    let ended = now(&mut it, &estimate).await;
    assert_eq!(ended.state(), State::Withdrawn);
    assert_eq!(
        ended.withdrawal_reason,
        "rejected at leadership: not our business"
    );
    // P3: the service handed it in; the entry says whose decision it was.
    let after: String = sqlx::query_scalar(
        "SELECT state_after FROM audit WHERE aggregate_id = $1 ORDER BY audit_seq DESC LIMIT 1",
    )
    .bind(&estimate.estimate_id)
    .fetch_one(it.bed.pool())
    .await
    .unwrap();
    let after: serde_json::Value = serde_json::from_str(&after).unwrap();
    assert_eq!(after["particulars"]["by"], "vp@acme.example");
    assert_eq!(deliver(&it, 2, stamped(&estimate, "sow")).await, "rejected");
    it.stop().await;
}

/// Issue 2, events: unknown estimates and other tenants' are refused and recorded; what cannot be
/// read is for a person; other types are passed over. The state stays as it was.
#[tokio::test]
async fn what_cannot_be_applied_changes_nothing() {
    let mut it = Harness::start().await;
    let estimate = submitted(&mut it).await;
    let mut unknown = estimate.clone();
    unknown.estimate_id = "00000000-0000-7000-8000-000000000000".to_owned();
    assert_eq!(
        deliver(&it, 1, changes_requested(&unknown)).await,
        "rejected"
    );
    let mut foreign = stamped(&estimate, "sow");
    foreign.seller = "other".parse().unwrap();
    assert_eq!(deliver(&it, 1, foreign).await, "rejected");

    let mut garbled = stamped(&estimate, "sow");
    garbled.payload = vec![0xff; 7];
    let mut no_digest = stamped(&estimate, "sow");
    no_digest.payload = approval::DealStamped::default().encode_to_vec();
    for unreadable in [garbled, no_digest] {
        let event: IncomingEvent = it.bed.incoming("approval", 1, unreadable);
        let failure = it.bed.deliver(&Approvals, &event).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Undecodable { .. }),
            "{failure:?}"
        );
    }
    assert_eq!(now(&mut it, &estimate).await.state(), State::Submitted);
    it.stop().await;
}

/// P2, over a real JetStream: what approval publishes from its own outbox arrives here.
#[tokio::test]
async fn a_stamp_arrives_over_the_wire() {
    let mut it = Harness::start().await;
    let estimate = submitted(&mut it).await;
    let prefix = it.bed.parts().settings.nats_prefix.clone();
    let approval = Service::new("approval", "0.0.0");
    let other = TestBed::with_settings(&approval, NoSection {}, |settings| {
        settings.nats_prefix = prefix;
    })
    .await;
    let running = other
        .serve(&approval, |_| async { Ok(Wiring::new()) })
        .await;
    let event = stamped(&estimate, "sow");
    other
        .transaction(|uow| {
            let event = event.clone();
            Box::pin(async move { uow.publish(event).await })
        })
        .await
        .unwrap();
    let mut state = State::Unspecified;
    for _ in 0..200 {
        state = now(&mut it, &estimate).await.state();
        if state == State::Approved {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(state, State::Approved);
    running.stop().await;
    it.stop().await;
}
