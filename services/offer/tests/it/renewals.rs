//! Renewals (O16): what ends when, who sees to it, what it is worth.

use chrono::TimeDelta;
use countersign_kernel::{Digest, role};
use countersign_offer::SellerKind;
use countersign_proto::approval::v1 as approval_pb;
use countersign_proto::common::v1::Money;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::ClockKind;
use countersign_proto::offer::v1::offer_service_client::OfferServiceClient;
use serde_json::json;
use tonic::Code;
use tonic::transport::Channel;

use crate::deals::{self, usd};
use crate::world::{ENGAGEMENT, World, refusal};

async fn accepted(world: &World) -> pb::Offer {
    let offer = world.published().await;
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let body = json!({ "offerId": aws_offer_id, "buyerAccountId": "123456789012" });
    world.act("accept", body).await;
    let accepted = pb::offer::State::Accepted;
    world.until_state(&offer.offer_id, accepted).await
}

async fn listed(world: &World, request: pb::ListRenewalsRequest) -> Vec<pb::Renewal> {
    let request = World::query(request);
    let listed = world.client.clone().list_renewals(request).await;
    listed.unwrap().into_inner().renewals
}

async fn all(world: &World) -> Vec<pb::Renewal> {
    listed(world, pb::ListRenewalsRequest::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_is_listed_by_when_owner_and_value() {
    let world = World::new().await;
    assert_eq!(all(&world).await, []);
    let offer = accepted(&world).await;
    let renewal = all(&world).await.remove(0);
    assert_eq!(renewal.agreement_id, offer.agreement_id);
    assert_eq!(renewal.owner, "em@acme.example");
    assert_eq!(renewal.value, Some(usd("102500.00")));
    assert!(renewal.markable);

    let assign = pb::AssignRenewalRequest {
        agreement_id: offer.agreement_id.clone(),
        owner: "ren@acme.example".into(),
    };
    let mut client = world.client.clone();
    let assigned = client.assign_renewal(world.command(assign)).await.unwrap();
    assert_eq!(assigned.into_inner().owner, "ren@acme.example");

    let by = |ends_before: &str, owner: &str, at_least: Option<Money>| pb::ListRenewalsRequest {
        ends_before: ends_before.into(),
        owner: owner.into(),
        at_least,
        ..pb::ListRenewalsRequest::default()
    };
    let eur = Money {
        currency_code: "EUR".into(),
        ..usd("1.00")
    };
    for (wanted, count) in [
        (by("", "ren@acme.example", Some(usd("102500.00"))), 1),
        (by("", "em@acme.example", None), 0),
        (by("", "", Some(usd("102500.01"))), 0),
        (by("", "", Some(eur)), 0),
        (by("2026-12-31T00:00:00Z", "", None), 1),
        (by(&renewal.ends_at, "", None), 0),
    ] {
        assert_eq!(
            listed(&world, wanted.clone()).await.len(),
            count,
            "{wanted:?}"
        );
    }

    grows(&world, &offer).await;
    held(&world, &offer).await;

    // A day before the end.
    world.advance(TimeDelta::days(89));
    let near = all(&world).await.remove(0);
    assert_eq!(near.reached(), ClockKind::Renewal60);
    crate::clocks::end_agreement(&world, &offer.agreement_id).await;
    for _ in 0..100 {
        if all(&world).await.is_empty() {
            return;
        }
        world.pass().await;
    }
    panic!("an agreement that is over is still listed");
}

/// Co-sell: whether what is approved as the renewal of `offer`'s agreement is worth more.
async fn grows(world: &World, offer: &pb::Offer) {
    let renewing = |price: &str, renewal: bool| {
        let mut deal = deals::deal(
            "006-acme-grown",
            &deals::files(),
            Digest::of(price.as_bytes()),
        );
        let estimate = deal.estimate.as_mut().unwrap();
        estimate.renewal = renewal;
        estimate
            .follows_agreement_id
            .clone_from(&offer.agreement_id);
        estimate.economics.as_mut().unwrap().price_total = Some(usd(price));
        approval_pb::DealStamped { deal: Some(deal) }
    };
    let steps = [
        // A replacement follows it too, and renews nothing.
        (
            renewing("110000.00", false),
            "",
            pb::CoSell::NotPriced,
            None,
        ),
        (
            renewing("102500.00", true),
            "006-acme-grown",
            pb::CoSell::NoGrowth,
            Some("0.00"),
        ),
        (
            renewing("110000.00", true),
            "006-acme-grown",
            pb::CoSell::Qualifies,
            Some("7500.00"),
        ),
    ];
    for (number, (stamped, engagement, co_sell, growth)) in (1..).zip(steps) {
        world.hear_of("006-acme-grown", number, &stamped).await;
        let renewal = all(world).await.remove(0);
        assert_eq!(renewal.renewal_engagement_id, engagement);
        assert_eq!(
            (renewal.co_sell(), renewal.growth),
            (co_sell, growth.map(usd))
        );
    }
}

/// The buyer of `offer` accepts nothing else of its product while its agreement goes on, to 2026-05-31
/// (facts §0.5): another engagement's offer must expire later.
async fn held(world: &World, offer: &pb::Offer) {
    let next = world.drafted_for("006-acme-renewed", "123456789012").await;
    let found = async |request: pb::PreflightRequest| {
        let found = world.client.clone().preflight(World::query(request)).await;
        let found = found.unwrap().into_inner().findings;
        let found = found
            .into_iter()
            .filter(|one| one.rule.starts_with("AGREEMENT_"));
        found.collect::<Vec<_>>()
    };
    let of = |offer: &pb::Offer| pb::PreflightRequest {
        offer_id: offer.offer_id.clone(),
    };
    assert_eq!(found(of(offer)).await, [], "it is no obstacle to itself");
    let never = found(of(&next)).await.remove(0);
    assert_eq!(never.rule, "AGREEMENT_ENDS_AFTER_EXPIRY");
    assert!(never.problem.contains(&offer.agreement_id), "{never:?}");
    let later = pb::ReviseOfferRequest {
        offer_id: next.offer_id.clone(),
        expected_revision: next.revision,
        expires_on: "2026-08-31".into(),
        ..pb::ReviseOfferRequest::default()
    };
    let later = world
        .client
        .clone()
        .revise_offer(world.command(later))
        .await;
    let waits = found(of(&later.unwrap().into_inner())).await.remove(0);
    assert_eq!(
        (waits.rule.as_str(), waits.severity()),
        ("AGREEMENT_STILL_ACTIVE", pb::finding::Severity::Warning)
    );
}

/// O16, E3: AWS marks an ISV's renewals alone. A channel partner's was approved with a renewal's fee that AWS
/// would not grant, so it is not sold until it is approved as a sale like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_partners_own_renewal_is_not_sold_as_one() {
    let world = World::with(|config| config.seller_kind = SellerKind::ChannelPartner).await;
    let renewing = |renewal: bool| {
        let digest = Digest::of(if renewal { b"renewed" } else { b"sold anew" });
        let mut deal = deals::deal(ENGAGEMENT, &deals::files(), digest);
        deal.estimate.as_mut().unwrap().renewal = renewal;
        deal
    };
    let mut client = world.client.clone();
    world.ready_to_draft(renewing(true)).await;
    let draft = async |client: &mut OfferServiceClient<Channel>| {
        let drafted = client.draft_offer(world.command(World::draft_request()));
        let drafted = drafted.await.unwrap().into_inner();
        world.assembled(&drafted.offer_id).await
    };
    let refused = draft(&mut client).await;
    assert_eq!(
        world.findings(&refused.offer_id).await,
        ["RENEWAL_MARKED_BY_ISV"]
    );
    let answer = client.release_offer(world.command(World::release_request(&refused)));
    let (_, reason, violations) = refusal(answer.await);
    assert_eq!(reason, "PREFLIGHT_FAILED");
    assert_eq!(violations, ["RENEWAL_MARKED_BY_ISV"]);
    let cancel = pb::CancelOfferRequest {
        offer_id: refused.offer_id,
        reason: "AWS has no renewal of ours".into(),
    };
    client.cancel_offer(world.command(cancel)).await.unwrap();

    world.signed(renewing(false), &deals::files()).await;
    let anew = draft(&mut client).await;
    assert_eq!(world.findings(&anew.offer_id).await, [""; 0]);
    world.sold(&anew).await;
    assert!(!all(&world).await.remove(0).markable);
}

/// O16, O18: whom a renewal was assigned to last sees to its milestones that still run, and is told of when one
/// rings; what rang stays as it was, and so does what the offer has to see to beside it.
#[tokio::test(flavor = "multi_thread")]
async fn an_assigned_renewals_milestones_are_that_persons() {
    let world = World::new().await;
    let offer = accepted(&world).await;
    let assign = async |owner: &str| {
        let assign = world.command(pb::AssignRenewalRequest {
            agreement_id: offer.agreement_id.clone(),
            owner: owner.into(),
        });
        world.client.clone().assign_renewal(assign).await.unwrap();
    };
    let owner = async |kind: ClockKind| {
        let listed = World::query(pb::ListClocksRequest::default());
        let listed = world.client.clone().list_clocks(listed).await;
        let clocks = listed.unwrap().into_inner().clocks;
        let clock = clocks.into_iter().find(|clock| clock.kind() == kind);
        clock.unwrap().owner
    };
    let (milestone, contact) = (ClockKind::Renewal60, ClockKind::BuyerContact);
    assert_eq!(owner(milestone).await, role::ENGAGEMENT_MANAGER);
    for named in ["ren@acme.example", "sam@acme.example"] {
        assign(named).await;
        assert_eq!(owner(milestone).await, named);
        assert_eq!(owner(contact).await, role::ENGAGEMENT_MANAGER);
    }
    world.advance(TimeDelta::days(31));
    let mut rung = None;
    for _ in 0..100 {
        let told = world.events::<pb::ClockBreached>().await.into_iter();
        let mut told = told.filter_map(|event| event.clock);
        rung = told.find(|clock| clock.kind() == milestone);
        if rung.is_some() {
            break;
        }
        world.pass().await;
    }
    assert_eq!(rung.unwrap().owner, "sam@acme.example");
    assign("ren@acme.example").await;
    assert_eq!(owner(milestone).await, "sam@acme.example");
}

/// O16: a seller's own milestones, of agreements that are recorded from then on.
#[tokio::test(flavor = "multi_thread")]
async fn a_sellers_own_milestones_ring_on_its_days() {
    let world = World::new().await;
    let mut client = world.client.clone();
    let own = |days: &[u32]| pb::PutRenewalPolicyRequest {
        policy: Some(pb::RenewalPolicy {
            milestone_days: days.to_vec(),
        }),
    };
    let kept = async |world: &World| {
        let asked = World::query(pb::GetRenewalPolicyRequest {});
        let kept = world.client.clone().get_renewal_policy(asked).await;
        kept.unwrap().into_inner().milestone_days
    };
    assert_eq!(kept(&world).await, [120, 90, 60]);
    let answer = client
        .put_renewal_policy(world.command(own(&[60, 90])))
        .await;
    assert_eq!(refusal(answer).2, ["MILESTONES_INVALID"]);
    let put = client
        .put_renewal_policy(world.command(own(&[80, 5])))
        .await;
    assert_eq!(put.unwrap().into_inner().milestone_days, [80, 5]);
    assert_eq!(kept(&world).await, [80, 5]);

    let offer = accepted(&world).await;
    let back = client.put_renewal_policy(world.command(own(&[2]))).await;
    assert_eq!(back.unwrap().into_inner().milestone_days, [2]);
    assert_eq!(all(&world).await[0].reached(), ClockKind::Unspecified);
    for (days, reached) in [
        (11, ClockKind::Renewal120),
        (73, ClockKind::Renewal120),
        (3, ClockKind::Renewal90),
    ] {
        world.advance(TimeDelta::days(days));
        let found = all(&world).await.remove(0);
        assert_eq!(found.reached(), reached, "{days}");
        assert_eq!(found.agreement_id, offer.agreement_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_listed_or_assigned_says_why() {
    let world = World::new().await;
    let wrong = pb::ListRenewalsRequest {
        ends_before: "soon".into(),
        owner: " ".into(),
        at_least: Some(usd("1.001")),
        ..pb::ListRenewalsRequest::default()
    };
    let mut client = world.client.clone();
    let answer = client.list_renewals(World::query(wrong)).await;
    assert_eq!(
        refusal(answer).2,
        ["TIME_INVALID", "OWNER_INVALID", "AMOUNT_INVALID"]
    );
    let assign = |agreement_id: &str, owner: &str| pb::AssignRenewalRequest {
        agreement_id: agreement_id.into(),
        owner: owner.into(),
    };
    let unknown = world.command(assign("agmt-nobodys", "em@acme.example"));
    let answer = client.assign_renewal(unknown).await;
    let (code, reason, _) = refusal(answer);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "RENEWAL_UNKNOWN"));
    let nobody = world.command(assign("agmt-nobodys", ""));
    let answer = client.assign_renewal(nobody).await;
    assert_eq!(refusal(answer).2, ["OWNER_INVALID"]);
}
