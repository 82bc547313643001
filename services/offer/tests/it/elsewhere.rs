//! What was made elsewhere and accepted (O12): it is listed, and somebody sees to its end (O16).

use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::ClockKind;
use countersign_proto::offer::v1::clock::State;
use countersign_proto::offer::v1::marketplace_offer::Ownership;
use serde_json::json;

use crate::association::{associate, compare};
use crate::clocks::{clocks, end_agreement, kinds};
use crate::deals::{self, usd};
use crate::world::{ENGAGEMENT, World};

const LOOKS: usize = 100;

/// An offer of another tool's of so much, a draft still; returns AWS's id.
pub(crate) async fn drafted(world: &World, name: &str, amount: &str, duration: &str) -> String {
    let entered = json!({
        "name": name,
        "description": "By another tool",
        "buyerAccounts": ["123456789012"],
        "currencyCode": "USD",
        "duration": duration,
        "dimensionKey": "professional_services",
        "schedule": [{ "chargeDate": "2026-03-10", "chargeAmount": amount }],
        "availabilityEndDate": "2026-03-31",
        "legalDocumentUrl": "https://documents.acme.example/sow.pdf",
    });
    let made = world.act("portal/private-offer", entered).await;
    made["offerId"].as_str().unwrap().to_owned()
}

/// The same, released.
pub(crate) async fn released(world: &World, amount: &str, duration: &str) -> String {
    let id = drafted(world, "Made elsewhere", amount, duration).await;
    let body = json!({ "offerId": id });
    world.act("portal/extend-offer", body).await;
    id
}

pub(crate) async fn agreements(
    world: &World,
    ownership: Ownership,
) -> Vec<pb::MarketplaceAgreement> {
    let request = World::query(pb::ListMarketplaceAgreementsRequest {
        ownership: ownership.into(),
        ..pb::ListMarketplaceAgreementsRequest::default()
    });
    let mut client = world.client.clone();
    let listed = client.list_marketplace_agreements(request).await;
    listed.unwrap().into_inner().agreements
}

/// The one agreement of an offer made elsewhere, accepted now.
async fn sold_elsewhere(world: &World, duration: &str) -> pb::MarketplaceAgreement {
    let id = released(world, "102500.00", duration).await;
    let body = json!({ "offerId": id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    for _ in 0..LOOKS {
        let found = agreements(world, Ownership::NotOurs).await.pop();
        // It is found before it is read.
        if let Some(found) = found.filter(|found| found.problem.is_empty()) {
            assert_eq!(found.aws_offer_id, id);
            return found;
        }
        world.pass().await;
    }
    panic!("the agreement was never found")
}

async fn renewals(world: &World, request: pb::ListRenewalsRequest) -> Vec<pb::Renewal> {
    let mut client = world.client.clone();
    let listed = client.list_renewals(World::query(request)).await;
    listed.unwrap().into_inner().renewals
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_elsewhere_is_listed_and_its_end_is_seen_to() {
    let world = World::new().await;
    let agreement = sold_elsewhere(&world, "P365D").await;
    assert_eq!(
        (agreement.status.as_str(), agreement.problem.as_str()),
        ("ACTIVE", "")
    );
    assert_eq!(agreement.offer_id, "");
    assert!(
        agreement.ends_at.starts_with("2027-03-02T"),
        "{agreement:?}"
    );
    assert_eq!(agreement.acceptor_account_id, "123456789012");
    assert_eq!(agreement.value, Some(usd("102500.00")));
    assert_eq!(agreements(&world, Ownership::Ours).await, []);

    let all = renewals(&world, pb::ListRenewalsRequest::default()).await;
    let renewal = all.first().unwrap();
    assert_eq!(renewal.agreement_id, agreement.agreement_id);
    assert_eq!(renewal.engagement_id, agreement.agreement_id);
    assert_eq!(
        (renewal.offer_id.as_str(), renewal.owner.as_str()),
        ("", "")
    );
    assert_eq!(renewal.value, agreement.value);
    assert!(!renewal.markable, "nobody here knows what it is");

    let assign = pb::AssignRenewalRequest {
        agreement_id: agreement.agreement_id.clone(),
        owner: "ren@acme.example".into(),
    };
    let mut client = world.client.clone();
    client.assign_renewal(world.command(assign)).await.unwrap();
    let of = |owner: &str, value: &str| pb::ListRenewalsRequest {
        owner: owner.into(),
        at_least: Some(usd(value)),
        ..pb::ListRenewalsRequest::default()
    };
    for (owner, value, expected) in [
        ("ren@acme.example", "102500.00", 1),
        ("ren@acme.example", "102500.01", 0),
        ("em@acme.example", "102500.00", 0),
    ] {
        let found = renewals(&world, of(owner, value)).await;
        assert_eq!(found.len(), expected, "{owner} {value}");
    }

    let milestones = [
        ClockKind::Renewal120,
        ClockKind::Renewal90,
        ClockKind::Renewal60,
    ];
    for _ in 0..LOOKS {
        if clocks(&world, State::Running).await.len() == milestones.len() {
            break;
        }
        world.pass().await;
    }
    assert_eq!(kinds(&clocks(&world, State::Running).await), milestones);
    world.advance(TimeDelta::days(246));
    for _ in 0..5 {
        world.pass().await;
    }
    let breached = world.events::<pb::ClockBreached>().await;
    assert_eq!(breached.len(), 1);
    let clock = breached[0].clock.clone().unwrap();
    assert_eq!(clock.kind(), ClockKind::Renewal120);
    assert_eq!(clock.engagement_id, agreement.agreement_id);
    assert_eq!(clock.owner, "ren@acme.example");
    let reached = renewals(&world, pb::ListRenewalsRequest::default()).await;
    assert_eq!(reached[0].reached(), ClockKind::Renewal120);

    // That it is over counts, though AWS does not let us read it any more.
    let away = json!({ "operation": "DescribeAgreement", "failure": "access-denied" });
    world.act("inject", away).await;
    end_agreement(&world, &agreement.agreement_id).await;
    for _ in 0..LOOKS {
        if clocks(&world, State::Running).await.is_empty() {
            break;
        }
        world.pass().await;
    }
    let settled = clocks(&world, State::Settled).await;
    assert_eq!(kinds(&settled), milestones[1..]);
    let why = settled.iter().map(|clock| clock.reason.as_str());
    assert_eq!(why.collect::<Vec<_>>(), ["the agreement is over"; 2]);
    assert_eq!(
        renewals(&world, pb::ListRenewalsRequest::default()).await,
        []
    );
    let over = agreements(&world, Ownership::NotOurs).await.remove(0);
    assert_eq!(over.status, "CANCELLED");
}

/// What rang under the agreement's own name does not ring again under the offer's, once that is ours; whom its renewal
/// was assigned to sees to what is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_milestone_that_rang_before_the_adoption_does_not_ring_again() {
    let world = World::new().await;
    let agreement = sold_elsewhere(&world, "P365D").await;
    let rung = async |count: usize| {
        for _ in 0..LOOKS {
            if clocks(&world, State::Breached).await.len() == count {
                break;
            }
            world.pass().await;
        }
        let rung = clocks(&world, State::Breached).await;
        kinds(&rung)
    };
    for _ in 0..LOOKS {
        if clocks(&world, State::Running).await.len() == 3 {
            break;
        }
        world.pass().await;
    }
    world.advance(TimeDelta::days(280));
    let passed = [ClockKind::Renewal120, ClockKind::Renewal90];
    assert_eq!(rung(2).await, passed);
    let assign = world.command(pb::AssignRenewalRequest {
        agreement_id: agreement.agreement_id.clone(),
        owner: "ren@acme.example".into(),
    });
    world.client.clone().assign_renewal(assign).await.unwrap();

    let digest = countersign_kernel::Digest::of(b"what was approved");
    let mut deal = deals::deal(ENGAGEMENT, &deals::files(), digest);
    deal.estimate.as_mut().unwrap().scope_duration = "P365D".into();
    let files = deals::files();
    world.signed(deal, &files).await;
    world.close_checklist().await;
    world.register_listing().await;
    let intake = pb::CompleteIntakeRequest {
        scope_duration: "P365D".into(),
        ..World::intake()
    };
    let mut client = world.client.clone();
    client.complete_intake(world.command(intake)).await.unwrap();
    let digest = compare(&world, &agreement.aws_offer_id).await.digest;
    let request = world.command(associate(&agreement.aws_offer_id, &digest));
    let offer = client.associate_offer(request).await.unwrap().into_inner();
    assert_eq!(offer.state(), pb::offer::State::Accepted);
    for _ in 0..5 {
        world.pass().await;
    }
    let milestone = |clock: &pb::Clock| passed.contains(&clock.kind());
    let told = world.events::<pb::ClockBreached>().await.into_iter();
    let told: Vec<_> = told
        .filter_map(|event| event.clock)
        .filter(milestone)
        .collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    let adopted = clocks(&world, State::Breached).await;
    let of_offer = adopted.iter().filter(|clock| milestone(clock));
    assert!(
        of_offer
            .clone()
            .all(|clock| clock.offer_id == offer.offer_id)
    );
    assert_eq!(of_offer.count(), 2);
    let running = clocks(&world, State::Running).await;
    let next = running
        .iter()
        .find(|clock| clock.kind() == ClockKind::Renewal60);
    let next = next.map(|clock| (clock.owner.as_str(), clock.offer_id.as_str()));
    assert_eq!(next, Some(("ren@acme.example", offer.offer_id.as_str())));
}

/// Facts §0.5: the buyer of an agreement that was made elsewhere accepts no other of its product before that is over,
/// as of one that was made here (O4).
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_elsewhere_is_in_the_way_of_an_offer_to_its_buyer() {
    let world = World::new().await;
    world.register_listing().await;
    let agreement = sold_elsewhere(&world, "P90D").await;
    let in_the_way = async |engagement: &str, buyer: &str| {
        let offer_id = world.drafted_for(engagement, buyer).await.offer_id;
        let asked = World::query(pb::PreflightRequest { offer_id });
        let found = world.client.clone().preflight(asked).await;
        let found = found.unwrap().into_inner().findings.into_iter();
        let found = found.filter(|finding| finding.rule.starts_with("AGREEMENT_"));
        found.collect::<Vec<_>>()
    };
    let found = in_the_way(ENGAGEMENT, "123456789012").await;
    let [found] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(found.rule, "AGREEMENT_ENDS_AFTER_EXPIRY");
    assert!(found.problem.contains(&agreement.agreement_id), "{found:?}");
    assert_eq!(in_the_way("007-other", "210987654321").await, []);
}

/// Nobody looked for 290 of its 365 days: of the milestones that were passed only the last rings.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_soon_is_told_at_once() {
    let mut world = World::new().await;
    world.stop().await;
    let id = released(&world, "102500.00", "P365D").await;
    let body = json!({ "offerId": id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    world.advance(TimeDelta::days(290));
    world.restart().await;
    for _ in 0..LOOKS {
        if !world.events::<pb::ClockBreached>().await.is_empty() {
            break;
        }
        world.pass().await;
    }
    let rung = clocks(&world, State::Breached).await;
    assert_eq!(kinds(&rung), [ClockKind::Renewal90]);
    let running = clocks(&world, State::Running).await;
    assert_eq!(kinds(&running), [ClockKind::Renewal60]);
}
