//! What the Catalog API has beside change sets: lists, several entities at once, tags, policies and assessments.

use aws_sdk_marketplacecatalog::types::{
    ChangeStatus, EntityRequest, EntityTypeFilters, EntityTypeSort, Filter, OfferFilters,
    OfferNameFilter, OfferSort, OfferSortBy, OfferStateString, ResaleAuthorizationSort,
    ResaleAuthorizationSortBy, Sort, SortOrder, Tag,
};
use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;
use serde_json::json;

use super::flow::{Party, Seen};
use crate::market::{Market, change};

const CATALOG: &str = "AWSMarketplace";

pub(super) async fn run(market: &Market, seen: &mut Seen) {
    let isv = Party::isv(market);
    let create = json!({ "ProductId": DEFAULT_PRODUCT_ID, "Name": "Tagged" });
    let offer = seen
        .make(&isv, "made", "Offer@1.0", &[("CreateOffer", create)])
        .await;
    let set = listed(&isv, seen, &offer).await;
    sorted(market, &isv, seen, &offer).await;
    named(&isv, seen, &offer).await;
    tagged(&isv, seen, &offer).await;
    assessed(&isv, seen).await;
    refusals(market, &isv, seen, &offer, &set).await;
}

/// The orders of lists; which of two offers and change sets comes first.
async fn sorted(market: &Market, isv: &Party, seen: &mut Seen, tagged: &str) {
    let day = json!({ "advanceSeconds": 86_400 });
    market.act("clock", day).await;
    let create = json!({ "ProductId": DEFAULT_PRODUCT_ID, "Name": "Another" });
    seen.make(isv, "another", "Offer@1.0", &[("CreateOffer", create)])
        .await;
    let entities = || {
        let request = isv.catalog.list_entities().catalog(CATALOG);
        request.entity_type("Offer")
    };
    for (by, order) in [
        ("Name", SortOrder::Ascending),
        ("Name", SortOrder::Descending),
        ("LastModifiedDate", SortOrder::Ascending),
    ] {
        let own = OfferSort::builder().sort_by(OfferSortBy::from(by));
        let own = own.sort_order(order.clone()).build();
        let typed = entities().entity_type_sort(EntityTypeSort::OfferSort(own));
        let plain = Sort::builder().sort_by(by).sort_order(order.clone());
        let plain = entities().sort(plain.build());
        for (name, request) in [("typed", typed), ("plain", plain)] {
            let listed = request.send().await.unwrap();
            let first = listed.entity_summary_list()[0].entity_id();
            seen.see(
                &format!("{name} by {by} {order}"),
                json!({ "first": first == Some(tagged) }),
            );
        }
    }
    let sets = |sort: Sort| {
        let request = isv.catalog.list_change_sets().catalog(CATALOG);
        request.sort(sort).send()
    };
    for by in ["StartTime", "EndTime"] {
        let sort = Sort::builder().sort_by(by);
        let listed = sets(sort.sort_order(SortOrder::Ascending).build()).await;
        let listed = listed.unwrap();
        let first = listed.change_set_summary_list()[0].entity_id_list();
        seen.see(
            &format!("sets by {by}"),
            json!({ "first": first == [tagged] }),
        );
    }
    let colour = Sort::builder().sort_by("Colour").build();
    let odd = entities().sort(colour.clone()).send().await;
    seen.refused("no such order", odd);
    seen.refused("no such order of sets", sets(colour).await);
    let odd = ResaleAuthorizationSort::builder();
    let odd = odd.sort_by(ResaleAuthorizationSortBy::from("EntityId"));
    let odd = EntityTypeSort::ResaleAuthorizationSort(odd.build());
    let odd = entities().entity_type_sort(odd).send().await;
    seen.refused("another type's order", odd);
}

/// Change sets by what they changed, and offers by their name.
async fn listed(isv: &Party, seen: &mut Seen, offer: &str) -> String {
    let of_offer = Filter::builder().name("EntityId").value_list(offer).build();
    let sets = isv.catalog.list_change_sets().catalog(CATALOG);
    let sets = sets.filter_list(of_offer).send().await.unwrap();
    let sets = sets.change_set_summary_list();
    let id = sets[0].change_set_id().unwrap().to_owned();
    let facts = sets.iter().map(|set| {
        let status = set.status().map(ChangeStatus::as_str);
        json!([set.change_set_id(), status, set.entity_id_list()])
    });
    seen.see("sets", json!({ "sets": facts.collect::<Vec<_>>() }));
    let name = OfferNameFilter::builder().value_list("Tagged").build();
    let filters = OfferFilters::builder().name(name).build();
    let entities = isv.catalog.list_entities().catalog(CATALOG);
    let entities = entities
        .entity_type("Offer")
        .entity_type_filters(EntityTypeFilters::OfferFilters(filters))
        .send()
        .await
        .unwrap();
    let facts = entities.entity_summary_list().iter().map(|entity| {
        let offer = entity.offer_summary().unwrap();
        let state = offer.state().map(OfferStateString::as_str);
        json!([
            entity.entity_id(),
            entity.entity_type(),
            offer.name(),
            state
        ])
    });
    seen.see("offers", json!({ "offers": facts.collect::<Vec<_>>() }));
    id
}

/// One that is there and one that is not, in one call.
async fn named(isv: &Party, seen: &mut Seen, offer: &str) {
    let of = |id: &str| {
        let request = EntityRequest::builder().catalog(CATALOG).entity_id(id);
        request.build().unwrap()
    };
    let both = isv.catalog.batch_describe_entities();
    let both = both
        .entity_request_list(of(offer))
        .entity_request_list(of("offer-none"));
    let both = both.send().await.unwrap();
    let details = both.entity_details().unwrap();
    let found: Vec<_> = details
        .iter()
        .map(|(id, found)| json!([id, found.entity_type(), found.entity_identifier()]))
        .collect();
    let errors = both.errors().unwrap();
    let missing: Vec<_> = errors
        .iter()
        .map(|(id, error)| json!([id, error.error_code()]))
        .collect();
    seen.see("both", json!({ "found": found, "missing": missing }));
}

async fn tagged(isv: &Party, seen: &mut Seen, offer: &str) {
    let describe = isv.catalog.describe_entity().catalog(CATALOG);
    let described = describe.entity_id(offer).send().await.unwrap();
    let arn = described.entity_arn().unwrap();
    for (step, key, value) in [("tagged", "deal", "D-1"), ("tagged twice", "by", "desk")] {
        let tag = Tag::builder().key(key).value(value).build().unwrap();
        let request = isv.catalog.tag_resource().resource_arn(arn).tags(tag);
        request.send().await.unwrap();
        tags(isv, seen, step, arn).await;
    }
    let untag = isv.catalog.untag_resource().resource_arn(arn);
    untag.tag_keys("deal").send().await.unwrap();
    tags(isv, seen, "untagged", arn).await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
    let put = isv.catalog.put_resource_policy().resource_arn(arn);
    put.policy(&policy).send().await.unwrap();
    let get = || isv.catalog.get_resource_policy().resource_arn(arn).send();
    let kept = get().await.unwrap();
    seen.see("policy", json!({ "policy": kept.policy() }));
    let delete = isv.catalog.delete_resource_policy().resource_arn(arn);
    delete.send().await.unwrap();
    seen.refused("no policy", get().await);
}

async fn tags(isv: &Party, seen: &mut Seen, step: &str, arn: &str) {
    let list = isv.catalog.list_tags_for_resource().resource_arn(arn);
    let listed = list.send().await.unwrap();
    let tags = listed.tags().iter();
    let tags: Vec<_> = tags.map(|tag| json!([tag.key(), tag.value()])).collect();
    seen.see(step, json!({ "tags": tags }));
}

async fn assessed(isv: &Party, seen: &mut Seen) {
    let list = isv.catalog.list_assessments().catalog(CATALOG);
    let none = list.send().await.unwrap();
    let count = none.assessment_summary_list().len();
    seen.see("assessments", json!({ "count": count }));
    let one = isv.catalog.describe_assessment().catalog(CATALOG);
    let one = one.assessment_identifier("as-none").send().await;
    seen.refused("no assessment", one);
}

async fn refusals(market: &Market, isv: &Party, seen: &mut Seen, offer: &str, set: &str) {
    let cancel = isv.catalog.cancel_change_set().catalog(CATALOG);
    let late = cancel.change_set_id(set).send().await;
    seen.refused("too late to cancel", late);
    let odd = Filter::builder().name("Colour").value_list("red").build();
    let list = isv.catalog.list_change_sets().catalog(CATALOG);
    seen.refused("no such filter", list.filter_list(odd).send().await);
    market
        .inject("DescribeEntity", "not-supported", false)
        .await;
    let describe = isv.catalog.describe_entity().catalog(CATALOG);
    let describe = describe.entity_id(offer).send().await;
    seen.refused("entity not-supported", describe);
    market.inject("StartChangeSet", "quota", false).await;
    let release = change("ReleaseOffer", &json!({}), None, None);
    let start = isv.catalog.start_change_set().catalog(CATALOG);
    seen.refused("catalog quota", start.change_set(release).send().await);
}
