//! Authorizations and resellers' offers that were made elsewhere (O2, O12): compared, adopted, and from then on like any
//! other.

use chrono::TimeDelta;
use countersign_marketplace_sandbox as sandbox;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::compared_field::Verdict;
use countersign_proto::offer::v1::offer::State;
use pb::expected_resale::Kind;
use serde_json::json;
use tonic::{Code, Response, Status};

use crate::association::associate;
use crate::clocks::{clocks, kinds};
use crate::deals;
use crate::elsewhere;
use crate::entities::described;
use crate::kinds::deal;
use crate::portal::{drafted_authorization, restrict};
use crate::resale;
use crate::reseller_contract;
use crate::world::{ENGAGEMENT, World, refusal};

const BUYER: &str = "123456789012";

fn from_authorization(authorization_id: &str) -> pb::ExpectedResale {
    let expected = pb::ExpectedPartnerOffer {
        authorization_id: authorization_id.into(),
        net_terms_days: 0,
    };
    pb::ExpectedResale {
        kind: Some(Kind::PartnerOffer(expected)),
    }
}

fn to_partner() -> pb::ExpectedResale {
    let expected = pb::ExpectedAuthorization {
        reseller_account_id: sandbox::DEFAULT_PARTNER_ACCOUNT.into(),
        reseller_contact_name: "Rhea Reseller".into(),
        reseller_contact_email: "rhea@reseller.example".into(),
        buyer_account_ids: vec![BUYER.into()],
        single_use: true,
        contract: None,
        net_terms_days: 0,
    };
    pb::ExpectedResale {
        kind: Some(Kind::Authorization(expected)),
    }
}

async fn compare(world: &World, id: &str, resale: &pb::ExpectedResale) -> pb::OfferComparison {
    let request = World::query(pb::CompareOfferRequest {
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: id.into(),
        resale: Some(resale.clone()),
    });
    let compared = world.client.clone().compare_offer(request).await;
    compared.unwrap().into_inner()
}

/// Adopts it as that comparison shows it.
async fn adopt(
    world: &World,
    id: &str,
    resale: &pb::ExpectedResale,
    digest: &str,
) -> Result<Response<pb::Offer>, Status> {
    let asked = pb::AssociateOfferRequest {
        resale: Some(resale.clone()),
        ..associate(id, digest)
    };
    let request = world.command(asked);
    world.client.clone().associate_offer(request).await
}

/// What is said of it once it was looked at.
async fn refused(world: &World, id: &str, resale: &pb::ExpectedResale) -> (String, Vec<String>) {
    let compared = compare(world, id, resale).await;
    assert!(!compared.adoptable, "{compared:#?}");
    let answer = adopt(world, id, resale, &compared.digest).await;
    let (_, reason, fields) = refusal(answer);
    (reason, fields)
}

fn verdict(compared: &pb::OfferComparison, name: &str) -> Verdict {
    let mut fields = compared.fields.iter();
    fields.find(|field| field.field == name).unwrap().verdict()
}

/// The reseller's deal of S1, and what another tool made of the authorization at a mark-up. Returns AWS's ids.
async fn resold(world: &World) -> (String, String) {
    let authorization = resale::authorized(world, &resale::by_installments(), None).await;
    let entered = json!({
        "resaleAuthorizationId": authorization,
        "name": "Made elsewhere",
        "buyerAccountId": BUYER,
        "availabilityEndDate": "2026-03-16",
        "markupPercentage": "10",
        "legalDocumentUrl": "https://documents.acme.example/terms.pdf",
    });
    let made = world.act("portal/partner-offer", entered).await;
    resale::approved(world, |deal| {
        let charges = ["2026-03-17", "2026-03-18"].map(|day| deals::installment(day, "0.55"));
        deals::in_installments(deal, "1.10", charges.to_vec())
    })
    .await;
    (authorization, made["offerId"].as_str().unwrap().to_owned())
}

/// O5, O13, S1: the split is AWS's, the acceptance is found, and says who gets what.
#[tokio::test(flavor = "multi_thread")]
async fn a_resellers_offer_made_elsewhere_is_followed_to_its_agreement() {
    let world = World::new().await;
    let (authorization, id) = resold(&world).await;
    let expected = from_authorization(&authorization);
    let compared = compare(&world, &id, &expected).await;
    assert!(compared.adoptable, "{compared:#?}");
    for (field, expected) in [
        ("authorization", Verdict::Same),
        ("schedule", Verdict::Same),
        ("total_price", Verdict::Same),
        ("markup", Verdict::Adopted),
        ("wholesale_price", Verdict::Adopted),
        ("legal_document", Verdict::ToRead),
    ] {
        assert_eq!(verdict(&compared, field), expected, "{field}");
    }
    let adopted = adopt(&world, &id, &expected, &compared.digest).await;
    let offer = adopted.unwrap().into_inner();
    assert_eq!(
        (offer.state(), offer.kind(), offer.associated),
        (State::Published, pb::OfferKind::Partner, true)
    );
    let split = offer.summary.clone().unwrap().resale.unwrap();
    assert_eq!(split.authorization_id, authorization);
    assert_eq!(split.total_to_seller, Some(deals::usd("1.00")));
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
    world.assembled(&offer.offer_id).await;
    let again = adopt(&world, &id, &expected, &compared.digest).await;
    assert_eq!(refusal(again).1, "AWS_OFFER_TAKEN");

    let body = json!({ "offerId": id, "buyerAccountId": BUYER });
    world.act("accept", body).await;
    world.until_state(&offer.offer_id, State::Accepted).await;
    let agreements = world.events::<pb::AgreementAccepted>().await;
    assert_eq!(agreements.len(), 1);
    let charges = agreements[0].charges.iter();
    let charges: Vec<_> = charges.map(|charge| charge.amount.clone()).collect();
    assert_eq!(
        charges,
        [Some(deals::usd("0.55")), Some(deals::usd("0.55"))]
    );
    let split = agreements[0].offer.clone().unwrap().resale.unwrap();
    assert_eq!(split.total_to_reseller, Some(deals::usd("0.10")));
}

/// O11, O12: its expiry is moved, it is ended, and another one is made from its terms.
#[tokio::test(flavor = "multi_thread")]
async fn a_resellers_offer_made_elsewhere_is_moved_ended_and_cloned() {
    let world = World::new().await;
    let (authorization, id) = resold(&world).await;
    let expected = from_authorization(&authorization);
    let digest = compare(&world, &id, &expected).await.digest;
    let adopted = adopt(&world, &id, &expected, &digest).await;
    let offer_id = adopted.unwrap().into_inner().offer_id;
    let mut client = world.client.clone();
    let moved = pb::ChangeExpiryRequest {
        offer_id: offer_id.clone(),
        expires_on: "2026-03-15".into(),
    };
    client.change_expiry(world.command(moved)).await.unwrap();
    let day = |offer: &pb::Offer| offer.summary.as_ref().unwrap().expires_on == "2026-03-15";
    world.until(&offer_id, day).await;
    let cancel = pb::CancelOfferRequest {
        offer_id: offer_id.clone(),
        reason: "another way".into(),
    };
    client.cancel_offer(world.command(cancel)).await.unwrap();
    world.until_state(&offer_id, State::Cancelled).await;
    let clone = pb::CloneOfferRequest {
        offer_id,
        expires_on: "2026-03-16".into(),
        ..pb::CloneOfferRequest::default()
    };
    let cloned = client.clone_offer(world.command(clone)).await.unwrap();
    let cloned = world.assembled(&cloned.into_inner().offer_id).await;
    assert_eq!(cloned.kind(), pb::OfferKind::Partner);
    assert_eq!(world.findings(&cloned.offer_id).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_adopted_of_a_resellers_says_why() {
    let world = World::new().await;
    let (authorization, id) = resold(&world).await;
    // Who expects an offer to the buyer, or one from another authorization, gets none.
    let direct = crate::association::compare(&world, &id).await;
    assert_eq!(verdict(&direct, "authorization"), Verdict::Differs);
    let other = resale::authorized(&world, &resale::by_installments(), None).await;
    let (reason, fields) = refused(&world, &id, &from_authorization(&other)).await;
    assert_eq!(reason, "AWS_OFFER_DIFFERS");
    assert_eq!(fields, ["AUTHORIZATION_DIFFERS"]);
    let wrong = pb::CompareOfferRequest {
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: id.clone(),
        resale: Some(from_authorization("no id")),
    };
    let mut client = world.client.clone();
    let answer = client.compare_offer(World::query(wrong)).await;
    assert_eq!(refusal(answer).2, ["AUTHORIZATION_ID_INVALID"]);
    let nobodys = pb::CompareOfferRequest {
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: id.clone(),
        resale: Some(from_authorization("resaleauthz-nobodys")),
    };
    let answer = client.compare_offer(World::query(nobodys)).await;
    assert_eq!(refusal(answer).1, "AWS_OFFER_UNKNOWN");
    // An offer is none that another is made from.
    let of_offer = pb::CompareOfferRequest {
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: id.clone(),
        resale: Some(from_authorization(&id)),
    };
    let answer = client.compare_offer(World::query(of_offer)).await;
    assert_eq!(refusal(answer).1, "AUTHORIZATION_NOT_READ");
    // What was looked at was something else.
    let expected = from_authorization(&authorization);
    let outdated = adopt(&world, &id, &expected, &direct.digest).await;
    let (code, reason, _) = refusal(outdated);
    assert_eq!(
        (code, reason.as_str()),
        (Code::Aborted, "COMPARISON_OUTDATED")
    );
    assert_eq!(world.events::<pb::OfferPublished>().await, []);
}

/// We authorize the partner in the portal, for one offer by S1's installments. Returns AWS's id.
async fn given(world: &World) -> String {
    let entered = json!({
        "ownerAccountId": sandbox::DEFAULT_SELLER_ACCOUNT,
        "resellerAccountId": sandbox::DEFAULT_PARTNER_ACCOUNT,
        "productId": sandbox::DEFAULT_PRODUCT_ID,
        "name": "Made elsewhere",
        "buyerAccounts": [BUYER],
        "availabilityEndDate": "2026-03-16",
        "currencyCode": "USD",
        "duration": "P90D",
        "dimensionKey": "professional_services",
        "schedule": resale::by_installments(),
        "legalDocumentUrl": "https://documents.acme.example/sow.pdf",
    });
    let given = world.act("portal/resale-authorization", entered).await;
    given["resaleAuthorizationId"].as_str().unwrap().to_owned()
}

/// The manufacturer's deal of S1.
async fn approved(world: &World) {
    let charges = [("2026-03-17", "0.50"), ("2026-03-18", "0.50")];
    world.ready_to_draft(deal("1.00", &charges)).await;
}

/// O2, O11, O18: its end's clock runs, the cash to expect is told, and it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_made_elsewhere_is_adopted_and_restricted() {
    let world = World::new().await;
    approved(&world).await;
    let id = given(&world).await;
    let compared = compare(&world, &id, &to_partner()).await;
    assert!(compared.adoptable, "{compared:#?}");
    for field in ["reseller", "usage", "giver", "standing", "schedule"] {
        assert_eq!(verdict(&compared, field), Verdict::Same, "{field}");
    }
    let adopted = adopt(&world, &id, &to_partner(), &compared.digest).await;
    let offer = adopted.unwrap().into_inner();
    assert_eq!(
        (offer.state(), offer.kind(), offer.associated),
        (State::Published, pb::OfferKind::ResaleAuthorization, true)
    );
    assert_eq!(offer.summary.as_ref().unwrap().url, "");
    let released = world.events::<pb::ResaleAuthorizationReleased>().await;
    assert_eq!(released.len(), 1);
    assert_eq!(released[0].authorization, offer.authorization);
    let told = released[0].authorization.clone().unwrap();
    assert_eq!(told.authorization_id, id);
    assert_eq!(told.wholesale_price, Some(deals::usd("1.00")));
    let running = clocks(&world, pb::clock::State::Running).await;
    assert_eq!(kinds(&running), [pb::ClockKind::OfferExpiry]);
    assert_eq!(world.events::<pb::OfferPublished>().await, []);
    let again = adopt(&world, &id, &to_partner(), &compared.digest).await;
    assert_eq!(refusal(again).1, "AWS_OFFER_TAKEN");
    world.assembled(&offer.offer_id).await;

    let cancel = pb::CancelOfferRequest {
        offer_id: offer.offer_id.clone(),
        reason: "another reseller".into(),
    };
    let mut client = world.client.clone();
    client.cancel_offer(world.command(cancel)).await.unwrap();
    world.until_state(&offer.offer_id, State::Cancelled).await;
    assert_eq!(described(&world, &id).await["Status"], "Restricted");
    let restricted = world.events::<pb::ResaleAuthorizationRestricted>().await;
    assert_eq!(restricted.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_adopted_of_an_authorization_says_why() {
    let world = World::new().await;
    approved(&world).await;
    let id = given(&world).await;
    let mut stranger = to_partner();
    if let Some(Kind::Authorization(expected)) = &mut stranger.kind {
        expected.reseller_account_id = "999988887777".into();
        expected.single_use = false;
        expected.net_terms_days = 30;
        expected.contract = Some(pb::ResellerContract {
            contract: Some(pb::reseller_contract::Contract::Standard(true)),
        });
    }
    let differ = |codes: &[&str]| {
        let codes = codes.iter().map(ToString::to_string);
        ("AWS_OFFER_DIFFERS".to_owned(), codes.collect::<Vec<_>>())
    };
    let codes = [
        "NET_TERMS_DIFFER",
        "RESELLER_DIFFERS",
        "USAGE_DIFFERS",
        "RESELLER_CONTRACT_DIFFERS",
    ];
    assert_eq!(refused(&world, &id, &stranger).await, differ(&codes));

    // One that another seller gave to us, and an offer.
    let received = resale::authorized(&world, &resale::by_installments(), None).await;
    let (_, fields) = refused(&world, &received, &to_partner()).await;
    let another = "AUTHORIZATION_OF_ANOTHER".to_owned();
    assert!(fields.contains(&another), "{fields:?}");
    let offer = elsewhere::released(&world, "102500.00", "P90D").await;
    let (_, fields) = refused(&world, &offer, &to_partner()).await;
    assert_eq!(fields[0], "KIND_DIFFERS");

    let draft = drafted_authorization(&world).await;
    let (reason, _) = refused(&world, &draft, &to_partner()).await;
    assert_eq!(reason, "AWS_OFFER_NOT_RELEASED");
    let restricted = given(&world).await;
    restrict(&world, &restricted).await;
    let over = differ(&["AUTHORIZATION_OVER"]);
    assert_eq!(refused(&world, &restricted, &to_partner()).await, over);
    world.advance(TimeDelta::days(15));
    assert_eq!(refused(&world, &id, &to_partner()).await, over);

    let nothing = pb::ExpectedResale {
        kind: Some(Kind::Authorization(pb::ExpectedAuthorization::default())),
    };
    let (_, _, fields) = refusal(adopt(&world, &id, &nothing, "").await);
    let wrong = [
        "ACCOUNT_ID_INVALID",
        "CONTACT_NAME_REQUIRED",
        "CONTACT_EMAIL_INVALID",
        "DIGEST_INVALID",
    ];
    assert_eq!(fields, wrong);
    let none = world.events::<pb::ResaleAuthorizationReleased>().await;
    assert_eq!(none, []);
}

/// O3: what AWS shows of an authorization that was released here is what was approved, the seller's own contract
/// included; whoever adopts such one reads AWS's copies.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_released_here_does_not_differ() {
    let world = reseller_contract::approved().await;
    let own = pb::reseller_contract::Contract::Own(true);
    let draft = reseller_contract::drafted(&world, own.clone()).await;
    world.release(&draft).await;
    let offer = world.until_state(&draft.offer_id, State::Published).await;
    let mut expected = to_partner();
    if let Some(Kind::Authorization(expected)) = &mut expected.kind {
        expected.contract = Some(pb::ResellerContract {
            contract: Some(own),
        });
    }
    let id = offer.authorization.unwrap().authorization_id;
    let compared = compare(&world, &id, &expected).await;
    let differ = |field: &&pb::ComparedField| field.verdict() == Verdict::Differs;
    assert_eq!(compared.fields.iter().find(differ), None);
    for field in ["legal_document", "reseller_contract"] {
        assert_eq!(verdict(&compared, field), Verdict::ToRead, "{field}");
    }
    assert_eq!(
        (compared.adoptable, compared.offer_id),
        (false, offer.offer_id)
    );
}
