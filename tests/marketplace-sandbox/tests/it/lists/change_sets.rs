//! The filters of change sets.

use aws_sdk_marketplacecatalog::types::Filter;
use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;
use serde_json::json;

use super::text;
use crate::market::{Changes, Market};
use crate::money::{self, wait};

async fn change_sets(market: &Market, filters: &[(&str, &[&str])]) -> Result<Vec<String>, String> {
    let filters = filters.iter().map(|(name, values)| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let filter = Filter::builder().name(*name).set_value_list(Some(values));
        filter.build()
    });
    let request = market.catalog.list_change_sets().catalog("AWSMarketplace");
    let sent = request
        .set_filter_list(Some(filters.collect()))
        .send()
        .await;
    let listed = sent.map_err(|error| format!("{:?}", error.into_service_error()))?;
    let sets = listed.change_set_summary_list().iter();
    Ok(sets
        .map(|set| set.change_set_id().unwrap().to_owned())
        .collect())
}

#[tokio::test]
async fn each_filter_of_change_sets_finds_what_it_names() {
    let market = money::market().await;
    let start = async |changes: Changes, name: &str| {
        let sent = market.request(&changes).change_set_name(name).send().await;
        sent.unwrap().change_set_id.unwrap()
    };
    let first = start(market.handbook().await, "one").await;
    let ended = market.ended(&first).await;
    let entity = ended.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap();
    let entity = entity.split('@').next().unwrap();
    wait(&market, 1).await;
    let between = text(market.now().await);
    wait(&market, 1).await;
    let bare = vec![
        ("CreateOffer", json!({ "ProductId": DEFAULT_PRODUCT_ID })),
        ("ReleaseOffer", json!({})),
    ];
    let failed = start(bare, "two").await;
    market.inject("StartChangeSet", "never-ends", false).await;
    let stuck = start(market.handbook().await, "one").await;
    let (first, failed, stuck) = (first.as_str(), failed.as_str(), stuck.as_str());
    let at: &str = &between;
    for (filters, expected) in [
        (vec![("EntityId", &[entity][..])], vec![first]),
        (vec![("entityId", &[entity][..])], vec![first]),
        (vec![("EntityId", &["offer-none"][..])], vec![]),
        (vec![("ChangeSetName", &["one"][..])], vec![stuck, first]),
        (vec![("ChangeSetName", &["two", "three"][..])], vec![failed]),
        (vec![("Status", &["SUCCEEDED"][..])], vec![first]),
        (vec![("status", &["FAILED"][..])], vec![failed]),
        (
            vec![("Status", &["APPLYING", "FAILED"][..])],
            vec![stuck, failed],
        ),
        (vec![("Status", &["CANCELLED"][..])], vec![]),
        (vec![("AfterStartTime", &[at][..])], vec![stuck, failed]),
        (vec![("BeforeStartTime", &[at][..])], vec![first]),
        (vec![("AfterEndTime", &[at][..])], vec![failed]),
        (vec![("BeforeEndTime", &[at][..])], vec![first]),
        (
            vec![
                ("ChangeSetName", &["one"][..]),
                ("Status", &["SUCCEEDED"][..]),
            ],
            vec![first],
        ),
    ] {
        let ids = change_sets(&market, &filters).await;
        assert_eq!(ids.unwrap(), expected, "{filters:?}");
    }
}

#[tokio::test]
async fn a_wrong_filter_of_change_sets_is_refused() {
    let market = Market::open().await;
    let nine = vec![("ChangeSetName", &["a"][..]); 9];
    for filters in [
        vec![("Colour", &["red"][..])],
        vec![("Status", &["DONE"][..])],
        vec![("ChangeSetName", &[][..])],
        vec![("AfterStartTime", &["today"][..])],
        vec![(
            "AfterEndTime",
            &["2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"][..],
        )],
        nine,
    ] {
        let refused = change_sets(&market, &filters).await.unwrap_err();
        assert!(
            refused.starts_with("ValidationException"),
            "{filters:?}: {refused}"
        );
    }
}
