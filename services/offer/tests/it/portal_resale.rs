//! The portal path (O10) of resale: an authorization that a person gives to a reseller in AWS's portal, and an offer
//! that a person makes from one. What was entered is compared with what was approved, field by field, before it is
//! ours; from then on it goes its way like any other.

use countersign_marketplace_sandbox as sandbox;
use countersign_proto::offer::v1 as pb;
use pb::offer::State;
use serde_json::{Value, json};

use crate::authorization_ends::{
    LAST_SECOND_OF_ONE, RESELLER, ended_once, go_to, resold_once, single_use,
};
use crate::aws_failures as aws;
use crate::deals;
use crate::elsewhere;
use crate::kinds::deal;
use crate::portal::{change, given, sent, sent_by};
use crate::resale;
use crate::sdk;
use crate::world::{World, refusal};

const AUTHORIZATION: &str = "ResaleAuthorization@1.0";
const BUYER: &str = "123456789012";

/// Releases the draft; what a person enters is waited for. Returns the printed sheet too.
async fn awaited(world: &World, draft: &pb::Offer) -> (pb::Offer, String) {
    assert_eq!(world.findings(&draft.offer_id).await, [""; 0]);
    let offer = world.release(draft).await;
    assert_eq!(offer.state(), State::Releasing);
    assert!(offer.awaits_portal);
    let offer_id = offer.offer_id.clone();
    let request = World::query(pb::GetPortalSheetRequest { offer_id });
    let mut client = world.client.clone();
    let sheet = client.get_portal_sheet(request).await.unwrap();
    (offer, sheet.into_inner().printable)
}

fn says(sheet: &str, lines: &[&str]) {
    for line in lines {
        assert!(sheet.contains(line), "{line} is not in\n{sheet}");
    }
}

async fn give(world: &World, offer: &pb::Offer, id: &str) {
    let request = world.command(given(offer, id));
    let mut client = world.client.clone();
    let taken = client.record_portal_offer(request).await.unwrap();
    assert_eq!(taken.into_inner().portal_offer_id, id);
}

/// Gives the id; returns why what AWS has under it is not ours. It is waited for still, and nobody heard of it.
async fn refused(world: &World, offer: &pb::Offer, id: &str) -> Vec<String> {
    give(world, offer, id).await;
    let refused = |offer: &pb::Offer| offer.portal_offer_id.is_empty();
    let offer = world.until(&offer.offer_id, refused).await;
    assert_eq!(offer.state(), State::Releasing, "{offer:#?}");
    assert!(offer.awaits_portal);
    let errors = offer.errors.into_iter();
    errors.map(|error| error.code).collect()
}

async fn adopted(world: &World, offer: &pb::Offer, id: &str) -> pb::Offer {
    give(world, offer, id).await;
    world.until_state(&offer.offer_id, State::Published).await
}

/// What is entered, but for one field.
fn but(entered: &Value, field: &str, value: &Value) -> Value {
    let mut entered = entered.clone();
    entered[field] = value.clone();
    entered
}

/// S1's authorization, approved and released, and what the sheet says of it as a person enters it.
async fn authorization(world: &World) -> (pb::Offer, Value) {
    let charges = [("2026-03-17", "0.50"), ("2026-03-18", "0.50")];
    let approved = deal("1.00", &charges);
    world
        .ready_to_draft_for(pb::ReleaseWay::Portal, approved)
        .await;
    let mut client = world.client.clone();
    let drafted = client.draft_resale_authorization(world.command(single_use()));
    let draft = drafted.await.unwrap().into_inner();
    let draft = world.assembled(&draft.offer_id).await;
    let (offer, sheet) = awaited(world, &draft).await;
    let reseller = format!("[ ] Reseller account id: {RESELLER}");
    says(
        &sheet,
        &[
            "Partners: create selling authorization",
            &reseller,
            "[ ] Usage: Single use",
            "[ ] Buyer account ids: 123456789012",
            "[ ] Payment 1, invoice date 2026-03-17: 0.50",
            "[ ] Payment 2, invoice date 2026-03-18: 0.50",
            "[ ] Reseller contract: none",
            "[ ] Expiration date (23:59:59 UTC): 2026-03-16",
        ],
    );
    let entered = json!({
        "ownerAccountId": sandbox::DEFAULT_SELLER_ACCOUNT,
        "resellerAccountId": RESELLER,
        "productId": sandbox::DEFAULT_PRODUCT_ID,
        "name": offer.name,
        "buyerAccounts": [BUYER],
        "availabilityEndDate": "2026-03-16",
        "currencyCode": "USD",
        "duration": "P90D",
        "dimensionKey": "professional_services",
        "schedule": resale::by_installments(),
        "legalDocumentUrl": "https://documents.acme.example/terms.pdf",
    });
    (offer, entered)
}

async fn authorized(world: &World, entered: Value) -> String {
    let made = world.act("portal/resale-authorization", entered).await;
    made["resaleAuthorizationId"].as_str().unwrap().to_owned()
}

/// Whoever gives it, restricts it.
async fn restrict(world: &World, key: &str, id: &str) {
    let change = change(
        AUTHORIZATION,
        "RestrictResaleAuthorization",
        Some(id.into()),
        &json!({}),
    );
    sent_by(world, &sdk::catalog_with(world, key), vec![change]).await;
}

async fn read_back(world: &World, offer: &pb::Offer) -> Result<pb::Offer, tonic::Status> {
    let request = pb::ReadOfferBackRequest {
        offer_id: offer.offer_id.clone(),
    };
    let mut client = world.client.clone();
    let read = client.read_offer_back(world.command(request)).await?;
    Ok(read.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_of_the_portal_is_ours_when_it_is_what_was_approved() {
    let world = World::new().await;
    let (offer, entered) = authorization(&world).await;
    let dear = json!([
        { "chargeDate": "2026-03-17", "chargeAmount": "0.50" },
        { "chargeDate": "2026-03-18", "chargeAmount": "0.51" },
    ]);
    let another = "prod-anotherofours1";
    let product = json!({ "id": another, "title": "Another of ours",
        "dimensions": [{ "key": "professional_services", "name": "Professional services" }] });
    world.act("portal/product", product).await;
    for (field, value, code) in [
        ("name", json!("Another"), "NAME_DIFFERS"),
        (
            "resellerAccountId",
            json!("333344445555"),
            "RESELLER_DIFFERS",
        ),
        ("productId", json!(another), "PRODUCT_DIFFERS"),
        ("buyerAccounts", json!([]), "BUYERS_DIFFER"),
        ("availabilityEndDate", json!("2026-03-15"), "EXPIRY_DIFFERS"),
        ("availabilityEndDate", Value::Null, "EXPIRY_DIFFERS"),
        ("reusable", json!(true), "USAGE_DIFFERS"),
        ("currencyCode", json!("EUR"), "CURRENCY_DIFFERS"),
        ("duration", json!("P91D"), "DURATION_DIFFERS"),
        ("dimensionKey", json!("training"), "DIMENSION_DIFFERS"),
        ("schedule", dear, "SCHEDULE_DIFFERS"),
        ("paymentDuePeriod", json!("P30D"), "NET_TERMS_DIFFER"),
    ] {
        let id = authorized(&world, but(&entered, field, &value)).await;
        assert_eq!(
            refused(&world, &offer, &id).await,
            [code],
            "{field}: {value}"
        );
    }
    let unknown = refused(&world, &offer, "resaleauthz-nothing").await;
    assert_eq!(unknown, ["ResourceNotFoundException"]);
    let other_kind = elsewhere::released(&world, "1.00", "P90D").await;
    assert_eq!(
        refused(&world, &offer, &other_kind).await[0],
        "KIND_DIFFERS"
    );

    // What is begun and not released is waited for; another id can be given meanwhile.
    let begun = json!({ "ProductId": sandbox::DEFAULT_PRODUCT_ID, "Name": offer.name,
        "ResellerAccountId": RESELLER });
    let begun = change(AUTHORIZATION, "CreateResaleAuthorization", None, &begun);
    let begun = sent(&world, vec![begun]).await;
    give(&world, &offer, &begun).await;
    for _ in 0..10 {
        world.pass().await;
    }
    let waiting = world.offer(&offer.offer_id).await;
    assert_eq!(waiting.state(), State::Releasing);
    assert_eq!(waiting.portal_offer_id, begun);
    assert_eq!(world.events::<pb::ResaleAuthorizationReleased>().await, []);

    let right = authorized(&world, entered).await;
    let offer = adopted(&world, &offer, &right).await;
    let told = world.events::<pb::ResaleAuthorizationReleased>().await;
    let [told] = told.as_slice() else {
        panic!("{told:#?}")
    };
    assert_eq!(told.authorization, offer.authorization);
    assert_eq!(told.authorization.as_ref().unwrap().authorization_id, right);
    assert_eq!(world.events::<pb::OfferPublished>().await, []);

    // It is ended where it was made, and that is read back, unless AWS's word for it is none that is known here.
    let cancel = pb::CancelOfferRequest {
        offer_id: offer.offer_id.clone(),
        reason: "another reseller".into(),
    };
    let answer = world
        .client
        .clone()
        .cancel_offer(world.command(cancel))
        .await;
    assert_eq!(refusal(answer).1, "CHANGED_IN_PORTAL");
    restrict(&world, sandbox::DEFAULT_ACCESS_KEY_ID, &right).await;
    aws::inject(&world, "DescribeEntity", "unknown-value", false).await;
    let untold = read_back(&world, &offer).await.map(tonic::Response::new);
    assert_eq!(refusal(untold).1, "ENTITY_NOT_READ");
    let ended = read_back(&world, &offer).await.unwrap();
    assert_eq!(ended.state(), State::Cancelled);
    let told = world.events::<pb::ResaleAuthorizationRestricted>().await;
    let [told] = told.as_slice() else {
        panic!("{told:#?}")
    };
    assert_eq!(told.reason, "restricted in AWS's portal");
    assert_eq!(world.events::<pb::OfferCancelled>().await, []);
}

/// O7: what its reseller sold is the reseller's; it stands until its day, and ends once.
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_of_the_portal_that_was_used_up_ends_on_its_day() {
    let world = World::new().await;
    let (offer, entered) = authorization(&world).await;
    let id = authorized(&world, entered).await;
    let offer = adopted(&world, &offer, &id).await;
    resold_once(&world, &offer).await;
    go_to(&world, LAST_SECOND_OF_ONE, -2);
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(world.offer(&offer.offer_id).await.state(), State::Published);
    go_to(&world, LAST_SECOND_OF_ONE, 0);
    let expired = world.until_state(&offer.offer_id, State::Expired).await;
    ended_once(&world, &expired).await;
    assert_eq!(world.events::<pb::AgreementAccepted>().await, []);
}

/// S1's offer from this authorization, approved and released, and what the sheet says of it as a person enters it.
async fn resold(world: &World, authorization: &str) -> (pb::Offer, Value) {
    resale::approved_for(world, pb::ReleaseWay::Portal, |deal| {
        let charges = ["2026-03-17", "2026-03-18"].map(|day| deals::installment(day, "0.55"));
        deals::in_installments(deal, "1.10", charges.to_vec())
    })
    .await;
    let request = resale::request(authorization, "0.50", "1.00");
    let draft = resale::drafted(world, request).await;
    let (offer, sheet) = awaited(world, &draft).await;
    let from = format!("[ ] Authorization: {authorization}");
    says(
        &sheet,
        &[
            "Partners: create offer from the authorization",
            &from,
            "[ ] Adjust price: Fixed price",
            "[ ] Payment 1, invoice date 2026-03-17: 0.55",
            "[ ] Payment 2, invoice date 2026-03-18: 0.55",
            "[ ] Total price: 1.10 USD",
            "[ ] Expiration date (23:59:59 UTC): 2026-03-16",
        ],
    );
    let entered = json!({
        "resaleAuthorizationId": authorization,
        "name": offer.name,
        "buyerAccountId": BUYER,
        "availabilityEndDate": "2026-03-16",
        "schedule": [
            { "chargeDate": "2026-03-17", "chargeAmount": "0.55" },
            { "chargeDate": "2026-03-18", "chargeAmount": "0.55" },
        ],
        "legalDocumentUrl": "https://documents.acme.example/terms.pdf",
    });
    (offer, entered)
}

async fn offered(world: &World, entered: Value) -> String {
    let made = world.act("portal/partner-offer", entered).await;
    made["offerId"].as_str().unwrap().to_owned()
}

/// It is accepted, and the agreement is found, once; it says who gets what.
async fn is_sold(world: &World, offer: &pb::Offer, id: &str) -> pb::AgreementAccepted {
    let accept = json!({ "offerId": id, "buyerAccountId": BUYER });
    world.act("accept", accept).await;
    let accepted = world.until_state(&offer.offer_id, State::Accepted).await;
    let told = world.events::<pb::AgreementAccepted>().await;
    let [told] = told.as_slice() else {
        panic!("{told:#?}")
    };
    assert_eq!(told.agreement_id, accepted.agreement_id);
    assert_eq!(told.offer.as_ref().unwrap().aws_offer_id, id);
    told.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resellers_offer_of_the_portal_is_ours_when_it_is_what_was_approved() {
    let world = World::new().await;
    let authorization = resale::authorized(&world, &resale::by_installments(), None).await;
    let (offer, entered) = resold(&world, &authorization).await;
    let dear = json!([
        { "chargeDate": "2026-03-17", "chargeAmount": "0.55" },
        { "chargeDate": "2026-03-18", "chargeAmount": "0.56" },
    ]);
    let twin = resale::authorized(&world, &resale::by_installments(), None).await;
    let marked_up = but(&entered, "schedule", &json!([]));
    let marked_up = but(&marked_up, "markupPercentage", &json!("10"));
    for (wrong, code) in [
        (but(&entered, "name", &json!("Another")), "NAME_DIFFERS"),
        (
            but(&entered, "buyerAccountId", &json!("210987654321")),
            "BUYERS_DIFFER",
        ),
        (
            but(&entered, "availabilityEndDate", &json!("2026-03-15")),
            "EXPIRY_DIFFERS",
        ),
        (
            but(&entered, "resaleAuthorizationId", &json!(twin)),
            "AUTHORIZATION_DIFFERS",
        ),
        (but(&entered, "schedule", &dear), "SCHEDULE_DIFFERS"),
        // The same amounts, by a percentage in place of them.
        (marked_up, "MARKUP_DIFFERS"),
    ] {
        let id = offered(&world, wrong.clone()).await;
        assert_eq!(refused(&world, &offer, &id).await, [code], "{wrong}");
    }
    let unknown = refused(&world, &offer, "offer-nothing").await;
    assert_eq!(unknown, ["ResourceNotFoundException"]);
    assert_eq!(
        refused(&world, &offer, &authorization).await[0],
        "KIND_DIFFERS"
    );
    assert_eq!(world.events::<pb::OfferPublished>().await, []);

    // What was made from an authorization stands, though nothing more can be made from it (facts §1.5).
    let right = offered(&world, entered).await;
    restrict(
        &world,
        sandbox::DEFAULT_PARTNER_ACCESS_KEY_ID,
        &authorization,
    )
    .await;
    let offer = adopted(&world, &offer, &right).await;
    let told = world.events::<pb::OfferPublished>().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].offer.as_ref().unwrap().aws_offer_id, right);
    let sold = is_sold(&world, &offer, &right).await;
    let split = sold.offer.as_ref().unwrap().resale.clone().unwrap();
    assert_eq!(split.authorization_id, authorization);
    assert_eq!(split.total_to_seller, Some(deals::usd("1.00")));
    assert_eq!(split.total_to_reseller, Some(deals::usd("0.10")));
}

/// O5: what the reseller typed of the authorization is what AWS pays out by, or the offer is not ours.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_the_portal_from_another_authorization_than_was_typed_is_not_ours() {
    let world = World::new().await;
    let cheaper = json!([
        { "chargeDate": "2026-03-17", "chargeAmount": "0.49" },
        { "chargeDate": "2026-03-18", "chargeAmount": "0.49" },
    ]);
    let authorization = resale::authorized(&world, &cheaper, None).await;
    let (offer, entered) = resold(&world, &authorization).await;
    let id = offered(&world, entered).await;
    let errors = refused(&world, &offer, &id).await;
    assert_eq!(errors, ["AUTHORIZATION_SCHEDULE_DIFFERS"]);
}

/// O5: the percentage leaves parts of a cent, which AWS shows and nobody is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_up_of_the_portal_that_leaves_part_of_a_cent_is_ours() {
    let world = World::new().await;
    let price = "99999.99";
    let authorization = resale::authorized(&world, &json!([]), Some(price)).await;
    resale::approved_for(&world, pb::ReleaseWay::Portal, |deal| deal).await;
    let mut request = resale::request(&authorization, "0.50", price);
    request.authorization.as_mut().unwrap().schedule.clear();
    request.fixed_amounts = false;
    request.markup_percentage = "2.5000102".into();
    let draft = resale::drafted(&world, request).await;
    let (offer, sheet) = awaited(&world, &draft).await;
    says(&sheet, &["[ ] Adjust price: Markup 2.5000102 %"]);
    let entered = |markup: &str| {
        json!({
            "resaleAuthorizationId": authorization,
            "name": offer.name,
            "buyerAccountId": BUYER,
            "availabilityEndDate": "2026-03-16",
            "markupPercentage": markup,
            "legalDocumentUrl": "https://documents.acme.example/terms.pdf",
        })
    };
    let dear = offered(&world, entered("2.6")).await;
    let errors = refused(&world, &offer, &dear).await;
    assert_eq!(errors, ["PRICE_DIFFERS", "MARKUP_DIFFERS"]);
    let right = offered(&world, entered("2.5000102")).await;
    let offer = adopted(&world, &offer, &right).await;
    let sold = is_sold(&world, &offer, &right).await;
    assert_eq!(sold.charges[0].amount, Some(deals::usd("102500.00")));
}
