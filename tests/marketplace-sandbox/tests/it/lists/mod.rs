//! What `ListEntities` and `ListChangeSets` find: each filter alone finds what it names and nothing else, and
//! a wrong one is refused even where there is nothing to find (facts §1.1, §1.3).

mod authorizations;
mod change_sets;
mod offers;
mod sorting;

use aws_sdk_marketplacecatalog::types::{EntityTypeFilters, Filter};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use crate::clients::flow::Party;
use crate::market::Market;

const OTHER_PRODUCT: &str = "prod-another";

/// `EntityTypeFilters` of one filter.
macro_rules! by {
    ($all:ident . $field:ident ( $one:ident . $member:ident ( $value:expr ) )) => {
        types::EntityTypeFilters::$all(
            types::$all::builder()
                .$field(types::$one::builder().$member($value).build())
                .build(),
        )
    };
}

/// A `DateRange` after or before a time.
macro_rules! range {
    ($range:ident . $side:ident ( $value:expr )) => {
        types::$range::builder().$side($value).build()
    };
}

pub(super) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) async fn another_product(market: &Market) {
    let dimensions = json!([{ "key": "implementation", "name": "Implementation" }]);
    let product =
        json!({ "id": OTHER_PRODUCT, "title": "Another listing", "dimensions": dimensions });
    market.act("portal/product", product).await;
}

pub(crate) use {by, range};

/// The ids that a party finds, or AWS's refusal as text.
pub(super) async fn found(
    party: &Party,
    kind: &str,
    filter: Option<EntityTypeFilters>,
    list: Option<Filter>,
) -> Result<Vec<String>, String> {
    let request = party.catalog.list_entities().catalog("AWSMarketplace");
    let sent = request
        .entity_type(kind)
        .set_entity_type_filters(filter)
        .set_filter_list(list.map(|filter| vec![filter]))
        .send()
        .await;
    let listed = sent.map_err(|error| format!("{:?}", error.into_service_error()))?;
    let entities = listed.entity_summary_list().iter();
    Ok(entities
        .map(|entity| entity.entity_id().unwrap().to_owned())
        .collect())
}

pub(super) async fn check(party: &Party, kind: &str, rows: Vec<(EntityTypeFilters, Vec<&str>)>) {
    for (filter, mut expected) in rows {
        let shown = format!("{filter:?}");
        let mut ids = found(party, kind, Some(filter), None).await.unwrap();
        ids.sort_unstable();
        expected.sort_unstable();
        assert_eq!(ids, expected, "{shown}");
    }
}
