//! A change order of a reseller's agreement (O15, O5): what takes its place is a reseller's offer too.

use countersign_kernel::Digest;
use countersign_proto::approval::v1 as approval_pb;
use countersign_proto::offer::v1 as pb;
use pb::change_order::State;
use tonic::Code;

use crate::change_orders as orders;
use crate::deals;
use crate::resale::{
    PRODUCT, approved, authorization, authorized, by_installments, drafted, request,
};
use crate::world::{World, refusal};

const GROWN: &str = "006-landing-zone-grown";

fn resold(engagement: &str, digest: &[u8]) -> countersign_proto::common::v1::ApprovedDeal {
    let deal = deals::deal(engagement, &deals::files(), Digest::of(digest));
    let charges = ["2026-03-17", "2026-03-18"].map(|day| deals::installment(day, "0.55"));
    deals::in_installments(deal, "1.10", charges.to_vec())
}

/// The next engagement is approved and signed, and its intake complete.
async fn grown(world: &World) {
    let deal = resold(GROWN, b"what was grown");
    let case_id = deal.case_id.clone();
    let deal = Some(deal);
    let stamped = approval_pb::DealStamped { deal: deal.clone() };
    let signed = approval_pb::SowSigned {
        deal,
        ..approval_pb::SowSigned::default()
    };
    let items = Vec::new();
    let completed = approval_pb::ChecklistCompleted { case_id, items };
    world.hear_of(GROWN, 1, &stamped).await;
    world.hear_of(GROWN, 2, &signed).await;
    world.hear_of(GROWN, 3, &completed).await;
    let intake = pb::CompleteIntakeRequest {
        engagement_id: GROWN.into(),
        total_price: Some(deals::usd("1.10")),
        product_id: PRODUCT.into(),
        ..World::intake()
    };
    let mut client = world.client.clone();
    client.complete_intake(world.command(intake)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resellers_agreement_is_replaced_by_a_resellers_offer() {
    let world = World::new().await;
    let first = authorized(&world, &by_installments(), None).await;
    approved(&world, |_| {
        resold(crate::world::ENGAGEMENT, b"what was approved")
    })
    .await;
    let draft = drafted(&world, request(&first, "0.50", "1.00")).await;
    world.sold(&draft).await;
    let offer = world.offer(&draft.offer_id).await;
    let order = orders::pending(&world, &offer).await;
    orders::answer(&world, &order, true).await;
    let order = orders::until_state(&world, &order.change_order_id, State::Over).await;

    grown(&world).await;
    let next = world
        .act(
            "portal/resale-authorization",
            authorization(&by_installments(), None),
        )
        .await;
    let next = next["resaleAuthorizationId"].as_str().unwrap();
    let request = |change_order: &str| pb::DraftPartnerOfferRequest {
        engagement_id: GROWN.into(),
        change_order_id: change_order.into(),
        ..request(next, "0.50", "1.00")
    };
    let nobodys = world.command(request("change-order-nothing"));
    let answer = world.client.clone().draft_partner_offer(nobodys).await;
    let (code, reason, _) = refusal(answer);
    assert_eq!(
        (code, reason.as_str()),
        (Code::NotFound, "CHANGE_ORDER_UNKNOWN")
    );
    let replacement = drafted(&world, request(&order.change_order_id)).await;
    assert_eq!(replacement.kind(), pb::OfferKind::Partner);
    let order = orders::get(&world, &order.change_order_id).await;
    assert_eq!(order.state(), State::Replaced);
    assert_eq!(order.replacement_offer_id, replacement.offer_id);
    assert_eq!(order.replacement_engagement_id, GROWN);
    let agreement = world.sold(&replacement).await;
    assert_eq!(
        agreement.offer.unwrap().offer_id,
        draft.offer_id,
        "the first of two"
    );
    let accepted = world.events::<pb::AgreementAccepted>().await;
    assert_eq!(accepted.len(), 2);
}
