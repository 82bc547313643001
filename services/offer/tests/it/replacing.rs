//! The last step of a change order (O15): another offer, of an engagement of its own, takes the agreement's place
//! and carries what was not charged under it.

use countersign_kernel::Digest;
use countersign_proto::common::v1::Charge;
use countersign_proto::offer::v1 as pb;
use pb::change_order::State;
use serde_json::json;

use crate::change_orders as orders;
use crate::deals;
use crate::world::{World, refusal};

const ENGAGEMENT: &str = "006-landing-zone-grown";

/// A replacement that charges less, or on other days, is released only with that in sight: both sums, and each
/// installment that it leaves out.
#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_without_the_unpaid_installments_says_so() {
    let world = World::new().await;
    let offer = orders::accepted(&world).await;
    let (order, _) = orders::over(&world, &offer).await;
    let [_, second, third] = offer.charges.as_slice() else {
        panic!("three installments: {:?}", offer.charges)
    };
    let less = |engagement: &str, digest: &[u8]| {
        let deal = deals::deal(engagement, &deals::files(), Digest::of(digest));
        let less = vec![deals::installment(&second.charge_date, "30750.29")];
        deals::in_installments(deal, "30750.29", less)
    };
    let words = |change_order_id: &str| pb::DraftOfferRequest {
        change_order_id: change_order_id.into(),
        expires_on: offer.summary.clone().unwrap().expires_on,
        ..World::draft_request()
    };
    // Drafted without its change order, an offer is known by the agreement that its estimate follows, unless it renews.
    for (engagement, renewal, expected) in [
        ("006-renewed", true, vec![]),
        ("006-followed", false, vec!["UNPAID_INSTALLMENTS_CARRIED"]),
    ] {
        let mut deal = less(engagement, engagement.as_bytes());
        let estimate = deal.estimate.as_mut().unwrap();
        estimate.renewal = renewal;
        let follows = &mut estimate.follows_agreement_id;
        follows.clone_from(&offer.agreement_id);
        let draft = world.drafted_from(deal, orders::BUYER, words("")).await;
        assert_eq!(world.findings(&draft.offer_id).await, expected);
    }
    let deal = less(ENGAGEMENT, b"what shrank");
    let words = words(&order.change_order_id);
    let draft = world.drafted_from(deal, orders::BUYER, words).await;
    let asked = World::query(pb::PreflightRequest {
        offer_id: draft.offer_id.clone(),
    });
    let found = world.client.clone().preflight(asked).await;
    let found = found.unwrap().into_inner().findings;
    let [finding] = found.as_slice() else {
        panic!("one finding: {found:?}")
    };
    assert_eq!(
        (finding.rule.as_str(), finding.severity()),
        (
            "UNPAID_INSTALLMENTS_CARRIED",
            pb::finding::Severity::Warning
        )
    );
    let (second, third) = (&second.charge_date, &third.charge_date);
    let says = format!(
        "agreement {} left 61500.00 USD unpaid, this offer charges 30750.29 USD: on {second} 30750.29 USD in place of \
         30750.30 USD, on {third} nothing in place of 30749.70 USD",
        offer.agreement_id
    );
    assert_eq!(finding.problem, says);
    // It was approved and signed so.
    world.release(&draft).await;
    let published = pb::offer::State::Published;
    world.until_state(&draft.offer_id, published).await;
}

/// Drafts the offer that carries the unpaid charges, and sees it through to the buyer's acceptance.
pub(crate) async fn replaced(world: &World, id: &str, unpaid: &[Charge]) {
    let before = orders::get(world, id).await;
    let old = world.offer(&before.offer_id).await;
    let deal = deals::deal(ENGAGEMENT, &deals::files(), Digest::of(b"what was grown"));
    let deal = deals::in_installments(
        deal,
        "61500.00",
        unpaid
            .iter()
            .map(|charge| {
                let amount = charge.amount.clone().unwrap().amount;
                deals::installment(&charge.charge_date, &amount)
            })
            .collect(),
    );
    let words = pb::DraftOfferRequest {
        change_order_id: id.into(),
        expires_on: old.summary.unwrap().expires_on,
        ..World::draft_request()
    };
    let draft = world.drafted_from(deal, orders::BUYER, words).await;
    let order = orders::get(world, id).await;
    assert_eq!(order.state(), State::Replaced);
    assert_eq!(
        (
            order.replacement_offer_id.as_str(),
            order.replacement_engagement_id.as_str()
        ),
        (draft.offer_id.as_str(), ENGAGEMENT)
    );
    // When it was over stays.
    assert_eq!(order.ended_at, before.ended_at);
    assert_eq!(world.findings(&draft.offer_id).await, [""; 0]);

    world.release(&draft).await;
    let published = pb::offer::State::Published;
    let offer = world.until_state(&draft.offer_id, published).await;
    let aws_offer_id = &offer.summary.as_ref().unwrap().aws_offer_id;
    let accept = json!({ "offerId": aws_offer_id, "buyerAccountId": orders::BUYER });
    world.act("accept", accept).await;
    let accepted = pb::offer::State::Accepted;
    let offer = world.until_state(&draft.offer_id, accepted).await;
    assert_ne!(offer.agreement_id, before.agreement_id);

    let what = |charge: &Charge| (charge.charge_date.clone(), charge.amount.clone());
    let carried: Vec<_> = offer.charges.iter().map(what).collect();
    assert_eq!(carried, unpaid.iter().map(what).collect::<Vec<_>>());
    let agreed = world.events::<pb::AgreementAccepted>().await;
    let agreed: Vec<_> = agreed.iter().map(|one| &one.agreement_id).collect();
    assert_eq!(agreed, [&before.agreement_id, &offer.agreement_id]);
    let agreements = world.look("agreements").await;
    let stands = agreements.as_array().unwrap().iter();
    let stands: Vec<_> = stands
        .map(|one| (one["agreementId"].as_str(), one["status"].as_str()))
        .collect();
    assert_eq!(
        stands,
        [
            (Some(before.agreement_id.as_str()), Some("CANCELLED")),
            (Some(offer.agreement_id.as_str()), Some("ACTIVE"))
        ]
    );
    // What took the place has a change order of its own, if it ever needs one.
    let again = orders::start(world, &before.agreement_id).await;
    assert_eq!(refusal(again).1, "CHANGE_ORDER_OPEN");
    let next = orders::start(world, &offer.agreement_id).await;
    assert_eq!(next.unwrap().into_inner().state(), State::Started);
}
