//! What AWS shows of an offer or an authorization, through the SDK.

use serde_json::Value;

use crate::sdk;
use crate::world::World;

/// The details of an entity of the seller's.
pub(crate) async fn described(world: &World, id: &str) -> Value {
    let asked = sdk::catalog(world).describe_entity();
    let shown = asked.catalog("AWSMarketplace").entity_id(id).send().await;
    serde_json::from_str(shown.unwrap().details().unwrap()).unwrap()
}

/// The one of the entity's `Terms` or `Rules` that is of this type; null without one.
pub(crate) fn part(details: &Value, kind: &str) -> Value {
    let parts = ["Terms", "Rules"]
        .into_iter()
        .filter_map(|key| details[key].as_array());
    let mut of_kind = parts.flatten().filter(|part| part["Type"] == kind);
    let found = of_kind.next().cloned().unwrap_or_default();
    assert!(of_kind.next().is_none(), "{kind}: {details:#}");
    found
}
