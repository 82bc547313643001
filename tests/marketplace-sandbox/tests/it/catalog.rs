//! The Catalog API beside its change sets: what is described, and what cannot be (facts §1.1).

use aws_sdk_marketplacecatalog::config::http::HttpResponse;
use aws_sdk_marketplacecatalog::error::SdkError;
use aws_sdk_marketplacecatalog::operation::describe_entity::{
    DescribeEntityError, DescribeEntityOutput,
};
use aws_sdk_marketplacecatalog::types::EntityRequest;
use serde_json::json;

use crate::clients::flow::Party;
use crate::market::{Market, errors, typed_change};
use crate::resale::{authorization, markup, offer, partner, released};

/// An entity's description, or the status and the error of its refusal.
async fn describe(
    market: &Market,
    id: &str,
) -> Result<DescribeEntityOutput, (u16, DescribeEntityError)> {
    let request = market.catalog.describe_entity().catalog("AWSMarketplace");
    let refused = |error: SdkError<DescribeEntityError, HttpResponse>| {
        let status = error.raw_response().unwrap().status().as_u16();
        (status, error.into_service_error())
    };
    request.entity_id(id).send().await.map_err(refused)
}

#[tokio::test]
async fn what_is_no_entity_is_not_supported() {
    let market = Market::open().await;
    let set = market.start(&market.handbook().await).await;
    let ended = market.ended(&set).await;
    let entity = ended.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap();
    let offer = entity.split('@').next().unwrap();
    let agreement = market.accept(offer).await;
    assert!(describe(&market, offer).await.is_ok());
    for id in [&set, &agreement] {
        let (status, error) = describe(&market, id).await.unwrap_err();
        assert_eq!(status, 415, "{id}");
        assert!(error.is_resource_not_supported_exception(), "{error:?}");
    }
    let (status, error) = describe(&market, "agmt-none").await.unwrap_err();
    assert_eq!(status, 404);
    assert!(error.is_resource_not_found_exception(), "{error:?}");

    let requests = [offer, set.as_str(), "agmt-none"].map(|id| {
        let request = EntityRequest::builder().catalog("AWSMarketplace");
        request.entity_id(id).build().unwrap()
    });
    let all = market
        .catalog
        .batch_describe_entities()
        .set_entity_request_list(Some(requests.into()))
        .send()
        .await
        .unwrap();
    let described: Vec<_> = all.entity_details().unwrap().keys().collect();
    assert_eq!(described, [offer]);
    let code = |id: &str| all.errors().unwrap()[id].error_code();
    assert_eq!(code(&set), Some("RESOURCE_NOT_SUPPORTED_EXCEPTION"));
    assert_eq!(code("agmt-none"), Some("RESOURCE_NOT_FOUND_EXCEPTION"));

    market
        .inject("DescribeEntity", "not-supported", false)
        .await;
    let (status, error) = describe(&market, offer).await.unwrap_err();
    assert_eq!(status, 415);
    assert!(error.is_resource_not_supported_exception(), "{error:?}");
}

/// Taken at first, as AWS does, and told with the set's other errors (facts §1.2, §4).
#[tokio::test]
async fn what_professional_services_have_not() {
    let market = Market::open().await;
    let mut changes = market.handbook().await;
    let policy = json!({ "Terms": [{ "Type": "SupportTerm", "RefundPolicy": "No refunds." }] });
    changes.insert(8, ("UpdateSupportTerms", policy));
    let ended = market.ended(&market.start(&changes).await).await;
    assert_eq!(errors(&ended), ["UpdateSupportTerms: INCOMPATIBLE_TERMS"]);
    changes[8].1 = json!({ "Terms": [] });
    let agreement = market.accept(&market.succeed(&changes).await).await;

    let isv = Party::isv(&market);
    let kind = "CreateReplacementOffer";
    let replacement = json!({ "AgreementId": agreement, "Name": "More of it" });
    let ended = isv.run("Offer@1.0", &[(kind, replacement)]).await;
    assert_eq!(errors(&ended), [format!("{kind}: INCOMPATIBLE_AGREEMENT")]);
    changes.remove(8);
    changes[0] = (kind, json!({ "AgreementId": agreement }));
    changes[1].1["Name"] = json!("More of it");
    let refused = format!("{kind}: INCOMPATIBLE_AGREEMENT");
    let missing = "ReleaseOffer: MISSING_AGREEMENT_END_DATE";
    let ended = isv.run("Offer@1.0", &changes).await;
    assert_eq!(errors(&ended), [refused.as_str(), missing]);
    let today = market.today().await;
    let until = |days: u64| {
        let mut changes = changes.clone();
        let end = today + chrono::Days::new(days);
        changes[7].1["Terms"] = json!([{ "Type": "ValidityTerm", "AgreementEndDate": end }]);
        changes
    };
    let ended = isv.run("Offer@1.0", &until(90)).await;
    assert_eq!(
        errors(&ended),
        [refused.as_str()],
        "an end of its own is its due"
    );
    let ended = isv.run("Offer@1.0", &until(0)).await;
    let past = "UpdateValidityTerms: INVALID_AGREEMENT_END_DATE";
    assert_eq!(errors(&ended), [refused.as_str(), past]);
    let offers = market.get("/sandbox/offers").await;
    assert_eq!(offers.as_array().unwrap().len(), 1, "none was made");
}

/// The same for a partner's agreement; who has no part in it does not find it.
#[tokio::test]
async fn a_partner_replaces_no_agreement_either() {
    let market = Market::open().await;
    let today = market.today().await;
    let wholesale = released(&market, &authorization(&market, today)).await;
    let partner = partner(&market);
    let resold = offer(&wholesale, today, markup("10"));
    let resold = partner.run("Offer@1.0", &resold).await;
    let resold = resold.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap();
    let resold = resold.split('@').next().unwrap();
    let theirs = market.accept(resold).await;
    let kind = "CreateReplacementOfferUsingResaleAuthorization";
    let replacement = json!({ "AgreementId": theirs, "ResaleAuthorizationId": wholesale });
    let ended = partner
        .run("Offer@1.0", &[(kind, replacement.clone())])
        .await;
    assert_eq!(errors(&ended), [format!("{kind}: INCOMPATIBLE_AGREEMENT")]);
    let offers = market.get("/sandbox/offers").await;
    assert_eq!(offers.as_array().unwrap().len(), 1, "none was made");

    let foreign = typed_change("Offer@1.0", kind, &replacement, None, None);
    let request = market.catalog.start_change_set().catalog("AWSMarketplace");
    let refused = request.change_set(foreign).send().await.unwrap_err();
    let refused = refused.into_service_error();
    assert!(refused.is_resource_not_found_exception(), "{refused:?}");
}
