//! The portal path (O10): the sheet, the id that comes back, and what AWS has under it.

use aws_sdk_marketplacecatalog::Client;
use aws_sdk_marketplacecatalog::types::{Change, ChangeStatus, Entity};
use countersign_marketplace_sandbox as sandbox;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::offer::State;
use serde_json::{Value, json};

use crate::deals;
use crate::sdk;
use crate::world::{World, refusal};

const OFFER: &str = "Offer@1.0";

/// A person with a browser, at AWS without us, makes an offer and says its id.
pub(crate) async fn enter(world: &World, offer: &pb::Offer, amount: &str) -> String {
    let digest = &offer.legal_document.as_ref().unwrap().digest;
    let url = format!("{}/bucket/{digest}.pdf", world.aws());
    let charge = &offer.charges[0].charge_date;
    let buyer = &offer.summary.as_ref().unwrap().buyer_account_id;
    let changes = [
        (
            "CreateOffer",
            json!({ "ProductId": sandbox::DEFAULT_PRODUCT_ID, "Name": offer.name }),
        ),
        (
            "UpdateInformation",
            json!({ "Name": offer.name, "Description": "By hand" }),
        ),
        (
            "UpdateTargeting",
            json!({ "PositiveTargeting": { "BuyerAccounts": [buyer] } }),
        ),
        (
            "UpdateLegalTerms",
            json!({ "Terms": [{
            "Type": "LegalTerm",
            "Documents": [{ "Type": "CustomEula", "Url": url }],
        }] }),
        ),
        (
            "UpdatePricingTerms",
            json!({ "PricingModel": "Contract", "Terms": [{
            "Type": "FixedUpfrontPricingTerm",
            "CurrencyCode": "USD",
            "Price": "0",
            "Duration": "P90D",
            "Grants": [{ "DimensionKey": "professional_services", "MaxQuantity": 1 }],
        }] }),
        ),
        (
            "UpdatePaymentScheduleTerms",
            json!({ "Terms": [{
            "Type": "PaymentScheduleTerm",
            "CurrencyCode": "USD",
            "Schedule": [{ "ChargeDate": charge, "ChargeAmount": amount }],
        }] }),
        ),
        (
            "UpdateAvailability",
            json!({ "AvailabilityEndDate": "2026-03-31" }),
        ),
        (
            "UpdateValidityTerms",
            json!({ "Terms": [{
            "Type": "ValidityTerm",
            "AgreementDuration": "P90D",
        }] }),
        ),
        ("ReleaseOffer", json!({})),
    ];
    let made =
        |name: &str| (name != "CreateOffer").then(|| "$CreateOffer.Entity.Identifier".into());
    let changes = changes.map(|(name, details)| change(OFFER, name, made(name), &details));
    sent(world, changes.to_vec()).await
}

/// Gives a published offer another last day.
pub(crate) async fn move_expiry(world: &World, aws_offer_id: &str, day: &str) {
    let details = json!({ "AvailabilityEndDate": day });
    let id = Some(aws_offer_id.into());
    sent(
        world,
        vec![change(OFFER, "UpdateAvailability", id, &details)],
    )
    .await;
}

/// Begins to give the partner an authorization, and leaves it a draft. Returns its id.
pub(crate) async fn drafted_authorization(world: &World) -> String {
    let details = json!({
        "ProductId": sandbox::DEFAULT_PRODUCT_ID,
        "Name": "Made elsewhere",
        "Description": "By another tool",
        "ResellerAccountId": sandbox::DEFAULT_PARTNER_ACCOUNT,
    });
    let name = "CreateResaleAuthorization";
    let made = change("ResaleAuthorization@1.0", name, None, &details);
    sent(world, vec![made]).await
}

/// Takes an authorization back.
pub(crate) async fn restrict(world: &World, authorization_id: &str) {
    let name = "RestrictResaleAuthorization";
    let of = Some(authorization_id.to_owned());
    let restricted = change("ResaleAuthorization@1.0", name, of, &json!({}));
    sent(world, vec![restricted]).await;
}

/// Sends the changes, and says of what entity they are once they are made.
pub(crate) async fn sent(world: &World, changes: Vec<Change>) -> String {
    sent_by(world, &sdk::catalog(world), changes).await
}

/// The same, of another seller.
pub(crate) async fn sent_by(world: &World, client: &Client, changes: Vec<Change>) -> String {
    let started = client
        .start_change_set()
        .catalog("AWSMarketplace")
        .set_change_set(Some(changes))
        .send()
        .await
        .unwrap();
    let id = started.change_set_id().unwrap();
    for _ in 0..100 {
        let described = client
            .describe_change_set()
            .catalog("AWSMarketplace")
            .change_set_id(id)
            .send()
            .await
            .unwrap();
        if described.status() == Some(&ChangeStatus::Succeeded) {
            let entity = described.change_set()[0].entity().unwrap();
            let identifier = entity.identifier().unwrap();
            return identifier.split('@').next().unwrap().to_owned();
        }
        world.pass().await;
    }
    panic!("what the person did was never done")
}

/// The change of this name, of an entity of that type.
pub(crate) fn change(kind: &str, name: &str, of: Option<String>, details: &Value) -> Change {
    let entity = Entity::builder()
        .r#type(kind)
        .set_identifier(of)
        .build()
        .unwrap();
    Change::builder()
        .change_type(name)
        .change_name(name)
        .entity(entity)
        .details(details.to_string())
        .build()
        .unwrap()
}

/// A release that waits for the id of the offer that a person enters.
pub(crate) async fn waiting(world: &World) -> pb::Offer {
    world.signed_with(&deals::files()).await;
    world.close_checklist().await;
    world.register_listing_for(pb::ReleaseWay::Portal).await;
    let mut client = world.client.clone();
    client
        .complete_intake(world.command(World::intake()))
        .await
        .unwrap();
    let drafted = client
        .draft_offer(world.command(World::draft_request()))
        .await
        .unwrap();
    let draft = world.assembled(&drafted.into_inner().offer_id).await;
    let released = world.release(&draft).await;
    assert_eq!(released.state(), State::Releasing);
    assert!(released.awaits_portal);
    released
}

pub(crate) fn given(offer: &pb::Offer, aws_offer_id: &str) -> pb::RecordPortalOfferRequest {
    pb::RecordPortalOfferRequest {
        offer_id: offer.offer_id.clone(),
        aws_offer_id: aws_offer_id.to_owned(),
    }
}

/// O10: same states, same events. What differs by a cent is not adopted.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_entered_is_adopted_when_it_is_what_was_approved() {
    let world = World::new().await;
    let offer = waiting(&world).await;
    let mut client = world.client.clone();
    let offer_id = offer.offer_id.clone();
    let request = World::query(pb::GetPortalSheetRequest { offer_id });
    let sheet = client.get_portal_sheet(request).await.unwrap().into_inner();
    assert!(
        sheet
            .printable
            .contains("[ ] Buyer account ids: 123456789012")
    );
    assert_eq!(sheet.sections.len(), 5);
    assert_eq!(world.look("offers").await, json!([]));

    let wrong = enter(&world, &offer, "102500.01").await;
    let request = world.command(given(&offer, &wrong));
    let taken = client
        .record_portal_offer(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(taken.portal_offer_id, wrong);
    let refused = world
        .until(&offer.offer_id, |offer| !offer.errors.is_empty())
        .await;
    assert_eq!(refused.errors[0].code, "SCHEDULE_DIFFERS");
    assert!(refused.awaits_portal && refused.portal_offer_id.is_empty());

    let right = enter(&world, &offer, "102500.00").await;
    let request = world.command(given(&offer, &right));
    client.record_portal_offer(request).await.unwrap();
    let published = world.until_state(&offer.offer_id, State::Published).await;
    assert_eq!(published.summary.unwrap().aws_offer_id, right);
    assert_eq!(world.events::<pb::OfferPublished>().await.len(), 1);
}

/// O9, O10: what a person entered is looked at until AWS shows it, whatever AWS does meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_cannot_be_read_yet_is_adopted_later() {
    let world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    let offer = waiting(&world).await;
    let entered = enter(&world, &offer, "102500.00").await;
    for failure in ["throttle", "fault", "unavailable", "timeout", "nonsense"] {
        let body = json!({ "operation": "DescribeEntity", "failure": failure });
        world.act("inject", body).await;
    }
    let request = world.command(given(&offer, &entered));
    let mut client = world.client.clone();
    client.record_portal_offer(request).await.unwrap();
    let published = |offer: &pb::Offer| offer.state() == State::Published;
    let adopted = world.hurry(&offer.offer_id, published).await;
    assert_eq!(adopted.summary.unwrap().aws_offer_id, entered);
    assert_eq!(world.look("state").await["injections"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_aws_does_not_know_is_refused_and_the_release_can_be_called_off() {
    let world = World::new().await;
    let offer = waiting(&world).await;
    let mut client = world.client.clone();
    let request = world.command(given(&offer, "offer-nothing"));
    client.record_portal_offer(request).await.unwrap();
    let refused = world
        .until(&offer.offer_id, |offer| !offer.errors.is_empty())
        .await;
    assert_eq!(refused.errors[0].code, "ResourceNotFoundException");
    let cancel = pb::CancelOfferRequest {
        offer_id: offer.offer_id.clone(),
        reason: "the buyer asked for the API".into(),
    };
    client.cancel_offer(world.command(cancel)).await.unwrap();
    let request = world.command(given(&offer, "offer-late"));
    let answer = client.record_portal_offer(request).await;
    assert_eq!(refusal(answer).1, "PORTAL_NOT_AWAITED");
}
