//! The order in which lists come.

use aws_sdk_marketplacecatalog::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_marketplacecatalog::types::{
    EntityTypeSort, OfferSort, OfferSortBy, ResaleAuthorizationSort, ResaleAuthorizationSortBy,
    Sort, SortOrder,
};
use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;
use serde_json::json;

use super::{OTHER_PRODUCT, another_product};
use crate::clients::flow::Party;
use crate::market::{Changes, Market};
use crate::money::{self, wait};
use crate::resale::{AUTHORIZATION, authorization};

static BOTH: [SortOrder; 2] = [SortOrder::Ascending, SortOrder::Descending];

fn sort(by: &str, order: Option<&SortOrder>) -> Sort {
    let sort = Sort::builder().sort_by(by);
    sort.set_sort_order(order.cloned()).build()
}

/// The ids of a list, or AWS's refusal as text.
async fn ids(
    party: &Party,
    kind: &str,
    sort: Option<Sort>,
    by_type: Option<EntityTypeSort>,
) -> Result<Vec<String>, String> {
    let request = party.catalog.list_entities().catalog("AWSMarketplace");
    let request = request.entity_type(kind).set_sort(sort);
    let sent = request.set_entity_type_sort(by_type).send().await;
    let listed = sent.map_err(|error| format!("{:?}", error.into_service_error()))?;
    let listed = listed.entity_summary_list().iter();
    Ok(listed
        .map(|entity| entity.entity_id().unwrap().to_owned())
        .collect())
}

fn offers(by: &str, order: &SortOrder) -> EntityTypeSort {
    let sort = OfferSort::builder().sort_by(OfferSortBy::from(by));
    EntityTypeSort::OfferSort(sort.sort_order(order.clone()).build())
}

fn authorizations(by: &str, order: &SortOrder) -> EntityTypeSort {
    let sort = ResaleAuthorizationSort::builder().sort_by(ResaleAuthorizationSortBy::from(by));
    EntityTypeSort::ResaleAuthorizationSort(sort.sort_order(order.clone()).build())
}

/// The fields, each with the ids in ascending order; both members of a request say the same.
async fn check(
    party: &Party,
    kind: &str,
    by_type: fn(&str, &SortOrder) -> EntityTypeSort,
    fields: &[(&str, Vec<&str>)],
) {
    for (by, ascending) in fields {
        for order in &BOTH {
            let mut expected = ascending.clone();
            if *order == SortOrder::Descending {
                expected.reverse();
            }
            let typed = ids(party, kind, None, Some(by_type(by, order))).await;
            assert_eq!(typed.unwrap(), expected, "{by} {order}");
            let plain = ids(party, kind, Some(sort(by, Some(order))), None).await;
            assert_eq!(plain.unwrap(), expected, "{by} {order}, untyped");
        }
        let usual = ids(party, kind, Some(sort(by, None)), None).await.unwrap();
        let descending: Vec<_> = ascending.iter().rev().copied().collect();
        assert_eq!(usual, descending, "{by}: descending unless asked otherwise");
    }
}

async fn refuses(party: &Party, kind: &str, own: EntityTypeSort, other: EntityTypeSort) {
    let plain = sort("EntityId", None);
    for (sort, by_type) in [
        (Some(sort("Colour", None)), None),
        (Some(sort("EntityId", Some(&"SIDEWAYS".into()))), None),
        (None, Some(other)),
        (Some(plain), Some(own)),
    ] {
        let shown = format!("{sort:?} {by_type:?}");
        let refused = ids(party, kind, sort, by_type).await.unwrap_err();
        assert!(refused.starts_with("ValidationException"), "{shown}");
    }
}

#[tokio::test]
async fn offers_are_sorted_by_each_field_of_the_model() {
    let market = money::market().await;
    let isv = Party::isv(&market);
    another_product(&market).await;
    let mut first = market.handbook().await;
    first[0].1["Name"] = json!("B deal");
    let first = market.succeed(&first).await;
    wait(&market, 1).await;
    let draft = json!({ "ProductId": OTHER_PRODUCT, "Name": "A draft" });
    let draft: Changes = vec![("CreateOffer", draft)];
    let draft = market.succeed(&draft).await;
    let (first, draft) = (first.as_str(), draft.as_str());
    let mut by_id = vec![first, draft];
    by_id.sort_unstable();
    let released_last = vec![draft, first];
    let equal = by_id.clone();
    let fields = [
        ("LastModifiedDate", vec![first, draft]),
        ("EntityId", by_id),
        ("Name", released_last.clone()),
        ("ProductId", vec![draft, first]),
        ("ReleaseDate", released_last.clone()),
        ("AvailabilityEndDate", released_last.clone()),
        ("BuyerAccounts", released_last.clone()),
        ("State", released_last),
        ("Targeting", vec![first, draft]),
        ("ResaleAuthorizationId", equal.clone()),
        ("OfferSetId", equal.clone()),
        ("TargetAgreementId", equal.clone()),
        ("TargetAgreementIntent", equal.clone()),
        ("CreatedBySource", equal),
    ];
    assert!(OTHER_PRODUCT < DEFAULT_PRODUCT_ID, "the draft's is first");
    check(&isv, "Offer", offers, &fields).await;
    assert_eq!(
        ids(&isv, "Offer", None, None).await.unwrap(),
        [draft, first],
        "newest first"
    );
    let (own, other) = (
        offers("EntityId", &BOTH[0]),
        authorizations("EntityId", &BOTH[0]),
    );
    refuses(&isv, "Offer", own, other).await;
}

#[tokio::test]
async fn authorizations_are_sorted_by_each_field_of_the_model() {
    let market = money::market().await;
    let isv = Party::isv(&market);
    another_product(&market).await;
    let released = isv
        .run(AUTHORIZATION, &authorization(&market, market.today().await))
        .await;
    let id = |ended: &DescribeChangeSetOutput| {
        let entity = ended.change_set()[0].entity().unwrap();
        let id = entity.identifier().unwrap().split('@').next();
        id.unwrap().to_owned()
    };
    let released = id(&released);
    wait(&market, 1).await;
    let draft = json!({ "ProductId": OTHER_PRODUCT, "Name": "A draft", "Description": "Later",
        "ResellerAccountId": "222233334444" });
    let draft = id(&isv
        .run(AUTHORIZATION, &[("CreateResaleAuthorization", draft)])
        .await);
    let (released, draft) = (released.as_str(), draft.as_str());
    let mut by_id = vec![released, draft];
    by_id.sort_unstable();
    let (older, newer) = (vec![released, draft], vec![draft, released]);
    let fields = [
        ("LastModifiedDate", older.clone()),
        ("CreatedDate", older),
        ("EntityId", by_id.clone()),
        ("Name", newer.clone()),
        ("ProductId", newer.clone()),
        ("ProductName", newer.clone()),
        ("AvailabilityEndDate", newer),
        ("Status", vec![released, draft]),
        ("ManufacturerAccountId", by_id.clone()),
        ("ManufacturerLegalName", by_id.clone()),
        ("ResellerAccountID", by_id.clone()),
        ("ResellerLegalName", by_id.clone()),
        ("ResellerRole", by_id.clone()),
        ("SourceAuthorization", by_id.clone()),
        ("IssuerAccountId", by_id),
    ];
    check(&isv, "ResaleAuthorization", authorizations, &fields).await;
    let extended = authorizations("OfferExtendedStatus", &BOTH[0]);
    let sorted = ids(&isv, "ResaleAuthorization", None, Some(extended)).await;
    assert_eq!(sorted.unwrap().len(), 2);
    let (own, other) = (
        authorizations("EntityId", &BOTH[0]),
        offers("EntityId", &BOTH[0]),
    );
    refuses(&isv, "ResaleAuthorization", own, other).await;
}

#[tokio::test]
async fn products_are_sorted_by_their_ids() {
    let market = Market::open().await;
    let isv = Party::isv(&market);
    another_product(&market).await;
    let ascending = sort("EntityId", Some(&SortOrder::Ascending));
    let kind = "ProfessionalServicesProduct";
    let mut expected = vec![OTHER_PRODUCT, DEFAULT_PRODUCT_ID];
    assert_eq!(
        ids(&isv, kind, Some(ascending), None).await.unwrap(),
        expected
    );
    expected.reverse();
    assert_eq!(ids(&isv, kind, None, None).await.unwrap(), expected);
    let wrong = ids(&isv, kind, Some(sort("Name", None)), None).await;
    assert!(wrong.is_err(), "{wrong:?}");
}

#[tokio::test]
async fn change_sets_are_sorted_by_their_start_or_end() {
    let market = money::market().await;
    market.inject("StartChangeSet", "never-ends", false).await;
    let open = market.start(&market.handbook().await).await;
    wait(&market, 1).await;
    let second = market.start(&market.handbook().await).await;
    market.ended(&second).await;
    wait(&market, 1).await;
    let third = market.start(&market.handbook().await).await;
    market.ended(&third).await;
    let list = async |sort: Option<Sort>| -> Result<Vec<String>, String> {
        let request = market.catalog.list_change_sets().catalog("AWSMarketplace");
        let sent = request.set_sort(sort).send().await;
        let listed = sent.map_err(|error| format!("{:?}", error.into_service_error()))?;
        let sets = listed.change_set_summary_list().iter();
        Ok(sets
            .map(|set| set.change_set_id().unwrap().to_owned())
            .collect())
    };
    let (ascending, descending) = (Some(&BOTH[0]), Some(&BOTH[1]));
    for (sorted, expected) in [
        (None, [&third, &second, &open]),
        (Some(sort("StartTime", None)), [&third, &second, &open]),
        (Some(sort("StartTime", ascending)), [&open, &second, &third]),
        (Some(sort("EndTime", ascending)), [&second, &third, &open]),
        (Some(sort("EndTime", descending)), [&open, &third, &second]),
    ] {
        let shown = format!("{sorted:?}");
        let sets = list(sorted).await.unwrap();
        assert_eq!(sets.iter().collect::<Vec<_>>(), expected, "{shown}");
    }
    for wrong in [sort("Status", None), sort("EndTime", Some(&"UP".into()))] {
        let refused = list(Some(wrong)).await.unwrap_err();
        assert!(refused.starts_with("ValidationException"), "{refused}");
    }
}
