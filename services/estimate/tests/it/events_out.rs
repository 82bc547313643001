//! What others hear, by content: the promise of each event.

use countersign_proto::common::v1 as common;
use countersign_proto::estimate::v1 as proto;
use prost::Message;

use crate::deals::{create, handbook, markup, prepaid, submit, usd};
use crate::events_in::{changes_requested, deliver, stamped};
use crate::harness::{AUTHOR, Harness, command};

fn priced(number: &str, name: &str, base: &str, price: &str) -> common::PricedPackage {
    common::PricedPackage {
        package_id: number.to_owned(),
        name: name.to_owned(),
        description: format!("{name}, as described in the statement of work"),
        base_price: Some(usd(base)),
        price: Some(usd(price)),
    }
}

/// S0's deal as approval hears it.
fn handbook_snapshot(estimate_id: &str) -> common::EstimateSnapshot {
    common::EstimateSnapshot {
        estimate_id: estimate_id.to_owned(),
        version: 1,
        engagement_id: "opp-1".to_owned(),
        customer_name: "Example Corp".to_owned(),
        currency_code: "USD".to_owned(),
        packages: vec![
            priced("1", "Assessment", "50000.00", "51250.00"),
            priced("2", "Implementation", "30000.00", "30750.00"),
            priced("3", "Training", "20000.00", "20500.00"),
        ],
        payment_plan: Some(prepaid()),
        scope_description: "Move the build farm".to_owned(),
        scope_duration: "P90D".to_owned(),
        valid_until: "2027-01-31".to_owned(),
        economics: Some(common::Economics {
            base_total: Some(usd("100000.00")),
            price_total: Some(usd("102500.00")),
            uplift: Some(markup("0.025")),
            listing_fee_rate: "0.025".to_owned(),
            expected_fee: Some(usd("2562.50")),
            expected_net: Some(usd("99937.50")),
            shortfall: Some(usd("62.50")),
            effort_cost: None,
            margin: None,
        }),
        author: AUTHOR.to_owned(),
        renewal: false,
        follows_agreement_id: String::new(),
    }
}

/// Drafts are nobody's business; what is handed in, approved, withdrawn or expired is told once.
#[tokio::test]
async fn each_event_says_what_it_promises() {
    let mut it = Harness::start().await;
    let first = it
        .client
        .create_estimate(command("1", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    assert!(it.bed.published().await.is_empty());
    it.client
        .submit_estimate(command("2", submit(&first)))
        .await
        .unwrap();
    it.client
        .submit_estimate(command("2", submit(&first)))
        .await
        .unwrap();
    deliver(&it, 1, stamped(&first, "sow")).await;

    let other = it
        .client
        .create_estimate(command("3", create("opp-2", handbook())))
        .await;
    let other = other.unwrap().into_inner();
    let withdraw = proto::WithdrawEstimateRequest {
        estimate_id: other.estimate_id.clone(),
        reason: "lost".to_owned(),
    };
    it.client
        .withdraw_estimate(command("4", withdraw))
        .await
        .unwrap();

    let mut short = handbook();
    short.valid_until = "2026-03-02".to_owned();
    let third = it
        .client
        .create_estimate(command("5", create("opp-3", short)))
        .await;
    let third = third.unwrap().into_inner();
    it.client
        .submit_estimate(command("6", submit(&third)))
        .await
        .unwrap();
    deliver(&it, 1, changes_requested(&third)).await;
    it.bed
        .clock()
        .advance(countersign_kernel::chrono::TimeDelta::days(1));
    it.bed.run_due_tasks(&it.wiring().await).await.unwrap();

    let submitted = proto::EstimateSubmitted {
        estimate: Some(handbook_snapshot(&first.estimate_id)),
        submitted_by: AUTHOR.to_owned(),
    };
    let approved = proto::EstimateApproved {
        estimate_id: first.estimate_id,
        version: 1,
        digest: countersign_kernel::Digest::of(b"sow").to_string(),
    };
    let withdrawn = proto::EstimateWithdrawn {
        estimate_id: other.estimate_id,
        version: 1,
        withdrawn_by: AUTHOR.to_owned(),
        reason: "lost".to_owned(),
    };
    let expired = proto::EstimateExpired {
        estimate_id: third.estimate_id,
        version: 1,
        valid_until: "2026-03-02".to_owned(),
    };
    let mut published = it.bed.published().await;
    for _ in 0..100 {
        if published.len() == 5 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        published = it.bed.published().await;
    }
    let names: Vec<&str> = published.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "countersign.estimate.v1.EstimateSubmitted",
            "countersign.estimate.v1.EstimateApproved",
            "countersign.estimate.v1.EstimateWithdrawn",
            "countersign.estimate.v1.EstimateSubmitted",
            "countersign.estimate.v1.EstimateExpired",
        ]
    );
    let payload = |index: usize| published[index].1.as_slice();
    assert_eq!(
        proto::EstimateSubmitted::decode(payload(0)).unwrap(),
        submitted
    );
    assert_eq!(
        proto::EstimateApproved::decode(payload(1)).unwrap(),
        approved
    );
    assert_eq!(
        proto::EstimateWithdrawn::decode(payload(2)).unwrap(),
        withdrawn
    );
    assert_eq!(proto::EstimateExpired::decode(payload(4)).unwrap(), expired);
    it.stop().await;
}
