//! A reseller's offer, from another seller's authorization to the agreement (S1, O5).

use countersign_kernel::Digest;
use countersign_marketplace_sandbox as sandbox;
use countersign_proto::common::v1::ApprovedDeal;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;
use serde_json::{Value, json};

use crate::deals;
use crate::world::{ENGAGEMENT, World};

/// Another seller's product.
pub(crate) const PRODUCT: &str = "prod-othersservices";

/// The other seller lists its product.
async fn listed(world: &World) {
    let product = json!({
        "id": PRODUCT,
        "owner": sandbox::DEFAULT_PARTNER_ACCOUNT,
        "title": "Another's services",
        "dimensions": [{ "key": "implementation", "name": "Implementation" }],
    });
    world.act("portal/product", product).await;
}

/// S1's 0.50 and 0.50.
pub(crate) fn by_installments() -> Value {
    json!([
        { "chargeDate": "2026-03-17", "chargeAmount": "0.50" },
        { "chargeDate": "2026-03-18", "chargeAmount": "0.50" },
    ])
}

/// The other seller authorizes us, once, by these charges or at one price. Returns AWS's id.
pub(crate) async fn authorized(world: &World, schedule: &Value, price: Option<&str>) -> String {
    given(world, authorization(schedule, price)).await
}

/// What the other seller enters to authorize us so.
pub(crate) fn authorization(schedule: &Value, price: Option<&str>) -> Value {
    json!({
        "ownerAccountId": sandbox::DEFAULT_PARTNER_ACCOUNT,
        "productId": PRODUCT,
        "name": "S1",
        "buyerAccounts": ["123456789012"],
        "availabilityEndDate": "2026-03-16",
        "currencyCode": "USD",
        "duration": "P90D",
        "dimensionKey": "implementation",
        "schedule": schedule,
        "price": price,
        "legalDocumentUrl": "https://documents.other.example/terms.pdf",
    })
}

/// The other seller enters an authorization of its product. Returns AWS's id.
pub(crate) async fn given(world: &World, authorization: Value) -> String {
    listed(world).await;
    let given = world
        .act("portal/resale-authorization", authorization)
        .await;
    given["resaleAuthorizationId"].as_str().unwrap().to_owned()
}

/// What we sell of it, approved, signed and ready to be drafted.
pub(crate) async fn approved(world: &World, change: impl FnOnce(ApprovedDeal) -> ApprovedDeal) {
    approved_for(world, pb::ReleaseWay::Unspecified, change).await;
}

/// The same, of an offer that reaches AWS this way.
pub(crate) async fn approved_for(
    world: &World,
    way: pb::ReleaseWay,
    change: impl FnOnce(ApprovedDeal) -> ApprovedDeal,
) {
    let files = deals::files();
    let deal = change(deals::deal(
        ENGAGEMENT,
        &files,
        Digest::of(b"what was approved"),
    ));
    let estimate = deal.estimate.as_ref().unwrap();
    let total = estimate.economics.as_ref().unwrap().price_total.clone();
    world.signed(deal, &files).await;
    world.close_checklist().await;
    register(world, way).await;
    let intake = pb::CompleteIntakeRequest {
        total_price: total,
        product_id: PRODUCT.into(),
        ..World::intake()
    };
    let mut client = world.client.clone();
    client.complete_intake(world.command(intake)).await.unwrap();
}

/// The other seller's product is one that we sell; its offers reach AWS this way.
pub(crate) async fn register(world: &World, way: pb::ReleaseWay) {
    let listing = pb::Listing {
        release_way: way.into(),
        product_id: PRODUCT.into(),
        title: "Another's services".into(),
        dimension_keys: vec!["implementation".into()],
    };
    let request = pb::RegisterListingRequest {
        listing: Some(listing),
    };
    let mut client = world.client.clone();
    let registered = client.register_listing(world.command(request)).await;
    registered.unwrap();
}

pub(crate) fn request(
    authorization_id: &str,
    owed: &str,
    total: &str,
) -> pb::DraftPartnerOfferRequest {
    pb::DraftPartnerOfferRequest {
        engagement_id: ENGAGEMENT.into(),
        name: "Landing zone".into(),
        description: "Opportunity 006".into(),
        expires_on: "2026-03-16".into(),
        authorization: Some(pb::ReceivedAuthorization {
            authorization_id: authorization_id.into(),
            product_id: PRODUCT.into(),
            scope_duration: "P90D".into(),
            wholesale_price: Some(deals::usd(total)),
            schedule: ["2026-03-17", "2026-03-18"]
                .map(|day| deals::installment(day, owed))
                .to_vec(),
            buyer_account_ids: vec!["123456789012".into()],
            expires_on: "2026-03-16".into(),
            has_eula: true,
            has_contract: false,
            net_terms_days: 0,
        }),
        fixed_amounts: true,
        ..pb::DraftPartnerOfferRequest::default()
    }
}

pub(crate) async fn drafted(world: &World, request: pb::DraftPartnerOfferRequest) -> pb::Offer {
    let mut client = world.client.clone();
    let draft = client.draft_partner_offer(world.command(request)).await;
    let draft = draft.unwrap().into_inner();
    let draft = world.assembled(&draft.offer_id).await;
    assert!(world.findings(&draft.offer_id).await.is_empty());
    draft
}

/// O5, S1: what was typed is compared with what AWS has before anything is sent; then the offer goes
/// its way, and its acceptance says who gets what.
#[tokio::test(flavor = "multi_thread")]
async fn a_resellers_offer_is_released_as_aws_has_its_authorization() {
    let world = World::new().await;
    let authorization = authorized(&world, &by_installments(), None).await;
    approved(&world, |deal| {
        let charges = ["2026-03-17", "2026-03-18"].map(|day| deals::installment(day, "0.55"));
        deals::in_installments(deal, "1.10", charges.to_vec())
    })
    .await;
    for (id, owed, total, code) in [
        (
            authorization.as_str(),
            "0.49",
            "0.98",
            "AUTHORIZATION_SCHEDULE_DIFFERS",
        ),
        (
            "resaleauthz-nothing",
            "0.50",
            "1.00",
            "ResourceNotFoundException",
        ),
    ] {
        let draft = drafted(&world, request(id, owed, total)).await;
        world.release(&draft).await;
        let back = world
            .until(&draft.offer_id, |offer| !offer.errors.is_empty())
            .await;
        assert_eq!(back.state(), State::Draft);
        assert_eq!(back.errors[0].code, code);
        assert_eq!(world.look("offers").await, json!([]));
        let cancel = pb::CancelOfferRequest {
            offer_id: draft.offer_id,
            reason: "typed wrong".into(),
        };
        let mut client = world.client.clone();
        client.cancel_offer(world.command(cancel)).await.unwrap();
    }
    let draft = drafted(&world, request(&authorization, "0.50", "1.00")).await;
    let agreement = world.sold(&draft).await;
    let charges: Vec<_> = agreement
        .charges
        .iter()
        .map(|charge| charge.amount.clone().unwrap().amount)
        .collect();
    assert_eq!(charges, ["0.55", "0.55"]);
    let split = agreement.offer.as_ref().unwrap().resale.clone().unwrap();
    assert_eq!(split.authorization_id, authorization);
    assert_eq!(split.total_to_seller, Some(deals::usd("1.00")));
    assert_eq!(split.total_to_reseller, Some(deals::usd("0.10")));
}

/// O5: of a rate card the percentage is sent, and AWS's price has a part of a cent; the agreement is read, and
/// is charged as it was approved.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_up_that_leaves_part_of_a_cent_is_charged_in_whole_ones() {
    let world = World::new().await;
    let price = "99999.99";
    let authorization = authorized(&world, &json!([]), Some(price)).await;
    approved(&world, |deal| deal).await;
    let mut asked = request(&authorization, "0.50", price);
    asked.authorization.as_mut().unwrap().schedule.clear();
    asked.fixed_amounts = false;
    asked.markup_percentage = "2.5000102".into();
    let draft = drafted(&world, asked).await;
    let agreement = world.sold(&draft).await;
    let [charge] = agreement.charges.as_slice() else {
        panic!("{agreement:?}")
    };
    assert_eq!(charge.amount, Some(deals::usd("102500.00")));
    let resale = agreement.offer.as_ref().unwrap().resale.as_ref();
    assert_eq!(
        resale.unwrap().total_to_reseller,
        Some(deals::usd("2500.01"))
    );
}

/// O9, O5: the authorization is read before anything is sent, whatever AWS does meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_that_cannot_be_read_yet_delays_the_offer() {
    let world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    let authorization = authorized(&world, &by_installments(), None).await;
    approved(&world, |deal| {
        let charges = ["2026-03-17", "2026-03-18"].map(|day| deals::installment(day, "0.55"));
        deals::in_installments(deal, "1.10", charges.to_vec())
    })
    .await;
    for failure in ["throttle", "fault", "unavailable", "timeout", "nonsense"] {
        let body = json!({ "operation": "DescribeEntity", "failure": failure });
        world.act("inject", body).await;
    }
    let draft = drafted(&world, request(&authorization, "0.50", "1.00")).await;
    world.release(&draft).await;
    let published = |offer: &pb::Offer| offer.state() == State::Published;
    world.hurry(&draft.offer_id, published).await;
    assert_eq!(world.look("state").await["injections"], json!([]));
}
