//! Tags and resource policies of entities and change sets, and assessments (facts §1.1).

use aws_sdk_marketplacecatalog::error::ProvideErrorMetadata;
use aws_sdk_marketplacecatalog::types::{Change, Entity, Tag};
use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;
use serde_json::json;

use crate::market::{Market, catalog_client};

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

fn arn(kind: &str, id: &str) -> String {
    format!("arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/{kind}/{id}")
}

/// Every tag as "key=value", by key.
async fn tags(market: &Market, resource: &str) -> Vec<String> {
    let request = market.catalog.list_tags_for_resource();
    let listed = request.resource_arn(resource).send().await.unwrap();
    assert_eq!(listed.resource_arn(), Some(resource));
    let tags = listed.tags().iter();
    tags.map(|tag| format!("{}={}", tag.key(), tag.value()))
        .collect()
}

#[tokio::test]
async fn a_change_set_and_its_entity_are_tagged() {
    let market = Market::open().await;
    let entity = Entity::builder().r#type("Offer@1.0").build().unwrap();
    let create = Change::builder()
        .change_type("CreateOffer")
        .entity(entity)
        .entity_tags(tag("deal", "D-1"))
        .details(json!({ "ProductId": DEFAULT_PRODUCT_ID }).to_string());
    let request = market.catalog.start_change_set().catalog("AWSMarketplace");
    let started = request
        .change_set(create.build().unwrap())
        .change_set_tags(tag("by", "desk"))
        .send()
        .await
        .unwrap();
    let set = started.change_set_arn().unwrap();
    assert_eq!(tags(&market, set).await, ["by=desk"]);
    let ended = market.ended(started.change_set_id().unwrap()).await;
    let offer = ended.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap();
    let offer = arn("Offer", offer.split('@').next().unwrap());
    assert_eq!(tags(&market, &offer).await, ["deal=D-1"]);

    let add = market.catalog.tag_resource().resource_arn(&offer);
    let add = add.tags(tag("deal", "D-2")).tags(tag("team", "a b"));
    add.send().await.unwrap();
    assert_eq!(tags(&market, &offer).await, ["deal=D-2", "team=a b"]);
    let remove = market.catalog.untag_resource().resource_arn(&offer);
    let remove = remove.tag_keys("deal").tag_keys("never there");
    remove.send().await.unwrap();
    assert_eq!(tags(&market, &offer).await, ["team=a b"]);
    let product = arn("ProfessionalServicesProduct", DEFAULT_PRODUCT_ID);
    assert!(tags(&market, &product).await.is_empty());
}

#[tokio::test]
async fn wrong_tags_are_refused() {
    let market = Market::open().await;
    let product = arn("ProfessionalServicesProduct", DEFAULT_PRODUCT_ID);
    let add = |resource: &str, tags: Vec<Tag>| {
        let request = market.catalog.tag_resource().resource_arn(resource);
        request.set_tags(Some(tags)).send()
    };
    let many = (0..201)
        .map(|number| tag(&number.to_string(), ""))
        .collect();
    for wrong in [
        vec![],
        many,
        vec![tag("", "a")],
        vec![tag("aws:deal", "a")],
        vec![tag("deal;", "a")],
        vec![tag(&"k".repeat(129), "a")],
        vec![tag("deal", &"v".repeat(257))],
        vec![tag("deal", "a"), tag("deal", "b")],
    ] {
        let shown = format!("{wrong:?}");
        let refused = add(&product, wrong).await.unwrap_err();
        assert_eq!(refused.raw_response().unwrap().status().as_u16(), 422);
        let refused = refused.into_service_error();
        assert!(refused.is_validation_exception(), "{shown}: {refused:?}");
    }
    let most = (0..200)
        .map(|number| tag(&number.to_string(), ""))
        .collect();
    add(&product, most).await.unwrap();
    let full = add(&product, vec![tag("one more", "")]).await.unwrap_err();
    assert!(full.into_service_error().is_validation_exception());
    let remove = market.catalog.untag_resource().resource_arn(&product);
    let refused = remove.set_tag_keys(Some(vec![])).send().await.unwrap_err();
    assert!(refused.into_service_error().is_validation_exception());

    let good = || vec![tag("deal", "a")];
    let refused = add("prod-1", good()).await.unwrap_err();
    assert!(refused.into_service_error().is_validation_exception());
    let foreign = product.replace("111122223333", "222233334444");
    for absent in [&arn("Offer", "offer-none"), &foreign] {
        let refused = add(absent, good()).await.unwrap_err();
        let refused = refused.into_service_error();
        assert!(refused.is_resource_not_found_exception(), "{refused:?}");
    }
}

#[tokio::test]
async fn a_policy_is_kept_until_it_is_deleted() {
    let market = Market::with(|config| {
        config.settings.rate_limit = false;
        let key = "AKIAOTHER=999988887777".parse().unwrap();
        config.access_keys.push(key);
    })
    .await;
    let product = arn("ProfessionalServicesProduct", DEFAULT_PRODUCT_ID);
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow" }] });
    let policy = policy.to_string();
    let put = |resource: &str, policy: &str| {
        let request = market.catalog.put_resource_policy();
        request.resource_arn(resource).policy(policy).send()
    };
    let get = || {
        market
            .catalog
            .get_resource_policy()
            .resource_arn(&product)
            .send()
    };
    let delete = || {
        market
            .catalog
            .delete_resource_policy()
            .resource_arn(&product)
            .send()
    };

    let none = get().await.unwrap_err().into_service_error();
    assert!(none.is_resource_not_found_exception(), "{none:?}");
    put(&product, &policy).await.unwrap();
    assert_eq!(get().await.unwrap().policy(), Some(policy.as_str()));
    let other = catalog_client(&market.url, "AKIAOTHER", "any");
    let other = other
        .get_resource_policy()
        .resource_arn(&product)
        .send()
        .await;
    let other = other.unwrap_err().into_service_error();
    assert!(other.is_resource_not_found_exception(), "{other:?}");

    let set = market.start(&market.handbook().await).await;
    let long = json!({ "Statement": "a".repeat(10_240) }).to_string();
    for (resource, wrong) in [
        (product.as_str(), "not json"),
        (&product, "{}"),
        (&product, &long),
        (&arn("ChangeSet", &set), &policy),
    ] {
        let refused = put(resource, wrong).await.unwrap_err().into_service_error();
        assert!(refused.is_validation_exception(), "{resource}: {refused:?}");
    }
    assert_eq!(get().await.unwrap().policy(), Some(policy.as_str()));
    delete().await.unwrap();
    let none = delete().await.unwrap_err().into_service_error();
    assert!(none.is_resource_not_found_exception(), "{none:?}");
    assert!(get().await.is_err());
}

/// Frameworks are about software: of services nothing was assessed.
#[tokio::test]
async fn of_services_there_is_no_assessment() {
    let market = Market::open().await;
    let list = || market.catalog.list_assessments();
    let none = list().catalog("AWSMarketplace").send().await.unwrap();
    assert!(none.assessment_summary_list().is_empty());
    let refused = list().catalog("Another").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
    let most = list().catalog("AWSMarketplace").max_results(101);
    let refused = most.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
    let one = market.catalog.describe_assessment();
    let one = one.catalog("AWSMarketplace").assessment_identifier("as-1");
    let unknown = one.send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("ResourceNotFoundException"));
}
