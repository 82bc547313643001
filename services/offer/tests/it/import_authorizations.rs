//! The import of resale authorizations, given and received, and of what was made from them (O12).

use chrono::TimeDelta;
use countersign_marketplace_sandbox as sandbox;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::import::State;
use countersign_proto::offer::v1::marketplace_offer::{Kind, Ownership};
use serde_json::json;

use crate::imports::{begin, until};
use crate::portal::restrict;
use crate::resale;
use crate::world::World;

/// Authorizations that we gave: more than one page of AWS's.
const GIVEN: u32 = 51;

/// We authorize the partner in the portal, to make any number of offers. Returns AWS's id.
async fn given(world: &World, name: &str) -> String {
    let entered = json!({
        "ownerAccountId": sandbox::DEFAULT_SELLER_ACCOUNT,
        "resellerAccountId": sandbox::DEFAULT_PARTNER_ACCOUNT,
        "productId": sandbox::DEFAULT_PRODUCT_ID,
        "name": name,
        "buyerAccounts": ["123456789012"],
        "reusable": true,
        "currencyCode": "USD",
        "duration": "P90D",
        "dimensionKey": "professional_services",
        "price": "100.00",
        "legalDocumentUrl": "https://documents.acme.example/eula.pdf",
    });
    let given = world.act("portal/resale-authorization", entered).await;
    given["resaleAuthorizationId"].as_str().unwrap().to_owned()
}

fn listing(kind: Kind) -> pb::ListMarketplaceOffersRequest {
    pb::ListMarketplaceOffersRequest {
        kind: kind.into(),
        page_size: 200,
        ..pb::ListMarketplaceOffersRequest::default()
    }
}

async fn listed(world: &World, kind: Kind) -> Vec<pb::MarketplaceOffer> {
    let request = World::query(listing(kind));
    let listed = world.client.clone().list_marketplace_offers(request).await;
    listed.unwrap().into_inner().offers
}

#[tokio::test(flavor = "multi_thread")]
async fn authorizations_are_read_on_both_sides_and_go_on_after_a_stop() {
    let mut world = World::new().await;
    let received = resale::authorized(&world, &resale::by_installments(), None).await;
    let resold = json!({
        "resaleAuthorizationId": received,
        "name": "Resold elsewhere",
        "buyerAccountId": "123456789012",
        "availabilityEndDate": "2026-03-16",
        "markupPercentage": "10",
        "legalDocumentUrl": "https://documents.acme.example/terms.pdf",
    });
    let resold = world.act("portal/partner-offer", resold).await;
    let first = given(&world, "Given 0").await;
    for number in 1..GIVEN {
        given(&world, &format!("Given {number}")).await;
    }

    // Longer ago than an import reaches back.
    world.advance(TimeDelta::hours(2));
    begin(&world).await;
    // Killed between two pages of the second list.
    until(&world, |import| import.pages > 1).await;
    world.stop().await;
    let list = "SELECT list FROM marketplace_import WHERE next_token IS NOT NULL";
    let list: String = sqlx::query_scalar(list)
        .fetch_one(&mut world.bed.superuser().await)
        .await
        .unwrap();
    assert_eq!(list, "given");
    world.restart().await;
    let done = until(&world, |import| import.state() == State::Done).await;
    // One page of offers, two of those that were given, one of those that were received; none of them twice.
    assert_eq!((done.pages, done.seen), (4, GIVEN + 2));
    assert_eq!((done.new_offers, done.changed_offers), (GIVEN + 2, 0));

    let ours = listed(&world, Kind::Authorization).await;
    assert_eq!(ours.len(), usize::try_from(GIVEN).unwrap());
    let one = ours.iter().find(|one| one.aws_offer_id == first).unwrap();
    assert_eq!(
        (one.name.as_str(), one.state.as_str()),
        ("Given 0", "Active")
    );
    assert_eq!(one.reseller_account_id, sandbox::DEFAULT_PARTNER_ACCOUNT);
    assert_eq!(one.manufacturer_account_id, sandbox::DEFAULT_SELLER_ACCOUNT);
    assert_eq!(one.offer_extended_status, "Not Started");
    assert_eq!(one.ownership(), Ownership::NotOurs);
    assert_eq!(one.available_until, "");

    let theirs = listed(&world, Kind::ReceivedAuthorization).await;
    assert_eq!(theirs.len(), 1);
    assert_eq!(theirs[0].aws_offer_id, received);
    assert_eq!(theirs[0].product_id, resale::PRODUCT);
    let manufacturer = theirs[0].manufacturer_account_id.as_str();
    assert_eq!(manufacturer, sandbox::DEFAULT_PARTNER_ACCOUNT);
    assert_eq!(theirs[0].offer_extended_status, "Completed-Used");
    assert!(theirs[0].available_until.starts_with("2026-03-16"));

    let offers = listed(&world, Kind::PartnerOffer).await;
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0].aws_offer_id, resold["offerId"]);
    assert_eq!(offers[0].authorization_id, received);
    assert_eq!(listed(&world, Kind::Offer).await, []);
    assert_eq!(
        listed(&world, Kind::Unspecified).await.len(),
        ours.len() + 2
    );

    // A day later only what changed since is read.
    world.advance(TimeDelta::days(1));
    restrict(&world, &first).await;
    given(&world, "Given later").await;
    begin(&world).await;
    let later = |import: &pb::Import| import.number == 2 && import.state() == State::Done;
    let later = until(&world, later).await;
    assert_eq!((later.pages, later.seen), (3, 2));
    assert_eq!((later.new_offers, later.changed_offers), (1, 1));
    let ours = listed(&world, Kind::Authorization).await;
    let one = ours.iter().find(|one| one.aws_offer_id == first).unwrap();
    assert_eq!(one.state, "Restricted");

    // P5: it is nobody else's.
    let mut foreign = World::query(listing(Kind::Unspecified));
    let seller = "initech".parse().unwrap();
    foreign.metadata_mut().insert("countersign-seller", seller);
    let mut client = world.client.clone();
    let foreign = client.list_marketplace_offers(foreign).await.unwrap();
    assert_eq!(foreign.into_inner().offers, []);
}
